"""Memory and time by the number of users, of an API that answers at once."""

import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from measuring import megabytes, page, serving, simulated, total, wait_for, walks
from once import Run, measure, once
from results import Part, Plot, Promise, Tools, figure, table

SIZES = 1_000, 10_000, 100_000, 1_000_000
MOST_MB = 64


class Again(NamedTuple):
    """The second walk of one process, which holds the roster of the first."""

    seconds: float
    peak_mb: float


class Size(NamedTuple):
    """One run of both."""

    first: Run
    second: Again


def compare(tools: Tools) -> Part:
    runs = {size: [] for size in ((200, 1_000) if tools.short else SIZES)}
    for size, seen in runs.items():
        with simulated(tools.binary, 1, size) as base_url:
            for _ in range(tools.runs):
                seen.append(Size(measure(once(tools.binary, base_url)), second(tools.binary, base_url)))
    return report(tools, runs)


def second(binary: str, base_url: str) -> Again:
    """Walks twice with a state file, and looks once the second walk is in it too."""
    with tempfile.TemporaryDirectory() as directory:
        flags = [f"--openai.base-url={base_url}", "--poll.interval=1s", f"--state.file={Path(directory) / 'state'}"]
        with serving(binary, *flags) as (pid, listening):
            url = f"http://{listening}/metrics"

            def written() -> bytes | None:
                text = page(url)
                twice = walks(text) >= 2 and total(text, "openai_org_exporter_state_writes_total", 'result="success"') >= 2
                return text if twice else None

            # Seldom, as scrapes take the walk's CPU.
            text = wait_for(written, 300, "the second walk in the state file", every=0.5)
            return Again(total(text, "openai_org_last_walk_duration_seconds"), megabytes(pid, "VmHWM"))


def report(tools: Tools, runs: dict[int, list[Size]]) -> Part:
    rows, peaks = [], {}
    for size, seen in runs.items():
        first, again = [run.first for run in seen], [run.second for run in seen]
        cpu, wall = median(run.cpu_seconds for run in first), median(run.wall_seconds for run in first)
        peaks[size] = median(run.peak_mb for run in again)
        rows.append(
            [
                f"{size:,}",
                figure(wall),
                figure(cpu * 1e6 / size),
                f"{cpu / wall:.0%}",
                figure(median(run.peak_mb for run in first)),
                figure(median(run.seconds for run in again)),
                figure(peaks[size]),
            ]
        )
    most = max(runs)
    share = median(run.first.cpu_seconds / run.first.wall_seconds for run in runs[most])
    head = ["users", "`once`, s", "CPU per user, µs", "CPU of wall", "peak, MB", "second walk, s", "peak by then, MB"]
    text = (
        f"An API that answers at once, medians of {tools.runs} runs each. The first columns are `once` from start to end; the last "
        f"ones `serve` with a state file after two walks, when it holds the roster of the first for comparison.\n\n"
        f"{table(head, rows)}\n\nOf the time of a walk of {most:,} users, {share:.0%} is CPU of the exporter; for the rest it waits "
        f"for the simulated API, which makes up the pages on the same machine."
    )
    return Part(
        text,
        [Promise(f"{peaks[most]:.1f} MB at most with {most:,} users, less than {MOST_MB}", peaks[most] < MOST_MB)],
        Plot("Peak memory after two walks", "MB", {f"{size:,} users": peak for size, peak in peaks.items()}),
    )
