"""Measures what one process carries: one organization of a million users, and 10, 100 and 1,000 organizations of 100.

Everything runs on this machine over loopback, the simulated API included, and gets in the way of one another: take the
ratios within one run. Walks are of plain HTTP, so that no TLS is in the figures.
"""

import argparse
import json
import os
import re
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlencode

from measuring import (
    cpu_seconds,
    exporting,
    page,
    running,
    samples,
    serving,
    simulated,
    status,
    wait_for,
    walks,
    write_config,
)

USERS_OF_EACH = 100
SCRAPES = 7
RULES = Path(__file__).resolve().parents[1] / "rules"
RECORDED = "organization.*:openai_org_.*"


class Scrapes(NamedTuple):
    """What the page of metrics costs."""

    series: int
    megabytes: float
    seconds: float


class Many(NamedTuple):
    """What one run with many organizations gave."""

    cpu_per_walk_ms: float
    idle_mb: float
    scraped_mb: float
    files: int
    threads: int
    series: float
    page_mb: float
    scrape_seconds: float
    state_mb: float
    state_cpu_ms: float
    state_written_mb: float


def written_mb(pid: int) -> float:
    return int(re.search(r"^wchar: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)[1]) / 1e6


def scrape(url: str) -> Scrapes:
    """Scrapes several times; the median of the times."""
    times, text = [], b""
    for _ in range(SCRAPES):
        begun = time.monotonic()
        text = page(url)
        times.append(time.monotonic() - begun)
    return Scrapes(samples(text), len(text) / 1e6, median(times))


def window(pid: int, url: str, seconds: float) -> tuple[float, float, float]:
    """Walks, CPU seconds and megabytes written in a stretch of time without scrapes."""
    before = walks(page(url))
    cpu, written = cpu_seconds(pid), written_mb(pid)
    time.sleep(seconds)
    cpu, written = cpu_seconds(pid) - cpu, written_mb(pid) - written
    return walks(page(url)) - before, cpu, written


def many(binary: str, organizations: int) -> Many:
    """One run: without a state file first, then with one."""
    # 10 to 100 walks a second.
    interval = max(1, organizations // 100)
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated(binary, organizations, USERS_OF_EACH) as base_url,
    ):
        directory = Path(folder)
        with exporting(binary, write_config(directory, base_url, organizations, interval, False)) as (pid, listening):
            url = f"http://{listening}/metrics"
            time.sleep(interval)
            idle, files, threads = status(pid, "VmRSS"), len(os.listdir(f"/proc/{pid}/fd")), status(pid, "Threads")
            done, cpu, _ = window(pid, url, max(5, interval))
            scrapes = scrape(url)
            scraped = status(pid, "VmRSS")
        with exporting(binary, write_config(directory, base_url, organizations, interval, True)) as (pid, listening):
            time.sleep(interval)
            state_done, state_cpu, written = window(pid, f"http://{listening}/metrics", max(5, interval))
        state = (directory / "state").stat().st_size
    return Many(
        cpu / done * 1000,
        idle / 1024,
        scraped / 1024,
        files,
        threads,
        scrapes.series,
        scrapes.megabytes,
        scrapes.seconds,
        state / 1e6,
        state_cpu / state_done * 1000,
        written / max(5, interval),
    )


def report_many(runs: dict[int, list[Many]]) -> None:
    sizes = list(runs)
    middle = {size: Many(*(median(run[place] for run in runs[size]) for place in range(len(Many._fields)))) for size in sizes}
    print(f"\nOrganizations of {USERS_OF_EACH} users in one process, medians of {len(runs[sizes[0]])} runs\n")
    print(f"{'organizations':44}" + "".join(f"{size:>12,}" for size in sizes) + f"{'each more':>14}")
    rows = [
        ("CPU of a walk, ms", "cpu_per_walk_ms", 2, None),
        ("CPU of a walk with a state file, ms", "state_cpu_ms", 2, None),
        ("resident memory before any scrape, MB", "idle_mb", 1, "kB"),
        ("resident memory after scrapes, MB", "scraped_mb", 1, "kB"),
        ("series", "series", 0, ""),
        ("page of metrics, MB", "page_mb", 2, "kB"),
        ("time of a scrape, s", "scrape_seconds", 4, "ms"),
        ("open files", "files", 0, ""),
        ("threads", "threads", 0, None),
        ("state file, MB", "state_mb", 3, "kB"),
        ("written a second while all are walked, MB", "state_written_mb", 2, None),
    ]
    for title, field, digits, unit in rows:
        values = [getattr(middle[size], field) for size in sizes]
        slope = (values[-1] - values[0]) / (sizes[-1] - sizes[0]) if len(sizes) > 1 else 0
        slope *= 1000 if unit in ("kB", "ms") else 1
        more = "" if unit is None or len(sizes) == 1 else f"{slope:.2f} {unit}".strip()
        print(f"{title:44}" + "".join(f"{value:12,.{digits}f}" for value in values) + f"{more:>14}")


def million(binary: str, users: int) -> None:
    """Two walks of one large organization: the second holds two rosters."""
    with tempfile.TemporaryDirectory() as folder, simulated(binary, 1, users) as base_url:
        state = Path(folder) / "state"
        flags = ["--poll.interval=10s", f"--openai.base-url={base_url}", f"--state.file={state}"]
        with serving(binary, *flags) as (pid, listening):
            url = f"http://{listening}/metrics"
            rows = []
            for number in (1, 2):
                before = cpu_seconds(pid)
                # Seldom: scrapes cost CPU too.
                wait_for(lambda: walks(page(url)) >= number, 240, f"walk {number}", every=2)
                text = page(url).decode()
                seconds = float(re.search(r"^openai_org_last_walk_duration_seconds\{.*\} (\S+)", text, re.MULTILINE)[1])
                spent = cpu_seconds(pid) - before
                rows.append((number, seconds, spent * 1e6 / users, status(pid, "VmHWM") / 1024))
            scrapes = scrape(url)
            size = wait_for(lambda: state.exists() and state.stat().st_size, 10, "the state file")
    print(f"\nOne organization of {users:,} users, {-(-users // 100):,} pages\n")
    print(f"{'walk':8}{'seconds':>10}{'CPU per user, µs':>20}{'peak memory so far, MB':>26}")
    for number, seconds, spent, peak in rows:
        print(f"{number:<8}{seconds:10.1f}{spent:20.2f}{peak:26.1f}")
    print(f"\n{scrapes.series} series, {scrapes.megabytes * 1000:.0f} kB, {scrapes.seconds * 1000:.1f} ms a scrape")
    print(f"state file {size / 1e6:.1f} MB, {size / users:.1f} bytes per user")


@contextmanager
def remote_store():
    """Takes what remote write sends, and counts its bytes by path."""
    bodies = {"/all": [], "/recorded": []}

    class Store(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies[self.path].append(len(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


def prometheus_config(listening: str, store: str) -> dict:
    """Scrapes every 15 s, evaluates the rules of this repository, and writes on everything and, apart, what they record."""
    recorded = {"source_labels": ["__name__"], "regex": RECORDED, "action": "keep"}
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "30s"},
        "rule_files": [str(RULES / "*.yaml")],
        "scrape_configs": [{"job_name": "openai-org", "static_configs": [{"targets": [listening]}]}],
        "remote_write": [
            {"url": f"{store}/all"},
            {"url": f"{store}/recorded", "write_relabel_configs": [recorded]},
        ],
    }


def with_prometheus(binary: str, prometheus: str, organizations: int, seconds: int) -> None:
    """What a real Prometheus says of an exporter of so many organizations."""
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated(binary, organizations, USERS_OF_EACH) as base_url,
        exporting(binary, write_config(Path(folder), base_url, organizations, 15, False)) as (_, listening),
        remote_store() as (store, bodies),
    ):
        config = Path(folder) / "prometheus.yml"
        config.write_text(json.dumps(prometheus_config(listening, store)))
        data = f"--storage.tsdb.path={folder}/data"
        command = [prometheus, data, "--web.listen-address=127.0.0.1:0", f"--config.file={config}", "--log.format=logfmt"]
        with running(command, r'Listening on" address=(127\.0\.0\.1:\d+)') as (server, address):

            def ask(query: str) -> float:
                answer = page(f"http://{address}/api/v1/query?{urlencode({'query': query})}")
                rows = json.loads(answer)["data"]["result"]
                return float(rows[0]["value"][1]) if rows else 0

            def own(name: str, *labels: str) -> float:
                """The sum of the samples of Prometheus itself that have these labels."""
                lines = page(f"http://{address}/metrics").decode().splitlines()
                found = [line for line in lines if re.match(rf"{name}[{{ ]", line) and all(label in line for label in labels)]
                return sum(float(line.rsplit(" ", 1)[1]) for line in found)

            time.sleep(seconds)
            took = ask("avg_over_time(scrape_duration_seconds[1m])")
            series, recorded = own("prometheus_tsdb_head_series"), ask(f'count({{__name__=~"{RECORDED}"}})')
            evaluated = own("prometheus_rule_group_last_duration_seconds")
            memory = status(server.pid, "VmRSS") / 1024
            sent = {path: own("prometheus_remote_storage_samples_total", path) for path in bodies}
            sizes = {path: sum(body) for path, body in bodies.items()}
    print(f"\nPrometheus after {seconds} s with {organizations:,} organizations and the rules of this repository\n")
    print(f"{took:.2f} s a scrape, of the 10 s that are the default; {series:,.0f} series")
    print(f"{recorded / organizations:.1f} recorded series an organization; {evaluated:.2f} s to evaluate all rules once")
    print(f"{memory:.0f} MB resident, {memory * 1024 / series:.1f} kB a series, with no history and no query yet")
    for path, name in [("/all", "everything"), ("/recorded", "recorded series alone")]:
        rate = sizes[path] / sent[path] if sent[path] else 0
        print(f"remote write of {name}: {sent[path]:,.0f} samples, {sizes[path] / 1e6:.1f} MB, {rate:.1f} bytes a sample")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    options.add_argument("--organizations", type=int, nargs="*", default=[10, 100, 1000])
    options.add_argument("--users", type=int, default=1_000_000, help="of the one large organization; 0 leaves it out")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--prometheus", help="the program, to scrape the largest number of organizations with")
    options = options.parse_args()
    if options.users:
        million(options.binary, options.users)
    if options.organizations:
        # The sizes take turns, so that what else the machine does hits all of them.
        runs = {size: [] for size in options.organizations}
        for _ in range(options.runs):
            for size in options.organizations:
                runs[size].append(many(options.binary, size))
        if options.runs:
            report_many(runs)
        if options.prometheus:
            with_prometheus(options.binary, options.prometheus, max(options.organizations), 90)


if __name__ == "__main__":
    main()
