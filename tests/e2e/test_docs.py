"""Every block of every Markdown page is run, or has a remark that says why not.

To add a page, write it; there is nothing to list here but its line in docs/README.md. A block is taken by its language:

- `bash`, `sh`, `console`: commands, run in the order of the page as page_commands.py says, where an exporter of `acme`
  serves already. They have to succeed, say something, and complain of nothing; what may come late is asked for again
  until it is there. A command that stays, such as the exporter, stands in a block of its own. In `console` commands
  stand behind `$ `, and the lines between are what they say.
- `text`, directly below commands: what they say. Each sample must be there with its name and the names of its labels,
  each other line with its first word.
- `promql`: returns data in a Prometheus that scrapes a demo, with the rules.
- `yaml`: a configuration, read by the program whose keys it has (page_files.py): the exporter, its web configuration,
  Prometheus, its rules.
- `ini`: a unit of systemd, or a drop-in whose first line is `# systemctl edit NAME`.
- `json`: parsed.

What cannot be run here has a remark above it, as pages.py shows: `not run:` with the reason, or `run by` with the test
that does it. Commands in the middle of a sentence are not run: what matters stands in a block.
"""

import json
import re
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from harness import ROOT, exporter, wait_until
from monitoring import prometheus, quick_rules
from page_commands import Room, room, serve, shapes, staying
from page_files import CHECKS
from pages import PAGES, SHELL, Block, blocks, indented_code, read
from test_prometheus import DEMO

LANGUAGES = {*SHELL, *CHECKS, "promql", "json"}
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def without_remark(*languages: str) -> list[Block]:
    return [block for block in blocks(*languages) if block.remark is None]


class Pages(unittest.TestCase):
    def test_every_block_is_run_or_says_why_not(self):
        self.assertGreater(len(PAGES), 20)
        for block in without_remark():
            self.assertIn(block.language, LANGUAGES, f"{block.place}: nothing runs this, and no remark says why")

    def test_the_tests_that_remarks_name_exist(self):
        remarks = [block for block in blocks() if block.remark]
        self.assertTrue(remarks)
        for block in remarks:
            with self.subTest(block.place, remark=block.remark):
                names = re.findall(r"\btest_\w+", block.remark)
                self.assertTrue(names or re.match(r"not run: \w+ \w+ ", block.remark), "it names no test and no reason")
                for name in names:
                    files = [path.stem for path in (ROOT / "tests").rglob("test_*.py")]
                    self.assertTrue(name in files or f"def {name}(" in TESTS, name)

    def test_no_code_is_indented_instead_of_fenced(self):
        for page in PAGES:
            with self.subTest(page):
                self.assertEqual(indented_code((ROOT / page).read_text()), [])


class Shown(unittest.TestCase):
    def rooms(self, *languages: str) -> Iterator[tuple[Room, list[Block]]]:
        """A room for each page that has blocks in these languages, with those blocks."""
        found = without_remark(*languages)
        for page in sorted({block.page for block in found}):
            with tempfile.TemporaryDirectory() as folder, room(Path(folder)) as here:
                yield here, [block for block in found if block.page == page]

    def test_every_command_runs_and_says_something(self):
        for here, shown in self.rooms(*SHELL):
            serve(here, blocks(page=shown[0].page))
            for block in shown:
                with self.subTest(block.place):
                    self.assertEqual(here.run(block), "")

    def test_every_file_is_read_by_the_program_for_which_it_is(self):
        for here, shown in self.rooms(*CHECKS):
            for block in shown:
                with self.subTest(block.place):
                    done = CHECKS[block.language](here, block)
                    self.assertEqual(done.code, 0, f"{block.text}{done.out}{done.err}")

    def test_every_json_can_be_parsed(self):
        for block in without_remark("json"):
            with self.subTest(block.place):
                json.loads(block.text)

    def test_every_query_returns_data(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        demo = self.enterContext(exporter("demo", *DEMO, f"--policy.file={ROOT}/policies/baseline.yaml"))
        url = demo.find(r"(http://127\.0\.0\.1:\d+)/metrics")
        server = self.enterContext(prometheus(directory, [url], quick_rules(directory)))
        queries = without_remark("promql")
        self.assertGreater(len(queries), 40)
        for query in queries:
            with self.subTest(query.place, query=query.text):
                wait_until(lambda text=query.text: server.rows(text), 60, f"data for {query.text}")


class Reading(unittest.TestCase):
    """That blocks are found, and that what is wrong with them is."""

    def test_blocks_are_found_with_their_remarks_and_what_they_say(self):
        page = (
            "# Page\n\n<!-- not run: it takes\n     an hour -->\n```sh\nlong\n```\n- item\n\n  ```bash\n  a\n    b\n  ```\n\n"
            "```text\nword here\n```\n\nWords\n```text\nno output\n```\n```console\n$ c\nsaid\n$ d\n```\n"
        )
        found = [(block.line, block.language, block.commands, block.remark, block.shown) for block in read("p", page)]
        expected = [
            (5, "sh", "long\n", "not run: it takes an hour", ""),
            (10, "bash", "a\n  b\n", None, "word here\n"),
            (20, "text", "no output\n", None, ""),
            (23, "console", "c\nd\n", None, "said\n"),
        ]
        self.assertEqual(found, expected)

    def test_a_block_without_an_end_is_noticed(self):
        with self.assertRaises(AssertionError):
            read("p", "```sh\nls\n")

    def test_a_comment_that_is_no_remark_excuses_nothing(self):
        for comment in ("<!-- run later -->", "<!-- not run -->", "<!-- not run: why -->\n", "not run: why"):
            with self.subTest(comment):
                (block,) = read("p", f"{comment}\n```sh\nls\n```\n")
                self.assertIsNone(block.remark)

    def test_indented_code_is_noticed_and_items_of_lists_are_none(self):
        self.assertEqual(indented_code("Run:\n\n    make\n    make test\n\n- item\n\n    more of it\n"), [3])

    def test_programs_that_stay_are_told_from_those_that_end(self):
        for command in (
            "cargo run --release -- demo --churn=600\n",
            "OPENAI_ADMIN_KEY=sk-admin-... cargo run --release\n",
            "openai-org-exporter --organization=acme \\\n  --state.file=state\n",
            "cargo run --release -- --organization=acme\n",
            "target/release/openai-org-exporter serve\n",
            "prometheus --config.file=x\n",
        ):
            self.assertIsNotNone(staying(command), command)
        for command in (
            "openai-org-exporter once\n",
            "openai-org-exporter --version\n",
            "promtool check config x\n",
            "curl localhost\nopenai-org-exporter\n",
            "cargo run --release -- once\n",
            "cargo build --release\n",
            "# only a comment\n",
        ):
            self.assertIsNone(staying(command), command)

    def test_shapes_are_names_labels_and_first_words(self):
        text = 'openai_org_users{role="owner",organization="acme"} 3\nopenai_org_x 1\n\nID  ROLE\n'
        self.assertEqual(shapes(text), {"openai_org_users{organization,role}", "openai_org_x", "ID"})

    def test_what_is_wrong_with_a_command_is_said(self):
        ports = {"exporter": 1, "prometheus": 2, "alertmanager": 3}
        with tempfile.TemporaryDirectory() as folder:
            here = Room(Path(folder), ports, "http://127.0.0.1:4/v1", None)
            for command, shown, fault in [
                ("echo a; exit 3", "", "ended with 3"),
                ("false | echo a", "", "ended with 1"),
                ("echo a; echo b >&2", "", "complained:\nb"),
                ("true", "", "said nothing"),
                ("echo a", "b c\n", "is shown to say ['b']"),
                ("echo a localhost:10195", "a\n", ""),
                ("echo ts=1 level=info msg=x >&2; echo a", "", ""),
            ]:
                with self.subTest(command):
                    self.assertTrue(here.tried(command, shown).startswith(fault))
                    self.assertEqual(bool(here.tried(command, shown)), bool(fault))


if __name__ == "__main__":
    unittest.main()
