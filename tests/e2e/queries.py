"""The PromQL that the project shows to people: in its dashboards and in fenced blocks of its README."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness import ROOT

DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
README = ROOT / "README.md"
# What Grafana puts in place of its variables: all organizations, and an interval of some scrapes.
VARIABLES = {"$organization": ".+", "$__rate_interval": "10s"}


class Query(NamedTuple):
    """An expression, and where it stands."""

    place: str
    expression: str


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels, those inside collapsed rows included."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def filled_in(expression: str) -> str:
    """The expression as Grafana would send it."""
    for variable, text in VARIABLES.items():
        expression = expression.replace(variable, text)
    return expression


def dashboard_queries(path: Path) -> list[Query]:
    return [
        Query(f"{path.name}: {panel['title']}, {target['refId']}", filled_in(target["expr"]))
        for panel in panels(json.loads(path.read_text()))
        for target in panel.get("targets", [])
    ]


def readme_queries() -> list[Query]:
    """One query for each paragraph of the README's promql blocks, comments aside."""
    found = []
    for block in re.findall(r"^```promql\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL):
        for paragraph in re.split(r"\n\s*\n", block):
            lines = [line for line in paragraph.splitlines() if line.strip() and not line.lstrip().startswith("#")]
            if lines:
                found.append(Query(f"README.md: {lines[0]}", "\n".join(lines)))
    return found
