"""Walks of an API that takes its time, by the number of requests in flight, and what a plain client waits for a page."""

import gzip
import json
import time
from http.client import HTTPConnection
from itertools import count
from statistics import median
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from measuring import KEY, page, serving, simulated, total, wait_for, walks
from results import Part, Plot, Promise, Tools, figure, middle, table

TIMES_FASTER, OFF = 12, 0.03
HEADERS = {"Authorization": f"Bearer {KEY}", "Accept-Encoding": "gzip"}


class Walk(NamedTuple):
    """One walk, as the exporter's metrics tell it."""

    seconds: float
    pages: int


def compare(tools: Tools) -> Part:
    users, latency_ms = (1_000, 5) if tools.short else (50_000, 50)
    by_concurrency = {
        concurrency: walked(tools, users, latency_ms, concurrency)
        for concurrency in ((1, 4) if tools.short else (1, 4, 16))
    }
    with simulated(tools.binary, 1, users, f"--latency={latency_ms}ms") as base_url:
        waits = client(base_url)
    return report(users, latency_ms, by_concurrency, waits)


def walked(tools: Tools, users: int, latency_ms: int, concurrency: int) -> list[Walk]:
    """The first walk, which knows nothing yet, and the warm ones behind it."""
    flags = [f"--poll.concurrency={concurrency}", "--poll.interval=1s"]
    with (
        simulated(tools.binary, 1, users, f"--latency={latency_ms}ms") as base_url,
        serving(tools.binary, f"--openai.base-url={base_url}", *flags) as (_, listening),
    ):
        return [walk(f"http://{listening}/metrics", number) for number in range(1, tools.runs + 2)]


def walk(url: str, number: int) -> Walk:
    """Waits for the end of the walk of this number; no two end within one wait, as they start a second apart."""

    def ended() -> bytes | None:
        text = page(url)
        return text if walks(text) >= number else None

    text = wait_for(ended, 120, f"walk {number}", every=0.2)
    if walks(text) != number:
        raise SystemExit(f"walk {number} was missed")
    name = "openai_org_last_walk_"
    return Walk(total(text, f"{name}duration_seconds"), int(total(text, f"{name}pages")))


def client(base_url: str) -> list[float]:
    """Seconds from the request to the last byte, of each page of one pass by Python's HTTP client on one connection."""
    where = urlsplit(base_url)
    connection = HTTPConnection(where.hostname, where.port, timeout=60)
    waits, query = [], {"limit": 100}
    for _ in count():
        begun = time.monotonic()
        connection.request("GET", f"{where.path}/organization/users?{urlencode(query)}", headers=HEADERS)
        answer = connection.getresponse()
        body = answer.read()
        waits.append(time.monotonic() - begun)
        if answer.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        listed = json.loads(body)
        if not listed["has_more"]:
            return waits
        query["after"] = listed["last_id"]


def report(users: int, latency_ms: int, by_concurrency: dict[int, list[Walk]], waits: list[float]) -> Part:
    warm = {concurrency: [walk.seconds for walk in walks[1:]] for concurrency, walks in by_concurrency.items()}
    sequential, most = median(warm[1]), max(warm)
    rows = [
        [
            f"{concurrency}",
            figure(walks[0].seconds),
            figure(median(walk.pages for walk in walks[1:])),
            middle(warm[concurrency]),
            figure(sequential / median(warm[concurrency])),
        ]
        for concurrency, walks in by_concurrency.items()
    ]
    by_latency = sequential / (by_concurrency[1][-1].pages * latency_ms / 1000)
    by_client, wait = sequential / sum(waits), median(waits) * 1000
    faster = sequential / median(warm[most])
    head = ["`--poll.concurrency`", "first walk, s", "pages", "warm walk, s", "times faster"]
    text = (
        f"{users:,} users of an API that takes {latency_ms} ms for each answer, medians of {len(warm[1])} warm walks (the lowest "
        f"and the highest behind them):\n\n{table(head, rows)}\n\nThe sequential walk took {by_latency:.3f} times pages x "
        f"{latency_ms} ms. Python's `http.client`, on one connection and without reading what it gets, waited {wait:.1f} ms for "
        f"a page (median of {len(waits):,}), and the sequential walk took {by_client:.3f} times as long as its waits in all."
    )
    return Part(
        text,
        [
            Promise(f"{faster:.1f} times faster at concurrency {most}, at least {TIMES_FASTER}", faster >= TIMES_FASTER),
            Promise(
                f"the sequential walk takes {by_latency:.3f} times pages x {latency_ms} ms, within {OFF:.0%}",
                abs(by_latency - 1) <= OFF,
            ),
        ],
        Plot(
            f"Warm walk of {users:,} users at {latency_ms} ms",
            "s",
            {f"concurrency {concurrency}": median(seconds) for concurrency, seconds in warm.items()},
        ),
    )
