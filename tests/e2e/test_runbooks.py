"""Holds the runbooks to the alerts. What they show is run by test_docs.py."""

import re
import unittest

from harness import ROOT
from test_rules import alerts

RUNBOOKS = ROOT / "docs" / "runbooks.md"
SAID_OF_USERS = re.compile(r"\A(openai-org-exporter: note: ignored, .*\n)?openai-org-exporter: \d+ users\n\Z")
PARTS = ("Means", "Check", "Mend", "Silence")


def sections() -> dict[str, str]:
    """The texts of the second-level sections by heading."""
    parts = re.split(r"(?m)^## (.+)$", RUNBOOKS.read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


class Sections(unittest.TestCase):
    def test_every_alert_has_its_section_and_every_section_its_alert(self):
        self.assertEqual(set(sections()), {alert["alert"] for alert in alerts()})
        headings = re.findall(r"(?m)^## (.+)$", RUNBOOKS.read_text())
        self.assertEqual(len(headings), len(set(headings)))

    def test_each_says_what_it_means_how_to_check_how_to_mend_and_when_to_silence(self):
        for heading, text in sections().items():
            with self.subTest(heading):
                self.assertEqual(tuple(re.findall(r"(?m)^\*\*(\w+)[.*]", text)), PARTS)


if __name__ == "__main__":
    unittest.main()
