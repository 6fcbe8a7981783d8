"""A configuration is put in force while the exporter runs, as a whole or not at all, and disturbs nobody it does not
concern."""

import json
import os
import signal
import tempfile
import unittest
from pathlib import Path

from exposition import parse, value
from fake_api import fake_api
from harness import Reply, exporter, get, serving, wait_until
from oracle import Samples
from plain_shapes import all_fields

LIFECYCLE = "--web.enable-lifecycle"
SUCCESSFUL = "openai_org_exporter_config_last_reload_successful"
SUCCESS_TIME = "openai_org_exporter_config_last_reload_success_timestamp_seconds"


class Reload(unittest.TestCase):
    """Organizations of an API of their own each, in a file that the tests rewrite."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.apis = {}
        self.organizations = {}

    def api(self, name: str, users: int = 3):
        """An API that answers for an organization, and its entry in the file."""
        api = self.enterContext(fake_api(all_fields(users)(1_790_000_000)))
        api.key = f"sk-admin-MARKED-{name}"
        self.apis[name] = api
        self.organizations[name] = {"base_url": api.base_url, "admin_key_file": str(self.key(name, api.key))}
        return api

    def key(self, name: str, key: str) -> Path:
        path = self.folder / f"key-of-{name}"
        path.write_text(key + "\n")
        return path

    def write(self, *names: str, **more: object) -> None:
        """Writes the file with these organizations."""
        entries = [{"name": name} | self.organizations[name] for name in names]
        config = {"poll": {"interval": "10m"}, "organizations": entries} | more
        (self.folder / "config.yml").write_text(json.dumps(config))

    def serve(self, *flags: str, config: Path | None = None) -> None:
        path = config or self.folder / "config.yml"
        self.child, self.url = self.enterContext(serving(f"--config.file={path}", *flags))

    def samples(self) -> Samples:
        return parse(get(f"{self.url}/metrics").text)

    def own(self, name: str) -> float | None:
        """A sample that belongs to no organization."""
        return self.samples().get((name, frozenset()))

    def of(self, organization: str, samples: Samples) -> Samples:
        return {series: number for series, number in samples.items() if ("organization", organization) in series[1]}

    def walked(self, *names: str) -> Samples:
        """Waits until each of them has figures, and gives all samples."""

        def all_walked() -> bool:
            samples = self.samples()
            return all(value(samples, "openai_org_snapshot_available", organization=name) == 1 for name in names)

        wait_until(all_walked, 20, f"figures of {names}", lambda: self.child.output)
        return self.samples()

    def post(self) -> Reply:
        return get(f"{self.url}/-/reload", "POST")

    def hang_up(self, line: str) -> str:
        """Sends SIGHUP and waits for what the log says of it."""
        before = len(self.child.output)
        self.child.signal(signal.SIGHUP)
        return wait_until(
            lambda: next((said for said in self.child.output[before:].splitlines() if line in said), None),
            20,
            line,
            lambda: self.child.output,
        )

    def test_added_ones_start_removed_ones_leave_and_the_others_are_not_disturbed(self):
        for name in ("kept", "removed", "added"):
            self.api(name)
        self.write("kept", "removed")
        self.serve(LIFECYCLE)
        before = self.walked("kept", "removed")
        self.assertGreater(len(self.of("removed", before)), 50)
        asked = len(self.apis["kept"].requests)

        self.write("kept", "added")
        reply = self.post()
        self.assertEqual(
            (reply.status, reply.text),
            (200, "Reloaded: organizations added 1, removed 1, restarted 0, changed 0, kept 1.\n"),
        )
        self.assertEqual(self.of("removed", self.samples()), {}, "series of the removed one")
        after = self.walked("kept", "added")
        self.assertEqual(self.of("removed", after), {}, "series of the removed one")
        self.assertEqual(self.of("kept", after), self.of("kept", before))
        self.assertEqual(len(self.apis["kept"].requests), asked)
        self.assertGreater(after[SUCCESS_TIME, frozenset()], before[SUCCESS_TIME, frozenset()])

        self.write("kept", "removed", "added")
        self.assertEqual(self.post().status, 200)
        again = self.walked("removed")
        self.assertEqual(self.walks("removed", again, "success"), 1, "it starts at 0")
        self.assertEqual(self.of("kept", again), self.of("kept", before))

    def walks(self, name: str, samples: Samples, result: str) -> float | None:
        return value(samples, "openai_org_exporter_walks_total", organization=name, result=result)

    def test_a_hangup_reloads_and_the_log_says_what_changed(self):
        self.api("acme"), self.api("globex")
        self.write("acme")
        self.serve()
        self.walked("acme")
        self.write("acme", "globex", log={"level": "debug"}, web={"telemetry_path": "/other"})
        line = self.hang_up("configuration reloaded")
        for part in ("level=info", "added=1", "kept=1", "names_added=globex", "names_kept=acme", "removed=0"):
            self.assertIn(part, line)
        self.walked("globex")
        self.child.find("level=warn.*restart.*settings=\"?(web.telemetry-path, log.level)")
        self.assertEqual(self.own(SUCCESSFUL), 1)
        self.assertEqual(get(f"{self.url}/metrics").status, 200, "the path is the one of the start")

    def test_what_is_wrong_changes_nothing_and_is_said(self):
        self.api("acme"), self.api("globex")
        self.write("acme")
        self.serve(LIFECYCLE)
        before = self.walked("acme")
        bad_key = str(self.key("bad", "sk-admin-MARKED two words"))
        self.organizations["bad"] = {"admin_key_file": bad_key}
        self.organizations["inline"] = {"admin_key": "sk-admin-MARKED-inline"}
        no_certificate = self.folder / "ca.pem"
        no_certificate.write_text("-----BEGIN CERTIFICATE-----\nMARKED\n-----END CERTIFICATE-----\n")
        for what, write, says in [
            ("an unknown key", lambda: self.write("globex", pol={}), "config.yml:1:"),
            ("a key that is none", lambda: self.write("globex", "bad"), "holds no admin key"),
            ("a key in the file", lambda: self.write("globex", "inline"), "did you mean admin_key_env?"),
            ("no YAML", lambda: (self.folder / "config.yml").write_text("a: [1"), "not valid YAML"),
            ("no file", lambda: (self.folder / "config.yml").unlink(), "flag --config.file: cannot read"),
            (
                "certificates that nobody can read",
                lambda: self.write("globex", openai={"ca_file": str(no_certificate)}),
                "globex",
            ),
        ]:
            with self.subTest(what=what):
                write()
                reply = self.post()
                self.assertEqual(reply.status, 500)
                self.assertRegex(reply.text, r"\A[^\n]+\n\Z")
                self.assertIn(says, reply.text)
                self.assertNotIn("MARKED", reply.text)
                self.assertIn(says.split("?")[0], self.hang_up("level=error"))
                now = self.samples()
                self.assertEqual(now[SUCCESSFUL, frozenset()], 0)
                self.assertEqual(now[SUCCESS_TIME, frozenset()], before[SUCCESS_TIME, frozenset()])
                self.assertEqual(self.of("acme", now), self.of("acme", before))
                self.assertEqual(self.of("globex", now), {})
        self.assertEqual(self.apis["globex"].requests, [])
        self.assertNotIn("MARKED", self.child.output)
        self.write("acme", "globex")
        self.assertEqual(self.post().status, 200)
        self.assertEqual(self.own(SUCCESSFUL), 1)
        self.walked("globex")

    def test_without_the_flag_a_request_is_refused_and_a_hangup_is_not(self):
        self.api("acme")
        self.write("acme")
        self.serve()
        self.assertEqual(self.post().status, 403)
        got = get(f"{self.url}/-/reload")
        self.assertEqual((got.status, got.headers.get("allow")), (405, "POST, PUT"))
        self.assertIn("kept=1", self.hang_up("configuration reloaded"))

    def test_another_key_or_base_url_starts_a_walk_at_once(self):
        self.api("acme"), self.api("globex"), self.api("other")
        self.write("acme", "globex")
        self.serve(LIFECYCLE)
        before = self.walked("acme", "globex")
        self.apis["acme"].key = "sk-admin-MARKED-new"
        self.key("acme", self.apis["acme"].key)
        self.assertIn("restarted 1, changed 0, kept 1", self.post().text)
        wait_until(lambda: self.walks("acme", self.samples(), "success") == 2, 20, "a second walk")
        self.organizations["acme"]["base_url"] = self.apis["other"].base_url
        self.apis["other"].key = self.apis["acme"].key
        self.write("acme", "globex")
        self.assertIn("restarted 1, changed 0, kept 1", self.post().text)
        wait_until(lambda: self.walks("acme", self.samples(), "success") == 3, 20, "a third walk")
        after = self.samples()
        self.assertEqual(self.walks("acme", after, "unauthorized"), 0)
        self.assertEqual(self.of("globex", after), self.of("globex", before))

    def test_a_shorter_interval_holds_for_the_wait_that_has_begun(self):
        self.api("acme"), self.api("globex")
        self.write("acme", "globex")
        self.serve(LIFECYCLE)
        before = self.walked("acme", "globex")
        self.organizations["acme"]["poll"] = {"interval": "1s", "max_age": "30m"}
        self.write("acme", "globex")
        self.assertIn("changed 1, kept 1", self.post().text)
        samples = self.samples()
        self.assertEqual(value(samples, "openai_org_poll_interval_seconds", organization="acme"), 1)
        self.assertEqual(value(samples, "openai_org_snapshot_max_age_seconds", organization="acme"), 1800)
        wait_until(lambda: self.walks("acme", self.samples(), "success") >= 3, 20, "walks in the new interval")
        self.assertEqual(self.of("globex", self.samples()), self.of("globex", before))

    def test_a_mounted_folder_whose_link_is_swapped_is_read_through_the_new_link(self):
        first, second = self.api("first"), self.api("second")
        mount = self.folder / "mount"
        mount.mkdir()
        self.mounted(mount, "1", first.key, self.entry(mount, "first", first.base_url))
        for name in ("config.yml", "key"):
            (mount / name).symlink_to(Path("..data") / name)
        self.serve(LIFECYCLE, config=mount / "config.yml")
        self.walked("first")

        self.mounted(mount, "2", second.key, self.entry(mount, "second", second.base_url))
        self.assertIn("added 1, removed 1", self.post().text)
        samples = self.walked("second")
        self.assertEqual(self.of("first", samples), {})

        # The key alone is another one now.
        second.key = "sk-admin-MARKED-rotated"
        self.mounted(mount, "3", second.key, self.entry(mount, "second", second.base_url))
        self.assertIn("restarted 1", self.post().text)
        wait_until(lambda: self.walks("second", self.samples(), "success") == 2, 20, "a walk with the new key")

    def test_a_removed_one_is_not_remembered_over_a_restart(self):
        self.api("kept"), self.api("removed")
        self.write("kept", "removed")
        state = f"--state.file={self.folder / 'state'}"
        self.serve(LIFECYCLE, state)
        self.walked("kept", "removed")
        self.write("kept")
        self.assertEqual(self.post().status, 200)
        self.child.signal(signal.SIGTERM)
        self.assertEqual(self.child.wait(10), 0, self.child.output)

        # Both are refused now, so that what is shown is what was remembered.
        for api in self.apis.values():
            api.key = "another"
        self.write("kept", "removed")
        self.serve(LIFECYCLE, state)
        samples = self.samples()
        available = [
            value(samples, "openai_org_snapshot_available", organization=name) for name in ("kept", "removed")
        ]
        self.assertEqual(available, [1, 0])

    def entry(self, mount: Path, name: str, base_url: str) -> dict[str, str]:
        return {"name": name, "base_url": base_url, "admin_key_file": str(mount / "key")}

    def mounted(self, mount: Path, version: str, key: str, organization: dict[str, str]) -> None:
        """Puts a new version of the files in place as Kubernetes does: a folder of its own, then one rename."""
        folder = mount / f"..{version}"
        folder.mkdir()
        (folder / "key").write_text(key)
        (folder / "config.yml").write_text(json.dumps({"organizations": [organization]}))
        link = mount / "..data_tmp"
        link.symlink_to(folder.name)
        os.rename(link, mount / "..data")


class Demo(unittest.TestCase):
    def test_a_hangup_reloads_a_demo_too(self):
        with exporter("demo", "--web.listen-address=127.0.0.1:0") as child:
            child.find(r"(Stop it with Ctrl-C)")
            child.signal(signal.SIGHUP)
            self.assertIn("kept=1", child.find(r"(configuration reloaded.*)"))


if __name__ == "__main__":
    unittest.main()
