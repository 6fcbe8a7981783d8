"""What a dashboard must be. Each rule takes one and gives its complaints.

Rules that bear the name of one of the community's dashboard linter mean the same; the others are our own.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import promql_parser as parser

from exposition import CHANGES, COMPOSITION, CONTRACT, FRESHNESS, POLICIES
from harness import ROOT
from promql import Selected, nodes, selectors
from queries import VARIABLES, constants, filled_in, panels, variables

Json = dict[str, Any]
Rule = Callable[[Json], list[str]]

KINDS = {"bargauge", "heatmap", "row", "stat", "table", "timeseries"}
UNITS = {"Bps", "bool_yes_no", "bytes", "dateTimeFromNow", "locale", "none", "percentunit", "reqps", "s"}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Cumulative families: a sum over their thresholds counts the same users again and again.
THRESHOLD_LABEL = {"openai_org_users_api_key_stale": "older_than", "openai_org_users_recently_added": "within"}
# What Prometheus itself writes, and every exporter of a process.
COMMON = re.compile(r"up|ALERTS|scrape_\w+|process_\w+")
RECORDED = set(re.findall(r"record: (\S+)", (ROOT / "rules" / "recording.yaml").read_text()))
ALERTS = set(re.findall(r"alert: (\S+)", (ROOT / "rules" / "alerts.yaml").read_text()))
# Only of the exporter's own dashboard is a process the subject. The other two are about organizations, whichever
# exporter watches them: there the linter's rules on job and instance do not apply.
OF_PROCESSES = "openai-org-exporter"
# Composition, and what else goes with one walk: it must come from the exporter with the newest snapshot alone.
OF_ONE_WALK = COMPOSITION | POLICIES - {"openai_org_policy_limit"} | {"openai_org_snapshot_anomalies"}
# A stand-in for the variable of that name, to find it in the tree.
NEWEST = "newest"
# Two exporters may differ in any of these alone.
ONE_EXPORTER = {"job", "instance", "namespace", "pod", "cluster", "organization"}


def queried(dashboard: Json) -> list[Json]:
    return [panel for panel in panels(dashboard) if panel["type"] != "row"]


def expressions(dashboard: Json) -> Iterator[tuple[str, str]]:
    """Where each expression stands, and itself, with stand-ins for the variables."""
    constant = constants(dashboard) | {"$newest": NEWEST}
    for panel in queried(dashboard):
        for target in panel["targets"]:
            yield f"{panel['title']}, {target['refId']}", filled_in(target["expr"], constant)
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], filled_in(annotation["expr"], constant)


def selected(dashboard: Json) -> Iterator[tuple[str, Selected]]:
    for place, expression in expressions(dashboard):
        for found in selectors(expression):
            yield place, found


def family(name: str) -> str:
    """The family of a sample name."""
    for suffix in ("_bucket", "_sum", "_count"):
        if name.removesuffix(suffix) in CONTRACT:
            return name.removesuffix(suffix)
    return name


def repeated(values: list[Any]) -> list[Any]:
    return [value for value, number in Counter(values).items() if number > 1]


def overlap(one: Json, other: Json) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def template_datasource(dashboard: Json) -> list[str]:
    found = variables(dashboard).get("datasource", {})
    wanted = {"type": "datasource", "query": "prometheus", "label": "Data source"}
    return [f"datasource: {key} is not {value}" for key, value in wanted.items() if found.get(key) != value]


def template_choices(dashboard: Json) -> list[str]:
    """Several can be chosen, or all; the linter wants that of job and instance.

    It wants all to be `.+`, too; of job and instance we don't: other programs have these labels.
    """
    needed = ["organization", *(["job", "instance"] if dashboard["uid"] == OF_PROCESSES else [])]
    wanted = {"type": "query", "multi": True, "includeAll": True, "datasource": DATASOURCE}
    every = {"organization": ".+"}
    return [
        f"{name}: {key} is not {value}"
        for name in needed
        for key, value in (wanted | {"label": name.capitalize(), "allValue": every.get(name)}).items()
        if variables(dashboard).get(name, {}).get(key) != value
    ]


def template_label_promql(dashboard: Json) -> list[str]:
    found = []
    for name, variable in variables(dashboard).items():
        if variable["type"] == "query":
            query = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"]["query"])
            if not query or not broken_promql(query[1]) == []:
                found.append(f"{name}: not the values of a label")
    return found


def template_on_time_change_reload(dashboard: Json) -> list[str]:
    """A target that is gone stays to be chosen as long as the time shown knows it."""
    found = variables(dashboard).items()
    return [name for name, variable in found if variable["type"] == "query" and variable["refresh"] != 2]


def template_without_quotes(dashboard: Json) -> list[str]:
    """Grafana escapes quotes and backslashes in what it puts in place of a variable."""
    return [name for name, text in constants(dashboard).items() if re.search(r"['\"\\]", text)]


def panel_datasource(dashboard: Json) -> list[str]:
    return [
        panel["title"]
        for panel in queried(dashboard)
        for user in (panel, *panel["targets"])
        if user.get("datasource") != DATASOURCE
    ]


def panel_title_description(dashboard: Json) -> list[str]:
    found = [f"{panel['id']}: no title" for panel in panels(dashboard) if not panel["title"]]
    for panel in queried(dashboard):
        if not re.search(r"^[A-Z].*\.$", panel.get("description", "")):
            found.append(f"{panel['title']}: no description in sentences")
    return found


def panel_units(dashboard: Json) -> list[str]:
    """A known unit, by default and in overrides."""
    found = []
    for panel in queried(dashboard):
        units = [panel["fieldConfig"]["defaults"].get("unit")]
        for override in panel["fieldConfig"]["overrides"]:
            units += [change["value"] for change in override["properties"] if change["id"] == "unit"]
        found += [f"{panel['title']}: {unit}" for unit in units if unit not in UNITS]
    return found


def panel_no_targets(dashboard: Json) -> list[str]:
    return [panel["title"] for panel in queried(dashboard) if not panel["targets"]]


def panel_kinds(dashboard: Json) -> list[str]:
    return [panel["title"] for panel in panels(dashboard) if panel["type"] not in KINDS]


def broken_promql(expression: str) -> list[str]:
    try:
        list(nodes(filled_in(expression, {"$newest": NEWEST})))
    except ValueError as error:
        return [str(error)]
    return []


def target_promql(dashboard: Json) -> list[str]:
    return [f"{place}: {error}" for place, text in expressions(dashboard) for error in broken_promql(text)]


def target_rate_interval(dashboard: Json) -> list[str]:
    interval = parser.parse(f"x[{VARIABLES['$__rate_interval']}]").range
    return [
        f"{place}: {found.name}"
        for place, found in selected(dashboard)
        if found.function in ("rate", "irate") and found.window != interval
    ]


def target_counter_agg(dashboard: Json) -> list[str]:
    return [
        f"{place}: {found.name}"
        for place, found in selected(dashboard)
        if found.name.endswith("_total") and found.function not in ("rate", "irate", "increase")
    ]


def target_job_instance(dashboard: Json) -> list[str]:
    if dashboard["uid"] != OF_PROCESSES:
        return []
    wanted = {("job", VARIABLES["$job"]), ("instance", VARIABLES["$instance"])}
    return [
        f"{place}: {found.name}"
        for place, found in selected(dashboard)
        if found.name not in RECORDED and not wanted <= found.matchers
    ]


def nothing_of_one_installation(dashboard: Json) -> list[str]:
    """No job, instance or organization but those chosen, no ids of an installation."""
    found = [] if dashboard["id"] is None else ["id"]
    for place, one in selected(dashboard):
        values = {value for name, value in one.matchers if name in ("job", "instance", "organization")}
        found += [f"{place}: {value}" for value in values - {".+", ".+|"}]
    return found


def target_organization(dashboard: Json) -> list[str]:
    """Families with the label organization show the chosen ones; alerts also those of no organization."""
    found = []
    for place, one in selected(dashboard):
        labelled = one.name in COMPOSITION | FRESHNESS | CHANGES | POLICIES or one.name == "ALERTS" or "{" in one.name
        if labelled and not {("organization", ".+"), ("organization", ".+|")} & one.matchers:
            found.append(f"{place}: {one.name}")
    return found


def target_known_series(dashboard: Json) -> list[str]:
    return [
        f"{place}: {found.name}"
        for place, found in selected(dashboard)
        if family(found.name) not in CONTRACT | POLICIES | RECORDED | {NEWEST} and not COMMON.fullmatch(found.name)
    ]


def target_newest_snapshot(dashboard: Json) -> list[str]:
    """Two exporters of one organization must not be added up."""

    def of_newest(around: tuple[Any, ...]) -> bool:
        pair = around[-1] if around else None
        names = [one.name for one in selectors(str(pair.rhs))] if isinstance(pair, parser.BinaryExpr) else []
        if names != [NEWEST] or str(pair.op) != "and" or pair.modifier is None:
            return False
        return str(pair.modifier).startswith("on ") and set(pair.modifier.matching.labels) == ONE_EXPORTER

    return [
        f"{place}: {found.name}"
        for place, found in selected(dashboard)
        if found.name in OF_ONE_WALK and not of_newest(found.around)
    ]


def target_replicas(dashboard: Json) -> list[str]:
    """What is not of one walk is brought together over the exporters: none is named by its instance."""
    found = []
    for place, one in selected(dashboard):
        if one.name in (FRESHNESS | CHANGES | POLICIES) - OF_ONE_WALK:
            over = [node for node in one.around if isinstance(node, parser.AggregateExpr)]
            if not over or (one.name in CHANGES and str(over[-1].op) != "max"):
                found.append(f"{place}: {one.name}")
    return found


def target_thresholds(dashboard: Json) -> list[str]:
    """Cumulative families are never added up over their thresholds."""
    found = []
    for place, one in selected(dashboard):
        label = THRESHOLD_LABEL.get(one.name)
        over = [node for node in one.around if isinstance(node, parser.AggregateExpr)]
        kept = [set(node.modifier.labels) if node.modifier else set() for node in over]
        if label and label not in dict(one.matchers) and not all(label in labels for labels in kept):
            found.append(f"{place}: {one.name}")
    return found


def absent_is_not_zero(dashboard: Json) -> list[str]:
    calls = [(place, node) for place, text in expressions(dashboard) for node, _ in nodes(text)]
    return [place for place, node in calls if isinstance(node, parser.Call) and node.func.name in ("vector", "absent")]


def uneditable_dashboard(dashboard: Json) -> list[str]:
    return [] if dashboard["editable"] is False else ["editable"]


def current_schema(dashboard: Json) -> list[str]:
    found = [key for key in ("title", "description", "uid", "refresh") if not dashboard.get(key)]
    return found + ([] if dashboard["schemaVersion"] >= 42 else ["schemaVersion"])


def unique_names(dashboard: Json) -> list[str]:
    everything = list(panels(dashboard))
    found = [f"{key}: {value}" for key in ("id", "title") for value in repeated([one[key] for one in everything])]
    for panel in queried(dashboard):
        found += [f"{panel['title']}: {ref}" for ref in repeated([target["refId"] for target in panel["targets"]])]
    return found


def side_by_side(dashboard: Json) -> list[str]:
    found = [one["title"] for one in dashboard["panels"] if one["gridPos"]["x"] + one["gridPos"]["w"] > 24]
    for one, other in combinations(dashboard["panels"], 2):
        if overlap(one["gridPos"], other["gridPos"]):
            found.append(f"{one['title']} lies on {other['title']}")
    return found


def links(dashboard: Json) -> list[str]:
    """To the dashboards of the same tag, to the runbooks, and from panels to the runbooks of alerts that there are."""
    kinds = {link["type"]: link for link in dashboard["links"]}
    found = [] if dashboard["tags"] and kinds.get("dashboards", {}).get("tags") == dashboard["tags"] else ["dashboards"]
    found += [] if kinds.get("link", {}).get("url") == "${runbooks}" else ["runbooks"]
    anchors = {f"${{runbooks}}#{alert.lower()}" for alert in ALERTS}
    for panel in queried(dashboard):
        found += [f"{panel['title']}: {link['url']}" for link in panel["links"] if link["url"] not in anchors]
    return found


RULES: tuple[Rule, ...] = (
    template_datasource,
    template_choices,
    template_label_promql,
    template_on_time_change_reload,
    template_without_quotes,
    panel_datasource,
    panel_title_description,
    panel_units,
    panel_no_targets,
    panel_kinds,
    target_promql,
    target_rate_interval,
    target_counter_agg,
    target_job_instance,
    nothing_of_one_installation,
    target_organization,
    target_known_series,
    target_newest_snapshot,
    target_replicas,
    target_thresholds,
    absent_is_not_zero,
    uneditable_dashboard,
    current_schema,
    unique_names,
    side_by_side,
    links,
)
