"""The units of deploy/systemd: what systemd's own checks say of them, and how they run under a real systemd."""

import re
import shlex
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from deployment import DEPLOY, GUIDE, KEY, PORT, Unit, answer, ask, checked, code_block, directory, flag, seconds
from harness import BINARY, SIMULATED_KEY, environment, free_port, get, simulator, wait_until
from own_systemd import group_of, kill, removed, systemd

UNITS = sorted((DEPLOY / "systemd").iterdir())
EXPORTER, TEXTFILE = "openai-org-exporter.service", "openai-org-textfile.service"
PROGRAM = "/usr/local/bin/openai-org-exporter"
COLLECTOR = "/var/lib/prometheus/node-exporter"
# Little waiting for the test: what is shortened is otherwise as in the unit.
HASTE = """
[Service]
WatchdogSec=5s
RestartSec=100ms
StandardOutput=append:/run/exporter.log
StandardError=append:/run/exporter.log
"""
# The paths of the keys are those that the guide names.
SEVERAL = """
organizations:
  - { name: acme, admin_key_file: /run/credentials/openai-org-exporter.service/acme }
  - { name: globex, admin_key_file: /run/credentials/openai-org-exporter.service/globex }
"""


class Checks(unittest.TestCase):
    def verified(self, change: str = "", to: str = ""):
        """What `systemd-analyze verify` says of all units, changed or not, with the program where it lies here."""
        with directory() as here:
            for unit in UNITS:
                text = unit.read_text().replace(PROGRAM, BINARY)
                (here / unit.name).write_text(text.replace(change, to) if change else text)
            return ask("systemd-analyze", "verify", "--man=no", *sorted(here.iterdir()))

    def test_systemd_has_nothing_to_say(self):
        self.assertEqual({unit.suffix for unit in UNITS}, {".service", ".socket", ".timer"})
        self.assertEqual(self.verified(), (0, "", ""))

    def test_a_misspelt_setting_is_noticed(self):
        self.assertIn("ProtectSytem", self.verified("ProtectSystem", "ProtectSytem").err)

    def test_the_guide_names_the_score_of_both_services(self):
        (said,) = re.findall(r"says (\d\.\d) \(of 10", GUIDE)
        self.assertIn(f"Its score is {said} too", " ".join(GUIDE.split()))
        for name in (EXPORTER, TEXTFILE):
            with self.subTest(name):
                path = DEPLOY / "systemd" / name
                check = ("systemd-analyze", "security", "--offline=true")
                out = answer(*check, f"--threshold={int(float(said) * 10)}", path)
                self.assertIn(f"{name}: {said} ", out)
                self.assertNotEqual(ask(*check, f"--threshold={int(float(said) * 10) - 1}", path).code, 0)

    def test_the_exporter_accepts_its_command_line_and_its_key_is_a_credential(self):
        for name in (EXPORTER, TEXTFILE):
            with self.subTest(name):
                unit = Unit.read(name)
                program, *arguments = shlex.split(unit.one("ExecStart"))
                self.assertEqual(program, PROGRAM)
                credential, source = unit.one("LoadCredential").split(":")
                key = flag(arguments, "--openai.admin-key-file")
                self.assertEqual(key, f"${{CREDENTIALS_DIRECTORY}}/{credential}")
                self.assertIn(f"sudo install -D -m 0600 admin-key {source}\n", GUIDE)
                with directory() as here:
                    (here / credential).write_text(KEY)
                    done = checked(arguments, {"${CREDENTIALS_DIRECTORY}": here, "${STATE_DIRECTORY}": here})
                self.assertEqual((done.code, done.err), (0, ""))

    def test_a_walk_for_the_textfile_ends_before_the_next_begins(self):
        unit, timer = Unit.read(TEXTFILE), Unit.read("openai-org-textfile.timer")
        arguments = shlex.split(unit.one("ExecStart"))
        self.assertEqual(timer.one("OnCalendar"), "*:0/15")
        self.assertLess(seconds(flag(arguments, "--poll.timeout")), seconds(unit.one("TimeoutStartSec")))
        self.assertLess(seconds(unit.one("TimeoutStartSec")), 15 * 60)
        self.assertEqual(str(Path(flag(arguments, "--output")).parent), unit.one("ReadWritePaths"))
        self.assertEqual(unit.one("ReadWritePaths"), COLLECTOR)


class Running(unittest.TestCase):
    """The units as they stand, under systemd, with the API simulated."""

    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.url = f"http://127.0.0.1:{cls.port}"
        settings = {
            "OPENAI_BASE_URL": cls.enterClassContext(simulator()),
            "WEB_LISTEN_ADDRESS": f"127.0.0.1:{cls.port}",
        }
        cls.settings = "".join(f"OPENAI_ORG_EXPORTER_{name}={value}\n" for name, value in settings.items())
        files = {
            "/etc/openai-org-exporter/admin-key": SIMULATED_KEY,
            "/etc/default/openai-org-exporter": cls.settings,
            "/etc/openai-org-exporter/config.yaml": SEVERAL,
            "/etc/openai-org-exporter/keys/acme": SIMULATED_KEY,
            "/etc/openai-org-exporter/keys/globex": KEY,
            "/etc/group": "root:x:0:\nnogroup:x:65534:\nprometheus:x:4242:\n",
        }
        cls.systemd = cls.enterClassContext(systemd(UNITS, files))
        for name in (EXPORTER, TEXTFILE):
            (cls.systemd.units / f"{name}.d").mkdir()
        (cls.systemd.units / f"{EXPORTER}.d" / "haste.conf").write_text(HASTE)
        cls.do("daemon-reload")

    @classmethod
    def do(cls, *words: str) -> None:
        code = cls.systemd.systemctl(*words)
        if code != 0:
            raise AssertionError(f"systemctl {' '.join(words)}: {code}\n{cls.systemd.read('/run/exporter.log')}")

    def setUp(self):
        self.addCleanup(self.systemd.systemctl, "reset-failed")
        self.addCleanup(self.systemd.systemctl, "stop", EXPORTER)

    def show(self, name: str) -> str:
        return self.systemd.show(EXPORTER, name)

    def sample(self, name: str) -> float | None:
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", get(f"{self.url}/metrics").text, re.MULTILINE)
        return float(found[1]) if found else None

    def test_it_serves_when_systemd_calls_it_started_and_its_key_is_accepted(self):
        self.do("start", EXPORTER)
        self.assertEqual(get(f"{self.url}/-/ready").status, 200)
        self.assertEqual((self.show("ActiveState"), self.show("SubState")), ("active", "running"))
        wait_until(lambda: self.sample("openai_org_up") == 1, 20, "a walk that succeeds")
        self.assertGreater(self.sample("process_start_time_seconds"), 1_000_000_000)

    def test_it_has_no_rights(self):
        self.do("start", EXPORTER)
        status = self.systemd.read(f"/proc/{self.show('MainPID')}/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        self.assertNotIn("0", facts["Uid"].split())
        self.assertEqual({facts[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")}, {"0" * 16})
        self.assertEqual((facts["NoNewPrivs"], facts["Seccomp"]), ("1", "2"))

    def test_a_restart_serves_the_figures_of_before_at_once(self):
        self.do("start", EXPORTER)
        wait_until(lambda: self.sample("openai_org_snapshot_available") == 1, 20, "figures")
        walked = self.sample("openai_org_snapshot_timestamp_seconds")
        self.do("kill", "--signal=SIGKILL", EXPORTER)
        wait_until(lambda: self.show("NRestarts") == "1" and self.show("ActiveState") == "active", 20, "a restart")
        self.assertEqual(self.sample("openai_org_snapshot_available"), 1)
        self.assertGreaterEqual(self.sample("openai_org_snapshot_timestamp_seconds"), walked)
        modes = self.systemd.run("stat", "--format=%a", "/var/lib/openai-org-exporter/state").stdout.strip()
        self.assertEqual(modes, "600")

    def test_a_reload_reads_the_configuration_anew(self):
        self.do("start", EXPORTER)
        before = self.sample("openai_org_exporter_config_last_reload_success_timestamp_seconds")
        self.do("reload", EXPORTER)
        name = "openai_org_exporter_config_last_reload_success_timestamp_seconds"
        wait_until(lambda: self.sample(name) > before, 20, "a reload")
        self.assertEqual(self.show("NRestarts"), "0")

    def test_one_that_hangs_is_started_anew(self):
        self.do("start", EXPORTER)
        self.assertEqual(self.show("WatchdogUSec"), "5s")
        # Longer than the watchdog waits: it lives, and says so.
        alive = self.show("WatchdogTimestampMonotonic")
        wait_until(lambda: self.show("WatchdogTimestampMonotonic") != alive, 10, "a sign of life")
        self.assertEqual(self.show("NRestarts"), "0")
        self.do("kill", f"--signal={signal.SIGSTOP.name}", EXPORTER)
        wait_until(lambda: self.show("NRestarts") == "1" and self.show("ActiveState") == "active", 30, "a restart")
        self.assertEqual(get(f"{self.url}/-/ready").status, 200)

    def test_a_wrong_configuration_is_not_tried_again(self):
        self.addCleanup(self.configure, self.settings)
        self.configure(f"{self.settings}OPENAI_ORG_EXPORTER_POLL_INTERVAL=never\n")
        self.assertNotEqual(self.systemd.systemctl("start", EXPORTER), 0)
        self.assertEqual((self.show("ExecMainStatus"), self.show("NRestarts")), ("2", "0"))
        self.assertEqual(self.show("ActiveState"), "failed")

    def configure(self, text: str) -> None:
        self.systemd.run("bash", "-c", f"printf %s {shlex.quote(text)} > /etc/default/openai-org-exporter")

    def test_the_drop_in_of_the_guide_serves_several_organizations(self):
        drop_in = code_block("ini", "LoadCredential=acme:")
        place = self.systemd.units / f"{EXPORTER}.d" / "several.conf"
        place.write_text(drop_in)
        self.addCleanup(self.do, "daemon-reload")
        self.addCleanup(place.unlink)
        self.do("daemon-reload")
        self.systemd.run("chmod", "a+r", "/etc/openai-org-exporter/config.yaml")
        self.do("start", EXPORTER)
        walked = 'openai_org_up{organization="acme"} '
        wait_until(lambda: walked in get(f"{self.url}/metrics").text, 20, "a walk with a credential")
        self.assertIn('openai_org_poll_interval_seconds{organization="globex"} ', get(f"{self.url}/metrics").text)

    def test_without_the_key_nothing_starts(self):
        hidden = "/etc/openai-org-exporter/admin-key"
        self.systemd.run("mv", hidden, f"{hidden}.away")
        self.addCleanup(self.systemd.run, "mv", f"{hidden}.away", hidden)
        self.assertNotEqual(self.systemd.systemctl("start", TEXTFILE), 0)
        self.assertEqual(self.systemd.show(TEXTFILE, "ExecMainStatus"), "243")

    def test_the_textfile_is_written_where_its_group_may_and_others_can_read_it(self):
        self.systemd.run("install", "-d", "-g", "prometheus", "-m", "0775", COLLECTOR)
        # Twice: a user made anew replaces the file of another.
        for run in ("first", "second"):
            with self.subTest(run):
                self.do("start", TEXTFILE)
                self.assertIn("openai_org_up{", self.systemd.read(f"{COLLECTOR}/openai-org.prom"))
                listed = self.systemd.run("find", COLLECTOR, "-type", "f", "-printf", "%f %m").stdout
                self.assertEqual(listed, "openai-org.prom 644")


class Installed(unittest.TestCase):
    """The commands of the guide, on a machine of its own."""

    def test_the_commands_of_the_guide_install_and_start_it(self):
        port = free_port()
        settings = {"OPENAI_BASE_URL": self.enterContext(simulator()), "WEB_LISTEN_ADDRESS": f"127.0.0.1:{port}"}
        text = "".join(f"OPENAI_ORG_EXPORTER_{name}={value}\n" for name, value in settings.items())
        machine = self.enterContext(systemd([], {"/etc/default/openai-org-exporter": text}))
        here = self.enterContext(directory())
        (here / "deploy").symlink_to(DEPLOY)
        (here / "admin-key").write_text(SIMULATED_KEY)
        # This systemd looks for units elsewhere, and everybody there is root.
        commands = code_block("bash", "systemctl enable --now")
        commands = commands.replace("target/release/openai-org-exporter", BINARY)
        commands = commands.replace("/etc/systemd/system/", f"{machine.units}/")
        done = machine.run("bash", "-euc", f'sudo() {{ "$@"; }}; cd {here}\n{commands}')
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        up = 'openai_org_up{organization="default"} 1\n'
        wait_until(lambda: up in get(f"http://127.0.0.1:{port}/metrics").text, 20, "a walk that succeeds")
        self.assertIn(f"multi-user.target.wants/{EXPORTER}", done.stderr)


class Killed(unittest.TestCase):
    def test_systemd_ends_with_tests_that_are_killed(self):
        script = "from own_systemd import systemd\nwith systemd([], {}) as it: print(it.root, flush=True); input()"
        room = self.enterContext(directory())
        where = {"cwd": Path(__file__).parent, "env": environment(TMPDIR=str(room))}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", script], **pipes, **where, text=True) as tests:
            self.addCleanup(kill, group_of(tests.pid))
            try:
                self.assertTrue(Path(tests.stdout.readline().strip()).is_dir())
                self.assertFalse(removed(group_of(tests.pid)), "nothing runs")
            finally:
                tests.kill()
        wait_until(lambda: removed(group_of(tests.pid)), 20, "the end of all processes")


class Port(unittest.TestCase):
    def test_nothing_in_the_unit_takes_another_port_than_the_default(self):
        self.assertNotIn("listen-address", Unit.read(EXPORTER).one("ExecStart"))
        self.assertIn(f"listens on {PORT}", GUIDE)


if __name__ == "__main__":
    unittest.main()
