"""Holds the dashboards to what Grafana does not check by itself."""

import json
import unittest
from itertools import combinations
from typing import Any

import promql_parser

from exposition import CONTRACT
from queries import DASHBOARDS, VARIABLES, filled_in, panels

KINDS = {"row", "stat", "timeseries", "bargauge", "table"}
UNITS = {"none", "short", "s", "percentunit", "reqps"}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Cumulative families: a sum over their thresholds counts the same users again and again.
THRESHOLD_LABEL = {"openai_org_users_api_key_stale": "older_than", "openai_org_users_recently_added": "within"}


def nodes(expression: str) -> list[promql_parser.Expr]:
    """All nodes of the syntax tree; raises where the expression is none."""
    found: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(filled_in(expression)), found.append)
    return found


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    return [node for node in nodes(expression) if isinstance(node, promql_parser.VectorSelector)]


def family(name: str) -> str:
    """The family of a sample name."""
    for suffix in ("_bucket", "_sum", "_count"):
        if name.removesuffix(suffix) in CONTRACT:
            return name.removesuffix(suffix)
    return name


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def added_up(expression: str) -> list[str]:
    """The cumulative families that the expression adds up without choosing or keeping one threshold."""
    found = []
    for node in nodes(expression):
        if isinstance(node, promql_parser.AggregateExpr) and isinstance(node.expr, promql_parser.VectorSelector):
            grouped = node.modifier.labels if node.modifier else []
            chosen = [matcher.name for matcher in node.expr.matchers.matchers]
            if THRESHOLD_LABEL.get(node.expr.name) not in (None, *grouped, *chosen):
                found.append(node.expr.name)
    return found


class Dashboards(unittest.TestCase):
    def setUp(self):
        self.dashboards = {path.name: json.loads(path.read_text()) for path in DASHBOARDS}
        self.assertIn("organization.json", self.dashboards)

    def each_panel(self) -> list[tuple[str, dict[str, Any]]]:
        """All panels, each with the words that find it."""
        return [
            (f"{name}: {panel.get('title')}", panel)
            for name, dashboard in self.dashboards.items()
            for panel in panels(dashboard)
        ]

    def each_query(self) -> list[tuple[str, str]]:
        return [(place, target["expr"]) for place, panel in self.each_panel() for target in panel.get("targets", [])]

    def test_they_are_of_a_current_schema_and_belong_to_no_installation(self):
        for name, dashboard in self.dashboards.items():
            with self.subTest(dashboard=name):
                self.assertGreaterEqual(dashboard["schemaVersion"], 39)
                self.assertIsNone(dashboard["id"])
                self.assertTrue(dashboard["title"] and dashboard["description"])
        uids = [dashboard["uid"] for dashboard in self.dashboards.values()]
        self.assertEqual(len(uids), len(set(uids)))

    def test_data_source_and_organizations_are_chosen_by_variables(self):
        for name, dashboard in self.dashboards.items():
            with self.subTest(dashboard=name):
                variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
                self.assertEqual(variables["datasource"]["query"], "prometheus")
                organization = variables["organization"]
                self.assertTrue(organization["multi"] and organization["includeAll"])
                self.assertEqual(organization["datasource"], DATASOURCE)

    def test_panels_and_queries_use_the_chosen_data_source(self):
        for place, panel in self.each_panel():
            if panel["type"] != "row":
                for user in (panel, *panel["targets"]):
                    self.assertEqual(user["datasource"], DATASOURCE, place)

    def test_panels_say_what_they_show(self):
        for place, panel in self.each_panel():
            self.assertTrue(panel["title"], place)
            self.assertIn(panel["type"], KINDS, place)
            if panel["type"] != "row":
                self.assertRegex(panel["description"], r"^[A-Z].*\.$", place)
                self.assertIn(panel["fieldConfig"]["defaults"]["unit"], UNITS, place)
                self.assertTrue(panel["targets"], place)

    def test_ids_and_titles_are_unique(self):
        for name, dashboard in self.dashboards.items():
            everything = list(panels(dashboard))
            for key in ("id", "title"):
                with self.subTest(dashboard=name, key=key):
                    values = [panel[key] for panel in everything]
                    self.assertEqual(len(values), len(set(values)))
        for place, panel in self.each_panel():
            refs = [target["refId"] for target in panel.get("targets", [])]
            self.assertEqual(len(refs), len(set(refs)), place)

    def test_panels_lie_side_by_side_on_the_grid(self):
        for name, dashboard in self.dashboards.items():
            with self.subTest(dashboard=name):
                for panel in dashboard["panels"]:
                    self.assertLessEqual(panel["gridPos"]["x"] + panel["gridPos"]["w"], 24, panel["title"])
                clashes = [
                    (one["title"], other["title"])
                    for one, other in combinations(dashboard["panels"], 2)
                    if overlap(one["gridPos"], other["gridPos"])
                ]
                self.assertEqual(clashes, [])

    def test_queries_ask_for_families_of_the_contract_in_the_chosen_organizations(self):
        for place, expression in self.each_query():
            self.assertTrue(selectors(expression), place)
            for selector in selectors(expression):
                self.assertIn(family(selector.name), CONTRACT, place)
                matchers = {(matcher.name, matcher.value) for matcher in selector.matchers.matchers}
                self.assertIn(("organization", VARIABLES["$organization"]), matchers, place)

    def test_rates_are_taken_over_the_rate_interval(self):
        for place, expression in self.each_query():
            ranges = [node for node in nodes(expression) if isinstance(node, promql_parser.MatrixSelector)]
            self.assertEqual(len(ranges), expression.count("[$__rate_interval]"), place)

    def test_cumulative_families_are_never_added_up_over_their_thresholds(self):
        for place, expression in self.each_query():
            self.assertEqual(added_up(expression), [], place)


class TheLint(unittest.TestCase):
    """What finds mistakes must find one."""

    def test_a_broken_expression_is_refused(self):
        with self.assertRaises(ValueError):
            nodes("sum by (role (openai_org_users)")

    def test_selectors_are_found_inside_functions_and_operators(self):
        expression = "sum(rate(a_total[$__rate_interval])) / scalar(b) * on (x) group_left () c"
        self.assertEqual([selector.name for selector in selectors(expression)], ["a_total", "b", "c"])

    def test_adding_up_over_thresholds_is_found(self):
        stale = "openai_org_users_api_key_stale"
        self.assertEqual(added_up(f"sum by (role) ({stale})"), [stale])
        self.assertEqual(added_up(f'sum({stale}{{older_than="90d"}}) + sum by (older_than) ({stale})'), [])

    def test_panels_overlap_only_where_they_share_a_cell(self):
        left = {"x": 0, "y": 0, "w": 12, "h": 8}
        self.assertFalse(overlap(left, left | {"x": 12}))
        self.assertTrue(overlap(left, left | {"x": 11, "y": 7}))


if __name__ == "__main__":
    unittest.main()
