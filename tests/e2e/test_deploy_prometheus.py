"""deploy/prometheus.yml and deploy/alertmanager.yml in a real Prometheus and a real Alertmanager, beside the demo."""

import json
import re
import shutil
import unittest
from datetime import UTC, datetime, timedelta
from urllib.request import Request

from deployment import DEPLOY, JOB, alerts, answer, ask, directory
from harness import ROOT, WITHOUT_PROXY, exporter, free_port, get, program, wait_until
from monitoring import complaints

ALERTMANAGER = DEPLOY / "alertmanager.yml"
SEVERITIES = {"critical": "now", "warning": "working-day", "info": "to-know"}


class Stack(unittest.TestCase):
    """The exporter, Prometheus and Alertmanager: what Compose starts, with addresses of this machine."""

    @classmethod
    def setUpClass(cls):
        demo = cls.enterClassContext(exporter("demo", "--web.listen-address=127.0.0.1:0", "--poll.interval=1s"))
        exporter_address = demo.find(r"http://(127\.0\.0\.1:\d+)/metrics")
        here = cls.enterClassContext(directory())
        cls.alertmanager = f"127.0.0.1:{free_port()}"
        cls.enterClassContext(
            program(
                "prometheus-alertmanager",
                f"--config.file={ALERTMANAGER}",
                f"--storage.path={here / 'alertmanager'}",
                f"--web.listen-address={cls.alertmanager}",
                "--cluster.listen-address=",
            )
        ).find("(Listening|listening)")
        # As in the container: the rules beside the file, all of the directory.
        shutil.copytree(ROOT / "rules", here / "rules")
        text = (DEPLOY / "prometheus.yml").read_text().replace("30s", "1s")
        text = text.replace("openai-org-exporter:10195", exporter_address).replace(
            "alertmanager:9093", cls.alertmanager
        )
        cls.config = here / "prometheus.yml"
        cls.config.write_text(text)
        cls.prometheus = f"127.0.0.1:{free_port()}"
        cls.server = cls.enterClassContext(
            program(
                "prometheus",
                f"--config.file={cls.config}",
                f"--storage.tsdb.path={here / 'data'}",
                f"--web.listen-address={cls.prometheus}",
            )
        )
        cls.server.find("(Server is ready to receive web requests)")

    def ask(self, path: str):
        return json.loads(get(f"http://{self.prometheus}/api/v1/{path}").body)["data"]

    def test_promtool_accepts_it(self):
        self.assertIn("SUCCESS", answer("promtool", "check", "config", self.config))

    def test_a_misspelt_key_is_refused(self):
        wrong = self.config.with_name("wrong.yml")
        wrong.write_text(self.config.read_text().replace("job_name", "jobname"))
        self.assertNotEqual(ask("promtool", "check", "config", wrong).code, 0)

    def test_the_exporter_is_scraped_as_the_job_that_the_rules_select(self):
        value = wait_until(lambda: self.ask(f'query?query=up{{job="{JOB}"}}==1')["result"], 20, "a scrape")
        self.assertEqual(len(value), 1)
        self.assertIn(f'job="{JOB}"', "".join(rule["expr"] for rule in alerts()))

    def test_every_alert_is_loaded_and_can_be_evaluated(self):
        rules = [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
        loaded = [rule["name"] for rule in rules if rule["type"] == "alerting"]
        self.assertEqual(sorted(loaded), sorted(rule["alert"] for rule in alerts()))
        self.assertTrue(loaded)

        # Groups with an interval of their own are waited for by the tests of the rules.
        def health() -> set[tuple[str, str | None]]:
            groups = [group for group in self.ask("rules")["groups"] if group["interval"] == 1]
            return {(rule["health"], rule.get("lastError")) for group in groups for rule in group["rules"]}

        wait_until(lambda: health() == {("ok", None)}, 20, "an evaluation of every rule", lambda: str(health()))

    def test_alertmanager_is_found(self):
        active = wait_until(lambda: self.ask("alertmanagers")["activeAlertmanagers"], 20, "an Alertmanager")
        self.assertEqual([one["url"] for one in active], [f"http://{self.alertmanager}/api/v2/alerts"])

    def test_nothing_is_complained_about(self):
        wait_until(lambda: self.ask(f'query?query=up{{job="{JOB}"}}==1')["result"], 20, "a scrape")
        self.assertEqual(complaints(self.server.output), [])

    def test_complaints_of_every_version_are_noticed(self):
        for line, noticed in [
            ('ts=2026-01-01T00:00:00.000Z caller=main.go:1 level=warn msg="x"', True),
            ('time=2026-01-01T00:00:00.000Z level=WARN source=main.go:1 msg="x"', True),
            ("time=2026-01-01T00:00:00.000Z level=ERROR source=main.go:1 msg=x", True),
            ("time=2026-01-01T00:00:00.000Z level=INFO source=main.go:1 msg=warn", False),
        ]:
            with self.subTest(line):
                self.assertEqual(complaints(f"first\n{line}\nlast\n"), [line] if noticed else [])

    # What Alertmanager makes of alerts that hold at once.

    def inhibited(self, labels: list[dict[str, str]]) -> list[bool]:
        """Sends alerts, and says of each whether another keeps it from being told."""
        start = datetime.now(UTC)
        times = {"startsAt": start.isoformat(), "endsAt": (start + timedelta(hours=1)).isoformat()}
        self.send([{"labels": each} | times for each in labels])

        def told() -> list[bool] | None:
            known = json.loads(get(f"http://{self.alertmanager}/api/v2/alerts").body)
            states = [one["status"] for each in labels for one in known if one["labels"] == each]
            ready = len(states) == len(labels) and all(state["state"] != "unprocessed" for state in states)
            return [bool(state["inhibitedBy"]) for state in states] if ready else None

        return wait_until(told, 20, "the alerts in Alertmanager")

    def send(self, alerts) -> None:
        request = Request(
            f"http://{self.alertmanager}/api/v2/alerts",
            data=json.dumps(alerts).encode(),
            headers={"Content-Type": "application/json"},
        )
        with WITHOUT_PROXY.open(request, timeout=10) as reply:
            self.assertEqual(reply.status, 200)

    def test_one_cause_is_one_message_in_each_cluster(self):
        for severity, receiver in SEVERITIES.items():
            with self.subTest(severity):
                alert = {"alertname": f"OpenAIOrgOfManyOrganizations_{severity}", "severity": severity}
                sent = [alert | {"organization": f"many-{n}"} for n in range(20)]
                sent += [alert | {"organization": name, "cluster": "eu"} for name in ("eu-1", "eu-2")]
                self.inhibited(sent)
                groups = json.loads(get(f"http://{self.alertmanager}/api/v2/alerts/groups").body)
                of_it = [group for group in groups if alert["alertname"] == group["labels"].get("alertname")]
                self.assertEqual({group["receiver"]["name"] for group in of_it}, {receiver})
                self.assertEqual(sorted(len(group["alerts"]) for group in of_it), [2, 20])

    def test_an_alert_keeps_none_of_another_cluster_from_being_told(self):
        follows, eu, us = "OpenAIOrgSnapshotStale", {"cluster": "eu"}, {"cluster": "us"}
        # The last one concerns all organizations, of its cluster.
        for source, concerned in [
            ({"alertname": "OpenAIOrgKeyRejected"}, {"organization": "split-1"}),
            ({"alertname": "OpenAIOrgSnapshotMissing"}, {"organization": "split-2"}),
            ({"alertname": "OpenAIOrgExporterDown", "severity": "critical"}, {}),
        ]:
            with self.subTest(source["alertname"]):
                target = {"alertname": follows, "organization": "split-3"} | concerned
                sent = [source | concerned | eu, target | eu, target | us]
                self.assertEqual(self.inhibited(sent), [False, True, False])

    def test_what_follows_from_another_alert_is_not_told(self):
        failing, stale, missing = "OpenAIOrgWalksFailing", "OpenAIOrgSnapshotStale", "OpenAIOrgSnapshotMissing"
        rejected, down = "OpenAIOrgKeyRejected", "OpenAIOrgExporterDown"
        # The alert, its severity and organization; others with their organizations, and whether they are told.
        cases = [
            (
                rejected,
                "critical",
                "a",
                [(failing, "a", False), (stale, "a", False), (failing, "b", True), (stale, "b", True)],
            ),
            (rejected, "critical", "c", [(missing, "c", True)]),
            (missing, "critical", "d", [(stale, "d", False), (stale, "e", True), (failing, "d", True)]),
            (
                down,
                "warning",
                "",
                [(failing, "f", True), (stale, "f", True), (missing, "g", True), (rejected, "h", True)],
            ),
            # The last one: it concerns all organizations.
            (
                down,
                "critical",
                "",
                [(failing, "i", False), (stale, "j", False), (missing, "k", False), (rejected, "l", True)],
            ),
        ]
        for source, severity, concerned, others in cases:
            with self.subTest(f"{source}, {severity}"):
                sent = [
                    {"alertname": source, "severity": severity} | ({"organization": concerned} if concerned else {})
                ]
                sent += [{"alertname": name, "organization": organization} for name, organization, _ in others]
                self.assertEqual(self.inhibited(sent), [False, *(not told for _, _, told in others)])


class Routes(unittest.TestCase):
    def test_amtool_accepts_it(self):
        answer("amtool", "check-config", ALERTMANAGER)

    def test_each_severity_of_the_rules_has_a_receiver_of_its_own(self):
        # The severity of a policy is the policy's.
        of_rules = [rule for rule in alerts() if rule["alert"] != "OpenAIOrgPolicyViolated"]
        self.assertEqual({rule["labels"]["severity"] for rule in of_rules}, set(SEVERITIES))
        for severity, receiver in SEVERITIES.items():
            with self.subTest(severity):
                answer(
                    "amtool",
                    "config",
                    "routes",
                    "test",
                    f"--config.file={ALERTMANAGER}",
                    f"--verify.receivers={receiver}",
                    f"severity={severity}",
                    "alertname=OpenAIOrgAny",
                )

    def test_alerts_that_inhibit_or_are_inhibited_exist(self):
        named = set(re.findall(r"OpenAIOrg\w+", ALERTMANAGER.read_text().partition("inhibit_rules:")[2]))
        self.assertTrue(named)
        self.assertLessEqual(named, {rule["alert"] for rule in alerts()})


if __name__ == "__main__":
    unittest.main()
