"""Many organizations in one process: walks, memory and scrapes."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.request import Request

from measuring import (
    AS_PROMETHEUS,
    OPENER,
    PLAIN,
    cpu_seconds,
    exporting,
    megabytes,
    page,
    samples,
    simulated,
    walks,
    write_config,
)
from results import Part, Promise, Tools, figure, middle, table

USERS = 100
MOST_MB, MOST_SCRAPE_MS = 100, 50
# Intervals in seconds of an exporter at rest and of one at work, how long walks are counted, and how often it is scraped.
LONG, SHORT = (300, 10, 10, 20), (10, 2, 2, 3)


class Scrape(NamedTuple):
    """What one scrape took: the mean of the CPU, the median of the time."""

    cpu_ms: float
    wall_ms: float


class Run(NamedTuple):
    """Three exporters, one after the other: one at rest, one at work, and one that walks as often as it can."""

    idle_mb: float
    scraped_mb: float
    peak_mb: float
    samples: int
    page_mb: float
    at_rest: Scrape
    as_prometheus: Scrape
    walks_at_work: float
    at_work: Scrape
    walks: float
    walk_cpu_ms: float


def compare(tools: Tools) -> Part:
    organizations = 10 if tools.short else 1_000
    with simulated(tools.binary, organizations, USERS) as base_url:
        runs = [run(tools, base_url, organizations) for _ in range(tools.runs)]
    return report(tools, organizations, runs)


def run(tools: Tools, base_url: str, organizations: int) -> Run:
    rest, work, seconds, scrapes = SHORT if tools.short else LONG
    with tempfile.TemporaryDirectory() as directory:

        @contextmanager
        def every(interval: int) -> Iterator[tuple[int, str]]:
            config = write_config(Path(directory), base_url, organizations, interval, False)
            with exporting(tools.binary, config) as (pid, listening):
                yield pid, f"http://{listening}/metrics"

        with every(rest) as (pid, url):
            idle = megabytes(pid, "VmRSS")
            at_rest, as_prometheus = (scraped(pid, url, headers, scrapes, 0) for headers in (PLAIN, AS_PROMETHEUS))
            resident, peak = megabytes(pid, "VmRSS"), megabytes(pid, "VmHWM")
            text = page(url)
        with every(work) as (pid, url):
            walks_at_work, cpu = window(pid, url, seconds)
            at_work = scraped(pid, url, PLAIN, scrapes, cpu)
        with every(1) as (pid, url):
            rate, cpu = window(pid, url, seconds)
    return Run(
        idle_mb=idle,
        scraped_mb=resident,
        peak_mb=peak,
        samples=samples(text),
        page_mb=len(text) / 1e6,
        at_rest=at_rest,
        as_prometheus=as_prometheus,
        walks_at_work=walks_at_work,
        at_work=at_work,
        walks=rate,
        walk_cpu_ms=cpu / rate * 1000,
    )


def scraped(pid: int, url: str, headers: dict[str, str], scrapes: int, other_cpu: float) -> Scrape:
    """Scrapes so many times, four a second at most. `other_cpu` is what the exporter takes each second for other work."""
    request = Request(url, headers=headers)
    took, before, begun = [], cpu_seconds(pid), time.monotonic()
    for _ in range(scrapes):
        start = time.monotonic()
        with OPENER.open(request, timeout=60) as answer:
            answer.read()
        took.append(time.monotonic() - start)
        time.sleep(max(0, 0.25 - took[-1]))
    others = other_cpu * (time.monotonic() - begun)
    return Scrape((cpu_seconds(pid) - before - others) * 1000 / scrapes, median(took) * 1000)


def window(pid: int, url: str, seconds: float) -> tuple[float, float]:
    """Walks a second and CPU seconds a second, over a stretch of time without scrapes."""
    begun, before = time.monotonic(), page(url)
    quiet, cpu = time.monotonic(), cpu_seconds(pid)
    time.sleep(seconds)
    cpu, ended = cpu_seconds(pid) - cpu, time.monotonic()
    # From scrape to scrape, as these tell the walks.
    return (walks(page(url)) - walks(before)) / (ended - begun), cpu / (ended - quiet)


def report(tools: Tools, organizations: int, runs: list[Run]) -> Part:
    def column(field: str, of: str = "") -> list[float]:
        values = [getattr(run, field) for run in runs]
        return [getattr(value, of) for value in values] if of else values

    interval = (SHORT if tools.short else LONG)[0]
    memory, cpu = median(column("peak_mb")), median(column("at_rest", "cpu_ms"))
    rows = [
        ["samples", figure(median(column("samples")))],
        ["page, MB", figure(median(column("page_mb")))],
        ["resident memory before any scrape, MB", middle(column("idle_mb"))],
        ["resident memory after scrapes, MB", middle(column("scraped_mb"))],
        ["peak resident memory, MB", middle(column("peak_mb"))],
        ["CPU of a scrape, ms", middle(column("at_rest", "cpu_ms"))],
        ["CPU of a scrape as Prometheus asks, ms", middle(column("as_prometheus", "cpu_ms"))],
        [f"CPU of a scrape at {median(column('walks_at_work')):.0f} walks a second, ms", middle(column("at_work", "cpu_ms"))],
        ["time of a scrape, ms", middle(column("at_rest", "wall_ms"))],
        ["time of a scrape as Prometheus asks, ms", middle(column("as_prometheus", "wall_ms"))],
        ["walks a second at an interval of 1 s", middle(column("walks"))],
        ["CPU of a walk, ms", middle(column("walk_cpu_ms"))],
    ]
    text = (
        f"{organizations:,} organizations of {USERS} users in one process, medians of {len(runs)} runs (the lowest and the highest "
        f"behind them):\n\n{table(['', 'exporter'], rows)}\n\nUnless it is said otherwise, scrapes are of the text format, "
        f"uncompressed, at an interval of {interval} s, when an organization is walked every {interval / organizations:g} s. Prometheus "
        f"asks for OpenMetrics with gzip."
    )
    return Part(
        text,
        [
            Promise(f"{memory:.0f} MB at most, less than {MOST_MB}", memory < MOST_MB),
            Promise(f"{cpu:.0f} ms of CPU for a scrape, less than {MOST_SCRAPE_MS}", cpu < MOST_SCRAPE_MS),
        ],
    )
