"""The figures as a textfile: they say how often they come, and the guide names the alerts that cannot see there."""

import re
import shlex
import unittest
from functools import cache

import promql_parser as parser
import yaml
from deployment import DEPLOY, GUIDE, Unit, alerts, flag, seconds
from harness import ROOT, SIMULATED_KEY, run, simulator
from promql import Node, below

INTERVAL = 15 * 60
# What a Prometheus has without the exporter: samples about scrapes, those of the node exporter, and rules of one's own.
OTHERS = {"up", "process_start_time_seconds", "openai_org_threshold"}


def command_lines() -> dict[str, list[str]]:
    unit = shlex.split(Unit.read("openai-org-textfile.service").one("ExecStart"))
    job = yaml.safe_load((DEPLOY / "kubernetes/textfile/cronjob.yaml").read_text())
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return {"systemd": unit[1:], "kubernetes": container["args"]}


@cache
def written() -> str:
    """What `once` writes with the flags of the unit, of an organization of which all is known, and of policies."""
    given = [word for word in command_lines()["systemd"] if word.startswith("--poll.")]
    with simulator("--users=300") as url:
        flags = (f"--openai.base-url={url}", "--email-domain=example.com", f"--policy.file={ROOT}/policies/baseline.yaml", *given)
        done = run("once", *flags, OPENAI_ADMIN_KEY=SIMULATED_KEY)
    if done.code != 0:
        raise AssertionError(done.err)
    return done.out


def recorded() -> dict[str, list[str]]:
    """The expressions of the recording rules, by what they record."""
    expressions: dict[str, list[str]] = {}
    for path in (ROOT / "rules").glob("*.yaml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in (rule for rule in group["rules"] if "record" in rule):
                expressions.setdefault(rule["record"], []).append(rule["expr"])
    return expressions


def can_be(expression: str, families: set[str], rules: dict[str, list[str]]) -> bool:
    """Whether an expression can have a result where there are these families and no others."""

    def result(node: Node) -> bool:
        match node:
            case parser.BinaryExpr() if str(node.op) == "or":
                return result(node.lhs) or result(node.rhs)
            case parser.BinaryExpr() if str(node.op) == "unless":
                return result(node.lhs)
            case parser.Call() if node.func.name in ("absent", "absent_over_time", "scalar", "vector"):
                return True
            case parser.VectorSelector() if node.name in rules:
                # One that rests on itself has nothing to begin with.
                others = rules | {node.name: []}
                return any(can_be(of_it, families, others) for of_it in rules[node.name])
            case parser.VectorSelector():
                return node.name in families
        return all(result(part) for part in below(node))

    return result(parser.parse(expression))


class Textfile(unittest.TestCase):
    def test_the_figures_name_the_interval_at_which_they_come(self):
        for name, arguments in command_lines().items():
            with self.subTest(name):
                self.assertEqual(seconds(flag(arguments, "--poll.interval")), INTERVAL)
        self.assertRegex(written(), rf"(?m)^openai_org_poll_interval_seconds{{.*}} {INTERVAL}$")

    def test_the_guide_names_the_alerts_that_can_never_fire(self):
        families = set(re.findall(r"(?m)^# TYPE (\w+) ", written())) | OTHERS
        rules = recorded()
        sees = {rule["alert"] for rule in alerts() if can_be(rule["expr"], families, rules)}
        self.assertIn("OpenAIOrgOwnerOutsideDomains", sees)
        blind = {rule["alert"] for rule in alerts()} - sees
        listed = GUIDE.partition("can never fire there:")[2].partition(".")[0]
        self.assertEqual(set(re.findall(r"OpenAIOrg\w+", listed)), blind)


if __name__ == "__main__":
    unittest.main()
