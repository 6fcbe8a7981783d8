"""The completions, in the shells that they are for."""

import re
import unittest
from pathlib import Path

from harness import run
from made import NAME, STAGE, answer, ask, dist, path_with_program
from terminal import terminal

# What is typed, and what can stand there.
EXPECTED = {
    "check-": ["check-config"],
    "once --log.level=d": ["debug"],
    "once --log.level=": ["debug", "error", "info", "trace", "warn"],
    "once --log.level d": ["debug"],
    "serve --projects.names=": ["false", "true"],
    "--log.format=": ["json", "logfmt"],
    "simulate --fault re": ["repeat-cursor", "reset"],
    "completions ": ["bash", "fish", "zsh"],
    "once --poll.c": ["--poll.concurrency"],
    "check-config --config.file=here/op": ["here/openai.yaml"],
    "check-config --config.file here/op": ["here/openai.yaml"],
}
BASH = """
. "$SCRIPT"
[[ $(complete -p openai-org-exporter) == *_openai_org_exporter_equals* ]] || exit 1
COMP_WORDS=(openai-org-exporter "$@")
COMP_CWORD=$#
cur=${COMP_WORDS[COMP_CWORD]}
_openai_org_exporter_equals openai-org-exporter "$cur" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


class Completions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        dist()
        cls.here = STAGE / "completions-test"
        (cls.here / "here").mkdir(parents=True, exist_ok=True)
        (cls.here / "here" / "openai.yaml").touch()

    def script(self, name: str) -> Path:
        return STAGE / "completions" / name

    def test_what_is_packed_is_what_the_program_says(self):
        for shell, name in (("bash", f"{NAME}.bash"), ("zsh", f"_{NAME}"), ("fish", f"{NAME}.fish")):
            self.assertEqual(self.script(name).read_text(), run("completions", shell).out)

    def test_every_shell_can_read_its_own(self):
        for shell, name in (("bash", f"{NAME}.bash"), ("zsh", f"_{NAME}"), ("fish", f"{NAME}.fish")):
            with self.subTest(shell):
                done = ask(shell, "-n", self.script(name))
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_bash_completes(self):
        for typed, expected in EXPECTED.items():
            with self.subTest(typed):
                # As bash splits it.
                words = [word for part in typed.split(" ") for word in re.split("(=)", part) if word or part == ""]
                out = answer("bash", "-c", BASH, "bash", *words, cwd=self.here, env={"SCRIPT": self.script(f"{NAME}.bash")})
                offered = sorted(word for word in out.split() if not word.startswith("-h") and word != "--help")
                self.assertEqual(offered, expected)

    def test_fish_completes(self):
        for typed, expected in EXPECTED.items():
            with self.subTest(typed):
                line = f"complete -C '{NAME} {typed}'"
                settings = {"cwd": self.here, "env": {"HOME": str(self.here), "PATH": path_with_program()}}
                out = answer("fish", "-c", f"source {self.script(f'{NAME}.fish')}; {line}", **settings)
                offered = [word.split("\t")[0] for word in out.splitlines()]
                flag = typed.rsplit(" ", 1)[-1].partition("=")[0] + "=" if "=" in typed else ""
                self.assertEqual(sorted(word.removeprefix(flag) for word in offered), expected)

    def test_zsh_completes(self):
        setup = f"PS1='> '; autoload -U compinit; compinit -u -D; source {self.script(f'_{NAME}')}; cd {self.here}; clear\n"
        for typed, expected in EXPECTED.items():
            with self.subTest(typed), terminal("zsh", "-f", "-i", PATH=path_with_program(), HOME=str(self.here)) as screen:
                screen.find("[%#] ?$")
                screen.type(setup.encode())
                screen.find(r"\A> ?\Z")
                # With one that fits, zsh writes it; of several it shows all, and a second time is no harm.
                screen.type(f"{NAME} {typed}\t".encode())
                if len(expected) == 1:
                    end = re.escape(expected[0])
                    screen.find(rf"\A> {NAME} .*{end}")
                else:
                    screen.type(b"\t")
                    found = screen.find(rf"\A> {NAME} [^\n]*\n((?:.*\n?)+)")
                    for word in expected:
                        screen.find(rf"\n(?:.* )?{re.escape(word)}\b")
                    self.assertNotIn("docs", found[1])


if __name__ == "__main__":
    unittest.main()
