"""Is a scrape answered while a thousand connections keep the exporter waiting, and what does that take?

Each of them is made anew as soon as the exporter closes it. Everything runs on this machine over loopback, the slow
clients and the simulated API included. Ends with 1 if a scrape takes a second, or the exporter 100 MB.
"""

import argparse
import re
import resource
import select
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import NamedTuple

from measuring import exporting, simulated, status, wait_for, write_config

USERS_OF_EACH = 100
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n"
SCRAPE_EVERY = 0.25
MOST_SECONDS, MOST_MB = 1.0, 100.0


class Kind(NamedTuple):
    """A way to keep the exporter waiting: what is sent at once, and then one byte a second."""

    at_once: bytes
    trickle: bytes


SILENT = Kind(b"", b"")
HEADER = Kind(b"", REQUEST * 1000)
READER = Kind(REQUEST + b"\r\n", b"")
IDLE = Kind(b"GET /-/healthy HTTP/1.1\r\nHost: exporter\r\n\r\n", b"")
CROWDS = {
    "nobody else": [],
    "say nothing": [SILENT],
    "a header, one byte a second": [HEADER],
    "ask, and take no answer": [READER],
    "have an answer, and stay": [IDLE],
    "a quarter of each": [SILENT, HEADER, READER, IDLE],
}


class Seen(NamedTuple):
    """One run: scrapes in seconds, memory in MB, and how often a slow connection was made."""

    median: float
    longest: float
    resident: float
    sockets: float
    made: int


class Crowd:
    """Slow connections, all of them at once."""

    def __init__(self, port: int, kinds: list[Kind], count: int) -> None:
        self.port = port
        self.made = 0
        self.poll = select.epoll()
        self.open: dict[int, tuple[socket.socket, Kind, int]] = {}
        for number in range(count):
            self.make(kinds[number % len(kinds)])

    def make(self, kind: Kind) -> None:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", self.port))
        self.open[client.fileno()] = client, kind, -1
        self.poll.register(client, select.EPOLLOUT | select.EPOLLRDHUP)
        self.made += 1

    def end(self, number: int) -> None:
        client, kind, _ = self.open.pop(number)
        client.close()
        self.make(kind)

    def work(self) -> None:
        """Answers what has happened, for a tenth of a second at most."""
        for number, event in self.poll.poll(0.1):
            client, kind, sent = self.open[number]
            if event & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP):
                self.end(number)
            elif sent < 0:
                self.open[number] = client, kind, 0
                self.poll.modify(client, select.EPOLLRDHUP)
                self.send(number, kind.at_once)

    def trickle(self) -> None:
        for number, (client, kind, sent) in list(self.open.items()):
            if sent >= 0 and kind.trickle:
                self.open[number] = client, kind, sent + 1
                self.send(number, kind.trickle[sent : sent + 1])

    def send(self, number: int, data: bytes) -> None:
        try:
            self.open[number][0].send(data)
        except OSError:
            self.end(number)


def crowd(port: int, kinds: list[Kind], count: int, made) -> None:
    """Keeps so many slow connections until it is ended, and says how often it made one."""
    slow, next_byte = Crowd(port, kinds, count), time.monotonic()
    while True:
        slow.work()
        if time.monotonic() >= next_byte:
            next_byte += 1
            slow.trickle()
        made.value = slow.made


@contextmanager
def crowded(port: int, kinds: list[Kind], count: int) -> Iterator[Callable[[], int]]:
    """A crowd for the time of the block, in a process of its own."""
    if not kinds:
        yield lambda: 0
        return
    context = get_context("fork")
    made = context.Value("i", 0)
    process = context.Process(target=crowd, args=(port, kinds, count, made), daemon=True)
    process.start()
    try:
        wait_for(lambda: made.value >= count, 30, "so many connections")
        yield lambda: made.value
    finally:
        process.kill()
        process.join()


def scrape(port: int) -> float:
    """Seconds from the connect to the last byte."""
    begun, page = time.monotonic(), b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(REQUEST + b"Connection: close\r\n\r\n")
        while piece := connection.recv(1 << 20):
            page += piece
    if not page.startswith(b"HTTP/1.1 200 OK\r\n"):
        sys.exit(f"answered {page[:200]!r}")
    return time.monotonic() - begun


def sockets_mb() -> float:
    """What the system holds for all TCP sockets of the machine, those of the crowd included."""
    pages = re.search(r"^TCP:.* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.MULTILINE)
    return int(pages[1]) * resource.getpagesize() / 1e6


def measure(pid: int, port: int, seconds: float, made: Callable[[], int]) -> Seen:
    """Scrapes for so long."""
    took, sockets, end = [], [], time.monotonic() + seconds
    while time.monotonic() < end:
        took.append(scrape(port))
        sockets.append(sockets_mb())
        time.sleep(max(0, SCRAPE_EVERY - took[-1]))
    return Seen(median(took), max(took), status(pid, "VmHWM") / 1024, max(sockets), made())


def run(binary: str, organizations: int, kinds: list[Kind], connections: int, seconds: float) -> Seen:
    """An exporter of its own, and a crowd before it."""
    with (
        tempfile.TemporaryDirectory() as directory,
        simulated(binary, organizations, USERS_OF_EACH) as base_url,
        exporting(binary, write_config(Path(directory), base_url, organizations, 60, False)) as (pid, listening),
    ):
        port = int(listening.rpartition(":")[2])
        with crowded(port, kinds, connections) as made:
            return measure(pid, port, seconds, made)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    options.add_argument("--connections", type=int, default=1000)
    options.add_argument("--organizations", type=int, nargs="+", default=[10, 100])
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seconds", type=float, default=5)
    options = options.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    good = True
    for organizations in options.organizations:
        print(f"\n{options.connections} connections, {organizations} organizations, medians of {options.runs} runs\n")
        print(f"{'':30}{'scrape, s':>12}{'longest, s':>12}{'memory, MB':>12}{'sockets, MB':>12}{'made anew':>12}")
        for name, kinds in CROWDS.items():
            runs = [
                run(options.binary, organizations, kinds, options.connections, options.seconds)
                for _ in range(options.runs)
            ]
            middle = Seen(*(median(column) for column in zip(*runs)))
            print(
                f"{name:30}{middle.median:12.4f}{middle.longest:12.3f}{middle.resident:12.1f}{middle.sockets:12.1f}"
                f"{max(0, middle.made - options.connections):12.0f}",
                flush=True,
            )
            good &= all(seen.longest < MOST_SECONDS and seen.resident < MOST_MB for seen in runs)
    print("\ngood" if good else f"\nA scrape took {MOST_SECONDS:g} s, or the exporter {MOST_MB:g} MB.")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
