"""What a part of the comparison found: tables in markdown, what was promised, and plots."""

import os
import platform
import re
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT, PICTURES = ROOT / "docs/performance.md", ROOT / "docs/pictures"
COLUMNS = 135


class Tools(NamedTuple):
    """The programs that are compared, and how thoroughly."""

    binary: str
    bare: str
    wrk: str
    pushgateway: str
    runs: int
    short: bool


class Promise(NamedTuple):
    """A figure that is held to something."""

    text: str
    kept: bool


class Plot(NamedTuple):
    """Bars from zero."""

    title: str
    unit: str
    bars: dict[str, float]


class Part(NamedTuple):
    """One part of the comparison; `text` is markdown."""

    text: str
    promises: list[Promise]
    plot: Plot | None = None


def figure(value: float) -> str:
    """Three digits, or all that are before the point."""
    if value == 0:
        return "0"
    digits = next((digits for digits in range(4) if abs(round(value, digits)) >= 100 / 10**digits), 4)
    return f"{value:,.{digits}f}"


def middle(values: list[float]) -> str:
    """The median, with the lowest and the highest behind it."""
    if len(values) == 1:
        return figure(values[0])
    return f"{figure(median(values))} ({figure(min(values))} to {figure(max(values))})"


def table(head: list[str], rows: list[list[str]]) -> str:
    """In markdown that is readable as it is; the first column is text, the others are figures."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]

    def line(cells: list[str]) -> str:
        first, *others = cells
        padded = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:]))]
        return f"| {' | '.join(padded)} |"

    rule = [f"{'-' * (widths[0] + 2)}", *(f"{'-' * (width + 1)}:" for width in widths[1:])]
    return "\n".join([line(head), f"|{'|'.join(rule)}|", *map(line, rows)])


def wrapped(text: str) -> str:
    """Markdown with the lines of its paragraphs as long as those of the other pages; tables stay as they are."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        paragraph if paragraph.startswith("|") else textwrap.fill(paragraph, COLUMNS, break_on_hyphens=False)
        for paragraph in paragraphs
    )


def said(command: list[str], pattern: str) -> str:
    """A version, as the program says it."""
    ran = subprocess.run(command, capture_output=True, text=True)
    found = re.search(pattern, ran.stdout + ran.stderr)
    return found[1] if found else "of unknown version"


def locked(lock: Path, crate: str) -> str:
    """The version of a crate in a Cargo.lock."""
    return re.search(rf'^name = "{crate}"\nversion = "(.+)"', lock.read_text(), re.MULTILINE)[1]


@cache
def circumstances(binary: str) -> str:
    """When, with what, and on which machine."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    cores = len(os.sched_getaffinity(0))
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {said([binary, '--version'], r'(.*)')}, on {cores} cores of "
        f"{model[1] if model else platform.machine()}, {memory:.0f} GB, {system}, Linux {platform.release()}."
    )


def promised(promises: list[Promise]) -> str:
    return "\n".join(f"{'kept' if promise.kept else 'NOT KEPT'}: {promise.text}" for promise in promises)


def picture(name: str) -> Path:
    """Where the plot of a part is."""
    return PICTURES / f"performance-{name}.svg"


def inserted(name: str, part: Part) -> str:
    """The document with this part between its markers, and a reference to its plot."""
    document = DOCUMENT.read_text()
    marked = re.compile(rf"(<!-- compare: {name} -->\n).*?(<!-- compare ends -->)", re.DOTALL)
    if not marked.search(document):
        sys.exit(f"{DOCUMENT} has no markers of {name}")
    text = part.text
    if part.plot:
        text += f"\n\n![{described(part.plot)}](pictures/{picture(name).name})"
    return marked.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", document)


def described(plot: Plot) -> str:
    """The plot for who cannot see it."""
    return f"{plot.title}: " + ", ".join(f"{label} {figure(value)} {plot.unit}" for label, value in plot.bars.items())


STYLE = """
    .ground { fill: #ffffff } .bar { fill: #2f6fb3 } text { fill: #1f2328; font: 14px sans-serif }
    .title { font-weight: bold }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117 } .bar { fill: #5b9bdc } text { fill: #e6edf3 }
    }"""
WIDTH, LEFT, TOP, ROW = 720, 210, 52, 34


def svg(plot: Plot) -> str:
    """Horizontal bars with their figures, on a ground of their own, light or dark as the reader's system is."""
    longest = max(plot.bars.values())
    height = TOP + ROW * len(plot.bars) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"  <title>{escape(described(plot))}</title>",
        f"  <style>{STYLE}\n  </style>",
        f'  <rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        f'  <text class="title" x="16" y="30">{escape(plot.title)}, {escape(plot.unit)}</text>',
    ]
    for number, (label, value) in enumerate(plot.bars.items()):
        y = TOP + ROW * number
        # What is left of the row is for the figure.
        length = max(2.0, value / longest * (WIDTH - LEFT - 100))
        lines += [
            f'  <text x="{LEFT - 10}" y="{y + 17}" text-anchor="end">{escape(label)}</text>',
            f'  <rect class="bar" x="{LEFT}" y="{y}" width="{length:.1f}" height="24" rx="2"/>',
            f'  <text x="{LEFT + length + 8:.1f}" y="{y + 17}">{figure(value)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
