"""One program from its start to its end: what it took, and the users that it counted."""

import fcntl
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from measuring import ENVIRONMENT, end, megabytes


class Run(NamedTuple):
    """What one process took. CPU time is user and system time of the process alone."""

    cpu_seconds: float
    peak_mb: float
    wall_seconds: float
    users: int


def once(binary: str, base_url: str) -> list[str]:
    """The exporter's own way to walk once."""
    return [binary, "once", f"--openai.base-url={base_url}"]


def peak_mb(pid: int) -> float | None:
    """The largest memory of a process so far; nothing if it has ended."""
    try:
        return megabytes(pid, "VmHWM")
    except TypeError:  # The status of what has ended says nothing about memory.
        return None


def measure(command: list[str]) -> Run:
    """Runs a command that writes an exposition at its end.

    What the system remembers of an ended process as its largest memory counts what its parent had when it forked, which is
    more than the exporter needs. So the peak is read when the first output comes: all is counted by then, and the process
    is still there, since the pipe is smaller than what it writes, or since it has yet to end.
    """
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with tempfile.TemporaryFile() as log, open(reading, "rb") as output:
        begun = time.monotonic()
        child = subprocess.Popen(command, stdout=writing, stderr=log, env=ENVIRONMENT)
        try:
            os.close(writing)
            select.select([output], [], [])
            peak = peak_mb(child.pid)
            text = output.read()
            _, code, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(code)
        finally:
            if child.returncode is None:
                end(child)
        wall = time.monotonic() - begun
        if child.returncode:
            log.seek(0)
            sys.exit(f"{command[0]} ended with {child.returncode}: {log.read().decode()}")
    counted = re.findall(rb"^openai_org_users\{.*\} (\S+)$", text, re.MULTILINE)
    return Run(usage.ru_utime + usage.ru_stime, peak or usage.ru_maxrss / 1024, wall, round(sum(map(float, counted))))
