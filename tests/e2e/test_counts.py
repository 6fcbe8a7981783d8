"""Every composition sample, for organizations of many shapes, against the independent oracle: in both directions."""

import re
import time
import unittest

from exposition import COMPOSITION, FRESHNESS, composition, differences, parse, total, value
from fake_api import ADMIN_KEY, fake_api
from harness import SIMULATED_KEY, raw_pages, run, simulator
from oracle import Samples, Settings, count
from shapes import SHAPES, Shape


def flags(settings: Settings) -> list[str]:
    """The command line that says the same as the oracle's settings."""
    return [
        f"--projects.limit={settings.projects_limit}",
        f"--api-key.stale-after={','.join(settings.stale_after)}",
        f"--projects.names={'true' if settings.projects_names else 'false'}",
        *(f"--email-domain={domain}" for domain in settings.email_domains),
    ]


class Comparing(unittest.TestCase):
    """Walks with the exporter, counts with the oracle."""

    def once(self, base_url: str, key: str, settings: Settings) -> Samples:
        result = run("once", f"--openai.base-url={base_url}", *flags(settings), OPENAI_ADMIN_KEY=key)
        self.assertEqual(result.code, 0, result.err)
        return parse(result.out)

    def compare(self, base_url: str, key: str, settings: Settings) -> Samples:
        """Walks and counts, on both sides; returns what both agree on."""
        samples = self.once(base_url, key, settings)
        start = value(samples, "openai_org_snapshot_timestamp_seconds")
        self.assertAlmostEqual(start, time.time(), delta=120)
        expected = count(raw_pages(base_url, key), start, settings)
        wrong = differences(expected, composition(samples))
        self.assertFalse(wrong, f"{len(wrong)} samples differ:\n" + "\n".join(wrong[:40]))
        self.assertLessEqual({name for name, _ in samples}, COMPOSITION | FRESHNESS)
        return expected


class CountsOfShapes(Comparing):
    """One test for each shape, under its name."""


def test_of(shape: Shape):
    def test(self: Comparing) -> None:
        with fake_api(shape.entries(int(time.time()))) as api:
            self.compare(api.base_url, ADMIN_KEY, shape.settings)

    return test


for _shape in SHAPES:
    setattr(CountsOfShapes, "test_" + re.sub(r"\W", "_", _shape.name), test_of(_shape))


class CountsOfSimulatedOrganizations(Comparing):
    """The simulator's own organizations, read page by page over HTTP."""

    def test_simulated_organizations_of_several_sizes_and_seeds(self):
        settings = Settings(email_domains=("example.com", "acme.com"))
        for size, seed in [(0, 1), (1, 1), (100, 2), (1_234, 3), (5_000, 4)]:
            with (
                self.subTest(users=size, seed=seed),
                simulator(f"--users={size}", f"--seed={seed}", "--churn=0") as base_url,
            ):
                samples = self.compare(base_url, SIMULATED_KEY, settings)
                self.assertEqual(total(samples, "openai_org_users"), size)


if __name__ == "__main__":
    unittest.main()
