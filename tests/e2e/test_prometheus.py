"""A real Prometheus scrapes the demo: it has nothing to complain about, and every query we show returns data."""

import json
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from harness import SIMULATED_KEY, exporter, get, serving, wait_until
from monitoring import JOB, RULES, Prometheus, prometheus, target
from promql import selectors
from queries import (
    Query,
    annotation_queries,
    constants,
    dashboards,
    filled_in,
    panel_queries,
    panels,
    reason,
    variable_queries,
    variables,
)

LIVELY = ("--web.listen-address=127.0.0.1:0", "--seed=1", "--churn=600", "--email-domain=example.com")
DEMO = (*LIVELY, "--users=600", "--poll.interval=1s")
SCRAPES = 6
# Seconds that all queries together may wait for data.
PATIENCE = 40
RULE_FILES = [str(path) for path in sorted(RULES.glob("*.yaml"))]
NEWEST = "organization:openai_org_snapshot_timestamp_seconds:newest"
# What picks every exporter: a Prometheus that restarted shows two picks for five minutes.
PICK = {"record": NEWEST, "expr": "openai_org_snapshot_timestamp_seconds"}
ALL_PICKED = {"groups": [{"name": "all", "rules": [PICK]}]}


def asked(server: Prometheus, path: str, **parameters: Any) -> Any:
    reply = json.loads(get(f"{server.url}/api/v1/{path}?{urlencode(parameters)}").body)
    if reply["status"] != "success":
        raise AssertionError(f"{parameters}: {reply['error']}")
    return reply["data"]


def write_labelled(server: Prometheus, targets: list[tuple[str, dict[str, str]]]) -> None:
    """Scrapes these from now on, each with labels of its own."""
    new = server.targets.with_suffix(".new")
    new.write_text(json.dumps([{"targets": [target(url)], "labels": labels} for url, labels in targets]))
    new.replace(server.targets)


def rows_at(server: Prometheus, moment: float, expression: str) -> list[dict[str, Any]]:
    return asked(server, "query", query=expression, time=moment)["result"]


def drawn(server: Prometheus, query: Query) -> list[dict[str, Any]]:
    """What a panel gets: of the last half minute, or of this moment."""
    if not query.over_time:
        return server.rows(query.expression)
    now = time.time()
    return asked(server, "query_range", query=query.expression, start=now - 30, end=now, step=2)["result"]


class Scraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = cls.enterClassContext(exporter("demo", *DEMO))
        # A second exporter of an organization of the same name: with other users, to be told from the first.
        cls.other = cls.enterClassContext(exporter("demo", *LIVELY, "--users=200", "--poll.interval=2s"))
        cls.metrics, other = (one.find(r"(http://127\.0\.0\.1:\d+/metrics)") for one in (cls.demo, cls.other))

        def scraping(urls: list[str], *rules: str) -> Prometheus:
            directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
            return cls.enterClassContext(prometheus(directory, urls, list(rules)))

        cls.server = scraping([cls.metrics], *RULE_FILES)
        cls.replicas = {
            "with the rules": scraping([cls.metrics, other], *RULE_FILES),
            "without them": scraping([cls.metrics, other]),
        }
        picking_all = Path(cls.enterClassContext(tempfile.TemporaryDirectory()), "all.yaml")
        picking_all.write_text(json.dumps(ALL_PICKED))
        cls.picked_twice = scraping([cls.metrics, other], str(picking_all))
        # Their address is that of a pod's only container: they differ in nothing but their namespaces.
        cls.alike = scraping([])
        names = ((cls.metrics, "a"), (other, "b"))
        write_labelled(cls.alike, [(url, {"instance": "exporter:8080", "namespace": name}) for url, name in names])
        # Beside the exporter there are the Prometheus itself, and an exporter that never gets figures.
        cls.silent = "silent"
        nobody = ("--openai.base-url=http://127.0.0.1:9/v1", f"--organization={cls.silent}")
        _, silent = cls.enterClassContext(serving(*nobody, OPENAI_ADMIN_KEY=SIMULATED_KEY))
        cls.mixed = scraping([])
        ours = [(url, {"job": JOB}) for url in (cls.metrics, silent)]
        write_labelled(cls.mixed, [*ours, (f"{cls.mixed.url}/", {"job": "prometheus"})])
        for server in (cls.server, *cls.replicas.values(), cls.picked_twice, cls.alike, cls.mixed):
            wait_until(lambda: server.rows(f"min(count_over_time(up[1m])) >= {SCRAPES}"), 30, f"{SCRAPES} scrapes")
        cls.patience = time.monotonic() + PATIENCE

    def test_the_target_was_up_at_every_scrape(self):
        self.assertEqual([row["value"][1] for row in self.server.rows("min_over_time(up[1m])")], ["1"])

    def test_nothing_is_scraped_twice_or_out_of_order(self):
        self.assertEqual(len(self.server.rows("scrape_samples_scraped == scrape_samples_post_metric_relabeling")), 1)
        self.assertEqual(self.server.complaints, [])

    def test_promtool_has_nothing_to_say(self):
        text = get(self.metrics).body
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((done.stdout.decode(), done.stderr.decode(), done.returncode), ("", "", 0))

    def test_the_figures_move(self):
        wait_until(lambda: self.server.rows("changes(openai_org_users[1m]) > 0"), 30, "a figure that changes")

    def test_every_panel_shows_data_or_says_why_the_demo_has_none(self):
        empty = 0
        for dashboard in dashboards():
            for panel in panels(dashboard):
                queries, why = panel_queries(dashboard, panel), reason(panel)
                empty += why is not None
                for query in queries if why is None else []:
                    with self.subTest(query.place):
                        self.assert_data(self.server, query)
                if why is not None:
                    with self.subTest(panel["title"], reason=why):
                        shown = [query.expression for query in queries if drawn(self.server, query)]
                        self.assertEqual(shown, [], "has data, and a reason why it has none")
        self.assertGreater(empty, 0)

    def test_every_mark_and_every_variable_finds_something(self):
        for dashboard in dashboards():
            for query in annotation_queries(dashboard):
                with self.subTest(query.place):
                    self.assert_data(self.server, query)
            for name, (label, series) in variable_queries(dashboard).items():
                with self.subTest(dashboard["uid"], variable=name):
                    values = asked(self.server, f"label/{label}/values", **{"match[]": series})
                    self.assertEqual(len(values), 1, values)

    def test_marks_stand_where_the_change_was_found(self):
        query, *_ = [one for dashboard in dashboards() for one in annotation_queries(dashboard)]
        self.assert_data(self.server, query)
        for row in self.server.rows(query.expression):
            self.assertAlmostEqual(float(row["value"][1]) / 1000, time.time(), delta=600)

    def test_without_the_rules_only_what_they_record_is_missing(self):
        """Alerts, thresholds, and whether there are rules at all: nothing else needs them."""
        server, needing = self.replicas["without them"], 0
        for dashboard in dashboards():
            recorded = {"$newest": "openai_org_snapshot_timestamp_seconds"}
            for panel in panels(dashboard):
                raw = [target["expr"] for target in panel.get("targets", [])]
                for query, expression in zip(panel_queries(dashboard, panel), raw, strict=True):
                    names = {one.name for one in selectors(filled_in(expression, recorded))}
                    with self.subTest(query.place):
                        if "ALERTS" in names or any(":" in name for name in names):
                            needing += 1
                            self.assertEqual(drawn(server, query), [])
                        elif reason(panel) is None:
                            self.assert_data(server, query)
        self.assertGreater(needing, 0)

    def test_of_two_exporters_only_the_one_with_the_newest_figures_counts(self):
        constant, newest = constants(dashboards()[0]), "topk(1, openai_org_snapshot_timestamp_seconds)"
        cases = [
            ("with the rules", self.replicas["with the rules"], NEWEST, "instance"),
            ("without them", self.replicas["without them"], newest, "instance"),
            ("with two picks beside each other", self.picked_twice, f"topk(1, {NEWEST})", "instance"),
            ("alike but for their namespaces", self.alike, newest, "namespace"),
        ]
        for case, server, picked, label in cases:
            with self.subTest(case):
                wait_until(lambda: server.rows(f"count_over_time(count({picked})[10s:1s]) >= 8"), 30, "8 s of them")
                shown = filled_in(self.users(), constant)
                now = time.time()
                for moment in (now - 1 - tick / 5 for tick in range(20)):
                    (name,) = [row["metric"][label] for row in rows_at(server, moment, picked)]
                    figures = rows_at(server, moment, f"sum by ({label}) (openai_org_users)")
                    by_name = {row["metric"][label]: row["value"][1] for row in figures}
                    self.assertEqual(len(set(by_name.values())), 2)
                    (total,) = [row["value"][1] for row in rows_at(server, moment, shown)]
                    self.assertEqual(total, by_name[name])

    def test_no_figure_of_the_dashboards_counts_two_exporters(self):
        """With a second exporter of the same organization there are no more series than with one, but its own."""
        server = self.replicas["without them"]
        for dashboard in dashboards():
            for panel in panels(dashboard):
                for query in panel_queries(dashboard, panel):
                    if dashboard["uid"] != "openai-org-exporter":
                        with self.subTest(query.place):
                            labels = [row["metric"].keys() & {"job", "instance"} for row in drawn(server, query)]
                            self.assertEqual(set().union(*labels), set())

    @staticmethod
    def users() -> str:
        """What the dashboards ask for to say how many users there are."""
        (panel,) = [one for board in dashboards() for one in panels(board) if one["title"] == "Users"]
        return panel["targets"][0]["expr"]

    def test_all_jobs_and_instances_are_those_of_exporters(self):
        (board,) = [one for one in dashboards() if one["uid"] == "openai-org-exporter"]
        self.assertEqual(set(self.mixed.values("up", "job")), {JOB, "prometheus"})
        for panel in panels(board):
            raw = [target["expr"] for target in panel.get("targets", [])]
            for query, expression in zip(panel_queries(board, panel), raw, strict=True):
                with self.subTest(query.place):
                    every = constants(board) | self.all_values(board, self.mixed)
                    asked_for = query._replace(expression=filled_in(expression, every))
                    rows = drawn(self.mixed, asked_for)
                    self.assertNotIn("prometheus", [row["metric"].get("job") for row in rows])
                    if panel["title"] in ("Reachable", "Memory", "Samples of a scrape"):
                        self.assertEqual(len(rows), 2)

    def test_a_total_is_absent_while_one_of_its_organizations_has_no_figures(self):
        constant, whole = constants(dashboards()[0]), self.users()
        by_organization = "sum by (organization) (openai_org_users)"
        self.assertEqual(self.mixed.values("openai_org_snapshot_available == 0", "organization"), {self.silent: 0})
        self.assertEqual(len(self.mixed.rows(by_organization)), 1)
        self.assertEqual(self.mixed.rows(filled_in(whole, constant)), [])
        chosen = self.server.rows(by_organization)[0]["metric"]["organization"]
        self.assertEqual(len(self.mixed.rows(filled_in(whole, {"$organization": chosen} | constant))), 1)

    @staticmethod
    def all_values(board: dict[str, Any], server: Prometheus) -> dict[str, str]:
        """What Grafana puts in place of a variable when all is chosen: what the variable says, or what was found."""
        found: dict[str, str] = {}
        for name, (label, series) in variable_queries(board).items():
            values = asked(server, f"label/{label}/values", **{"match[]": series})
            listed = "|".join(re.escape(value).replace("\\", "\\\\") for value in values)
            found[f"${name}"] = variables(board)[name].get("allValue") or f"({listed})"
        return found

    def test_a_query_for_nothing_returns_nothing(self):
        self.assertEqual(self.server.rows('openai_org_users{role="no such role"}'), [])

    def assert_data(self, server: Prometheus, query: Query) -> None:
        """Has data, or gets some in time: what happens now and then has happened by then, whatever asks for it."""
        left = max(0.0, self.patience - time.monotonic())
        wait_until(lambda: drawn(server, query), left, f"data for {query.expression}")


if __name__ == "__main__":
    unittest.main()
