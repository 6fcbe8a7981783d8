"""One walk by the exporter's `once` and by the program on the SDK in sdk_exporter.py, in turns."""

import sys
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from statistics import median

from measuring import simulated
from once import Run, measure, once
from results import Part, Promise, Tools, figure, table

SDK_PROGRAM = Path(__file__).with_name("sdk_exporter.py")
TIMES_LESS_CPU, MOST_MB = 40, 40


def compare(tools: Tools) -> Part:
    users = 500 if tools.short else 50_000
    exporter, sdk = [], []
    with simulated(tools.binary, 1, users) as base_url:
        for _ in range(tools.runs):
            exporter.append(measure(once(tools.binary, base_url)))
            sdk.append(measure([sys.executable, str(SDK_PROGRAM), base_url]))
    counted = {run.users for run in exporter + sdk}
    if counted != {users}:
        sys.exit(f"counted {sorted(counted)} users, not {users}")
    return report(users, exporter, sdk)


def report(users: int, exporter: list[Run], sdk: list[Run]) -> Part:
    rows = []
    for title, field, scale in [
        ("CPU per user, µs", "cpu_seconds", 1e6 / users),
        ("CPU in all, s", "cpu_seconds", 1),
        ("wall clock, s", "wall_seconds", 1),
        ("peak resident memory, MB", "peak_mb", 1),
    ]:
        ours, theirs = (median(getattr(run, field) for run in runs) * scale for runs in (exporter, sdk))
        rows.append([title, figure(ours), figure(theirs), figure(theirs / ours)])
    less = median(run.cpu_seconds for run in sdk) / median(run.cpu_seconds for run in exporter)
    peak = median(run.peak_mb for run in exporter)
    text = (
        f"One walk of {users:,} users that are answered at once, medians of {len(exporter)} runs each:\n\n"
        + table(["", "exporter", "SDK program", "ratio"], rows)
        + f"\n\nThe program runs on Python {python_version()} with openai {version('openai')} and prometheus_client "
        f"{version('prometheus_client')}."
    )
    return Part(
        text,
        [
            Promise(f"{less:.1f} times less CPU per user than the SDK program, at least {TIMES_LESS_CPU}", less >= TIMES_LESS_CPU),
            Promise(f"{peak:.1f} MB, less than {MOST_MB}", peak < MOST_MB),
        ],
    )
