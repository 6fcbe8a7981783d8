"""Progress on a terminal: there while walks are under way, gone at the end, and nowhere else."""

import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import BINARY, SIMULATED_KEY, environment, simulator, wait_until
from terminal import INTERRUPT, terminal

LINE = re.compile(rb"walking|walked|\x1b")
WALKING = re.compile(r"^walking: ([\d,]+) pages?(?:, ([\d,]+) users?(?:, [\d,.]+ users/s)?)?$", re.MULTILINE)
MOVES = re.compile(
    r"^(openai_org_snapshot_timestamp_seconds|openai_org_last_success_timestamp_seconds"
    r"|openai_org_last_walk_duration_seconds)(\{.*\}) .*$",
    re.MULTILINE,
)


def once(api: str, *flags: str) -> list[str]:
    return [BINARY, "once", f"--openai.base-url={api}", *flags]


def demo(*flags: str) -> list[str]:
    return [BINARY, "demo", "--web.listen-address=127.0.0.1:0", *flags]


class ProgressOfOnce(unittest.TestCase):
    """A walk of 15 pages that takes one and a half seconds at least."""

    def setUp(self) -> None:
        self.api = self.enterContext(simulator("--users=1500", "--latency=100ms"))
        self.out = self.enterContext(tempfile.TemporaryFile())

    def once(self, *flags: str, **surroundings):
        surroundings = {"streams": {"stdout": self.out}, "OPENAI_ADMIN_KEY": SIMULATED_KEY} | surroundings
        return terminal(*once(self.api, *flags), **surroundings)

    def exposition(self) -> str:
        self.out.seek(0)
        return self.out.read().decode()

    def test_numbers_rise_in_one_line_and_the_terminal_is_clean_at_the_end(self):
        for columns, rows, has_users in ((80, 24, True), (20, 10, False), (1_000, 1, True)):
            with self.subTest(columns=columns), self.once(columns=columns, rows=rows) as screen:
                self.assertEqual(screen.wait(), 0)
                self.assertEqual(screen.rows, [])
                self.assertEqual(screen.cursor, (0, 0, True))
                self.assertNotIn(b"\x1b[?25l", screen.raw, "the cursor is never hidden")
                self.assertNotIn(b"\n", screen.raw, "there is one line")
                shown = [found for view in screen.seen if (found := WALKING.search(view))]
                pages = [int(found[1].replace(",", "")) for found in shown]
                self.assertEqual(pages, sorted(pages))
                self.assertGreaterEqual(len(set(pages)), 3, pages)
                self.assertEqual(any(found[2] for found in shown), has_users)
                if has_users:
                    self.assertRegex("\n".join(screen.seen), r"walking: \d+ pages, [\d,]+ users, [\d,]+ users/s\n")

    def test_the_exposition_is_the_same_with_a_terminal_and_without(self):
        with self.once() as screen:
            self.assertEqual(screen.wait(), 0)
            self.assertRegex("\n".join(screen.seen), "walking")
        without = subprocess.run(
            once(self.api), env=environment(OPENAI_ADMIN_KEY=SIMULATED_KEY), capture_output=True, timeout=60
        )
        self.assertEqual(without.returncode, 0)
        still, changes = MOVES.subn(r"\1\2", without.stdout.decode())
        self.assertEqual(MOVES.sub(r"\1\2", self.exposition()), still)
        self.assertEqual(changes, 3)
        self.assertEqual(without.stderr, b"")

    def test_on_one_terminal_the_exposition_follows_the_line_that_is_gone(self):
        with self.once("--output=-", columns=200, rows=1_000, streams={}) as screen:
            self.assertEqual(screen.wait(), 0)
            self.assertRegex("\n".join(screen.seen), "walking")
            self.assertRegex(screen.rows[0], "^# HELP ")
            self.assertNotRegex("\n".join(screen.rows), "walking")

    def test_there_is_nothing_of_it_elsewhere(self):
        piped = {"stdout": self.out, "stderr": subprocess.PIPE}
        for name, flags, surroundings in [
            ("standard error is a pipe", [], {"streams": piped}),
            ("only standard output is a terminal", ["--output=/dev/null"], {"streams": {"stderr": subprocess.PIPE}}),
            ("a terminal that cannot go back", [], {"TERM": "dumb"}),
            ("a terminal without a name", [], {"TERM": ""}),
            ("lines in JSON are for programs", ["--log.format=json"], {}),
        ]:
            with self.subTest(name), self.once(*flags, **surroundings) as screen:
                errors = screen.child.communicate(timeout=30)[1] if screen.child.stderr else b""
                self.assertEqual(screen.wait(), 0)
                self.assertEqual(LINE.findall(errors), [])
                self.assertEqual(screen.raw, b"")

    def test_a_line_without_colours_is_shown_where_none_are_wanted(self):
        with self.once(NO_COLOR="1") as screen:
            self.assertEqual(screen.wait(), 0)
            self.assertRegex("\n".join(screen.seen), "walking")
            self.assertEqual(set(re.findall(rb"\x1b\[[^A-Za-z]*[A-Za-z]", screen.raw)), {b"\x1b[J"})

    def test_a_program_in_the_background_leaves_the_terminal_to_the_shell(self):
        command = ['"$@" & wait $!', "bash", *once(self.api)]
        for flags, shown in (("-c", True), ("-mc", False)):
            with (
                self.subTest(flags),
                terminal(
                    "bash", flags, *command, streams={"stdout": self.out}, OPENAI_ADMIN_KEY=SIMULATED_KEY
                ) as screen,
            ):
                self.assertEqual(screen.wait(), 0)
                self.assertEqual(b"walking" in screen.raw, shown, screen.raw)

    def test_a_signal_takes_the_line_away(self):
        for name, end in {
            "Ctrl-C": lambda screen: screen.type(INTERRUPT),
            "SIGTERM": lambda screen: screen.child.send_signal(signal.SIGTERM),
        }.items():
            with self.subTest(name), self.once(columns=200) as screen:
                screen.find("walking: .* users/s")
                end(screen)
                self.assertEqual(screen.wait(), 1)
                first, second = screen.rows
                self.assertRegex(first, r'^ts=\S+ level=info message="shutting down"$')
                self.assertEqual(second, "openai-org-exporter: stopped by a signal; nothing was written")
                self.assertEqual(screen.cursor, (0, 2, True))
                self.assertEqual(self.exposition(), "")

    def test_another_width_makes_another_line_and_no_second_one(self):
        with self.once() as screen:
            screen.find(r"users/s$")
            screen.resize(20, 10)
            screen.find(r"\Awalking: \d+ pages\Z")
            screen.resize(80, 24)
            screen.find(r"\Awalking: \d+ pages, [\d,]+ users, [\d,]+ users/s\Z")
            self.assertEqual(screen.cursor, (0, 0, True))
            self.assertEqual(screen.wait(), 0)
            self.assertEqual(screen.rows, [])

    def test_a_failed_walk_leaves_what_it_logged_and_its_exit_code(self):
        api = self.enterContext(simulator("--fault=status-500"))
        command = once(api, "--log.level=debug", "--poll.stall-timeout=2s")
        with terminal(*command, columns=600, streams={"stdout": self.out}, OPENAI_ADMIN_KEY=SIMULATED_KEY) as screen:
            self.assertEqual(screen.wait(), 1)
            self.assertRegex("\n".join(screen.seen), "walking: no page yet")
            self.assertGreaterEqual(len(screen.rows), 2, "retries, and the failure")
            for row in screen.rows:
                self.assertRegex(row, r"^ts=\S+ level=(debug|warn|error) .*\S$")
            self.assertEqual(len(screen.rows), screen.raw.count(b"\r\n"))

    def test_several_organizations_share_the_line(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        api = self.enterContext(simulator("--organizations=2", "--users=1000", "--latency=150ms"))
        config = directory / "config.yaml"
        config.write_text(
            f"openai: {{base_url: {api}}}\n"
            "organizations: [{name: acme, admin_key_env: ACME}, {name: übung 例, admin_key_env: OTHER}]\n"
        )
        keys = {"ACME": f"{SIMULATED_KEY}-1", "OTHER": f"{SIMULATED_KEY}-2"}
        command = [BINARY, "once", f"--config.file={config}"]
        with terminal(*command, streams={"stdout": self.out}, **keys) as screen:
            self.assertEqual(screen.wait(), 0, screen.rows)
            self.assertRegex("\n".join(screen.seen), r"walking 2 of 2: \d+ pages, [\d,]+ users, [\d,]+ users/s\n")
            self.assertEqual(screen.rows, [])


class ProgressOfDemo(unittest.TestCase):
    def test_the_welcome_stands_and_the_line_below_tells_the_last_walk_and_the_next(self):
        with terminal(*demo("--users=500"), columns=300, rows=100) as screen:
            screen.find(r"walked 0 s ago: [45]\d\d users, \d pages; next in [345] s\Z")
            screen.find(r"walked 1 s ago: [45]\d\d users, \d pages; next in [234] s\Z")
            welcome = screen.rows
            screen.type(INTERRUPT)
            self.assertEqual(screen.wait(), 0)
            self.assertEqual(screen.rows[:-1], welcome[:-1])
            self.assertRegex(screen.rows[-1], 'message="shutting down"$')
            self.assertIn("Stop it with Ctrl-C.", welcome)
            self.assertRegex(welcome[0], 'message="openai-org-exporter started"')
            self.assertEqual(screen.cursor, (0, len(screen.rows), True))

    def test_a_second_walk_tells_the_time_left(self):
        flags = ["--users=400000", "--churn=0", "--poll.interval=1s", "--log.level=warn"]
        with terminal(*demo(*flags)) as screen:
            screen.find(r"walking: [\d,]+ pages, [\d,]+ users, [\d,]+ users/s\Z", 60)
            screen.find(r"walking: [\d,]+ pages, [\d,]+ users, [\d,]+ users/s, \d+ s left\Z", 120)

    def test_log_lines_stay_whole(self):
        flags = ["--organizations=3", "--poll.interval=1s", "--churn=2000"]
        with terminal(*demo(*flags), columns=250, rows=500) as screen:
            wait_until(lambda: screen.look() and len(re.findall(rb"\bts=", screen.raw)) > 200, 60, "200 log lines")
            screen.type(INTERRUPT)
            self.assertEqual(screen.wait(), 0)
            self.assertRegex("\n".join(screen.seen), r"walked \d s ago: 3 organizations, \d+ users, \d+ pages")
            logged = [row for row in screen.rows if re.search(r"\bts=", row)]
            self.assertEqual(len(logged), len(re.findall(rb"\bts=", screen.raw)))
            for row in logged:
                self.assertRegex(row, r"^ts=\S+ level=(info|debug|warn) message=.*\S$")
            self.assertNotRegex("\n".join(screen.rows), "walked|next in")

    def test_a_narrow_terminal_gets_a_short_line(self):
        with terminal(*demo(), columns=20, rows=10) as screen:
            screen.find(r"(?m)^walked 1 s ago\Z")
            row = screen.cursor[1]
            screen.find(r"(?m)^walked 2 s ago\Z")
            self.assertEqual(screen.cursor, (0, row, True))

    def test_in_a_pipe_there_is_none(self):
        with subprocess.Popen(
            demo(), env=environment(TERM="xterm"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as child:
            try:
                lines = [child.stderr.readline() for _ in range(3)]
            finally:
                child.terminate()
            errors = b"".join(lines) + child.stderr.read()
            self.assertEqual(child.wait(10), 0)
        self.assertIn(b"walk completed", errors)
        self.assertNotRegex(errors, rb"\x1b|\r|walked|walking")


class Colour(unittest.TestCase):
    """There is none, whoever asks for it: so `NO_COLOR` is kept without a setting."""

    def test_no_output_is_coloured(self):
        wishes = ({}, {"NO_COLOR": "1"}, {"CLICOLOR_FORCE": "1", "FORCE_COLOR": "1", "COLORTERM": "truecolor"})
        for wish in wishes:
            for command in (["--help"], ["once", "--help"], ["--xyzzy"], ["check-config"], ["simulate", "--users=many"]):
                with self.subTest(command, **wish), terminal(BINARY, *command, TERM="xterm-256color", **wish) as screen:
                    screen.wait()
                    self.assertGreater(len(screen.raw), 20)
                    self.assertNotIn(b"\x1b", screen.raw)
            with self.subTest("demo", **wish), terminal(*demo(), TERM="xterm-256color", **wish) as screen:
                screen.find("(?m)^walked")
                screen.type(INTERRUPT)
                self.assertEqual(screen.wait(), 0)
                self.assertNotRegex(screen.raw, rb"\x1b\[[\d;:]*m")


if __name__ == "__main__":
    unittest.main()
