"""Many organizations in one process: walks, memory and scrapes."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
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
    fresh,
    megabytes,
    page,
    samples,
    serving,
    simulated,
    wait_for,
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


class Rest(NamedTuple):
    """An exporter at rest: once every organization was walked, and once it was scraped."""

    idle_mb: float
    scraped_mb: float
    peak_mb: float
    samples: int
    page_mb: float
    scrape: Scrape
    as_prometheus: Scrape


class Work(NamedTuple):
    """An exporter at work, and one that walks as often as it can."""

    walks_at_work: float
    scrape: Scrape
    walks: float
    walk_cpu_ms: float


def compare(tools: Tools) -> Part:
    organizations = 10 if tools.short else 1_000
    with simulated(tools.binary, organizations, USERS) as base_url, tempfile.TemporaryDirectory() as directory:

        def configured(interval: int) -> str:
            return write_config(Path(directory), base_url, organizations, interval, False)

        rest = resting(tools, configured(times(tools)[0]))
        work = [working(tools, configured) for _ in range(tools.runs)]
    return report(tools, organizations, rest, work)


def times(tools: Tools) -> tuple[int, int, int, int]:
    return SHORT if tools.short else LONG


def resting(tools: Tools, config: str) -> list[Rest]:
    """The exporters at rest. First walks are spread over 100 s, so all begin at the same time; then each has its turn."""
    with ExitStack() as begun:
        exporters = []
        for _ in range(tools.runs):
            exporter = ExitStack()
            begun.push(exporter)
            exporters.append((exporter, *exporter.enter_context(serving(tools.binary, config))))
        for _, _, listening in exporters:
            wait_for(lambda: fresh(listening), 180, "a walk of each organization")
        return [rested(exporter, pid, f"http://{listening}/metrics", times(tools)[3]) for exporter, pid, listening in exporters]


def rested(exporter: ExitStack, pid: int, url: str, scrapes: int) -> Rest:
    with exporter:
        idle = megabytes(pid, "VmRSS")
        as_text, as_prometheus = (scraped(pid, url, headers, scrapes, 0) for headers in (PLAIN, AS_PROMETHEUS))
        resident, peak = megabytes(pid, "VmRSS"), megabytes(pid, "VmHWM")
        text = page(url)
    return Rest(idle, resident, peak, samples(text), len(text) / 1e6, as_text, as_prometheus)


def working(tools: Tools, configured: Callable[[int], str]) -> Work:
    _, interval, seconds, scrapes = times(tools)
    with exporting(tools.binary, configured(interval)) as (pid, listening):
        url = f"http://{listening}/metrics"
        walks_at_work, cpu = window(pid, url, seconds)
        scrape = scraped(pid, url, PLAIN, scrapes, cpu)
    with exporting(tools.binary, configured(1)) as (pid, listening):
        rate, cpu = window(pid, f"http://{listening}/metrics", seconds)
    return Work(walks_at_work, scrape, rate, cpu / rate * 1000)


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


def report(tools: Tools, organizations: int, rest: list[Rest], work: list[Work]) -> Part:
    def column(runs: list, field: str, of: str = "") -> list[float]:
        values = [getattr(run, field) for run in runs]
        return [getattr(value, of) for value in values] if of else values

    interval = times(tools)[0]
    memory, cpu = median(column(rest, "peak_mb")), median(column(rest, "scrape", "cpu_ms"))
    at_work = f"CPU of a scrape at {median(column(work, 'walks_at_work')):.0f} walks a second, ms"
    rows = [
        ["samples", figure(median(column(rest, "samples")))],
        ["page, MB", figure(median(column(rest, "page_mb")))],
        ["resident memory before any scrape, MB", middle(column(rest, "idle_mb"))],
        ["resident memory after scrapes, MB", middle(column(rest, "scraped_mb"))],
        ["peak resident memory, MB", middle(column(rest, "peak_mb"))],
        ["CPU of a scrape, ms", middle(column(rest, "scrape", "cpu_ms"))],
        ["CPU of a scrape as Prometheus asks, ms", middle(column(rest, "as_prometheus", "cpu_ms"))],
        [at_work, middle(column(work, "scrape", "cpu_ms"))],
        ["time of a scrape, ms", middle(column(rest, "scrape", "wall_ms"))],
        ["time of a scrape as Prometheus asks, ms", middle(column(rest, "as_prometheus", "wall_ms"))],
        ["walks a second at an interval of 1 s", middle(column(work, "walks"))],
        ["CPU of a walk, ms", middle(column(work, "walk_cpu_ms"))],
    ]
    text = (
        f"{organizations:,} organizations of {USERS} users in one process, medians of {len(rest)} runs (the lowest and the highest "
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
