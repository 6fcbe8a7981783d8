"""Holds the rules to promtool, to their unit tests, and to what no promtool checks."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import promql_parser
import yaml

from exposition import COMPOSITION, CONTRACT, GUARD, POLICIES
from harness import ROOT

T = TypeVar("T")
RULES = ROOT / "rules"
FILES = sorted(RULES.glob("*.yaml"))
UNIT_TESTS = sorted((RULES / "tests").glob("*.yaml"))
RUNBOOKS = "https://runbooks.example/openai-org#"
# What the unit tests of an alert must show, by a word in the name of one of them.
SHOWN = {
    "that it fires": r"\bfires\b",
    "that it does not fire below": r"\bnot\b",
    "that it resolves": r"\b(resolves|for an hour)\b",
    "an outage or a restart": r"\b(outage|restart)",
    "a missing field": r"\bfield\b|sends no",
    "two replicas": r"\breplicas\b",
}
# Why an alert has no such test.
NOT_SHOWN = {
    "a missing field": {
        "OpenAIOrgExporterDown": "it is about a process",
        "OpenAIOrgReloadFailed": "it is about a process",
        "OpenAIOrgStateNotWritten": "it is about a process",
        "OpenAIOrgThresholdUnknown": "it is about rules",
        "OpenAIOrgSnapshotStale": "it rests on the freshness of walks, which no field changes",
        "OpenAIOrgWalksFailing": "it rests on the freshness of walks, which no field changes",
        "OpenAIOrgKeyRejected": "it rests on the results of walks, which no field changes",
        "OpenAIOrgRateLimited": "it rests on requests, which no field changes",
        "OpenAIOrgImplausibleDrop": "it rests on walks held back, which no field changes",
        "OpenAIOrgSameOrganizationTwice": "two organizations that lack the same fields are as different as before",
        "OpenAIOrgUsersUnreadable": "the missing id is what it tells",
        "OpenAIOrgReplicaFailing": "it rests on the results of walks, which no field changes",
        "OpenAIOrgReplicasDisagree": "a user whose fields are missing is a user",
        "OpenAIOrgClockAhead": "it rests on the freshness of walks, which no field changes",
    },
    "two replicas": {
        "OpenAIOrgClockAhead": "the one that is ahead most is told, by max",
        "OpenAIOrgReloadFailed": "there is one for each process",
        "OpenAIOrgStateNotWritten": "there is one for each process",
        "OpenAIOrgThresholdUnknown": "it is about rules",
    },
    "an outage or a restart": {
        "OpenAIOrgExporterDown": "an outage is what it tells",
        "OpenAIOrgReloadFailed": "the configuration that a process starts with was accepted",
        "OpenAIOrgStateNotWritten": "a process that starts has written its state, or failed to",
        "OpenAIOrgThresholdUnknown": "it is about rules",
        "OpenAIOrgReplicaFailing": "what a process that starts does not know, another replica does",
        "OpenAIOrgReplicasDisagree": "replicas of which one is gone agree",
        "OpenAIOrgClockAhead": "a clock that nobody can read is no trouble",
    },
    "that it resolves": {"OpenAIOrgThresholdUnknown": "it ends when the rule is corrected"},
}


def promtool(*arguments: str, directory: Path = RULES) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=directory, capture_output=True, text=True)


def unit_tests(name: str, directory: Path = RULES) -> subprocess.CompletedProcess[str]:
    return promtool("test", "rules", f"tests/{name}.yaml", directory=directory)


def with_mistake(file: str, right: str, wrong: str, test: str) -> subprocess.CompletedProcess[str]:
    """The unit tests of one alert on rules of which one is wrong."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(shutil.copytree(RULES, Path(directory) / "rules"))
        text = (copy / file).read_text()
        if right not in text:
            raise AssertionError(f"{file} has no {right!r}")
        (copy / file).write_text(text.replace(right, wrong))
        return unit_tests(test, copy)


def at_the_same_time(run: Callable[[T], subprocess.CompletedProcess[str]], over: Iterable[T]) -> list[subprocess.CompletedProcess[str]]:
    """What `run` gives for each, on all cores: it takes minutes otherwise."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        return list(workers.map(run, over))


def rules() -> list[dict[str, Any]]:
    return [rule for path in FILES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    return [node for node in found if isinstance(node, promql_parser.VectorSelector)]


class Rules(unittest.TestCase):
    def test_promtool_has_nothing_to_say_against_them(self):
        done = promtool("check", "rules", "--lint=all", "--lint-fatal", *(path.name for path in FILES))
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        self.assertEqual([line for line in said if not re.match(r"Checking|SUCCESS: \d+ rules found$", line)], [])

    def test_every_unit_test_passes(self):
        self.assertGreater(len(UNIT_TESTS), 20)
        for path, done in zip(UNIT_TESTS, at_the_same_time(lambda path: unit_tests(path.stem), UNIT_TESTS)):
            with self.subTest(path.stem):
                self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)
                self.assertEqual(done.stdout.count("SUCCESS"), 1)

    def test_every_alert_has_unit_tests_of_what_it_must_survive(self):
        tests = {path.stem: yaml.safe_load(path.read_text())["tests"] for path in UNIT_TESTS}
        self.assertEqual(set(tests) - {"recording", "thresholds", "not-a-number"}, {alert["alert"] for alert in alerts()})
        for alert in {alert["alert"] for alert in alerts()}:
            names = " | ".join(test["name"] for test in tests[alert])
            for what, word in SHOWN.items():
                with self.subTest(alert=alert, shown=what):
                    excused = alert in NOT_SHOWN.get(what, {})
                    self.assertNotEqual(bool(re.search(word, names)), excused, names)

    def test_every_alert_says_how_bad_it_is_what_it_is_and_what_to_do(self):
        for alert in alerts():
            with self.subTest(alert["alert"]):
                self.assertRegex(alert["alert"], r"^OpenAIOrg[A-Z][A-Za-z]+$")
                # Those of policies have the severity of the policy, which its series carry.
                if "severity" in alert.get("labels", {}):
                    self.assertIn(alert["labels"]["severity"], {"critical", "warning", "info"})
                else:
                    self.assertIn("max by (organization, policy, severity)", alert["expr"])
                self.assertEqual(set(alert["annotations"]), {"summary", "description", "runbook_url"})
                self.assertEqual(alert["annotations"]["runbook_url"], RUNBOOKS + alert["alert"].lower())
                if "$labels.instance" not in str(alert["annotations"]) and "absent" not in alert["expr"]:
                    self.assertRegex(alert["annotations"]["summary"], r"\$labels\.(organization|threshold)")

    def test_they_read_families_of_the_contract_and_each_other(self):
        recorded = {rule["record"] for rule in rules() if "record" in rule} | {"openai_org_threshold", "up", "process_start_time_seconds", "ALERTS"}
        for rule in rules():
            for selector in selectors(rule["expr"]):
                self.assertIn(selector.name, recorded | CONTRACT | GUARD | POLICIES, rule.get("alert") or rule["record"])

    def test_what_is_recorded_for_alerts_is_recorded_once_for_an_organization(self):
        figures = (COMPOSITION | POLICIES) - {"openai_org_snapshot_timestamp_seconds"}
        for rule in (rule for rule in rules() if "record" in rule):
            if any(selector.name in figures for selector in selectors(rule["expr"])):
                self.assertIn("organization:openai_org_snapshot_timestamp_seconds:newest", rule["expr"], rule["record"])

    def test_each_threshold_is_compared_with_by_an_alert_and_none_is_missing(self):
        known = {r["labels"]["threshold"] for r in rules() if "threshold" in r.get("labels", {})}
        compared = {name for alert in alerts() for name in re.findall(r'threshold="(\w+)"', alert["expr"])}
        self.assertEqual(known, compared)

    def test_the_manifest_is_what_is_generated(self):
        done = subprocess.run([sys.executable, RULES / "manifest.py", "--check"])
        self.assertEqual(done.returncode, 0, "run rules/manifest.py")


class TheUnitTests(unittest.TestCase):
    """What finds mistakes must find one."""

    def test_they_fail_where_a_rule_is_wrong(self):
        pick = """
            and on (job, instance, namespace, pod, cluster, organization)
            topk by (organization) (1, organization:openai_org_snapshot_timestamp_seconds:newest)"""
        mistakes = [
            ("recording.yaml", "topk by", "bottomk by", "recording"),
            ("recording.yaml", pick, "", "OpenAIOrgOwnersTooMany"),
            ("recording.yaml", "vector(10)", "vector(11)", "OpenAIOrgOwnersTooMany"),
            ("recording.yaml", "- min_over_time", "- max_over_time", "OpenAIOrgOwnerOutsideScim"),
            ("recording.yaml", "found:sum[1d]", "found:sum[6m]", "OpenAIOrgOwnersTooMany"),
            ("alerts.yaml", "violation:newest[1d]", "violation:newest[6m]", "OpenAIOrgPolicyViolated"),
            ("alerts.yaml", "and on (organization, policy, severity) openai_org_policy_limit", "", "OpenAIOrgPolicyViolated"),
            ("alerts.yaml", "and on (organization) openai_org_users\n", "\n", "OpenAIOrgPolicyUnknown"),
            ("alerts.yaml", "unless on (organization, policy) openai_org_policy_violation", "", "OpenAIOrgPolicyUnknown"),
            ("alerts.yaml", "unless on (organization) openai_org_poll", "and on (organization) openai_org_poll", "OpenAIOrgPolicyViolated"),
            ("alerts.yaml", "for: 10m", "for: 0m", "OpenAIOrgExporterDown"),
            ("alerts.yaml", "unless on (organization) max", "unless on (organization) min", "OpenAIOrgSnapshotMissing"),
        ]
        for mistake, done in zip(mistakes, at_the_same_time(lambda mistake: with_mistake(*mistake), mistakes)):
            with self.subTest(mistake):
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r"FAILED:\n +(name|alertname|expr):")


if __name__ == "__main__":
    unittest.main()
