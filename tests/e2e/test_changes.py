"""What changes in an organization, as the running exporter counts and logs it."""

import re
import time
import unittest

from exposition import parse, value
from fake_api import FakeApi, fake_api
from harness import Program, get, serving, wait_until
from records import entry


def person(name: str, role: str | None = "reader", **fields):
    """A user whose every name gives away who it is."""
    fields.setdefault("user", {"id": f"inner_{name}", "object": "user", "banned": False, "enabled": True})
    return entry(id=f"user_{name}", name=f"Name-of-{name}", email=f"{name}@secret.example", role=role, **fields)


def crowd(*numbers: int):
    return [person(f"c{number}") for number in numbers]


class Watched(unittest.TestCase):
    """An organization that the test changes while it is walked every second."""

    def watch(self, entries, *flags: str) -> tuple[FakeApi, Program, str]:
        api = self.enterContext(fake_api(entries))
        flags = ("--poll.interval=1s", "--poll.max-age=1h", f"--openai.base-url={api.base_url}", *flags)
        program, url = self.enterContext(serving(*flags, OPENAI_ADMIN_KEY=api.key))
        self.wait_for_walks(url, 1)
        return api, program, url

    def walks(self, url: str, result: str = "success") -> float:
        return value(parse(get(f"{url}/metrics").text), "openai_org_exporter_walks_total", result=result)

    def wait_for_walks(self, url: str, more: int, result: str = "success") -> None:
        """Until so many more walks have begun and ended."""
        before = self.walks(url, result)
        wait_until(lambda: self.walks(url, result) >= before + more, 20, f"{more} more walks")

    def change(self, url: str, api: FakeApi, entries) -> None:
        """Changes the organization between two pages' answers: here, all stand on one page."""
        api.entries = entries
        self.wait_for_walks(url, 2)


class Changes(Watched):
    def test_each_kind_is_counted_timed_and_logged_without_names(self):
        quiet = crowd(*range(12))
        before = [
            person("riser"),
            person("banned"),
            person("leaver", is_service_account=True),
            person("linked", is_scim_managed=False),
            person("newsless", role=None),
        ]
        api, program, url = self.watch(quiet + before)
        started = time.time()
        flags = {"id": "x", "object": "user", "banned": True, "enabled": False}
        after = [
            person("riser", role="owner"),
            person("banned", user=flags),
            person("linked", is_scim_managed=True),
            person("newsless", role="owner", is_scim_managed=True),
            person("comer", role="owner"),
        ]
        self.change(url, api, quiet + after)

        samples = parse(get(f"{url}/metrics").text)
        kinds = "added removed role_changed banned unbanned disabled enabled scim_linked scim_unlinked".split()
        counted = {kind: value(samples, "openai_org_user_changes_total", change=kind) for kind in kinds}
        once = {"added", "removed", "role_changed", "banned", "disabled", "scim_linked"}
        self.assertEqual(counted, {kind: float(kind in once) for kind in kinds})
        granted = [value(samples, "openai_org_user_role_grants_total", role=role) for role in ("owner", "reader", "other")]
        self.assertEqual(granted, [2, 0, 0])
        for kind in [*once, "owner_granted"]:
            moment = value(samples, "openai_org_last_change_timestamp_seconds", change=kind)
            self.assertTrue(started - 1 <= moment <= time.time(), kind)
        self.assertIsNone(value(samples, "openai_org_last_change_timestamp_seconds", change="unbanned"))

        lines = [line for line in program.output.splitlines() if "change=" in line]
        said = sorted(" ".join(re.findall(r'(?:change|user_id|from|to|users|account_type)=\S+', line)) for line in lines)
        self.assertEqual(
            [dict(pair.split("=") for pair in line.split()) for line in said],
            [
                {"change": "added", "user_id": "user_comer", "to": "owner"},
                {"change": "banned", "user_id": "user_banned", "from": "false", "to": "true"},
                {"change": "disabled", "user_id": "user_banned", "from": "true", "to": "false"},
                {"change": "removed", "from": "reader", "account_type": "service_account", "users": "1"},
                {"change": "role_changed", "user_id": "user_riser", "from": "reader", "to": "owner"},
                {"change": "scim_linked", "user_id": "user_linked", "from": "false", "to": "true"},
            ],
        )
        self.assertTrue(all("organization=default" in line for line in lines))
        for text in (program.output, get(f"{url}/metrics").text, get(f"{url}/").text):
            self.assertNotIn("Name-of", text)
            self.assertNotIn("secret.example", text)

    def test_a_flood_of_changes_is_200_lines_and_the_rest_a_number(self):
        api, program, url = self.watch([*crowd(*range(300)), person("rare")])
        promoted = [person(f"c{number}", role="owner") for number in range(300)]
        self.change(url, api, [*promoted, person("rare", is_scim_managed=True), person("new")])
        lines = [line for line in program.output.splitlines() if "change=" in line]
        self.assertEqual(sum("user_id=" in line for line in lines), 200)
        self.assertTrue(any("user_id=user_new" in line for line in lines), "the rarest kinds come first")
        rest = [line for line in lines if "user_id=" not in line]
        self.assertEqual([re.search(r"users=(\d+)", line)[1] for line in rest], ["101"])
        self.assertEqual(
            value(parse(get(f"{url}/metrics").text), "openai_org_user_changes_total", change="role_changed"), 300
        )

    def test_replicas_that_see_the_same_show_the_same_fingerprint(self):
        entries = crowd(1, 2, 3)
        api, _, url = self.watch(entries)
        replica, _, other = self.watch(list(reversed(entries)))
        fingerprint = lambda root: value(parse(get(f"{root}/metrics").text), "openai_org_roster_fingerprint")
        self.assertEqual(fingerprint(url), fingerprint(other))
        before = fingerprint(url)
        self.change(url, api, [person("c1", role="owner"), *crowd(2, 3)])
        self.assertNotEqual(fingerprint(url), before)


class ImplausibleAnswers(Watched):
    def test_half_a_list_is_held_back_and_the_figures_stay(self):
        for entries, kind in [
            (crowd(*range(40)), "implausible_drop"),
            ([], "implausible_drop"),
            ([person(f"other{n}") for n in range(100)], "different_organization"),
        ]:
            with self.subTest(kind=kind, users=len(entries)):
                api, program, url = self.watch(crowd(*range(100)))
                api.entries = entries
                self.wait_for_walks(url, 1, "implausible")
                samples = parse(get(f"{url}/metrics").text)
                users = [v for (name, _), v in samples.items() if name == "openai_org_users"]
                self.assertEqual(sum(users), 100)
                self.assertEqual(value(samples, "openai_org_up"), 0)
                self.assertEqual(value(samples, "openai_org_exporter_walk_anomalies_total", kind=kind), 1)
                self.assertEqual(value(samples, "openai_org_user_changes_total", change="removed"), 0)
                program.find("(walk held back)")
                line = next(line for line in program.output.splitlines() if "held back" in line)
                for field in (f"kind={kind}", "users_before=100", f"users={len(entries)}", "next_walk_seconds=60"):
                    self.assertIn(field, line)
                self.assertIn("Held back", get(f"{url}/").text)

    def test_it_can_be_switched_off(self):
        api, _, url = self.watch(crowd(*range(100)), "--poll.max-drop=0")
        self.change(url, api, crowd(*range(20)))
        samples = parse(get(f"{url}/metrics").text)
        self.assertEqual(value(samples, "openai_org_user_changes_total", change="removed"), 80)


class SlowWalks(Watched):
    def test_a_walk_that_takes_more_than_half_of_the_maximum_age_is_told_of_once(self):
        api = self.enterContext(fake_api(crowd(1), lambda: time.sleep(1.1)))
        flags = ("--poll.interval=1s", "--poll.max-age=2s", f"--openai.base-url={api.base_url}")
        program, url = self.enterContext(serving(*flags, OPENAI_ADMIN_KEY=api.key))
        self.wait_for_walks(url, 3)
        told = [line for line in program.output.splitlines() if "more than half of the maximum age" in line]
        self.assertEqual(len(told), 1, program.output)
        self.assertIn("raise --poll.max-age", told[0])


if __name__ == "__main__":
    unittest.main()
