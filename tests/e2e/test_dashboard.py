"""Holds the dashboards to what Grafana does not check by itself."""

import json
import re
import subprocess
import sys
import tempfile
import unittest
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import dashboard_figures as figures
import dashboard_rules as rules
from harness import ROOT
from promql import selectors
from queries import DASHBOARDS, dashboards, filled_in, panel_queries, panels, reason

Json = dict[str, Any]
RULES = rules.RULES + figures.RULES


def fixed_colours(dashboard: Json) -> list[tuple[str, str]]:
    """Which name is drawn in which colour."""
    return [
        (override["matcher"]["options"], change["value"]["fixedColor"])
        for panel in panels(dashboard)
        for override in panel.get("fieldConfig", {}).get("overrides", [])
        for change in override["properties"]
        if change["id"] == "color" and override["matcher"]["id"] == "byName" and panel["type"] != "table"
    ]


class Dashboards(unittest.TestCase):
    def setUp(self):
        self.dashboards = dashboards()

    def test_there_are_three_and_they_know_each_other(self):
        names = ["access-review.json", "exporter.json", "organization.json"]
        self.assertEqual([path.name for path in DASHBOARDS], names)
        self.assertEqual([f"{one['uid']}.json" for one in self.dashboards], [f"openai-org-{name}" for name in names])
        self.assertEqual(len({tuple(one["tags"]) for one in self.dashboards}), 1)

    def test_they_keep_every_rule(self):
        for dashboard in self.dashboards:
            for rule in RULES:
                with self.subTest(dashboard=dashboard["uid"], rule=rule.__name__):
                    self.assertEqual(rule(dashboard), [])

    def test_they_are_what_the_generator_writes(self):
        self.assertEqual(self.generate("--check"), (0, ""))

    def test_a_change_by_hand_is_noticed(self):
        with tempfile.TemporaryDirectory() as copy:
            subprocess.run(["cp", "-r", ROOT / "dashboards" / "source", *DASHBOARDS, copy], check=True)
            Path(copy, "generate.py").write_text((ROOT / "dashboards" / "generate.py").read_text())
            changed = Path(copy, "organization.json")
            changed.write_text(changed.read_text().replace('"refresh": "1m"', '"refresh": "2m"'))
            code, said = self.generate("--check", directory=Path(copy))
            self.assertEqual(code, 1)
            self.assertRegex(said, r"^organization.json is not what .* writes\n$")
            self.assertEqual(self.generate(directory=Path(copy)), (0, ""))
            self.assertEqual(self.generate("--check", directory=Path(copy)), (0, ""))

    def test_the_same_name_has_the_same_colour_everywhere(self):
        colours = defaultdict(set)
        for dashboard in self.dashboards:
            for name, colour in fixed_colours(dashboard):
                colours[name].add(colour)
        self.assertIn("owner", colours)
        self.assertEqual({name: found for name, found in colours.items() if len(found) > 1}, {})

    def test_unknown_is_grey_and_nothing_else_is(self):
        named = [pair for one in self.dashboards for pair in fixed_colours(one)]
        (grey,) = {colour for name, colour in named if name == "unknown"}
        self.assertEqual(len({grey[at : at + 2] for at in (1, 3, 5)}), 1, grey)
        self.assertEqual({name for name, colour in named if colour == grey}, {"unknown"})

    def test_the_constant_picks_by_the_rule_or_by_itself(self):
        for dashboard in self.dashboards:
            names = [one.name for one in selectors(filled_in("$newest", rules.constants(dashboard)))]
            recorded = "organization:openai_org_snapshot_timestamp_seconds:newest"
            self.assertEqual(names, [recorded, "openai_org_snapshot_timestamp_seconds"], dashboard["uid"])

    def test_the_runbooks_are_where_the_alerts_say(self):
        bases = set(re.findall(r"runbook_url: (\S+?)#", (ROOT / "rules" / "alerts.yaml").read_text()))
        for dashboard in self.dashboards:
            self.assertEqual({rules.constants(dashboard)["$runbooks"]}, bases, dashboard["uid"])

    def test_each_has_a_picture_that_is_shown_and_small(self):
        page = (ROOT / "docs" / "dashboards.md").read_text()
        for path in DASHBOARDS:
            with self.subTest(path.name):
                picture = Path("pictures", path.stem + ".png")
                self.assertRegex(page, rf"!\[[A-Z].+\]\({picture}\)")
                drawn = (ROOT / "docs" / picture).read_bytes()
                self.assertEqual(drawn[:8], b"\x89PNG\r\n\x1a\n")
                self.assertLess(len(drawn), 400_000)

    def test_the_preview_pins_what_it_draws_with(self):
        preview = ROOT / "dashboards" / "preview"
        pins = json.loads((preview / "package.json").read_text())["dependencies"]
        self.assertEqual([name for name, version in pins.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)], [])
        self.assertFalse((preview / "package-lock.json").exists(), "it would name the registry of whoever made it")

    @staticmethod
    def generate(*arguments: str, directory: Path = ROOT / "dashboards") -> tuple[int, str]:
        command = [sys.executable, "-B", directory / "generate.py", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def first(dashboard: Json, kind: str) -> Json:
    return next(panel for panel in panels(dashboard) if panel["type"] == kind)


def with_query(expression: str) -> Callable[[Json], None]:
    def change(dashboard: Json) -> None:
        first(dashboard, "stat")["targets"][0]["expr"] = expression

    return change


def with_variable(name: str, /, **changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: rules.variables(dashboard)[name].update(changes)


def with_panel(kind: str = "stat", **changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: first(dashboard, kind).update(changes)


CHOSEN = 'organization=~"$organization"'
USERS = f"openai_org_users{{{CHOSEN}}}"
CHANGED = f'max by (organization) (increase(openai_org_user_changes_total{{{CHOSEN}, job="a"}}[1d]))'
OF_ONE = "and on (job, instance, namespace, pod, cluster, organization)"
STALE = f"openai_org_users_api_key_stale{{{CHOSEN}}} {OF_ONE} ($newest)"
OF_NEWEST = f"{USERS} {OF_ONE} ($newest)"
WITHDRAWN = f"max by (organization) (openai_org_snapshot_available{{{CHOSEN}}}) == 0"


def with_total(expression: str) -> Callable[[Json], None]:
    """A total in a panel that says what it must about totals."""

    def change(dashboard: Json) -> None:
        first(dashboard, "stat").update(description=f"A total. {figures.NOT_IN_PART}.")
        with_query(expression)(dashboard)

    return change


def with_series(expression: str, legend: str, description: str = "The 20 highest.") -> Callable[[Json], None]:
    def change(dashboard: Json) -> None:
        panel = first(dashboard, "timeseries")
        panel["targets"][0].update(expr=expression, legendFormat=legend)
        panel["description"] = description

    return change


def with_counted(kind: str, family: str, interval: str | None = None) -> Callable[[Json], None]:
    def change(dashboard: Json) -> None:
        panel = first(dashboard, kind)
        panel["targets"][0]["expr"] = f"sum (rate({family}[$__rate_interval]))"
        panel["interval"] = interval

    return change


def with_unknown(
    textMode: str = "value_and_name", legend: str = "unknown", colour: str = "text", override: str = "unknown"
) -> Callable[[Json], None]:
    """A number of owners outside SCIM and the unknown ones beside it."""

    def change(dashboard: Json) -> None:
        panel = first(dashboard, "stat")
        outside = {"expr": f'sum(openai_org_users{{{CHOSEN}, scim_managed="false"}})', "legendFormat": "outside"}
        panel["targets"] = [outside, outside | {"legendFormat": legend}]
        panel["options"]["textMode"] = textMode
        panel["fieldConfig"]["defaults"]["thresholds"] = {"steps": [{"color": colour, "value": None}]}
        panel["fieldConfig"]["overrides"] = [{"matcher": {"id": "byName", "options": override}, "properties": []}]

    return change


# For each rule, what it must find.
MISTAKES: dict[rules.Rule, list[Callable[[Json], Any]]] = {
    rules.template_datasource: [
        with_variable("datasource", query="loki"),
        with_variable("datasource", label="Source"),
        lambda dashboard: rules.variables(dashboard)["datasource"].update(name="prometheus"),
    ],
    rules.template_choices: [
        with_variable("organization", multi=False),
        with_variable("instance", allValue=".+"),
        with_variable("organization", allValue=None),
        with_variable("job", name="jobs"),
    ],
    rules.template_label_promql: [
        with_variable("organization", query={"query": "label_values(openai_org_up{, organization)"}),
        with_variable("organization", query={"query": "openai_org_up"}),
    ],
    rules.template_on_time_change_reload: [with_variable("organization", refresh=1)],
    rules.template_without_quotes: [with_variable("newest", query='up{job="a"}')],
    rules.panel_datasource: [
        with_panel(datasource={"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}),
        lambda dashboard: first(dashboard, "table")["targets"][0].update(datasource=None),
    ],
    rules.panel_title_description: [
        with_panel(title=""),
        with_panel("row", title=""),
        with_panel(description=""),
        with_panel(description="no sentence"),
    ],
    rules.panel_units: [
        lambda dashboard: first(dashboard, "stat")["fieldConfig"]["defaults"].pop("unit"),
        lambda dashboard: first(dashboard, "stat")["fieldConfig"]["defaults"].update(unit="seconds"),
        lambda dashboard: first(dashboard, "table")["fieldConfig"]["overrides"][0]["properties"].append(
            {"id": "unit", "value": "seconds"}
        ),
    ],
    rules.panel_no_targets: [with_panel(targets=[])],
    rules.panel_kinds: [with_panel(type="graph")],
    rules.target_promql: [with_query("sum by (role (openai_org_users)")],
    rules.target_rate_interval: [
        with_query("sum(rate(openai_org_exporter_walks_total[5m]))"),
        with_query("sum(irate(openai_org_exporter_walks_total[$__range]))"),
    ],
    rules.target_counter_agg: [
        with_query("sum(openai_org_exporter_walks_total)"),
        with_query("sum(max_over_time(openai_org_exporter_walks_total[1h]))"),
    ],
    rules.target_job_instance: [with_query("up"), with_query('up{job=~"$job"}')],
    rules.nothing_of_one_installation: [
        with_query('up{job="openai-org"}'),
        with_query('up{instance=~"localhost.*"}'),
        with_query('openai_org_up{organization="acme"}'),
        lambda dashboard: dashboard.update(id=17),
    ],
    rules.target_organization: [with_query("sum(openai_org_up)"), with_query("ALERTS")],
    rules.target_known_series: [with_query("openai_org_user"), with_query("organization:openai_org_users:total")],
    rules.target_newest_snapshot: [
        with_query(f"sum by (organization) ({USERS})"),
        with_query(f"sum by (organization) ({USERS} {OF_ONE.replace('and', 'or')} ($newest))"),
        with_query(f"sum by (organization) ({USERS} {OF_ONE.replace('on', 'ignoring', 1)} ($newest))"),
        with_query(f"sum by (organization) ({USERS} and on (job, instance, organization) ($newest))"),
        with_query(f"sum by (organization) ({USERS} and ($newest))"),
        with_query(f"sum by (organization) ({USERS} {OF_ONE} up)"),
    ],
    rules.target_replicas: [
        with_query(f"openai_org_up{{{CHOSEN}}}"),
        with_query(CHANGED.replace("max by", "sum by")),
    ],
    figures.target_whole_totals: [
        with_total(f"sum ({OF_NEWEST})"),
        with_total(f"sum by (role) ({OF_NEWEST})"),
        with_total(f"topk by (role) (1, {OF_NEWEST})"),
        with_total(f"sum ({OF_NEWEST}) and on () ({WITHDRAWN})"),
        with_total(f"sum ({OF_NEWEST}) unless ({WITHDRAWN})"),
        with_total(f"sum ({OF_NEWEST}) unless on () ({WITHDRAWN.replace('0', '1')})"),
        with_total(f"sum ({OF_NEWEST} unless on (organization) ({WITHDRAWN}))"),
        with_query(f"sum ({OF_NEWEST}) unless on () ({WITHDRAWN})"),
    ],
    figures.unknown_beside_zero: [
        with_query(f'sum (openai_org_users{{{CHOSEN}, scim_managed="false"}})'),
        with_query(f'sum (openai_org_users_by_email_domain{{{CHOSEN}, email_domain="other"}})'),
        with_unknown(textMode="value"),
        with_unknown(legend="outside"),
        with_unknown(colour="#009E73"),
        with_unknown(override="outside"),
    ],
    figures.few_organizations: [
        with_series(f"max by (organization) (openai_org_up{{{CHOSEN}}})", "{{organization}}"),
        with_series(f"max by (organization) (openai_org_up{{{CHOSEN}}})", "{{organization}} at most"),
        with_series(f"topk(20, max by (organization) (openai_org_up{{{CHOSEN}}}))", "{{organization}}", "Shows some."),
    ],
    figures.interval_of_walks: [
        with_counted("heatmap", "openai_org_exporter_api_request_duration_seconds_bucket"),
        with_counted("timeseries", "openai_org_exporter_api_response_bytes_total"),
        with_counted("timeseries", "openai_org_user_changes_total"),
    ],
    rules.target_thresholds: [
        with_query(f"sum by (role) ({STALE})"),
        with_query(f"sum by (role) (max by (older_than, role) ({STALE}))"),
    ],
    rules.absent_is_not_zero: [with_query("sum(up) or vector(0)"), with_query("absent(up)")],
    rules.uneditable_dashboard: [lambda dashboard: dashboard.update(editable=True)],
    rules.current_schema: [
        lambda dashboard: dashboard.update(schemaVersion=38),
        lambda dashboard: dashboard.update(description=""),
    ],
    rules.unique_names: [
        with_panel(id=1),
        with_panel(title="Walks"),
        lambda dashboard: first(dashboard, "stat").update(targets=2 * first(dashboard, "stat")["targets"]),
    ],
    rules.side_by_side: [
        with_panel(gridPos={"x": 21, "y": 1, "w": 4, "h": 4}),
        with_panel(gridPos={"x": 0, "y": 0, "w": 4, "h": 4}),
    ],
    rules.links: [
        lambda dashboard: dashboard.update(tags=["others"]),
        lambda dashboard: dashboard["links"].pop(),
        with_panel(links=[{"url": "${runbooks}#openaiorgnosuchalert"}]),
    ],
}


class TheRules(unittest.TestCase):
    """What finds mistakes must find each, and nothing where there is none."""

    def setUp(self):
        self.sound = next(one for one in dashboards() if one["uid"] == rules.OF_PROCESSES)

    def test_each_rule_finds_the_mistakes_that_it_is_for(self):
        self.assertEqual(set(MISTAKES), set(RULES))
        for rule, mistakes in MISTAKES.items():
            for number, mistake in enumerate(mistakes):
                with self.subTest(rule=rule.__name__, mistake=number):
                    broken = deepcopy(self.sound)
                    mistake(broken)
                    self.assertNotEqual(rule(broken), [])

    def test_sound_expressions_pass(self):
        sound = {
            rules.target_rate_interval: "sum(rate(a_total[$__rate_interval])) + sum(increase(a_total[30d]))",
            rules.target_counter_agg: "sum(irate(a_total[$__rate_interval]))",
            rules.target_newest_snapshot: f"sum ({USERS} {OF_ONE} ($newest)) / 2",
            rules.target_replicas: CHANGED,
            figures.target_whole_totals: f"topk(5, sum by (organization) ({OF_NEWEST}))",
            rules.target_thresholds: f"sum by (older_than) ({STALE})",
            rules.target_organization: 'ALERTS{organization=~"$organization|"}',
        }
        for rule, expression in sound.items():
            with self.subTest(rule=rule.__name__):
                dashboard = deepcopy(self.sound)
                with_query(expression)(dashboard)
                self.assertEqual(rule(dashboard), [])

    def test_sound_panels_pass(self):
        sound = {
            figures.target_whole_totals: with_total(f"sum ({OF_NEWEST}) unless on () ({WITHDRAWN})"),
            figures.unknown_beside_zero: with_unknown(),
            figures.few_organizations: with_series("topk(20, up)", "{{organization}}"),
            figures.interval_of_walks: with_counted("heatmap", "openai_org_exporter_walks_total", "5m"),
        }
        self.assertEqual(set(sound), set(figures.RULES))
        for rule, change in sound.items():
            with self.subTest(rule=rule.__name__):
                dashboard = deepcopy(self.sound)
                change(dashboard)
                self.assertEqual(rule(dashboard), [])

    def test_panels_overlap_only_where_they_share_a_cell(self):
        left = {"x": 0, "y": 0, "w": 12, "h": 8}
        self.assertFalse(rules.overlap(left, left | {"x": 12}))
        self.assertTrue(rules.overlap(left, left | {"x": 11, "y": 7}))

    def test_selectors_are_found_inside_functions_and_operators(self):
        found = selectors(
            "sum(rate(a_total[5m])) / scalar(-b) * on (x) group_left () max_over_time(c[1h:5m]) and topk(1, d)"
        )
        self.assertEqual([one.name for one in found], ["a_total", "b", "c", "d"])
        self.assertEqual([one.function for one in found], ["rate", None, None, None])

    def test_variables_are_filled_in_whole(self):
        self.assertEqual(filled_in("$instances $instance", {"$instances": "many"}), "many .+")

    def test_a_reason_is_the_last_sentence(self):
        self.assertEqual(reason({"description": "What it shows. No data: nothing happened."}), "nothing happened.")
        self.assertIsNone(reason({"description": "No data: nothing. What it shows."}))

    def test_queries_ask_as_grafana_does(self):
        stat, trend = (panel_queries(self.sound, first(self.sound, kind))[0] for kind in ("stat", "timeseries"))
        self.assertEqual((stat.over_time, trend.over_time), (False, True))
        self.assertNotIn("$", stat.expression + trend.expression)


if __name__ == "__main__":
    unittest.main()
