"""Starts programs, waits for what they say, asks them over HTTP, and ends them.

Everything binds loopback on a free port. Waiting is a condition with a deadline, never a sleep that stands for one.
"""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = os.environ.get("EXPORTER_BINARY", str(TARGET / "release" / "openai-org-exporter"))
SIMULATED_KEY = "sk-admin-simulated"
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Result(NamedTuple):
    """How a finished command ended."""

    code: int
    out: str
    err: str


class Reply(NamedTuple):
    """An HTTP answer, errors included."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()


def environment(**extra: str) -> dict[str, str]:
    """The surroundings without anything that steers the exporter, the SDK or a proxy; then `extra`."""
    steering = re.compile(r"OPENAI_|(HTTPS?|ALL|NO)_PROXY$", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if not steering.match(name)} | extra


def run(*arguments: str, timeout: float = 60, **env: str) -> Result:
    """Runs the exporter to its end."""
    done = subprocess.run(
        [BINARY, *arguments], env=environment(**env), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


class Program:
    """A running program whose output is kept."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        out, err = self._files
        self._child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    @property
    def output(self) -> str:
        """Everything it has said so far: standard output, then standard error."""
        texts = []
        for file in self._files:
            texts.append(os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode())
        return "".join(texts)

    def find(self, pattern: str, seconds: float = 20) -> str:
        """Waits until it has said `pattern`, and returns the first group."""

        def said() -> re.Match[str] | None:
            found = re.search(pattern, self.output)
            if not found and self._child.poll() is not None:
                raise AssertionError(f"ended with {self._child.returncode}, said:\n{self.output}")
            return found

        return wait_until(said, seconds, f"{pattern!r} in the output", lambda: self.output)[1]

    @property
    def peak_memory(self) -> int:
        """The most memory it has ever had, in bytes."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def running(self) -> bool:
        return self._child.poll() is None

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self, seconds: float) -> int:
        """The exit code; raises where it has not ended in time."""
        return self._child.wait(seconds)

    def end(self) -> None:
        if self.running():
            self.signal(signal.SIGKILL)
        self._child.wait()
        for file in self._files:
            file.close()


@contextmanager
def program(*command: str, **env: str) -> Iterator[Program]:
    """Runs any program for the time of the block."""
    child = Program(list(command), environment(**env))
    try:
        yield child
    finally:
        child.end()


def exporter(*arguments: str, **env: str):
    """Runs the exporter for the time of the block."""
    return program(BINARY, *arguments, **env)


@contextmanager
def simulator(*flags: str, port: int = 0) -> Iterator[str]:
    """Runs the API simulator for the time of the block, and gives its base URL."""
    with exporter("simulate", f"--listen-address=127.0.0.1:{port}", f"--admin-key={SIMULATED_KEY}", *flags) as child:
        yield child.find(r"(http://127\.0\.0\.1:\d+/v1)")


@contextmanager
def serving(*flags: str, **env: str) -> Iterator[tuple[Program, str]]:
    """Runs `serve` on a free port for the time of the block; gives the program and the URL of its root."""
    with exporter("serve", "--web.listen-address=127.0.0.1:0", *flags, **env) as child:
        yield child, "http://" + child.find(r'addresses"?[=:]"?(127\.0\.0\.1:\d+)')


@contextmanager
def listening(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accepts connections on a free port for the time of the block, each handled in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url: str, method: str = "GET", timeout: float = 10, **headers: str) -> Reply:
    """Asks once, past any proxy; an error status is an answer too."""
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with WITHOUT_PROXY.open(request, timeout=timeout) as answer:
            return Reply(answer.status, answer.read(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.read(), dict(error.headers))


def raw_pages(base_url: str, key: str, limit: int = 100) -> list[bytes]:
    """All pages of an organization, as they came."""
    pages, after = [], None
    while True:
        cursor = f"&after={quote(after, safe='')}" if after else ""
        reply = get(f"{base_url}/organization/users?limit={limit}{cursor}", Authorization=f"Bearer {key}")
        if reply.status != 200:
            raise AssertionError(f"{reply.status} for page {len(pages) + 1}: {reply.body[:200]!r}")
        pages.append(reply.body)
        page = json.loads(reply.body.decode(errors="replace"))
        if not page["has_more"]:
            return pages
        after = page["last_id"]


def wait_until(condition: Callable[[], T], seconds: float, what: str, evidence: Callable[[], str] = lambda: "") -> T:
    """Polls until the condition holds and returns what it gave; fails with `what`, and what was seen instead."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}\n{evidence()}")
        time.sleep(0.05)
    return value
