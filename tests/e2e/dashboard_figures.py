"""What the figures of a dashboard must be when there are many organizations, or not all of them have figures.

Each rule takes a dashboard and gives its complaints.
"""

import re
from typing import Any

import promql_parser as parser

from dashboard_rules import OF_ONE_WALK, Json, Rule, queried, selected
from exposition import CHANGES
from promql import nodes, selectors
from queries import filled_in

# What the description of a total of several organizations says.
NOT_IN_PART = "Absent while a chosen organization has no figures"
# Of whom the API may not say it.
UNSURE = re.compile(r'scim_managed="false"|email_domain="other"')
# What is counted while the exporter walks, and stands still between.
OF_WALKS = re.compile(r"openai_org_exporter_(api_|walks_|walk_|state_writes_).*")
# The default interval of walks.
INTERVAL = "5m"


def loses_organizations(node: Any) -> bool:
    """Whether it brings figures of several organizations together."""
    if not isinstance(node, parser.AggregateExpr) or (str(node.op) in ("topk", "bottomk") and not node.modifier):
        return False
    return not node.modifier or "organization" not in node.modifier.labels


def absent_in_part(node: Any) -> bool:
    """Whether it is absent while one of the organizations has no figures."""
    if not isinstance(node, parser.BinaryExpr) or str(node.op) != "unless" or str(node.modifier) != "on ()":
        return False
    comparison = "max by (organization) (openai_org_snapshot_available{organization=~\".+\"}) == 0"
    return str(node.rhs) == str(parser.parse(f"({comparison})"))


def target_whole_totals(dashboard: Json) -> list[str]:
    """A total over organizations of which one has no figures is wrong, and must be absent; the panel says so."""
    found = []
    saying = {panel["title"] for panel in queried(dashboard) if NOT_IN_PART in panel["description"]}
    for place, one in selected(dashboard):
        if one.name in OF_ONE_WALK and any(map(loses_organizations, one.around)):
            if not any(map(absent_in_part, one.around)) or place.rsplit(", ", 1)[0] not in saying:
                found.append(f"{place}: {one.name}")
    return found


def unknown_beside_zero(dashboard: Json) -> list[str]:
    """A number of those outside SCIM or the domains: the unknown ones stand beside it, in grey, and 0 is not green."""
    found = []
    for panel in queried(dashboard):
        if panel["type"] == "stat" and any(UNSURE.search(target["expr"]) for target in panel["targets"]):
            names = [target["legendFormat"] for target in panel["targets"]]
            own_colour = [one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]]
            base = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["color"]
            named = panel["options"]["textMode"] == "value_and_name"
            if "unknown" not in names or "unknown" not in own_colour or base != "text" or not named:
                found.append(panel["title"])
    return found


def few_organizations(dashboard: Json) -> list[str]:
    """Of hundreds of organizations a panel draws some, and says which; tables scroll."""
    found = []
    for panel in queried(dashboard):
        for target in panel["targets"] if panel["type"] != "table" else []:
            ranked = ranking(target["expr"])
            if "{{organization}}" in target["legendFormat"]:
                said = all(re.search(rf"\b{number}\b", panel["description"]) for number in ranked)
                if not ranked or not said:
                    found.append(f"{panel['title']}, {target['refId']}")
    return found


def ranking(expression: str) -> list[str]:
    """How many the expression takes of those that rank highest or lowest."""
    within = nodes(filled_in(expression, {"$newest": "newest"}))
    return [str(int(node.param.val)) for node, _ in within if isinstance(node, parser.AggregateExpr) and node.param]


def interval_of_walks(dashboard: Json) -> list[str]:
    """What only walks count is not looked at over less than the time between two of them: it would show teeth."""
    found = []
    for panel in queried(dashboard):
        if panel["type"] in ("timeseries", "heatmap") and panel.get("interval") != INTERVAL:
            for target in panel["targets"]:
                series = selectors(filled_in(target["expr"], {"$newest": "newest"}))
                counted = [one.name for one in series if one.function in ("rate", "increase")]
                found += [f"{panel['title']}: {name}" for name in counted if OF_WALKS.match(name) or name in CHANGES]
    return found


RULES: tuple[Rule, ...] = (target_whole_totals, unknown_beside_zero, few_organizations, interval_of_walks)
