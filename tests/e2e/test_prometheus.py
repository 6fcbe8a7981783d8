"""A real Prometheus scrapes the demo: it has nothing to complain about, and every query we show returns data."""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from harness import exporter, free_port, get, program, wait_until
from queries import DASHBOARDS, Query, dashboard_queries, readme_queries

DEMO = (
    "--web.listen-address=127.0.0.1:0",
    "--users=600",
    "--seed=1",
    "--churn=600",
    "--poll.interval=1s",
    "--email-domain=example.com",
)
SCRAPES = 6


class Prometheus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = cls.enterClassContext(exporter("demo", *DEMO))
        cls.metrics = cls.demo.find(r"(http://127\.0\.0\.1:\d+/metrics)")
        directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        config = directory / "prometheus.yml"
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                    "scrape_configs": [
                        {"job_name": "demo", "static_configs": [{"targets": [cls.metrics.split("/")[2]]}]}
                    ],
                }
            )
        )
        port = free_port()
        cls.url = f"http://127.0.0.1:{port}"
        cls.server = cls.enterClassContext(
            program(
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            )
        )
        cls.server.find("(Server is ready to receive web requests)")
        wait_until(lambda: cls.rows(f"count_over_time(up[1m]) >= {SCRAPES}"), 30, f"{SCRAPES} scrapes")

    @classmethod
    def rows(cls, expression: str) -> list[dict[str, Any]]:
        reply = get(f"{cls.url}/api/v1/query?{urlencode({'query': expression})}")
        answer = json.loads(reply.body)
        if answer["status"] != "success":
            raise AssertionError(f"{expression}: {answer['error']}")
        return answer["data"]["result"]

    def test_the_target_was_up_at_every_scrape(self):
        self.assertEqual([row["value"][1] for row in self.rows("min_over_time(up[1m])")], ["1"])

    def test_nothing_is_scraped_twice_or_out_of_order(self):
        self.assertEqual(len(self.rows("scrape_samples_scraped == scrape_samples_post_metric_relabeling")), 1)
        complaints = re.findall(r"^.*level=(?:warn|error).*$", self.server.output, re.MULTILINE)
        self.assertEqual(complaints, [])

    def test_promtool_has_nothing_to_say(self):
        text = get(self.metrics).body
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((done.stdout.decode(), done.stderr.decode(), done.returncode), ("", "", 0))

    def test_the_figures_move(self):
        wait_until(lambda: self.rows("changes(openai_org_users[1m]) > 0"), 30, "a figure that changes")

    def test_every_query_of_the_readme_returns_data(self):
        queries = readme_queries()
        self.assertTrue(queries)
        self.assert_data(queries)

    def test_every_query_of_the_dashboards_returns_data(self):
        for path in DASHBOARDS:
            self.assert_data(dashboard_queries(path))

    def test_a_query_for_nothing_returns_nothing(self):
        self.assertEqual(self.rows('openai_org_users{role="no such role"}'), [])

    def assert_data(self, queries: list[Query]) -> None:
        for query in queries:
            with self.subTest(query.place):
                wait_until(lambda: self.rows(query.expression), 15, f"data for {query.expression}")


if __name__ == "__main__":
    unittest.main()
