"""Every format of the exposition says the same, to parsers that are not ours and to a real Prometheus."""

import json
import signal
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import yaml

from exposition import CONTRACT, differences
from fake_api import fake_api
from formats import FORMATS, OPEN_METRICS, PROTOBUF, TEXT, Exposition, Series, body, read
from harness import exporter, get, serving, wait_until
from monitoring import JOB, Prometheus, prometheus
from oracle import Samples
from pages import blocks
from plain_shapes import all_fields

# Its organizations stand still once they are walked: what is scraped twice is the same but for what scrapes move.
STILL = (
    "--web.listen-address=127.0.0.1:0",
    "--organizations=3",
    "--users=300",
    "--churn=0",
    "--poll.interval=1h",
    "--email-domain=example.com",
)
# What docs/expositions.md has done to samples.
WITHOUT_BIRTHS = [
    rule
    for block in blocks("yaml", page="docs/expositions.md")
    for rule in yaml.safe_load(block.text)["scrape_configs"][0]["metric_relabel_configs"]
]
MOVED_BY_SCRAPES = ("openai_org_exporter_http_", "process_")
CODINGS = ("identity", "gzip", "zstd")
DELIMITED = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
# As scrape/scrape.go and config/config.go of Prometheus 3.9 make them: the default; with native histograms or start
# times, protobuf first; and for the protocols and the schemes that can be configured.
PROMETHEUS_3 = [
    (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        f"{OPEN_METRICS}; escaping=allow-utf-8",
    ),
    (
        f"{DELIMITED};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
        "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        PROTOBUF,
    ),
    (
        "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=underscores;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        f"{OPEN_METRICS}; escaping=underscores",
    ),
    (
        "application/openmetrics-text;version=1.0.0;escaping=dots;q=0.6,*/*;q=0.5",
        f"{OPEN_METRICS}; escaping=underscores",
    ),
    (
        "text/plain;version=1.0.0;escaping=values;q=0.6,*/*;q=0.5",
        "text/plain; version=1.0.0; charset=utf-8; escaping=values",
    ),
    ("application/openmetrics-text;version=0.0.1;q=0.6,*/*;q=0.5", OPEN_METRICS.replace("1.0.0", "0.0.1")),
    ("text/plain;version=0.0.4;q=0.6,*/*;q=0.5", TEXT),
]


def still(series: Series) -> bool:
    return not series[0].startswith(MOVED_BY_SCRAPES)


def unmoved(samples: Samples) -> Samples:
    return {series: value for series, value in samples.items() if still(series)}


def ask(url: str, accept: str, coding: str = "identity") -> Exposition:
    return read(get(url, **{"Accept": accept, "Accept-Encoding": coding}))


class Scrape(NamedTuple):
    """What a Prometheus asked for, and what it was given."""

    accept: str
    content_type: str
    coding: str | None


class Between:
    """Stands between a Prometheus and an exporter, and notes what they say; `accept` takes the place of what is asked
    for."""

    def __init__(self, url: str, accept: str | None) -> None:
        self.scrapes: list[Scrape] = []
        noted = self.scrapes

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = accept or self.headers["Accept"]
                reply = get(url, **{"Accept": asked, "Accept-Encoding": self.headers["Accept-Encoding"]})
                coding = reply.headers.get("content-encoding")
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.headers["content-type"])
                self.send_header("Content-Length", str(len(reply.body)))
                if coding:
                    self.send_header("Content-Encoding", coding)
                self.end_headers()
                self.wfile.write(reply.body)
                noted.append(Scrape(asked, reply.headers["content-type"], coding))

            def log_message(self, *_: object) -> None:
                """Says nothing: the tests print what matters."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/metrics"


@contextmanager
def between(url: str, accept: str | None = None) -> Iterator[Between]:
    """The same, for the time of the block."""
    middle = Between(url, accept)
    threading.Thread(target=middle.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield middle
    finally:
        middle.server.shutdown()
        middle.server.server_close()


class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start = time.time()
        demo = cls.enterClassContext(exporter("demo", *STILL))
        cls.metrics = demo.find(r"(http://127\.0\.0\.1:\d+/metrics)")
        fresh = cls.metrics.replace("/metrics", "/-/fresh")
        wait_until(lambda: get(fresh).status == 200, 30, "a walk of each", lambda: demo.output)
        # The first scrape is counted, and seen by the second.
        ask(cls.metrics, TEXT)
        cls.text = ask(cls.metrics, TEXT)

    def test_every_format_in_every_coding_carries_the_same_samples(self):
        self.assertGreater(len(unmoved(self.text.samples)), 500)
        for accept in FORMATS:
            for coding in CODINGS:
                with self.subTest(accept, coding=coding):
                    reply = get(self.metrics, **{"Accept": accept, "Accept-Encoding": coding})
                    self.assertEqual(reply.headers["content-type"], accept)
                    self.assertEqual(reply.headers.get("content-encoding", "identity"), coding)
                    self.assertEqual(reply.headers["vary"], "Accept, Accept-Encoding")
                    exposition = read(reply)
                    self.assertEqual(differences(unmoved(self.text.samples), unmoved(exposition.samples)), [])
                    self.assertEqual(exposition.types, self.text.types)
                    self.assertEqual(exposition.helps, self.text.helps)

    def test_what_scrapes_move_is_in_every_format_too(self):
        for accept in FORMATS:
            with self.subTest(accept):
                moved = {series for series in ask(self.metrics, accept).samples if not still(series)}
                self.assertEqual({series for series in self.text.samples if not still(series)}, moved)

    def test_units_are_those_in_the_names(self):
        units = ask(self.metrics, PROTOBUF).units
        self.assertEqual(ask(self.metrics, OPEN_METRICS).units, units)
        expected = {
            name: unit
            for name in self.text.types
            for unit in ("seconds", "bytes")
            if name.removesuffix("_total").endswith(f"_{unit}")
        }
        self.assertEqual(units, expected)
        self.assertEqual(set(units.values()), {"seconds", "bytes"})

    def test_counters_of_the_process_say_since_when_they_count(self):
        births = ask(self.metrics, PROTOBUF).births
        self.assertEqual(ask(self.metrics, OPEN_METRICS).births, births)
        for series, birth in births.items():
            with self.subTest(series):
                # Written to the millisecond, rounded down.
                self.assertGreaterEqual(birth, self.start - 0.001)
                self.assertLessEqual(birth, time.time())
        counting = {name for name, kind in self.text.types.items() if kind != "gauge"}
        without = counting - {name for name, _ in births}
        kept = {"openai_org_user_changes_total", "openai_org_user_role_grants_total"}
        self.assertEqual(without, kept | {"process_cpu_seconds_total"})

    def test_no_family_is_in_one_format_alone(self):
        absent = CONTRACT - set(self.text.types)
        for accept in FORMATS:
            self.assertEqual(CONTRACT - set(ask(self.metrics, accept).types), absent)

    def test_what_prometheus_3_asks_for_is_what_it_gets(self):
        for accept, content_type in PROMETHEUS_3:
            with self.subTest(accept):
                reply = get(self.metrics, **{"Accept": accept, "Accept-Encoding": "gzip"})
                self.assertEqual(reply.headers["content-type"], content_type)
                self.assertEqual(reply.headers["content-encoding"], "gzip")
                self.assertEqual(differences(unmoved(self.text.samples), unmoved(read(reply).samples)), [])

    def test_who_asks_for_nothing_that_there_is_gets_text(self):
        for accept in ("application/json", "text/plain;q=0", "\xff\xfe;;;q", "*/*;q=0"):
            with self.subTest(accept):
                reply = get(self.metrics, Accept=accept)
                self.assertEqual((reply.status, reply.headers["content-type"]), (200, TEXT))

    def test_head_is_answered_with_the_same_headers(self):
        for accept in FORMATS:
            for coding in CODINGS:
                with self.subTest(accept, coding=coding):
                    answers = [
                        get(self.metrics, method, **{"Accept": accept, "Accept-Encoding": coding})
                        for method in ("GET", "HEAD")
                    ]
                    self.assertEqual(answers[1].body, b"")
                    self.assertGreater(int(answers[1].headers["content-length"]), 1000)
                    # Scrapes move what is measured of them, and the time goes on.
                    for answer in answers:
                        del answer.headers["content-length"], answer.headers["date"]
                    self.assertEqual(answers[0].headers, answers[1].headers)


class Lively(unittest.TestCase):
    def test_the_reference_parser_reads_open_metrics_at_every_moment(self):
        """From the first answer on, while users come and go."""
        flags = ("--organizations=2", "--users=300", "--churn=600", "--poll.interval=1s")
        demo = self.enterContext(exporter("demo", "--web.listen-address=127.0.0.1:0", *flags))
        metrics = demo.find(r"(http://127\.0\.0\.1:\d+/metrics)")
        seen: set[frozenset] = set()

        def several_rosters() -> bool:
            exposition = ask(metrics, OPEN_METRICS)
            prints = [item for item in exposition.samples.items() if item[0][0] == "openai_org_roster_fingerprint"]
            seen.add(frozenset(prints))
            return len(seen) > 5

        wait_until(several_rosters, 60, "five changes")
        self.assertTrue(body(get(metrics, Accept=OPEN_METRICS)).endswith(b"\n# EOF\n"))

    def test_an_organization_that_comes_back_counts_anew_and_says_since_when(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        entries = {}
        for name in ("stays", "returns"):
            api = self.enterContext(fake_api(all_fields(3)(1_790_000_000)))
            api.key = f"sk-admin-{name}"
            (folder / name).write_text(api.key)
            entries[name] = {"name": name, "base_url": api.base_url, "admin_key_file": str(folder / name)}
        file = folder / "exporter.yaml"

        def write(*names: str) -> None:
            file.write_text(json.dumps({"organizations": [entries[name] for name in names]}))

        write(*entries)
        child, url = self.enterContext(serving(f"--config.file={file}"))

        def births() -> dict[str, float]:
            """Of an organization's walks."""
            found = ask(f"{url}/metrics", PROTOBUF).births.items()
            walks = (item for item in found if item[0][0] == "openai_org_exporter_walks_total")
            return {dict(labels)["organization"]: birth for (_, labels), birth in walks}

        def reload(*names: str) -> dict[str, float]:
            write(*names)
            child.signal(signal.SIGHUP)
            return wait_until(lambda: (found := births()).keys() == set(names) and found, 20, f"{names}")

        before = births()
        self.assertEqual(reload("stays"), {"stays": before["stays"]})
        between = time.time()
        after = reload("stays", "returns")
        self.assertEqual(after["stays"], before["stays"])
        self.assertGreaterEqual(after["returns"], between - 0.001)


class Scraped(unittest.TestCase):
    """A Prometheus for each format. Debian's asks for OpenMetrics, and with native histograms for protobuf; what others
    ask for takes the place of that."""

    WAYS = [
        ("as Prometheus 2 asks", OPEN_METRICS, None, {}),
        ("without births, as the documentation shows", OPEN_METRICS, None, {"relabel": WITHOUT_BIRTHS}),
        ("with native histograms", PROTOBUF, None, {"flags": ["--enable-feature=native-histograms"]}),
        *(("as Prometheus 3 asks", content_type, accept, {}) for accept, content_type in PROMETHEUS_3[4:]),
    ]

    @classmethod
    def setUpClass(cls):
        demo = cls.enterClassContext(exporter("demo", *STILL))
        metrics = demo.find(r"(http://127\.0\.0\.1:\d+/metrics)")
        fresh = metrics.replace("/metrics", "/-/fresh")
        wait_until(lambda: get(fresh).status == 200, 30, "a walk of each", lambda: demo.output)
        cls.expected = {
            series: value
            for series, value in unmoved(ask(metrics, TEXT).samples).items()
            if series[0].startswith("openai_org_")
        }
        cls.scraping = []
        for name, content_type, accept, settings in cls.WAYS:
            middle = cls.enterClassContext(between(metrics, accept))
            directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
            server = cls.enterClassContext(prometheus(directory, [middle.url], **settings))
            has_births = "openmetrics" in content_type and "relabel" not in settings
            cls.scraping.append((name, content_type, has_births, middle, server))

    def test_a_real_prometheus_stores_the_same_of_each_format_and_warns_of_none(self):
        self.assertGreater(len(self.expected), 500)
        for name, content_type, has_births, middle, server in self.scraping:
            with self.subTest(name, content_type=content_type):
                wait_until(lambda: server.rows("count_over_time(up[1m]) >= 3"), 30, "three scrapes")
                self.assertEqual({scrape[1:] for scrape in middle.scrapes}, {(content_type, "gzip")})
                self.assertEqual([row["value"][1] for row in server.rows("min_over_time(up[1m])")], ["1"])
                self.assertEqual(server.complaints, [])
                stored, births = self.stored(server)
                self.assertEqual(differences(self.expected, unmoved(stored)), [])
                # In the text of OpenMetrics births are samples, and a Prometheus keeps them as such.
                self.assertEqual(births > 0, has_births)

    def stored(self, server: Prometheus) -> tuple[Samples, int]:
        """The samples of the exporter but for births, and how many of those there are."""
        stored, births = Exposition(), 0
        for row in server.rows(f'{{job="{JOB}",__name__=~"openai_org_.*"}}'):
            labels = {name: value for name, value in row["metric"].items() if name not in ("instance", "job")}
            name = labels.pop("__name__")
            if name.endswith("_created"):
                births += 1
            else:
                stored.add(name, labels, float(row["value"][1]))
        return stored.samples, births
