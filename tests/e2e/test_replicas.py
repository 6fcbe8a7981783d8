"""Replicas and split processes under one real Prometheus: every figure is somebody's, and every sum is right."""

import tempfile
import unittest
from pathlib import Path

from fake_api import FakeApi, fake_api
from harness import serving, wait_until
from monitoring import Prometheus, prometheus, quick_rules
from test_alerting import person

TOTAL = "organization:openai_org_users:sum"
OWNERS = 'organization_role:openai_org_users:sum{role="owner"}'


def people(users: int, owners: int):
    return [person(n, "owner" if n < owners else "reader", True) for n in range(users)]


class Replicas(unittest.TestCase):
    def test_two_replicas_and_two_split_processes_give_the_sums_of_each_organization_once(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        acme = self.enterContext(fake_api(people(200, 5)))
        globex = self.enterContext(fake_api(people(70, 3)))
        initech = self.enterContext(fake_api(people(30, 2)))
        urls = [
            self.serve("acme", acme, "1s"),
            self.serve("acme", acme, "4s"),
            self.serve("globex", globex, "1s"),
            self.serve("initech", initech, "1s"),
        ]
        server = self.enterContext(prometheus(directory, urls, quick_rules(directory)))

        self.expect(server, TOTAL, {"acme": 200, "globex": 70, "initech": 30})
        self.expect(server, OWNERS, {"acme": 5, "globex": 3, "initech": 2})
        wait_until(lambda: len(server.rows("openai_org_snapshot_available == 1")) == 4, 20, "figures of all four")
        self.assertEqual(server.values(f"sum({TOTAL})", "none"), {"": 300})

        # One replica walks four times as often. While they differ, the figure is the newest one's, and never a mixture.
        acme.entries = people(260, 6)
        self.expect(server, TOTAL, {"acme": 260, "globex": 70, "initech": 30})
        self.assertLessEqual(self.history(server, 'organization:openai_org_users:sum{organization="acme"}'), {200, 260})
        self.assertLessEqual(
            self.history(server, 'organization_role:openai_org_users:sum{organization="acme", role="owner"}'), {5, 6}
        )

        both = 'count(openai_org_users{role="owner",status="unknown"} == 6) == 2'
        wait_until(lambda: server.rows(both), 20, "both replicas")
        wait_until(lambda: "OpenAIOrgOwnerGranted" in server.firing(), 20, "the alert")
        self.assertEqual(
            server.values('count by (organization) (ALERTS{alertname="OpenAIOrgOwnerGranted"})', "organization"),
            {"acme": 1},
        )
        self.assertEqual(server.complaints, [])

    def serve(self, organization: str, api: FakeApi, interval: str) -> str:
        flags = (f"--organization={organization}", f"--openai.base-url={api.base_url}", f"--poll.interval={interval}")
        _, url = self.enterContext(serving(*flags, "--poll.max-age=1h", OPENAI_ADMIN_KEY=api.key))
        return url

    def history(self, server: Prometheus, selector: str) -> set[float]:
        """Every value that one series had."""
        (series,) = server.rows(f"{selector}[1h]")
        return {float(value) for _, value in series["values"]}

    def expect(self, server: Prometheus, expression: str, values: dict[str, float]) -> None:
        """Waits for exactly these values by organization."""

        def seen() -> dict[str, float]:
            return server.values(expression, "organization")

        wait_until(lambda: seen() == values, 30, f"{expression} = {values}", lambda: f"{seen()}\n{server.server.output}")


if __name__ == "__main__":
    unittest.main()
