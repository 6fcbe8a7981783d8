"""Walks in segments, by the running exporter over HTTP: they say what the walk page after page says."""

import re
import signal
import tempfile
import unittest
from pathlib import Path

from exposition import composition, differences, parse, value
from harness import SIMULATED_KEY, Program, get, run, serving, simulator, wait_until

USERS = 3_000
SEGMENTS = r'message="walk completed" .* segments=(\d+)'


class Segments(unittest.TestCase):
    def serve(self, base_url: str, *flags: str):
        flags = ("--poll.interval=1s", "--poll.max-age=1h", "--poll.concurrency=8", *flags)
        return serving(*flags, f"--openai.base-url={base_url}", OPENAI_ADMIN_KEY=SIMULATED_KEY)

    def walked(self, program: Program, walks: int) -> list[int]:
        """The number of segments of each walk, of so many at least."""
        segments = lambda: [int(number) for number in re.findall(SEGMENTS, program.output)]
        wait_until(lambda: len(segments()) >= walks, 60, f"{walks} walks", lambda: program.output)
        return segments()

    def test_from_the_second_walk_on_they_count_what_the_first_one_counted(self):
        base_url = self.enterContext(simulator(f"--users={USERS}", "--latency=20ms"))
        with self.serve(base_url) as (program, url):
            first, *others = self.walked(program, 4)
            samples = parse(get(f"{url}/metrics").text)
        self.assertEqual(first, 1)
        self.assertTrue(all(segments >= 8 for segments in others), others)
        once = run("once", f"--openai.base-url={base_url}", OPENAI_ADMIN_KEY=SIMULATED_KEY)
        self.assertEqual(differences(composition(parse(once.out)), composition(samples)), [])
        self.assertEqual(value(samples, "openai_org_user_changes_total", change="added"), 0)
        self.assertEqual(value(samples, "openai_org_user_changes_total", change="removed"), 0)
        self.assertEqual(value(samples, "openai_org_exporter_walk_anomalies_total", kind="segment_mismatch"), 0)

    def test_with_a_state_file_the_first_walk_after_a_restart_is_in_segments(self):
        base_url = self.enterContext(simulator(f"--users={USERS}"))
        state = Path(self.enterContext(tempfile.TemporaryDirectory())) / "state"
        with self.serve(base_url, f"--state.file={state}") as (program, url):
            self.assertEqual(self.walked(program, 1)[0], 1)
            writes = ("openai_org_exporter_state_writes_total", frozenset({("result", "success")}))
            written = lambda: parse(get(f"{url}/metrics").text)[writes]
            wait_until(written, 20, "a written state file")
            program.signal(signal.SIGTERM)
            self.assertEqual(program.wait(10), 0)
        with self.serve(base_url, f"--state.file={state}") as (program, url):
            self.assertGreaterEqual(self.walked(program, 1)[0], 8)
            samples = parse(get(f"{url}/metrics").text)
        self.assertEqual(value(samples, "openai_org_user_changes_total", change="added"), 0)
        self.assertEqual(value(samples, "openai_org_user_changes_total", change="removed"), 0)

    def test_among_429s_and_while_people_come_and_go_nobody_is_counted_twice_or_missed(self):
        flags = (f"--users={USERS}", "--churn=600", "--fault=status-429:0.02", "--fault=status-500:0.02")
        with self.serve(self.enterContext(simulator(*flags))) as (program, url):
            segments = self.walked(program, 6)
            samples = parse(get(f"{url}/metrics").text)
        self.assertTrue(any(number > 1 for number in segments), segments)
        mismatches = value(samples, "openai_org_exporter_walk_anomalies_total", kind="segment_mismatch")
        duplicates = value(samples, "openai_org_exporter_walk_anomalies_total", kind="duplicate")
        self.assertEqual((mismatches, duplicates), (0, 0))
        # Ten changes a second, of which not all are additions and removals.
        for change in ("added", "removed"):
            self.assertLess(value(samples, "openai_org_user_changes_total", change=change), USERS / 10)


if __name__ == "__main__":
    unittest.main()
