"""The PromQL of the dashboards."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from harness import ROOT

DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
# What Grafana puts in place of its variables: everything chosen, and intervals of some scrapes.
VARIABLES = {
    "$organization": ".+",
    "$job": ".+",
    "$instance": ".+",
    "$__rate_interval": "8s",
    "$__range": "1m",
}
# The sentence of a description that says why a demo, where all is well, shows nothing.
REASON = re.compile(r"No data: ([a-z][^.]*\.)$")


class Query(NamedTuple):
    """An expression, and where it stands; `over_time` where Grafana asks for a range, and not for one moment."""

    place: str
    expression: str
    over_time: bool = False


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels, those inside collapsed rows included."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def variables(dashboard: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def constants(dashboard: dict[str, Any]) -> dict[str, str]:
    """The variables whose text is always the same, as they stand in expressions."""
    found = variables(dashboard).items()
    return {f"${name}": variable["query"] for name, variable in found if variable["type"] == "constant"}


def filled_in(expression: str, more: dict[str, str]) -> str:
    """The expression as Grafana would send it."""
    for variable, text in (VARIABLES | more).items():
        expression = re.sub(re.escape(variable) + r"\b", lambda _, text=text: text, expression)
    return expression


def panel_queries(dashboard: dict[str, Any], panel: dict[str, Any]) -> list[Query]:
    """The queries of one panel, as Grafana sends them."""
    return [
        Query(
            f"{dashboard['uid']}: {panel['title']}, {target['refId']}",
            filled_in(target["expr"], constants(dashboard)),
            target["range"],
        )
        for target in panel.get("targets", [])
    ]


def annotation_queries(dashboard: dict[str, Any]) -> list[Query]:
    return [
        Query(f"{dashboard['uid']}: {annotation['name']}", filled_in(annotation["expr"], constants(dashboard)), True)
        for annotation in dashboard["annotations"]["list"]
    ]


def variable_queries(dashboard: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The variables that are asked for: the label, and the series whose values of it can be chosen."""
    found = {}
    for name, variable in variables(dashboard).items():
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
            found[name] = (label, filled_in(series, constants(dashboard)))
    return found


def reason(panel: dict[str, Any]) -> str | None:
    """Why a demo shows nothing in this panel, if it says so."""
    found = REASON.search(panel.get("description", ""))
    return found and found[1]


def dashboards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in DASHBOARDS]
