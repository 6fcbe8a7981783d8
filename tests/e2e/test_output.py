"""`once --output` and outputs that cannot be written to."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from threading import Thread

from exposition import parse, value
from harness import BINARY, SIMULATED_KEY, environment, free_port, get, run, simulator, wait_until


class OutputOfOnce(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.api = self.enterContext(simulator("--users=10"))

    def once(self, path: Path, base_url: str | None = None):
        return run(
            "once",
            f"--openai.base-url={base_url or self.api}",
            "--poll.stall-timeout=1s",
            f"--output={path}",
            OPENAI_ADMIN_KEY=SIMULATED_KEY,
        )

    def test_a_file_is_replaced_as_a_whole_and_nothing_else_stays_behind(self):
        path = self.directory / "openai.prom"
        path.write_text("old")
        before = path.stat().st_ino
        result = self.once(path)
        self.assertEqual((result.code, result.out), (0, ""))
        self.assertEqual(value(parse(path.read_text()), "openai_org_up"), 1)
        self.assertNotEqual(path.stat().st_ino, before, "it is a new file under the old name")
        self.assertEqual(os.listdir(self.directory), ["openai.prom"])

    def test_a_failed_walk_writes_that_it_failed_and_no_figures(self):
        path = self.directory / "openai.prom"
        result = self.once(path, "http://127.0.0.1:1/v1")
        self.assertEqual(result.code, 1)
        samples = parse(path.read_text())
        self.assertEqual(value(samples, "openai_org_up"), 0)
        self.assertEqual(value(samples, "openai_org_snapshot_available"), 0)
        self.assertNotIn("openai_org_users", {name for name, _ in samples})

    def test_a_link_stays_a_link(self):
        target, link = self.directory / "target.prom", self.directory / "link.prom"
        target.write_text("old")
        link.symlink_to(target)
        self.assertEqual(self.once(link).code, 0)
        self.assertTrue(link.is_symlink())
        self.assertIn("openai_org_up", target.read_text())

    def test_a_pipe_is_written_to_and_stays_a_pipe(self):
        pipe = self.directory / "pipe"
        os.mkfifo(pipe)
        read: list[str] = []
        reader = Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
        reader.start()
        self.assertEqual(self.once(pipe).code, 0)
        reader.join(10)
        self.assertTrue(pipe.is_fifo())
        self.assertEqual(value(parse(read[0]), "openai_org_up"), 1)

    def test_a_place_that_cannot_be_written_to_is_named(self):
        for path in [self.directory, self.directory / "nowhere" / "openai.prom"]:
            result = self.once(path)
            self.assertEqual(result.code, 1)
            self.assertRegex(result.err, rf"openai-org-exporter: flag --output: cannot write {path}: .+\n$")


class ClosedOutputs(unittest.TestCase):
    def test_a_full_output_is_an_error_and_no_panic(self):
        for arguments in (["--help"], ["--version"], ["docs", "metrics"], ["check-config"]):
            with self.subTest(arguments), open("/dev/full", "w") as full:
                done = subprocess.run(
                    [BINARY, *arguments],
                    env=environment(OPENAI_ADMIN_KEY="sk-admin-x"),
                    stdout=full,
                    stderr=subprocess.PIPE,
                    timeout=10,
                )
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"openai-org-exporter: cannot write to standard output: ", done.stderr)

    def test_an_error_that_cannot_be_told_still_has_its_code(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BINARY, "--xyzzy"], env=environment(), stderr=full, timeout=10)
        self.assertEqual(done.returncode, 2)


class ReadersThatAreGone(unittest.TestCase):
    """Whoever reads no further has read enough: no word, no panic, and the code is that of what was done."""

    def setUp(self) -> None:
        self.api = self.enterContext(simulator("--users=1000"))

    def run_into_nothing(self, *arguments: str, base_url: str | None = None) -> tuple[int, bytes]:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = subprocess.run(
                [BINARY, *arguments],
                env=environment(
                    OPENAI_ADMIN_KEY=SIMULATED_KEY, OPENAI_ORG_EXPORTER_OPENAI_BASE_URL=base_url or self.api
                ),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=subprocess.PIPE,
                timeout=60,
            )
        finally:
            os.close(writer)
        return done.returncode, done.stderr

    def test_nothing_is_said_and_it_is_no_failure(self):
        for arguments in (
            ["--help"],
            ["once", "--help"],
            ["--version"],
            ["docs", "metrics"],
            ["docs", "configuration"],
            ["completions", "bash"],
            ["check-config"],
            ["once", "--log.level=error"],
        ):
            with self.subTest(arguments):
                self.assertEqual(self.run_into_nothing(*arguments), (0, b""))

    def test_a_walk_that_failed_has_failed_all_the_same(self):
        code, said = self.run_into_nothing("once", "--poll.stall-timeout=1s", base_url="http://127.0.0.1:1/v1")
        self.assertEqual(code, 1)
        self.assertNotIn(b"standard output", said)
        self.assertNotIn(b"panicked", said)

    def test_a_pipeline_of_a_careful_shell_goes_well(self):
        for line in ('"$BINARY" once --log.level=error | head -n 1', '"$BINARY" docs metrics | true'):
            with self.subTest(line):
                done = subprocess.run(
                    ["bash", "-c", f"set -eo pipefail; {line}"],
                    env=environment(
                        BINARY=BINARY, OPENAI_ADMIN_KEY=SIMULATED_KEY, OPENAI_ORG_EXPORTER_OPENAI_BASE_URL=self.api
                    ),
                    capture_output=True,
                    timeout=60,
                )
                self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_a_server_serves_on_when_nobody_reads_its_log(self):
        for format in ("logfmt", "json"):
            with self.subTest(format):
                port = free_port()
                flags = (f"--web.listen-address=127.0.0.1:{port}", "--churn=600", f"--log.format={format}")
                with subprocess.Popen(
                    [BINARY, "demo", *flags], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                ) as child:
                    try:
                        child.stdout.readline()
                        child.stdout.close()
                        url = f"http://127.0.0.1:{port}/metrics"
                        walks = r'^openai_org_exporter_walks_total{.*"success"} ([2-9]|\d\d)'
                        wait_until(lambda: answers(url) and re.search(walks, get(url).text, re.M), 30, "a second walk")
                    finally:
                        child.terminate()
                    self.assertEqual(child.wait(20), 0)


def answers(url: str) -> bool:
    """Whether anybody listens there."""
    try:
        return get(url).status == 200
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
