"""The Debian package: what lintian says, and its life from the installation to the purge under a real systemd."""

import re
import shutil
import unittest

from harness import SIMULATED_KEY, free_port, get, simulator, wait_until
from made import NAME, answer, ask, dist
from own_systemd import systemd

SERVICE = f"{NAME}.service"
KEY = f"/etc/{NAME}/admin-key"
DEFAULT = f"/etc/default/{NAME}"
STATE = (f"/var/lib/{NAME}", f"/var/lib/private/{NAME}")


class Contents(unittest.TestCase):
    def test_lintian_finds_no_error_and_no_warning(self):
        done = ask("lintian", "--allow-root", "--fail-on=error,warning", dist()["deb"])
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_settings_are_files_that_an_upgrade_leaves_alone(self):
        conffiles = answer("dpkg-deb", "--info", dist()["deb"], "conffiles").split()
        self.assertEqual(conffiles, [DEFAULT, f"/etc/{NAME}/config.yaml"])

    def test_every_library_it_is_linked_with_belongs_to_a_package_it_depends_on(self):
        control = answer("dpkg-deb", "--field", dist()["deb"], "Depends")
        packages = {word.split()[0] for word in control.split(", ")}
        self.assertEqual(packages, {"libc6", "libgcc-s1"})


class Life(unittest.TestCase):
    """One package on one machine, step by step."""

    def setUp(self) -> None:
        self.port = free_port()
        self.api = self.enterContext(simulator("--users=30"))
        self.systemd = self.enterContext(systemd([], {}, packages=True))
        # Where it can be seen inside.
        self.deb = shutil.copy(dist()["deb"], self.systemd.units)
        # The policy of a container that nothing is started in it.
        self.done("rm", "-f", "/usr/sbin/policy-rc.d")
        self.before = self.files()

    def done(self, *command: str) -> str:
        done = self.systemd.run(*command)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}{self.journal()}")
        return done.stdout

    def journal(self) -> str:
        return self.systemd.run("systemctl", "status", "--no-pager", SERVICE).stdout

    def files(self) -> set[str]:
        """Everything with the package's name in it; /usr/local and /var/tmp are nobody's but the machine's."""
        places = ("(", "-path", "/usr/local", "-o", "-path", "/var/tmp", ")", "-prune")
        found = self.systemd.run("find", "/etc", "/usr", "/var", *places, "-o", "-name", f"*{NAME}*", "-print")
        return set(found.stdout.split())

    def show(self, name: str) -> str:
        return self.systemd.show(SERVICE, name)

    def metrics(self) -> str:
        return get(f"http://127.0.0.1:{self.port}/metrics").text

    def test_from_the_installation_to_the_purge(self):
        self.done("dpkg", "--install", self.deb)
        # Without a key there is nothing to watch.
        self.assertEqual((self.show("LoadState"), self.show("ActiveState")), ("loaded", "inactive"))
        self.assertEqual(self.show("UnitFileState"), "disabled")
        self.assertIn("openai-org-exporter 0.1.0", self.done("/usr/bin/openai-org-exporter", "--version"))
        check = ("env", "OPENAI_ADMIN_KEY=sk-admin-x", "bash", "-c", f"set -a; . {DEFAULT}; exec {NAME} check-config")
        self.assertIn("The configuration is good.", self.done(*check))

        settings = f"OPENAI_BASE_URL={self.api}\\nOPENAI_ORG_EXPORTER_WEB_LISTEN_ADDRESS=127.0.0.1:{self.port}"
        self.done("bash", "-c", f"printf 'OPENAI_ORG_EXPORTER_{settings}\\n' >> {DEFAULT}")
        self.done("bash", "-c", f"install -m 0600 <(printf {SIMULATED_KEY}) {KEY}")
        self.done("systemctl", "enable", "--now", SERVICE)
        self.assertEqual(get(f"http://127.0.0.1:{self.port}/-/ready").status, 200)
        wait_until(lambda: re.search(r"^openai_org_up{.*} 1$", self.metrics(), re.M), 20, "a walk", self.journal)
        users = re.findall(r"^openai_org_users{.*} (\d+)$", self.metrics(), re.M)
        self.assertEqual(sum(map(int, users)), 30)

        # An upgrade restarts it, asks nothing and keeps what was set.
        process = self.show("MainPID")
        self.done("dpkg", "--install", self.deb)
        wait_until(lambda: self.show("ActiveState") == "active", 20, "the service after the upgrade", self.journal)
        self.assertNotEqual(self.show("MainPID"), process)
        self.assertIn(self.api, self.systemd.read(DEFAULT))
        wait_until(lambda: "openai_org_snapshot_available" in self.metrics(), 20, "figures", self.journal)

        # A removal stops it, and keeps settings, key and state.
        self.done("dpkg", "--remove", NAME)
        self.assertNotEqual(self.show("ActiveState"), "active")
        for path in (DEFAULT, KEY, f"{STATE[1]}/state"):
            self.done("test", "-e", path)
        self.assertFalse([path for path in self.files() if path.startswith("/usr/bin/")])

        self.done("dpkg", "--purge", NAME)
        self.assertEqual(self.files() - self.before, set())


if __name__ == "__main__":
    unittest.main()
