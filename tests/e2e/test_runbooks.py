"""Holds the runbooks to the alerts, and runs every query and every command that they show."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import NamedTuple

from harness import BINARY, ROOT, SIMULATED_KEY, environment, exporter, simulator, wait_until
from monitoring import alertmanager, prometheus, quick_rules, target, webhook
from test_prometheus import DEMO
from test_rules import alerts, promtool

RUNBOOKS = ROOT / "docs" / "runbooks.md"
PARTS = ("Means", "Check", "Mend", "Silence")


class Block(NamedTuple):
    """A fenced block, and the section in which it stands."""

    section: str
    language: str
    text: str


def sections() -> dict[str, str]:
    """The texts of the second-level sections by heading."""
    parts = re.split(r"(?m)^## (.+)$", RUNBOOKS.read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(language: str) -> list[Block]:
    found, section = [], ""
    pattern = r"^##? ([^\n]+)$|^```(\w+)\n(.*?)^```$"
    for heading, kind, text in re.findall(pattern, RUNBOOKS.read_text(), re.MULTILINE | re.DOTALL):
        section = heading or section
        if kind == language:
            found.append(Block(section, kind, text))
    return found


class Sections(unittest.TestCase):
    def test_every_alert_has_its_section_and_every_section_its_alert(self):
        self.assertEqual(set(sections()), {alert["alert"] for alert in alerts()})
        headings = re.findall(r"(?m)^## (.+)$", RUNBOOKS.read_text())
        self.assertEqual(len(headings), len(set(headings)))

    def test_each_says_what_it_means_how_to_check_how_to_mend_and_when_to_silence(self):
        for heading, text in sections().items():
            with self.subTest(heading):
                self.assertEqual(tuple(re.findall(r"(?m)^\*\*(\w+)[.*]", text)), PARTS)

    def test_links_lead_somewhere(self):
        anchors = {heading.lower() for heading in sections()}
        for text, link in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", RUNBOOKS.read_text()):
            with self.subTest(text):
                file, _, anchor = link.partition("#")
                self.assertTrue((RUNBOOKS.parent / file).exists() if file else anchor in anchors)

    def test_the_thresholds_that_it_shows_are_rules(self):
        (example,) = blocks("yaml")
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "mine.yaml").write_text(example.text)
            done = promtool("check", "rules", "--lint=all", "--lint-fatal", "mine.yaml", directory=Path(directory))
        self.assertEqual((done.stderr, done.returncode), ("", 0))


class Shown(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.demo = cls.enterClassContext(exporter("demo", *DEMO))
        cls.url = cls.demo.find(r"(http://127\.0\.0\.1:\d+)/metrics")
        cls.prometheus = cls.enterClassContext(prometheus(cls.directory, [cls.url], quick_rules(cls.directory)))

    def test_every_query_returns_data(self):
        queries = blocks("promql")
        self.assertGreater(len(queries), 20)
        for query in queries:
            with self.subTest(query.section, query=query.text):
                wait_until(lambda: self.prometheus.rows(query.text), 60, f"data for {query.text}")

    def test_every_command_runs_and_says_something(self):
        base_url = self.enterContext(simulator("--users=230"))
        manager = self.enterContext(alertmanager(self.directory, self.enterContext(webhook())))
        log = self.directory / "exporter.log"
        places = {
            "localhost:10195": target(self.url),
            "localhost:9093": target(manager),
            "https://api.openai.com/v1": base_url,
            "exporter.log": str(log),
            "openai-org-exporter": BINARY,
        }
        wait_until(lambda: "to=owner" in self.demo.output, 60, "a new owner in the log")
        log.write_text(self.demo.output)
        for block in blocks("bash"):
            command = block.text
            for shown, here in places.items():
                command = command.replace(shown, here)
            with self.subTest(block.section, command=command):
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", command],
                    env=environment(OPENAI_ADMIN_KEY=SIMULATED_KEY, USER="somebody"),
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=60,
                )
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.strip())


if __name__ == "__main__":
    unittest.main()
