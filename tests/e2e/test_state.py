"""A restart without amnesia: the state file of the running exporter."""

import random
import signal
import stat
import tempfile
import time
import unittest
from pathlib import Path

import harness
from exposition import parse, total, value
from fake_api import FakeApi, error, fake_api
from harness import BINARY, SIMULATED_KEY, Program, exporter, get, serving, simulator, wait_until
from test_changes import crowd, person


class StateFile(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.directory / "state"

    def serve(self, api: FakeApi, *flags: str, max_age: str = "1h", path: Path | None = None):
        return serving(
            f"--state.file={path or self.path}",
            "--poll.interval=1s",
            f"--poll.max-age={max_age}",
            f"--openai.base-url={api.base_url}",
            *flags,
            OPENAI_ADMIN_KEY=api.key,
        )

    def samples(self, url: str):
        return parse(get(f"{url}/metrics").text)

    def walked(self, url: str, walks: int = 1) -> None:
        done = lambda: value(self.samples(url), "openai_org_exporter_walks_total", result="success") >= walks
        wait_until(done, 20, f"{walks} walks")

    def written(self, url: str) -> None:
        done = lambda: self.samples(url)[("openai_org_exporter_state_writes_total", frozenset({("result", "success")}))]
        wait_until(done, 20, "a written state file")

    def stop(self, program: Program) -> None:
        program.signal(signal.SIGTERM)
        self.assertEqual(program.wait(10), 0)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())

    def test_the_last_snapshot_is_served_at_once_with_its_true_age(self):
        api = self.enterContext(fake_api(crowd(*range(30))))
        with self.serve(api) as (program, url):
            self.walked(url)
            self.stop(program)
            before = time.time()
        api.answer = lambda: error(500, "down")
        with self.serve(api) as (_, url):
            samples = self.samples(url)
            self.assertEqual(total(samples, "openai_org_users"), 30)
            self.assertEqual(value(samples, "openai_org_snapshot_available"), 1)
            self.assertLessEqual(value(samples, "openai_org_snapshot_timestamp_seconds"), before)
            self.assertLessEqual(value(samples, "openai_org_last_success_timestamp_seconds"), before)
            self.assertEqual(get(f"{url}/-/fresh").status, 200)
        with self.serve(api, max_age="2s") as (_, url):
            withdrawn = lambda: value(self.samples(url), "openai_org_snapshot_available") == 0
            wait_until(withdrawn, 10, "figures that are withdrawn at their true age")

    def test_what_changed_meanwhile_is_counted_by_the_first_walk_and_counters_go_on(self):
        api = self.enterContext(fake_api([*crowd(*range(20)), person("a", role="auditor"), person("b")]))
        with self.serve(api) as (program, url):
            self.walked(url)
            api.entries = [*crowd(*range(20)), person("a", role="auditor"), person("b"), person("c", role="owner")]
            self.walked(url, 3)
            self.stop(program)
        since = value(self.samples_of_restart(api), "openai_org_changes_since_timestamp_seconds")
        api.entries = [*crowd(*range(20)), person("a", role="auditor"), person("b", role="auditor")]
        with self.serve(api) as (_, url):
            restored = self.samples(url)
            granted = value(restored, "openai_org_last_change_timestamp_seconds", change="owner_granted")
            self.walked(url)
            samples = self.samples(url)
        for change, count in [("added", 1), ("removed", 1), ("role_changed", 1), ("banned", 0)]:
            self.assertEqual(value(samples, "openai_org_user_changes_total", change=change), count, change)
        self.assertEqual(value(samples, "openai_org_user_role_grants_total", role="other"), 1)
        self.assertEqual(value(samples, "openai_org_last_change_timestamp_seconds", change="owner_granted"), granted)
        self.assertEqual(value(samples, "openai_org_changes_since_timestamp_seconds"), since)

    def samples_of_restart(self, api: FakeApi):
        with self.serve(api) as (program, url):
            self.walked(url)
            samples = self.samples(url)
            self.stop(program)
        return samples

    def test_it_names_nobody_and_only_its_owner_reads_it(self):
        api = self.enterContext(fake_api([person("verysecret", is_service_account=True), *crowd(1, 2)]))
        with self.serve(api) as (program, url):
            self.walked(url)
            self.stop(program)
        content = self.path.read_bytes()
        for name in (b"verysecret", b"secret.example", b"user_c1", api.key.encode()):
            self.assertNotIn(name, content)
        self.assertEqual(self.files(), ["state", "state.lock"])
        for name in self.files():
            self.assertEqual(stat.S_IMODE((self.directory / name).stat().st_mode), 0o600, name)

    def test_a_second_exporter_refuses_to_start_and_names_the_first(self):
        api = self.enterContext(fake_api(crowd(1)))
        with self.serve(api) as (program, url):
            self.walked(url)
            pid = (self.directory / "state.lock").read_text().strip()
            flags = ("--web.listen-address=127.0.0.1:0", f"--state.file={self.path}", f"--openai.base-url={api.base_url}")
            with exporter("serve", *flags, OPENAI_ADMIN_KEY=api.key) as second:
                self.assertEqual(second.wait(10), 1)
                self.assertIn(f"another exporter (pid {pid}) keeps its state in", second.output)
            self.assertTrue(program.running())

    def test_a_file_that_cannot_be_used_is_moved_aside_with_one_warning(self):
        api = self.enterContext(fake_api(crowd(1, 2)))
        with self.serve(api) as (program, url):
            self.walked(url)
            self.stop(program)
        good = self.path.read_bytes()
        cases = [good[: len(good) // 2], b"", b"\x7fELF", good.replace(b"state 1\n", b"state 9\n", 1)]
        for number, content in enumerate(cases, 1):
            self.path.write_bytes(content)
            with self.serve(api) as (program, url):
                self.assertEqual(sum("level=warn" in line for line in program.output.splitlines()), 1, program.output)
                self.assertIn("is not used", program.output)
                self.walked(url)
                self.written(url)
                self.stop(program)
            self.assertEqual((self.directory / f"state.damaged-{number}").read_bytes(), content)
        kept = [name for name in self.files() if "damaged" in name]
        self.assertEqual(kept, ["state.damaged-2", "state.damaged-3", "state.damaged-4"])

    def test_where_it_cannot_be_written_polling_goes_on(self):
        api = self.enterContext(fake_api(crowd(1, 2)))
        with self.serve(api, path=Path("/proc/state")) as (program, url):
            self.walked(url, 3)
            failures = ("openai_org_exporter_state_writes_total", frozenset({("result", "failure")}))
            wait_until(lambda: self.samples(url)[failures] >= 2, 20, "two failed writes")
            self.assertEqual(total(self.samples(url), "openai_org_users"), 2)
            said = [line for line in program.output.splitlines() if "cannot write the state file" in line]
            self.assertEqual(len(said), 1, "the same failure is told of once")
            self.assertNotIn("panic", program.output)
            self.stop(program)

    def test_a_disk_that_fills_up_leaves_the_old_state(self):
        api = self.enterContext(fake_api(crowd(*range(3_000))))
        with self.serve(api) as (program, url):
            self.walked(url)
            self.stop(program)
        old = self.path.read_bytes()
        # Files end after 20 kB, as on a disk without room.
        command = f'trap "" XFSZ; ulimit -f 20; exec {BINARY} "$@"'
        flags = ("--web.listen-address=127.0.0.1:0", f"--state.file={self.path}", f"--openai.base-url={api.base_url}")
        wrapped = ("bash", "-c", command, "bash", "serve", "--poll.interval=1s", *flags)
        program = self.enterContext(harness.program(*wrapped, OPENAI_ADMIN_KEY=api.key))
        url = "http://" + program.find(r"addresses=(127\.0\.0\.1:\d+)")
        self.walked(url, 2)
        program.find("(cannot write the state file)")
        self.assertEqual(total(self.samples(url), "openai_org_users"), 3_000)
        self.assertEqual(self.path.read_bytes(), old)
        self.assertEqual(self.files(), ["state", "state.lock"])

    def test_killed_at_any_instant_it_starts_with_what_it_had(self):
        base_url = self.enterContext(simulator("--users=3000", "--churn=100000"))
        api = FakeApi([], base_url=base_url, key=SIMULATED_KEY)
        known = 0.0
        for _ in range(8):
            with self.serve(api) as (program, url):
                restored = value(self.samples(url), "openai_org_user_changes_total", change="added")
                self.assertGreaterEqual(restored, known)
                known = restored
                self.assertNotIn("is not used", program.output)
                self.written(url)
                time.sleep(random.uniform(0, 0.3))
                program.signal(signal.SIGKILL)
                program.wait(5)
        self.assertGreater(known, 0)

    def test_figures_counted_by_other_settings_are_not_served(self):
        api = self.enterContext(fake_api(crowd(*range(5))))
        with self.serve(api) as (program, url):
            self.walked(url)
            self.stop(program)
        api.answer = lambda: error(500, "down")
        with self.serve(api, "--api-key.stale-after=7d") as (_, url):
            samples = self.samples(url)
            self.assertIsNone(total(samples, "openai_org_users"))
            self.assertIsNotNone(value(samples, "openai_org_last_success_timestamp_seconds"))
            self.assertIsNotNone(value(samples, "openai_org_changes_since_timestamp_seconds"))

    def test_organizations_that_are_not_configured_any_longer_are_told_of(self):
        api = self.enterContext(fake_api(crowd(1, 2)))
        with self.serve(api) as (program, url):
            self.walked(url)
            self.stop(program)
        with self.serve(api, "--organization=other") as (program, _):
            line = program.find(r"(level=warn.*organizations that are not configured.*)")
            self.assertIn("organizations=default", line)

    def test_another_file_of_the_exporter_is_no_state_file(self):
        key = self.directory / "key"
        key.write_text("sk-admin-x")
        with exporter("serve", f"--openai.admin-key-file={key}", f"--state.file={key}") as child:
            self.assertEqual(child.wait(10), 2)
            self.assertIn("name a file of its own", child.output)
        self.assertEqual(key.read_text(), "sk-admin-x")

    def test_a_wrong_path_is_refused_before_the_start(self):
        for path, why in [("/nowhere/state", "the directory of"), (str(self.directory), "is no regular file")]:
            with exporter("serve", f"--state.file={path}", OPENAI_ADMIN_KEY="sk-admin-x") as child:
                self.assertEqual(child.wait(10), 2)
                self.assertIn(why, child.output)


if __name__ == "__main__":
    unittest.main()
