"""Several organizations in one exporter: each with its own figures, and none in the way of another."""

import json
import tempfile
import time
import unittest
from pathlib import Path

from exposition import composition, differences, parse, value
from fake_api import error, fake_api
from harness import SIMULATED_KEY, exporter, get, raw_pages, serving, simulator, wait_until
from oracle import Settings, count
from plain_shapes import all_fields


class SeveralOrganizations(unittest.TestCase):
    def test_each_is_counted_by_itself_and_a_failing_one_disturbs_nobody(self):
        bad = self.enterContext(fake_api([], lambda: error(401, "no")))
        good = self.enterContext(fake_api(all_fields(130)(int(time.time()))))
        simulated = self.enterContext(simulator("--users=230", "--seed=3", "--churn=0"))
        url = self.serve(
            {"good": (good.base_url, good.key), "sim": (simulated, SIMULATED_KEY), "bad": (bad.base_url, "k")}
        )

        def finished() -> bool:
            return all(
                value(self.samples(url), "openai_org_up", organization=name) is not None
                for name in ("good", "sim", "bad")
            )

        wait_until(finished, 30, "a finished walk of each")
        samples = self.samples(url)
        self.assertEqual(
            [value(samples, "openai_org_up", organization=name) for name in ("good", "sim", "bad")], [1, 1, 0]
        )
        expected = {}
        for name, base_url, key in [("good", good.base_url, good.key), ("sim", simulated, SIMULATED_KEY)]:
            start = value(samples, "openai_org_snapshot_timestamp_seconds", organization=name)
            expected |= count(raw_pages(base_url, key), start, Settings(name, email_domains=(f"{name}.com",)))
        self.assertEqual(differences(expected, composition(samples)), [])

    def test_the_demo_and_the_simulator_hold_as_many_as_they_are_asked_for(self):
        flags = ("--web.listen-address=127.0.0.1:0", "--organizations=3", "--users=120", "--churn=0")
        child = self.enterContext(exporter("demo", *flags))
        url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
        wait_until(lambda: get(f"{url}/-/fresh").status == 200, 20, "a walk of each", lambda: child.output)
        samples = self.samples(url)
        self.assertEqual(
            {name: value(samples, "openai_org_up", organization=name) for name in ("acme", "globex", "brightmoor")},
            {"acme": 1, "globex": 1, "brightmoor": 1},
        )
        prints = {samples[series] for series in samples if series[0] == "openai_org_roster_fingerprint"}
        self.assertEqual(len(prints), 3, "each has users of its own")

        api = self.enterContext(simulator("--organizations=2", "--users=120"))
        one, another = (raw_pages(api, f"{SIMULATED_KEY}-{number}") for number in (1, 2))
        self.assertNotEqual(one, another)

    def samples(self, url: str):
        return parse(get(f"{url}/metrics").text)

    def serve(self, organizations: dict[str, tuple[str, str]]) -> str:
        """Serves these organizations from a configuration file; gives the URL of the root."""
        config = {
            "poll": {"interval": "10m"},
            "organizations": [
                {
                    "name": name,
                    "base_url": base_url,
                    "admin_key_env": f"KEY_OF_{name}",
                    "email_domains": [f"{name}.com"],
                }
                for name, (base_url, _) in organizations.items()
            ],
        }
        path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "config.yml"
        path.write_text(json.dumps(config))
        keys = {f"KEY_OF_{name}": key for name, (_, key) in organizations.items()}
        _, url = self.enterContext(serving(f"--config.file={path}", **keys))
        return url


if __name__ == "__main__":
    unittest.main()
