"""The Markdown pages of the project, and the fenced blocks in them.

A block that no test can run says why, in a comment directly above it, which readers do not see:

    <!-- not run: it takes twenty minutes; `tests/run.sh bench` runs it in short -->
    <!-- run by test_deploy_kubernetes -->

A block of `text` directly below a command is what the command says.
"""

import re
from typing import NamedTuple

from harness import ROOT

# As in tests/docs.rs: in the root, and anywhere in these folders.
FOLDERS = ("benches", "dashboards", "deploy", "docs", "fuzz", "rules", "tests")
FOUND = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in FOUND if "node_modules" not in path.parts)
# Languages of commands; in `console` they stand behind a `$`, and the rest is what they say.
SHELL = ("bash", "console", "sh")
REMARK = re.compile(r"<!-- ((?:not run: |run by ).+) -->")


class Block(NamedTuple):
    """A fenced block: where its fence opens, what is in it, what is remarked about it, what it is shown to say."""

    page: str
    line: int
    language: str
    text: str
    remark: str | None
    shown: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> str:
        """What is to be typed."""
        if self.language != "console":
            return self.text
        return "".join(f"{line[2:]}\n" for line in self.text.splitlines() if line.startswith("$ "))


class Fence(NamedTuple):
    """The lines of a block: those of its fences, counted from 0, and its indentation."""

    start: int
    end: int
    indent: int
    language: str


def fences(lines: list[str], place: str) -> list[Fence]:
    found, opened = [], None
    for number, line in enumerate(lines):
        fence = re.fullmatch(r"( *)```(\w*)", line)
        if fence and opened is None:
            opened = number, len(fence[1]), fence[2]
        elif fence and opened:
            found.append(Fence(opened[0], number, opened[1], opened[2]))
            opened = None
    if opened:
        raise AssertionError(f"{place}:{opened[0] + 1}: this block does not end")
    return found


def remark(lines: list[str], fence: int) -> str | None:
    """The remark that ends on the line above the fence."""
    start = fence - 1
    while start > 0 and lines[start].strip() and "<!--" not in lines[start]:
        start -= 1
    found = REMARK.fullmatch(" ".join(line.strip() for line in lines[max(start, 0) : fence]))
    return found and found[1]


def read(page: str, text: str) -> list[Block]:
    """The blocks of a page with this text."""
    lines, found = text.splitlines(), []
    end_of_commands = None
    for fence in fences(lines, page):
        inside = [line[fence.indent :] for line in lines[fence.start + 1 : fence.end]]
        content = "".join(f"{line}\n" for line in inside)
        between = lines[end_of_commands + 1 : fence.start] if end_of_commands is not None else None
        if fence.language == "text" and between is not None and not any(line.strip() for line in between):
            found[-1] = found[-1]._replace(shown=content)
            end_of_commands = None
            continue
        shown = ""
        if fence.language == "console":
            shown = "".join(f"{line}\n" for line in inside if not line.startswith("$ "))
        found.append(Block(page, fence.start + 1, fence.language, content, remark(lines, fence.start), shown))
        end_of_commands = fence.end if fence.language in SHELL else None
    return found


def blocks(*languages: str, page: str | None = None) -> list[Block]:
    """The blocks in these languages, in all of them without any, of one page or of all."""
    found = [block for each in ([page] if page else PAGES) for block in read(each, (ROOT / each).read_text())]
    return [block for block in found if not languages or block.language in languages]


def indented_code(text: str) -> list[int]:
    """The lines at which code begins that is indented instead of fenced, so that nobody would run it."""
    found, fenced, listed, before = [], False, False, ""
    for number, line in enumerate(text.splitlines(), 1):
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if not fenced and not fence and line.strip():
            if not line.startswith(" "):
                listed = bool(re.match(r"([-*+]|\d+\.) ", line))
            elif line.startswith("    ") and not before.strip() and not listed:
                found.append(number)
        before = line
    return found
