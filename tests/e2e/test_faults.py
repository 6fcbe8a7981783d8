"""Each fault of the simulator against a serving exporter: what is published stays right, and says how old it is."""

import time
import unittest
from contextlib import ExitStack
from itertools import count

from exposition import composition, parse, total, value
from fake_api import ADMIN_KEY, error, fake_api
from harness import SIMULATED_KEY, free_port, get, run, serving, simulator, wait_until
from oracle import Samples
from plain_shapes import all_fields

USERS = 350
ORGANIZATION = f"--users={USERS}", "--seed=5", "--churn=0"
PATIENCE = {"interval": "1s", "max-age": "10m", "request-timeout": "1s", "stall-timeout": "6s", "timeout": "30s"}
SECONDS = 60


def patience(**other: str) -> list[str]:
    """Flags for a short interval and short time-outs, with some of them replaced."""
    settings = PATIENCE | {name.replace("_", "-"): value for name, value in other.items()}
    return [f"--poll.{name}={value}" for name, value in settings.items()]


def watching(base_url: str, **other: str):
    """Serves one organization, with little patience."""
    return serving(f"--openai.base-url={base_url}", *patience(**other), OPENAI_ADMIN_KEY=SIMULATED_KEY)


class Watched:
    """A serving exporter, and behind one port the simulators that come and go."""

    def __init__(self, stack: ExitStack, **other: str) -> None:
        self._port = free_port()
        self._simulator = stack.enter_context(ExitStack())
        self.simulate()
        _, self.url = stack.enter_context(watching(f"http://127.0.0.1:{self._port}/v1", **other))

    def simulate(self, *flags: str) -> None:
        """Replaces the running simulator by one of the same organization with these flags."""
        self._simulator.close()
        self._simulator.enter_context(simulator(*ORGANIZATION, *flags, port=self._port))

    def samples(self) -> Samples:
        return parse(get(f"{self.url}/metrics").text)

    def walks(self, *results: str) -> float:
        """How many walks ended so."""
        samples = self.samples()
        return sum(value(samples, "openai_org_exporter_walks_total", result=result) or 0 for result in results)

    def fails(self, *results: str) -> Samples:
        """Waits for a walk that ends so, and for `up` to say it; returns the exposition."""
        before = self.walks(*results)
        wait_until(
            lambda: self.walks(*results) > before and value(self.samples(), "openai_org_up") == 0,
            SECONDS,
            f"a walk that ends with {' or '.join(results)}",
            self.evidence,
        )
        return self.samples()

    def leave(self) -> None:
        """Takes the simulator away."""
        self._simulator.close()

    def succeeds(self) -> Samples:
        """Waits until a walk that begins from now on is published, and returns the exposition."""
        now = time.time()

        def published() -> Samples | None:
            samples = self.samples()
            start = value(samples, "openai_org_snapshot_timestamp_seconds") or 0
            return samples if start > now and value(samples, "openai_org_up") == 1 else None

        return wait_until(published, SECONDS, "a clean walk", self.evidence)

    def without_figures(self) -> Samples | None:
        """The exposition, if it has no composition."""
        samples = self.samples()
        return None if composition(samples) else samples

    def evidence(self) -> str:
        """What the exporter says about its walks."""
        return "\n".join(
            line
            for line in get(f"{self.url}/metrics").text.splitlines()
            if line.startswith(("openai_org_up", "openai_org_exporter_walk", "openai_org_snapshot"))
        )


class Faults(unittest.TestCase):
    def setUp(self):
        self.exporter = Watched(self.enterContext(ExitStack()))

    def check_failing(self, fault: str, *results: str) -> None:
        """The last good figures stay, `up` falls, the reason is counted, and the next clean walk publishes."""
        self.exporter.succeeds()
        self.exporter.simulate(f"--fault={fault}")
        first, second = self.exporter.fails(*results), self.exporter.fails(*results)
        self.assertEqual(total(first, "openai_org_users"), USERS)
        self.assertEqual(composition(first), composition(second))
        self.exporter.simulate()
        self.assertEqual(total(self.exporter.succeeds(), "openai_org_users"), USERS)

    def check_survived(self, fault: str, anomaly: str | None = None) -> Samples:
        """The figures are complete all the same, and what casts doubt on them is said."""
        self.exporter.simulate(f"--fault={fault}")
        samples = self.exporter.succeeds()
        self.assertEqual(total(samples, "openai_org_users"), USERS)
        for kind in ("duplicate", "missing_cursor", "cursor_gone"):
            found = value(samples, "openai_org_snapshot_anomalies", kind=kind)
            self.assertEqual(bool(found), kind == anomaly, f"{found} of kind {kind}")
        return samples

    def test_status_500(self):
        self.check_failing("status-500", "server_error")

    def test_status_429(self):
        self.check_failing("status-429", "rate_limited")

    def test_reset(self):
        self.check_failing("reset", "connect")

    def test_truncate(self):
        self.check_failing("truncate", "connect", "invalid_response")

    def test_html(self):
        self.check_failing("html", "invalid_response")

    def test_hang(self):
        self.check_failing("hang", "timeout")

    def test_huge(self):
        self.check_failing("huge", "invalid_response")

    def test_repeat_cursor(self):
        self.check_failing("repeat-cursor", "invalid_response")
        anomalies = value(self.exporter.samples(), "openai_org_exporter_walk_anomalies_total", kind="repeated_cursor")
        self.assertGreaterEqual(anomalies, 1)

    def test_missing_cursor(self):
        self.check_survived("missing-cursor", "missing_cursor")

    def test_duplicate(self):
        self.check_survived("duplicate", "duplicate")

    def test_wrong_types(self):
        carried = total(self.exporter.succeeds(), "openai_org_users_with_field")
        samples = self.check_survived("wrong-types")
        self.assertLess(total(samples, "openai_org_users_with_field"), carried)


class SlowAnswers(unittest.TestCase):
    def test_a_trickling_body_is_read_to_its_end(self):
        exporter = Watched(self.enterContext(ExitStack()), request_timeout="20s", stall_timeout="30s")
        exporter.simulate("--fault=slow")
        self.assertEqual(total(exporter.succeeds(), "openai_org_users"), USERS)


class FiguresThatAreTooOld(unittest.TestCase):
    def test_they_are_withdrawn_and_come_back_with_the_next_walk(self):
        exporter = Watched(self.enterContext(ExitStack()), max_age="3s")
        exporter.succeeds()
        exporter.leave()
        samples = wait_until(exporter.without_figures, SECONDS, "figures withdrawn", exporter.evidence)
        self.assertEqual(value(samples, "openai_org_snapshot_available"), 0)
        self.assertIsNone(value(samples, "openai_org_snapshot_timestamp_seconds"))
        self.assertLess(value(samples, "openai_org_last_success_timestamp_seconds"), time.time() - 2)
        self.assertEqual(get(f"{exporter.url}/-/fresh").status, 503)
        exporter.simulate()
        self.assertEqual(total(exporter.succeeds(), "openai_org_users"), USERS)
        self.assertEqual(get(f"{exporter.url}/-/fresh").status, 200)


class FailedWalks(unittest.TestCase):
    def test_once_says_that_it_failed_and_shows_no_figures(self):
        for status in (401, 403, 404, 500):
            with self.subTest(status=status), fake_api([], lambda: error(status, "no")) as api:
                result = run("once", f"--openai.base-url={api.base_url}", *patience(), OPENAI_ADMIN_KEY=ADMIN_KEY)
                self.assertEqual(result.code, 1, result.err)
                samples = parse(result.out)
                self.assertEqual(value(samples, "openai_org_up"), 0)
                self.assertEqual(composition(samples), {})

    def test_a_refused_key_is_counted_by_its_reason(self):
        for status, result in [(401, "unauthorized"), (403, "forbidden"), (404, "client_error")]:
            with (
                self.subTest(status=status),
                fake_api([], lambda: error(status, "no")) as api,
                watching(api.base_url) as (_, url),
            ):
                wait_until(
                    lambda: value(parse(get(f"{url}/metrics").text), "openai_org_exporter_walks_total", result=result),
                    SECONDS,
                    f"a walk that ends with {result}",
                )

    def test_a_walk_that_breaks_on_its_last_page_counts_nobody(self):
        asked = count()
        with fake_api(all_fields(350)(int(time.time())), lambda: error(400, "no") if next(asked) >= 3 else None) as api:
            result = run("once", f"--openai.base-url={api.base_url}", *patience(), OPENAI_ADMIN_KEY=ADMIN_KEY)
        self.assertEqual(result.code, 1, result.err)
        self.assertEqual(composition(parse(result.out)), {})
        self.assertGreaterEqual(len(api.requests), 4)


if __name__ == "__main__":
    unittest.main()
