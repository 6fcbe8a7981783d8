"""Measures one walk of a simulated organization: the exporter's `once` against the program in sdk_exporter.py.

The two take turns. CPU time is user and system time of the process alone, memory is its largest resident set.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

KEY = "sk-admin-benchmark"
HERE = Path(__file__).parent
TARGET = 20, 40  # times less CPU per user; MB of memory


class Run(NamedTuple):
    """What one process took, and the users that it counted."""

    cpu_seconds: float
    peak_mb: float
    wall_seconds: float
    users: int


def measure(command: list[str]) -> Run:
    """Runs a command to its end."""
    with tempfile.TemporaryFile() as out:
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=out, env=os.environ | {"OPENAI_ADMIN_KEY": KEY})
        _, code, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(code)
        out.seek(0)
        counted = re.findall(rb"^openai_org_users\{.*\} (\S+)$", out.read(), re.MULTILINE)
    if child.returncode:
        sys.exit(f"{command[0]} ended with {child.returncode}")
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, wall, round(sum(map(float, counted))))


def start_simulator(binary: str, users: int) -> tuple[subprocess.Popen[str], str]:
    """Starts the simulator and waits for the line that says where it listens."""
    child = subprocess.Popen(
        [
            binary,
            "simulate",
            "--listen-address=127.0.0.1:0",
            f"--users={users}",
            "--seed=1",
            "--churn=0",
            f"--admin-key={KEY}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in child.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+/v1", line):
            return child, found[0]
    sys.exit("the simulator did not start")


def report(users: int, exporter: list[Run], sdk: list[Run]) -> bool:
    """Prints the medians side by side; true if the exporter keeps its promise."""
    rows = [
        ("CPU per user, µs", "cpu_seconds", 1e6 / users),
        ("CPU in all, s", "cpu_seconds", 1),
        ("wall clock, s", "wall_seconds", 1),
        ("peak memory, MB", "peak_mb", 1),
    ]
    print(f"One walk of {users:,} users, medians of {len(exporter)} runs each\n")
    print(f"{'':18}{'exporter':>10}{'SDK':>10}{'ratio':>8}")
    for title, field, scale in rows:
        ours, theirs = (median(getattr(run, field) for run in runs) * scale for runs in (exporter, sdk))
        print(f"{title:18}{ours:10.2f}{theirs:10.2f}{theirs / ours:8.1f}")
    ratio = median(run.cpu_seconds for run in sdk) / median(run.cpu_seconds for run in exporter)
    kept = ratio > TARGET[0] and median(run.peak_mb for run in exporter) < TARGET[1]
    print(f"\n{'kept' if kept else 'NOT KEPT'}: CPU less than 1/{TARGET[0]}, memory less than {TARGET[1]} MB")
    return kept


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    options.add_argument("--users", type=int, default=50_000)
    options.add_argument("--runs", type=int, default=5)
    options = options.parse_args()

    simulator, base_url = start_simulator(options.binary, options.users)
    try:
        exporter, sdk = [], []
        for _ in range(options.runs):
            exporter.append(measure([options.binary, "once", f"--openai.base-url={base_url}"]))
            sdk.append(measure([sys.executable, str(HERE / "sdk_exporter.py"), base_url]))
    finally:
        simulator.kill()
        simulator.wait()
    counted = {run.users for run in exporter + sdk}
    if counted != {options.users}:
        sys.exit(f"counted {sorted(counted)} users, not {options.users}")
    sys.exit(0 if report(options.users, exporter, sdk) else 1)


if __name__ == "__main__":
    main()
