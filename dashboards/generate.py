#!/usr/bin/env python3
"""Writes the dashboards beside it from their source.

python3 dashboards/generate.py          writes them
python3 dashboards/generate.py --check  says which are not what it would write, and exits 1 if any
"""

import json
import sys
from pathlib import Path
from typing import Any

from source import access_review, exporter, organization

HERE = Path(__file__).resolve().parent
DASHBOARDS = {
    "access-review.json": access_review.build,
    "exporter.json": exporter.build,
    "organization.json": organization.build,
}
WIDTH = 120


def text(value: Any, indent: int = 0, taken: int = 0) -> str:
    """JSON of which each object and list stands on one line where it has room there, so that differences are short."""
    line = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if indent + taken + len(line) < WIDTH or not isinstance(value, dict | list) or not value:
        return line
    if isinstance(value, dict):
        keys = [(f"{json.dumps(key)}: ", value[key]) for key in sorted(value)]
    else:
        keys = [("", member) for member in value]
    inner = indent + 2
    members = [" " * inner + key + text(member, inner, len(key)) for key, member in keys]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n" + ",\n".join(members) + f"\n{' ' * indent}{closing}"


def main(arguments: list[str]) -> int:
    wrong = 0
    for name, build in DASHBOARDS.items():
        path, wanted = HERE / name, text(build()) + "\n"
        if arguments != ["--check"]:
            path.write_text(wanted)
        elif not path.is_file() or path.read_text() != wanted:
            print(f"{name} is not what dashboards/generate.py writes", file=sys.stderr)
            wrong += 1
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
