"""Reads every format of the exposition with a parser that is not ours, into one and the same thing."""

import gzip
import importlib
import io
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import grpc_tools
import zstandard
from google.protobuf import unknown_fields
from google.protobuf.proto import parse_length_prefixed
from grpc_tools import protoc
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from harness import Reply
from oracle import Samples

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
FORMATS = (TEXT, OPEN_METRICS, PROTOBUF)

DEFINITION = Path(__file__).with_name("metrics.proto")
Series = tuple[str, frozenset[tuple[str, str]]]


@dataclass
class Exposition:
    """What an exposition says, families by the names that the text format has."""

    samples: Samples = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    helps: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    births: Samples = field(default_factory=dict)

    def add(self, name: str, labels: dict[str, str], value: float) -> None:
        if "le" in labels:
            labels = {**labels, "le": repr(float(labels["le"]))}
        put(self.samples, name, labels, value)


def put(samples: Samples, name: str, labels: dict[str, str], value: float) -> None:
    """A series that stands twice is an error."""
    series = name, frozenset(labels.items())
    if series in samples:
        raise AssertionError(f"twice: {series}")
    samples[series] = value


def body(reply: Reply) -> bytes:
    """What was sent, whatever its coding."""
    coding = reply.headers.get("content-encoding")
    if coding is None:
        return reply.body
    return {"gzip": gzip.decompress, "zstd": zstandard.ZstdDecompressor().decompress}[coding](reply.body)


def read(reply: Reply) -> Exposition:
    """Whatever format the answer says it is in."""
    media_type = reply.headers["content-type"].split(";")[0]
    page = body(reply)
    match media_type:
        case "text/plain":
            return read_text(page.decode())
        case "application/openmetrics-text":
            return read_open_metrics(page.decode())
        case "application/vnd.google.protobuf":
            return read_protobuf(page)
    raise AssertionError(f"no exposition is {media_type}")


def read_text(text: str) -> Exposition:
    exposition = Exposition()
    for family in text_string_to_metric_families(text):
        # The parser takes the suffix off; the name is written with it.
        name = f"{family.name}_total" if family.type == "counter" else family.name
        exposition.types[name], exposition.helps[name] = family.type, family.documentation
        for sample in family.samples:
            exposition.add(sample.name, sample.labels, sample.value)
    return exposition


def read_open_metrics(text: str) -> Exposition:
    exposition = Exposition()
    for family in openmetrics.text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        exposition.types[name], exposition.helps[name] = family.type, family.documentation
        if family.unit:
            exposition.units[name] = family.unit
        for sample in family.samples:
            if sample.timestamp is not None or sample.exemplar is not None:
                raise AssertionError(f"more than a value: {sample}")
            if sample.name == f"{family.name}_created":
                put(exposition.births, name, sample.labels, sample.value)
            else:
                exposition.add(sample.name, sample.labels, sample.value)
    return exposition


@cache
def generated() -> Any:
    """The module that the protobuf compiler makes of the definition."""
    with tempfile.TemporaryDirectory() as directory:
        includes = (DEFINITION.parent, Path(grpc_tools.__file__).with_name("_proto"))
        arguments = [f"--proto_path={path}" for path in includes]
        if protoc.main(["protoc", *arguments, f"--python_out={directory}", str(DEFINITION)]):
            raise AssertionError("the definition is not one")
        sys.path.insert(0, directory)
        try:
            return importlib.import_module("metrics_pb2")
        finally:
            sys.path.remove(directory)


def messages(page: bytes) -> Iterator[Any]:
    stream = io.BytesIO(page)
    while family := parse_length_prefixed(generated().MetricFamily, stream):
        yield family


def read_protobuf(page: bytes) -> Exposition:
    exposition = Exposition()
    for family in messages(page):
        assert_known(family)
        kind = generated().MetricType.Name(family.type).lower()
        exposition.types[family.name], exposition.helps[family.name] = kind, family.help
        if family.unit:
            exposition.units[family.name] = family.unit
        for metric in family.metric:
            labels = {pair.name: pair.value for pair in metric.label}
            value = getattr(metric, kind)
            if metric.HasField("timestamp_ms") or not metric.HasField(kind):
                raise AssertionError(f"no {kind}, or a time of its own: {metric}")
            if kind == "histogram":
                add_histogram(exposition, family.name, labels, value)
            else:
                exposition.add(family.name, labels, value.value)
            if kind != "gauge" and value.HasField("created_timestamp"):
                created = value.created_timestamp
                put(exposition.births, family.name, labels, created.seconds + created.nanos / 1e9)
    return exposition


def add_histogram(exposition: Exposition, name: str, labels: dict[str, str], histogram: Any) -> None:
    buckets = [(bucket.upper_bound, bucket.cumulative_count) for bucket in histogram.bucket]
    for bound, count in [*buckets, (math.inf, histogram.sample_count)]:
        exposition.add(f"{name}_bucket", {**labels, "le": str(bound)}, count)
    exposition.add(f"{name}_count", labels, histogram.sample_count)
    exposition.add(f"{name}_sum", labels, histogram.sample_sum)


def assert_known(message: Any) -> None:
    """Every field, at any depth, is one of the definition."""
    if len(unknown_fields.UnknownFieldSet(message)):
        raise AssertionError(f"unknown fields in {message}")
    for descriptor, value in message.ListFields():
        if descriptor.message_type:
            for inner in value if isinstance(value, list) or hasattr(value, "__len__") else [value]:
                assert_known(inner)
