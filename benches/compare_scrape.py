"""Scrapes under wrk: the exporter, Debian's pushgateway with the same samples, and a bare server with the same bytes."""

import gzip
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.request import Request

from measuring import (
    AS_PROMETHEUS,
    LISTENING,
    OPENER,
    PLAIN,
    cpu_seconds,
    exporting,
    page,
    running,
    samples,
    simulated,
)
from results import ROOT, Part, Plot, Promise, Tools, figure, locked, middle, said, table

USERS, CONNECTIONS = 250, 16
# About 150 samples of the organization remain.
FLAGS = ["--projects.limit=8", "--projects.names=false"]
TIMES_PUSHGATEWAY, PART_OF_BARE = 10, 0.8
ASKED = {"in the text format, uncompressed": PLAIN, "in OpenMetrics with gzip, as Prometheus does": AS_PROMETHEUS}
MILLISECONDS = {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}
# What hyper itself says of an answer.
OF_THE_ANSWER = {"content-length", "date"}


class Server(NamedTuple):
    """One of those that are compared."""

    pid: int
    url: str


class Answer(NamedTuple):
    """What a scrape gets."""

    headers: list[tuple[str, str]]
    body: bytes

    def samples(self) -> bytes:
        zipped = ("content-encoding", "gzip") in ((name.lower(), value) for name, value in self.headers)
        return gzip.decompress(self.body) if zipped else self.body


class Load(NamedTuple):
    """What wrk saw in one run, and what it took the server."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


class Contest(NamedTuple):
    """All servers under the same question."""

    answers: dict[str, Answer]
    loads: dict[str, list[Load]]

    def middle(self, name: str, field: str) -> float:
        return median(getattr(load, field) for load in self.loads[name])


def compare(tools: Tools) -> Part:
    seconds = 1 if tools.short else 5
    contests = {}
    with ExitStack() as stack:
        exporter, pushgateway = started(tools, stack)
        for asked, headers in ASKED.items():
            bare = stack.enter_context(bare_server(tools.bare, ask(exporter.url, headers)))
            servers = {"exporter": exporter, "pushgateway": pushgateway, "bare hyper": bare}
            answers = {name: ask(server.url, headers) for name, server in servers.items()}
            loads = {name: [] for name in servers}
            for _ in range(tools.runs):
                for name, server in servers.items():
                    loads[name].append(load(tools.wrk, server, headers, seconds))
            contests[asked] = Contest(answers, loads)
    return report(tools, seconds, contests)


def started(tools: Tools, stack: ExitStack) -> tuple[Server, Server]:
    """The exporter, and the pushgateway with the samples of its page; they run as long as the stack."""
    base_url = stack.enter_context(simulated(tools.binary, 1, USERS))
    pid, listening = stack.enter_context(exporting(tools.binary, f"--openai.base-url={base_url}", *FLAGS))
    exporter = Server(pid, f"http://{listening}/metrics")
    page(exporter.url)  # The first scrape adds the samples that count scrapes.
    command = [tools.pushgateway, "--web.listen-address=127.0.0.1:0", "--persistence.file="]
    child, address = stack.enter_context(running(command, r'Listening on" address=(127\.0\.0\.1:\d+)'))
    push = Request(f"http://{address}/metrics/job/openai-org", data=page(exporter.url), method="PUT")
    OPENER.open(push, timeout=60).close()
    return exporter, Server(child.pid, f"http://{address}/metrics")


@contextmanager
def bare_server(bare: str, answer: Answer) -> Iterator[Server]:
    """A server that knows nothing but this answer."""
    with tempfile.TemporaryDirectory() as directory:
        headers, body = Path(directory) / "headers", Path(directory) / "body"
        kept = [f"{name}: {value}\n" for name, value in answer.headers if name.lower() not in OF_THE_ANSWER]
        headers.write_text("".join(kept))
        body.write_bytes(answer.body)
        with running([bare, str(headers), str(body)], LISTENING) as (child, address):
            yield Server(child.pid, f"http://{address}/metrics")


def ask(url: str, headers: dict[str, str]) -> Answer:
    with OPENER.open(Request(url, headers=headers), timeout=60) as answer:
        return Answer([(n, v) for n, v in answer.headers.items() if n.lower() != "connection"], answer.read())


def load(wrk: str, server: Server, headers: dict[str, str], seconds: int) -> Load:
    """One run of wrk. It tells what failed, and nothing may."""
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout=10s", "--latency"]
    command += [f"-H{name}: {value}" for name, value in headers.items()]
    before = cpu_seconds(server.pid)
    ran = subprocess.run([*command, server.url], capture_output=True, text=True)
    spent = cpu_seconds(server.pid) - before
    if ran.returncode or "Socket errors" in ran.stdout or "Non-2xx" in ran.stdout:
        sys.exit(f"wrk of {server.url} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    requests = int(re.search(r"(\d+) requests in", ran.stdout)[1])
    rate = float(re.search(r"Requests/sec:\s+(\S+)", ran.stdout)[1])
    return Load(rate, percentile(ran.stdout, 50), percentile(ran.stdout, 99), spent * 1e6 / requests)


def percentile(output: str, number: int) -> float:
    """In milliseconds."""
    value, unit = re.search(rf"^\s+{number}%\s+([\d.]+)([a-z]+)$", output, re.MULTILINE).groups()
    return float(value) * MILLISECONDS[unit]


def rows(contest: Contest) -> list[list[str]]:
    return [
        [
            name,
            figure(samples(answer.samples())),
            figure(len(answer.body) / 1000),
            middle([load.rate for load in contest.loads[name]]),
            figure(contest.middle(name, "p50_ms")),
            figure(contest.middle(name, "p99_ms")),
            figure(contest.middle(name, "cpu_us")),
        ]
        for name, answer in contest.answers.items()
    ]


def report(tools: Tools, seconds: int, contests: dict[str, Contest]) -> Part:
    head = ["", "samples", "kB", "scrapes a second", "median, ms", "p99, ms", "CPU of a scrape, µs"]
    tables = [f"Asked {asked}:\n\n{table(head, rows(contest))}" for asked, contest in contests.items()]
    plain, *_ = contests.values()
    text = plain.answers["exporter"].body
    own = len(re.findall(rb"^(?:openai_org_exporter_|process_)", text, re.MULTILINE))
    wrk = said([tools.wrk, "-v"], r"wrk (?:debian/)?(\S+)")
    pushgateway = said([tools.pushgateway, "--version"], r"version ([^\s,]+)")
    lock = ROOT / "benches/bare/Cargo.lock"
    text = "\n\n".join(
        [
            f"Scrapes by wrk with {CONNECTIONS} connections that stay open, {seconds} s at a time, medians of {tools.runs} runs each, "
            f"in turns (the lowest and the highest behind them). {samples(text) - own} of the exporter's samples are of the "
            f"organization, and {own} its own.",
            *tables,
            "The exporter's page was pushed to the pushgateway as it was; the pushgateway adds samples of its own. Bare hyper sends the "
            "bytes of the exporter's page, headers included, and knows no path, no connection and no limit. Each server has as many "
            f"threads as there are cores, and shares these with wrk. wrk {wrk}, pushgateway {pushgateway}, "
            f"hyper {locked(lock, 'hyper')}, tokio {locked(lock, 'tokio')}.",
        ]
    )
    rates = {name: plain.middle(name, "rate") for name in plain.loads}
    return Part(text, promises(plain, rates), Plot("Scrapes, uncompressed", "a second", rates))


def promises(plain: Contest, rates: dict[str, float]) -> list[Promise]:
    times, part = rates["exporter"] / rates["pushgateway"], rates["exporter"] / rates["bare hyper"]
    ours, theirs = plain.middle("exporter", "p99_ms"), plain.middle("pushgateway", "p99_ms")
    return [
        Promise(f"{times:.1f} times the pushgateway's scrapes a second, at least {TIMES_PUSHGATEWAY}", times >= TIMES_PUSHGATEWAY),
        Promise(f"p99 of {ours:.2f} ms, lower than the pushgateway's {theirs:.2f} ms", ours < theirs),
        Promise(f"{part:.2f} of bare hyper's scrapes a second, at least {PART_OF_BARE}", part >= PART_OF_BARE),
    ]
