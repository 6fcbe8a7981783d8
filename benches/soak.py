"""Soaks the exporter: does memory grow, do files stay open, while walks fail and succeed and scrapes go on?

The first fifth of the time is for warming up. Ends with 1 if the last fifth needs more than the second one.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from measuring import API, KEY, LISTENING, OPENER, running

FAULTS = ["status-500:0.02", "status-429:0.005", "reset:0.02", "truncate:0.02", "html:0.005", "hang:0.002"]
FAULTS += ["repeat-cursor:0.002", "missing-cursor:0.01", "duplicate:0.02", "wrong-types:0.05", "huge:0.01"]
SCRAPE_EVERY = 0.2
# What the last fifth may need above the second: 10 % and 2 MB of memory, and no file.
GROWTH, SLACK_MB = 1.1, 2


class Sample(NamedTuple):
    """What the process holds at one moment."""

    resident_mb: float
    files: int
    threads: int


def sample(pid: int) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    number = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1])
    return Sample(number("VmRSS") / 1024, len(os.listdir(f"/proc/{pid}/fd")), number("Threads"))


def soak(binary: str, seconds: int) -> bool:
    """Runs for so long, prints what was seen; true if nothing grew."""
    with tempfile.TemporaryDirectory() as directory:
        faults = [f"--fault={fault}" for fault in FAULTS]
        api = [binary, "simulate", "--listen-address=127.0.0.1:0", "--users=2000", "--churn=3000", f"--admin-key={KEY}"]
        exporter = [binary, "serve", "--web.listen-address=127.0.0.1:0", "--poll.interval=1s", "--poll.max-age=1m"]
        exporter += ["--poll.request-timeout=2s", "--poll.stall-timeout=5s", f"--state.file={directory}/state"]
        with running([*api, *faults], API) as (_, base_url):
            command = [*exporter, f"--openai.base-url={base_url}"]
            with running(command, LISTENING) as (child, listening):
                samples, latencies, page = watch(child, f"http://{listening}/metrics", seconds)
    return report(samples, latencies, page, seconds)


def watch(child: subprocess.Popen, url: str, seconds: int) -> tuple[list[Sample], list[float], str]:
    """Scrapes and samples until the time is over."""
    samples, latencies, page = [], [], ""
    end = time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        with OPENER.open(url, timeout=10) as answer:
            page = answer.read().decode()
        latencies.append((time.monotonic() - begun) * 1000)
        samples.append(sample(child.pid))
        if child.poll() is not None:
            sys.exit(f"the exporter ended with {child.returncode}")
        time.sleep(max(0, begun + SCRAPE_EVERY - time.monotonic()))
    return samples, latencies, page


def report(samples: list[Sample], latencies: list[float], page: str, seconds: int) -> bool:
    walks = Counter({result: int(n) for result, n in re.findall(r'walks_total\{.*result="(\w+)"\} (\d+)', page) if n != "0"})
    changes = sum(int(n) for n in re.findall(r"^openai_org_user_changes_total\{.*\} (\d+)", page, re.MULTILINE))
    writes = re.findall(r'state_writes_total\{result="(\w+)"\} (\d+)', page)
    fifth = max(1, len(samples) // 5)
    second, last = samples[fifth : 2 * fifth], samples[-fifth:]
    print(f"{seconds} s, {sum(walks.values())} walks ({', '.join(f'{n} {result}' for result, n in walks.most_common())})")
    print(f"{changes} changes counted; state file: {', '.join(f'{n} {result}' for result, n in writes)}")
    ranks = quantiles(latencies, n=100)
    print(f"{len(latencies)} scrapes: median {median(latencies):.2f} ms, 99 of 100 within {ranks[98]:.2f} ms, longest {max(latencies):.1f} ms\n")
    print(f"{'medians':18}{'second fifth':>14}{'last fifth':>12}{'maximum':>10}")
    grown = False
    for title, field in [("resident memory, MB", "resident_mb"), ("open files", "files"), ("threads", "threads")]:
        before, after = (median(getattr(s, field) for s in part) for part in (second, last))
        print(f"{title:20}{before:12.1f}{after:12.1f}{max(getattr(s, field) for s in samples):10.1f}")
        grown |= field == "resident_mb" and after > before * GROWTH + SLACK_MB
        # A connection more or less is chance; a leak is many.
        grown |= field == "files" and after > before + 3
    print("\nGREW" if grown else "\nflat")
    return not grown and walks["success"] > 0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    options.add_argument("--seconds", type=int, default=600)
    options = options.parse_args()
    sys.exit(0 if soak(options.binary, options.seconds) else 1)


if __name__ == "__main__":
    main()
