"""Reads the Dockerfile; tests/image builds and runs it."""

import json
import re
import tomllib
import unittest

from harness import ROOT, run


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with their arguments, continued lines joined, comments aside."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


class Image(unittest.TestCase):
    def setUp(self):
        self.all = instructions((ROOT / "Dockerfile").read_text())
        last_stage = max(n for n, (word, _) in enumerate(self.all) if word == "FROM")
        self.builder, self.final = self.all[:last_stage], self.all[last_stage:]

    def only(self, word: str) -> str:
        """The argument of the final stage's one instruction of this kind."""
        found = [rest for name, rest in self.final if name == word]
        self.assertEqual(len(found), 1, word)
        return found[0]

    def test_the_version_is_that_of_the_manifest(self):
        version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
        self.assertIn(("ARG", f"VERSION={version}"), self.builder)

    def test_the_image_builds_what_is_locked(self):
        builds = [rest for word, rest in self.builder if word == "RUN" and "cargo build" in rest]
        self.assertEqual(len(builds), 2)
        for build in builds:
            self.assertIn("cargo build --release --locked", build)

    def test_the_user_is_a_number_and_not_root(self):
        user, group = self.only("USER").split(":")
        self.assertGreater(int(user), 0)
        self.assertGreater(int(group), 0)

    def test_the_health_check_runs_a_command_that_exists_without_a_shell(self):
        program, command = json.loads(self.only("HEALTHCHECK").partition("CMD ")[2])
        self.assertEqual([program], json.loads(self.only("ENTRYPOINT")))
        self.assertRegex(run("--help").out, rf"(?m)^\s+{command}\b")

    def test_the_port_is_the_default_one(self):
        self.assertIn(f":{self.only('EXPOSE')}", run("serve", "--help").out)

    def test_nothing_but_what_is_copied_is_sent_to_the_builder(self):
        copied = {name for word, rest in self.builder if word == "COPY" for name in rest.split()[:-1]}
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        kept = {line for line in lines if line and not line.startswith("#")}
        self.assertEqual(kept, {"*"} | {f"!{name}" for name in copied})


if __name__ == "__main__":
    unittest.main()
