"""From a user in the API to a message on somebody's desk: exporter, Prometheus with our rules, Alertmanager, webhook."""

import json
import tempfile
import unittest
from pathlib import Path

from fake_api import fake_api
from harness import serving, wait_until
from monitoring import alertmanager, prometheus, quick_rules, webhook
from records import entry

ALERT = "OpenAIOrgOwnerOutsideScim"


def person(n: int, role: str, scim: bool):
    return entry(
        object="organization.user",
        id=f"user_{n}",
        name=f"Nobody{n} Shall-Read-This",
        email=f"nobody{n}@secret.example",
        role=role,
        added_at=1_711_471_533,
        is_scim_managed=scim,
        is_service_account=False,
    )


class Alerting(unittest.TestCase):
    def test_an_owner_outside_scim_reaches_the_webhook_and_so_does_the_mend_but_no_outage_does(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        healthy = [person(n, "owner" if n < 3 else "reader", True) for n in range(40)]
        api = self.enterContext(fake_api(healthy))
        flags = (
            f"--openai.base-url={api.base_url}",
            "--organization=acme",
            "--poll.interval=1s",
            "--poll.max-age=1h",
            f"--state.file={directory / 'state'}",
        )
        receiver = self.enterContext(webhook())
        manager = self.enterContext(alertmanager(directory, receiver))
        server = self.enterContext(prometheus(directory, [], quick_rules(directory), manager))

        with serving(*flags, OPENAI_ADMIN_KEY=api.key) as (_, url):
            server.scrape(url)
            self.wait_for(server, 'organization_role_scim_managed:openai_org_users:sum{scim_managed="false"} == 0')
            api.entries = [*healthy, person(99, "owner", False)]
            fired = receiver.find(ALERT, "firing")
            granted = receiver.find("OpenAIOrgOwnerGranted", "firing")
            self.assertEqual(
                fired["labels"],
                {
                    "alertname": ALERT,
                    "organization": "acme",
                    "role": "owner",
                    "scim_managed": "false",
                    "severity": "critical",
                },
            )
            self.assertEqual(fired["annotations"]["summary"], "Owners outside SCIM in the organization acme: 1.")
            self.assertTrue(fired["annotations"]["runbook_url"].endswith("#" + ALERT.lower()))
            self.assertEqual(granted["labels"]["organization"], "acme")

        # The exporter is gone: that is an alert of its own, and no reason to call off the other one.
        receiver.find("OpenAIOrgExporterDown", "firing")
        receiver.find("OpenAIOrgSnapshotMissing", "firing")
        self.assertIn(ALERT, server.firing())
        self.assertEqual(receiver.statuses(ALERT), ["firing"])

        with serving(*flags, OPENAI_ADMIN_KEY=api.key) as (_, url):
            server.scrape(url)
            receiver.find("OpenAIOrgSnapshotMissing", "resolved")
            self.wait_for(server, 'organization_role_scim_managed:openai_org_users:sum{scim_managed="false"} == 1')
            self.assertEqual(receiver.statuses(ALERT), ["firing"])
            api.entries = [*healthy, person(99, "owner", True)]
            receiver.find(ALERT, "resolved")

        told = json.dumps(receiver.alerts)
        self.assertEqual([word for word in ("Shall-Read-This", "secret.example", "user_99", api.key) if word in told], [])
        self.assertEqual(server.complaints, [])

    def wait_for(self, server, expression: str) -> None:
        wait_until(lambda: server.rows(expression), 30, expression, lambda: server.server.output)


if __name__ == "__main__":
    unittest.main()
