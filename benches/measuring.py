"""What the benches share: programs that run for the time of a block, and what the system and their pages say of them.

Everything runs on this machine over loopback, the simulated API included. Walks are of plain HTTP, so that no TLS is in
the figures.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

KEY = "sk-admin-benchmark"
ENVIRONMENT = os.environ | {"OPENAI_ADMIN_KEY": KEY}
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# The headers of a scrape.
PLAIN = {"Accept": "text/plain", "Accept-Encoding": "identity"}
AS_PROMETHEUS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
API, LISTENING = r"(http://127\.0\.0\.1:\d+/v1)", r"addresses=(127\.0\.0\.1:\d+)"


@contextmanager
def running(command: list[str], said: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """A program for the time of the block, and the address that it says."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, stderr=output, env=ENVIRONMENT)
        try:
            yield child, address(child, output.fileno(), said)
        finally:
            end(child)


def address(child: subprocess.Popen, output: int, said: str) -> str:
    for _ in range(600):
        written = os.pread(output, 1 << 16, 0).decode()
        if found := re.search(said, written):
            return found[1]
        if child.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"{' '.join(child.args[:2])} did not start: {written}")


def end(child: subprocess.Popen) -> None:
    """Ends a program in order, or else at once."""
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def end_in_order_when_told() -> None:
    """Lets SIGTERM unwind as Ctrl-C does, so that every program that runs is ended."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def free_port() -> int:
    """A port of loopback, for a program that cannot say which one it took."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def status(pid: int, field: str) -> int:
    """A number of /proc/PID/status."""
    return int(re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1])


def megabytes(pid: int, field: str) -> float:
    """An amount of memory of /proc/PID/status: VmRSS is the present one, VmHWM the largest so far."""
    return status(pid, field) / 1024


def cpu_seconds(pid: int) -> float:
    """All CPU time of a process, in the resolution of the scheduler: the clock of another process, clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def page(url: str) -> bytes:
    with OPENER.open(url, timeout=60) as answer:
        return answer.read()


def samples(text: bytes) -> int:
    """How many samples an exposition has."""
    return sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))


def total(text: bytes, name: str, *labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    lines = re.findall(rf"^{name}(?:\{{.*)? \S+$", text.decode(), re.MULTILINE)
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(label in line for label in labels))


def walks(text: bytes) -> int:
    """Walks that succeeded. One that failed would spoil the figures, so it ends the measurement."""
    every = total(text, "openai_org_exporter_walks_total")
    succeeded = total(text, "openai_org_exporter_walks_total", 'result="success"')
    if every != succeeded:
        sys.exit(f"{every - succeeded:g} walks failed")
    return int(succeeded)


def wait_for(condition: Callable, seconds: float, what: str, every: float = 0.1):
    """Waits until the condition is something true, and returns that."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            sys.exit(f"waited {seconds:g} s for {what}")
        time.sleep(every)
    return value


def fresh(listening: str) -> bool:
    try:
        return page(f"http://{listening}/-/fresh") is not None
    except OSError:
        return False


@contextmanager
def simulated(binary: str, organizations: int, users: int, *flags: str) -> Iterator[str]:
    """The simulated API; its base URL."""
    command = [binary, "simulate", "--listen-address=127.0.0.1:0", f"--admin-key={KEY}", "--churn=0", "--seed=1"]
    command += [f"--organizations={organizations}", f"--users={users}", "--requests-per-minute=1000000000", *flags]
    with running(command, API) as (_, base_url):
        yield base_url


@contextmanager
def serving(binary: str, *flags: str) -> Iterator[tuple[int, str]]:
    """The exporter, from its start on: its process and where it listens."""
    with running([binary, "serve", "--web.listen-address=127.0.0.1:0", *flags], LISTENING) as (child, listening):
        yield child.pid, listening


@contextmanager
def exporting(binary: str, *flags: str) -> Iterator[tuple[int, str]]:
    """The same, once each organization was walked."""
    with serving(binary, *flags) as (pid, listening):
        wait_for(lambda: fresh(listening), 120, "a walk of each organization")
        yield pid, listening


def write_config(directory: Path, base_url: str, organizations: int, interval: int, state: bool) -> str:
    """A configuration file of so many organizations, each with a key in a file of its own; the flag that names it."""
    entries = []
    for number in range(1, organizations + 1):
        key = directory / f"key-{number}"
        # The simulated API numbers the keys where there are several.
        key.write_text(f"{KEY}-{number}\n" if organizations > 1 else f"{KEY}\n")
        entries.append({"name": f"org-{number}", "admin_key_file": str(key)})
    config = {"poll": {"interval": f"{interval}s"}, "openai": {"base_url": base_url}, "organizations": entries}
    if state:
        config["state"] = {"file": str(directory / "state")}
    path = directory / "config.yml"
    path.write_text(json.dumps(config))
    return f"--config.file={path}"
