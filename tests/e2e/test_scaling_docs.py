"""What the configurations of docs/scaling.md pick out is there. test_docs.py has them read."""

import re
import unittest

import yaml

from harness import ROOT
from pages import blocks

PAGE = (ROOT / "docs" / "scaling.md").read_text()
RULES = ROOT / "rules"
PROMETHEUS = [block.text for block in blocks("yaml", page="docs/scaling.md") if "scrape_configs:" in block.text]
# Alerts read these as they come from the exporters, from scrapes, or from rules of one's own.
RAW_OF_ALERTS = re.compile(r"(?<![:\w])(openai_org_\w+|process_\w+|up(?=\{))\b")


def matchers(configuration: str) -> list[str]:
    """The regular expressions by which a configuration picks series by their name."""
    found = re.findall(r'__name__=~"([^"]+)"', configuration)
    return found + re.findall(r"source_labels: \[__name__\]\n\s+regex: (\S+)\n", configuration)


class ScalingDocs(unittest.TestCase):
    def test_what_is_picked_by_name_covers_what_the_rules_record(self):
        documents = [yaml.safe_load(path.read_text()) for path in RULES.glob("*.yaml")]
        rules = [rule for document in documents for group in document["groups"] for rule in group["rules"]]
        recorded = {rule["record"] for rule in rules if "record" in rule}
        self.assertGreater(len(recorded), 10)
        picking = [matchers(configuration) for configuration in PROMETHEUS if matchers(configuration)]
        self.assertGreaterEqual(len(picking), 2)
        for patterns in picking:
            missed = {name for name in recorded if not any(re.fullmatch(pattern, name) for pattern in patterns)}
            self.assertEqual(missed, set(), patterns)

    def test_the_list_of_what_alerts_read_beside_is_complete(self):
        alerts = yaml.safe_load((RULES / "alerts.yaml").read_text())
        rules = [rule for group in alerts["groups"] for rule in group["rules"]]
        read = {
            name
            for rule in rules
            for text in (rule["expr"], *rule["annotations"].values())
            for name in RAW_OF_ALERTS.findall(text)
        }
        self.assertGreater(len(read), 5)
        section = PAGE.partition("\n## Federation\n")[2].partition("\n## ")[0]
        listed = section.partition("To evaluate alerts on top instead")[2]
        self.assertEqual(set(re.findall(r"`((?:openai_org_|process_)\w+|up)`", listed)), read)

    def test_alerts_come_along_only_where_they_are_evaluated_below(self):
        """A server that federates or receives `ALERTS` has no rules of its own, or each alert would come twice."""
        federating = [configuration for configuration in PROMETHEUS if "/federate" in configuration]
        self.assertTrue(federating)
        for configuration in federating:
            with self.subTest(configuration.splitlines()[0]):
                self.assertIn("ALERTS", configuration)
                self.assertNotIn("rule_files", configuration)


if __name__ == "__main__":
    unittest.main()
