"""The examples at the end of each command's help do what they say, as they stand."""

import os
import re
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import BINARY, SIMULATED_KEY, environment, free_port, get, program, run, simulator, wait_until

PREFIX = "OPENAI_ORG_EXPORTER_"
LASTING = {"serve", "demo", "simulate"}
# Files that examples name, as somebody would have them.
FILES = {
    "policies.yaml": "policies:\n  - {name: somebody, select: openai_org_users, min: 1}\n",
    "config.yaml": "organizations:\n  - {name: acme, admin_key_file: key}\n",
    "web.yaml": "http_server_config:\n  headers: {X-Frame-Options: deny}\n",
    "key": SIMULATED_KEY,
}


def examples(*command: str) -> list[str]:
    """The lines at the end of the help of a command that are to be run; those about them begin with `#`."""
    _, end = run(*command, "--help").out.split("\nExamples:\n")
    lines = [line.strip() for line in end.splitlines()]
    if [line.startswith("# ") for line in lines] != [True, False, True, False]:
        raise AssertionError(f"{command}: the help does not end with two examples, each below what it is for:\n{end}")
    return lines[1::2]


def commands() -> list[str]:
    """All commands, as the help lists them."""
    _, listed = run("--help").out.split("\nCommands:\n")
    return re.findall(r"^  ([a-z-]+)", listed.split("\n\n")[0], re.MULTILINE)


class Examples(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in FILES.items():
            (self.directory / name).write_text(text)
        self.address = f"127.0.0.1:{free_port()}"
        self.env = {
            "PATH": f"{Path(BINARY).parent}:{os.environ['PATH']}",
            "OPENAI_ADMIN_KEY": SIMULATED_KEY,
            f"{PREFIX}OPENAI_BASE_URL": self.enterContext(simulator("--users=40")),
            f"{PREFIX}WEB_LISTEN_ADDRESS": self.address,
            f"{PREFIX}LISTEN_ADDRESS": "127.0.0.1:0",
        }

    def shell(self, line: str) -> list[str]:
        return ["bash", "-c", f"set -eo pipefail; cd {self.directory}; {line}"]

    def ends_well(self, line: str) -> None:
        done = subprocess.run(
            self.shell(line), env=environment(**self.env), stdin=subprocess.DEVNULL, capture_output=True, timeout=60
        )
        self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout.decode()}{done.stderr.decode()}")

    def lasts(self, line: str) -> None:
        """It serves what it should, and ends in order."""
        with program(*self.shell(f"exec {line}"), **self.env) as child:
            if " simulate " in line:
                child.find(r"(http://127\.0\.0\.1:\d+/v1)")
            else:
                child.find("(exporter started)")
                walked = "\nopenai_org_up{"
                wait_until(lambda: walked in get(f"http://{self.address}/metrics").text, 20, "a walk", lambda: line)
            child.signal(signal.SIGTERM)
            self.assertEqual(child.wait(20), 0, child.output)

    def test_every_command_has_two_that_run(self):
        self.assertGreater(len(commands()), 6)
        for command in commands():
            for line in examples(command):
                with self.subTest(line):
                    words = line.replace("source <(", "").split()
                    self.assertEqual(words[:2], ["openai-org-exporter", command])
                    self.assertLessEqual(len(line), 76)
                    if command in LASTING:
                        self.lasts(line)
                    elif command == "healthcheck":
                        with self.healthy():
                            self.ends_well(line)
                    else:
                        self.ends_well(line)

    @contextmanager
    def healthy(self) -> Iterator[None]:
        """An exporter at the address that a health check asks."""
        with program(BINARY, "serve", **self.env) as child:
            child.find("(exporter started)")
            yield

    def test_the_program_itself_ends_with_those_of_serve(self):
        self.assertEqual(examples(), examples("serve"))

    def test_the_file_of_once_holds_the_figures(self):
        (line,) = [line for line in examples("once") if "--output" in line]
        self.ends_well(line)
        self.assertIn('openai_org_up{organization="acme"} 1\n', (self.directory / "openai-org.prom").read_text())


if __name__ == "__main__":
    unittest.main()
