"""Policies: what `check` says of them and how it exits, and what `serve` makes of them."""

import json
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

import yaml
from exposition import POLICIES, parse, value
from fake_api import ADMIN_KEY, Entry, FakeApi, error, fake_api
from harness import Result, get, run, serving, wait_until
from oracle import Samples
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif
from records import entry, full_record

NOW = 1_790_000_000
OWNERS = '{role="owner"}'
ENDED = "2020-01-01"
FORMATS = ("table", "json", "junit", "sarif", "markdown")


def user(name: str, role: str | None = "reader", **fields: object) -> Entry:
    """A user whose id and address hold the name; without a role, the API does not send any."""
    record = full_record(NOW, 1) | {"id": f"user-{name}", "email": f"{name}@acme.example", "role": role} | fields
    return entry(**{key: field for key, field in record.items() if key != "role" or role is not None})


def policy(name: str, bound: dict[str, object], select: str = OWNERS, **more: object) -> dict[str, object]:
    return {"name": name, "select": select} | bound | more


def excepting(who: dict[str, str], until: str) -> dict[str, object]:
    return {"except": [who | {"reason": "break-glass", "until": until}]}


class Policies(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.folder / "policies.yaml"

    def write(self, *policies: dict[str, object]) -> None:
        self.file.write_text(yaml.safe_dump({"policies": list(policies)}, sort_keys=False))

    def api(self, *entries: Entry, **settings: object) -> FakeApi:
        return self.enterContext(fake_api(list(entries), **settings))

    def check(self, api: FakeApi, *flags: str) -> Result:
        flags = (f"--openai.base-url={api.base_url}", "--poll.stall-timeout=1s", f"--policy.file={self.file}", *flags)
        return run("check", *flags, OPENAI_ADMIN_KEY=api.key)


class Check(Policies):
    def test_the_exit_code_tells_the_worst(self):
        api = self.api(user("a", "owner"), user("b", "owner"), user("c", None))
        kept, violated, unknown = policy("kept", {"max": 3}), policy("violated", {"max": 1}), policy("unknown", {"max": 2})
        for policies, code in [((kept,), 0), ((kept, unknown), 4), ((unknown, violated), 3)]:
            with self.subTest(code):
                self.write(*policies)
                result = self.check(api)
                self.assertEqual((result.code, result.err), (code, ""))

    def test_the_table_says_what_and_why(self):
        self.write(
            policy("violated", {"max": 1}, severity="critical"),
            policy("unknown", {"max": 2}),
            policy("share", {"min_share": "99%"}, '{scim_managed="true"}', of='{account_type="user"}'),
        )
        api = self.api(
            user("a", "owner", is_service_account=False, is_scim_managed=True),
            user("b", "owner", is_service_account=True, is_scim_managed=False),
            user("c", None, is_service_account=False, is_scim_managed=True),
        )
        result = self.check(api)
        expected = """\
ORGANIZATION  POLICY    SEVERITY  VALUE          LIMIT         VERDICT
default       violated  critical  2              at most 1     violated
default       unknown   warning   2              at most 2     unknown
default       share     warning   2 of 2 (100%)  at least 99%  ok
default, violated: it is 2, and has to be at most 1
default, unknown: it may be 2 to 3: the API does not say role of 1 user
3 verdicts: 1 ok, 1 violated, 1 unknown
"""
        self.assertEqual((result.code, result.out, result.err), (3, expected, ""))

    def test_what_was_not_walked_is_neither_kept_nor_violated_and_goes_first(self):
        good = self.api(user("a", "owner"))
        bad = self.api(user("b"), answer=lambda: error(401, "no such key"))
        good.key, bad.key = "sk-admin-good", "sk-admin-bad"
        organizations = []
        for name, api in (("good", good), ("bad", bad)):
            (self.folder / name).write_text(api.key)
            organizations.append({"name": name, "base_url": api.base_url, "admin_key_file": str(self.folder / name)})
        config = self.folder / "config.yaml"
        config.write_text(json.dumps({"organizations": organizations, "policies": [policy("none", {"max": 0})]}))
        result = run("check", f"--config.file={config}", "--output=json")
        self.assertEqual(result.code, 1, result)
        said = json.loads(result.out)
        self.assertEqual(said["outcome"], "not_walked")
        first, second = said["organizations"]
        self.assertEqual((first["name"], first["policies"][0]["verdict"]), ("good", "violated"))
        self.assertEqual((second["name"], second["walked"], second["result"]), ("bad", False, "unauthorized"))
        self.assertNotIn("policies", second)

    def test_wrong_usage_is_said_with_its_place(self):
        api = self.api(user("a"))
        self.file.write_text("policies:\n  - name: p\n    select: openai_org_users\n    max: few\n")
        result = self.check(api)
        expected = f'openai-org-exporter: {self.file}:4:10: max: "few" is no number of users, such as 5\n'
        self.assertEqual(result, Result(2, "", expected))
        self.write(policy("p", {"max": 1}))
        result = self.check(api, "--output=xml")
        expected = 'flag --output: "xml" is not one of table, json, junit, sarif, markdown\n'
        self.assertEqual(result, Result(2, "", "openai-org-exporter: " + expected))
        result = run("check", OPENAI_ADMIN_KEY=ADMIN_KEY)
        self.assertEqual(result.code, 2)
        self.assertIn("there are no policies to check", result.err)
        self.assertEqual(api.requests, [], "nothing is asked before all is well")

    def test_an_exception_that_has_ended_is_a_violation_and_one_that_holds_is_none(self):
        api = self.api(user("a", "owner"))
        for who in ({"user": "user-a"}, {"email": "A@acme.example"}):
            with self.subTest(who):
                self.write(policy("none", {"max": 0}, **excepting(who, "never")))
                self.assertEqual(self.check(api).code, 0)
                self.write(policy("few", {"max": 9}, **excepting(who, ENDED)))
                result = self.check(api)
                self.assertEqual(result.code, 3)
                told = self.check(api, "--show-users")
                for one, name in ((result, "a user (number 1)"), (told, "user-a")):
                    named = name if "user" in who else "an address (number 1)"
                    self.assertIn(f"default, few: the exception for {named} ended on {ENDED}\n", one.out)
                    self.assertNotIn("acme.example", one.out.lower())
                self.assertNotIn("user-a", result.out)
        self.write(policy("none", {"max": 1}, **excepting({"user": "user-gone"}, "never")))
        result = self.check(api)
        self.assertEqual(result.code, 0)
        self.assertIn("default, none: the exception for a user (number 1) is for nobody who is there\n", result.out)
        told = self.check(api, "--show-users").out
        self.assertIn("default, none: the exception for user-gone is for nobody who is there\n", told)

    def test_users_are_named_by_their_ids_if_asked_for_and_never_otherwise(self):
        api = self.api(user("owner-1", "owner"), user("reader", "reader"), user("silent", None))
        self.write(policy("none", {"max": 0}), policy("all", {"min_share": 1}, '{role="reader"}'))
        for form in FORMATS:
            with self.subTest(form):
                silent, telling = self.check(api, f"--output={form}"), self.check(api, f"--output={form}", "--show-users")
                self.assertEqual((silent.code, telling.code), (3, 3))
                self.assertNotRegex(silent.out, "user-(owner|reader|silent)")
                for name in ("user-owner-1", "user-silent"):
                    self.assertIn(name, telling.out)
                self.assertNotIn("user-reader", telling.out)
                for result in (silent, telling):
                    self.assertNotRegex(result.out + result.err, "@|First Last")

    def test_machines_can_read_it(self):
        api = self.api(user("a", "owner"), user("c", None))
        self.write(policy("violated", {"max": 0}), policy("unknown", {"max": 1}), policy("kept", {"max": 2}))
        tree = xml.fromstring(self.check(api, "--output=junit").out)
        self.assertEqual(tree.attrib | {"name": ""}, {"name": "", "tests": "3", "failures": "1", "errors": "1"})
        cases = {case.get("name"): [child.tag for child in case] for case in tree.iter("testcase")}
        self.assertEqual(cases, {"violated": ["failure"], "unknown": ["error"], "kept": []})
        sarif = json.loads(self.check(api, "--output=sarif", "--show-users").out)
        # It is made from the schema, and forbids what that does not have.
        Sarif.model_validate(sarif)
        with self.assertRaises(ValueError):
            Sarif.model_validate(sarif | {"misspelt": 1})
        (found,) = sarif["runs"]
        places = [result["locations"][0]["physicalLocation"] for result in found["results"]]
        self.assertEqual([place["region"]["startLine"] for place in places], [2, 5])
        self.assertEqual({place["artifactLocation"]["uri"] for place in places}, {f"file://{self.file}"})

    def test_once_shows_policies_too(self):
        api = self.api(user("a", "owner"))
        self.write(policy("none", {"max": 0}), policy("share", {"max_share": 0.5}, '{scim_managed="true"}'))
        flags = (f"--openai.base-url={api.base_url}", f"--policy.file={self.file}")
        samples = parse(run("once", *flags, OPENAI_ADMIN_KEY=api.key).out)
        self.assertEqual(value(samples, "openai_org_policy_violation", policy="none", severity="warning"), 1)
        self.assertEqual(value(samples, "openai_org_policy_limit", policy="share", bound="max_share", severity="warning"), 0.5)


class Serve(Policies):
    def serve(self, api: FakeApi, *flags: str) -> str:
        flags = (f"--openai.base-url={api.base_url}", f"--policy.file={self.file}", *flags)
        program, url = self.enterContext(serving(*flags, OPENAI_ADMIN_KEY=api.key))
        self.program = program
        wait_until(lambda: value(self.samples(url), "openai_org_snapshot_available") == 1, 20, "figures")
        return url

    def samples(self, url: str) -> Samples:
        return parse(get(f"{url}/metrics").text)

    def of_policies(self, url: str) -> dict[str, dict[str, float]]:
        """The values of the families, by policy."""
        found: dict[str, dict[str, float]] = {}
        for (name, labels), number in self.samples(url).items():
            if name in POLICIES:
                found.setdefault(dict(labels)["policy"], {})[name.removeprefix("openai_org_policy_")] = number
        return found

    def reload(self, url: str) -> int:
        return get(f"{url}/-/reload", "POST").status

    def test_each_policy_has_its_value_its_limit_and_a_verdict_where_there_is_one(self):
        self.write(policy("violated", {"max": 1}), policy("unknown", {"max": 2}), policy("share", {"min_share": 0.25}))
        url = self.serve(self.api(user("a", "owner"), user("b", "owner"), user("c", None), user("d")))
        self.assertEqual(
            self.of_policies(url),
            {
                "violated": {"limit": 1, "value": 2, "violation": 1},
                "unknown": {"limit": 2, "value": 2},
                "share": {"limit": 0.25, "value": 0.5, "violation": 0},
            },
        )
        page = get(f"{url}/").text
        self.assertIn('<h2 id="policies">Policies</h2>', page)
        self.assertIn("3 in force, 1 violated", page)
        policies = json.loads(get(f"{url}/api/v1/status").text)["organization"]["policies"]
        self.assertEqual([one["verdict"] for one in policies], ["violated", "unknown", "ok"])

    def test_a_reload_puts_limits_in_force_at_once_and_waits_for_a_walk_where_others_count(self):
        api = self.api(user("a", "owner"), user("b", "owner"))
        self.write(policy("owners", {"max": 1}))
        url = self.serve(api, "--web.enable-lifecycle", "--poll.interval=10m")
        asked = len(api.requests)
        self.write(policy("owners", {"max": 2}, severity="critical"), policy("readers", {"max": 0}, '{role="reader"}'))
        self.assertEqual(self.reload(url), 200)
        self.assertEqual(self.of_policies(url), {"owners": {"limit": 2, "value": 2, "violation": 0}, "readers": {"limit": 0}})
        self.assertEqual(value(self.samples(url), "openai_org_policy_violation", policy="owners", severity="critical"), 0)
        self.write(policy("owners", {"most": 2}))
        self.assertEqual(self.reload(url), 500)
        self.assertEqual(self.of_policies(url)["owners"]["limit"], 2, "the one before stays in force")
        self.write(policy("owners", {"max": 9}, **excepting({"user": "user-a"}, ENDED)))
        self.assertEqual(self.reload(url), 200)
        self.assertEqual(self.of_policies(url), {"owners": {"limit": 9}}, "who counts is another question now")
        self.assertEqual(len(api.requests), asked, "a reload of policies walks nothing anew")

    def test_an_ended_exception_is_said_without_whom_it_was_for(self):
        self.write(policy("owners", {"max": 9}, **excepting({"email": "a@acme.example"}, ENDED)))
        url = self.serve(self.api(user("a", "owner")), f"--state.file={self.folder / 'state'}")
        self.assertEqual(self.of_policies(url)["owners"], {"limit": 9, "value": 1, "violation": 1})
        page = get(f"{url}/").text
        self.assertIn(f"exception 1 ended on {ENDED}", page)
        status = json.loads(get(f"{url}/api/v1/status").text)["organization"]["policies"][0]
        self.assertEqual(status["ended_exceptions"], [{"number": 1, "until": ENDED}])
        wait_until(lambda: (self.folder / "state").exists(), 20, "a state file")
        state = (self.folder / "state").read_bytes().decode("latin-1")
        for text in (page, get(f"{url}/metrics").text, self.program.output, state):
            self.assertNotIn("acme.example", text)

    def test_a_restart_knows_the_verdicts_of_policies_that_count_the_same(self):
        api = self.api(user("a", "owner"), user("b", "owner"))
        self.write(policy("owners", {"max": 1}), policy("readers", {"max": 1}, '{role="reader"}'))
        flags = (f"--openai.base-url={api.base_url}", f"--policy.file={self.file}", f"--state.file={self.folder / 'state'}")
        with serving(*flags, OPENAI_ADMIN_KEY=api.key) as (program, url):
            wait_until(lambda: "value" in self.of_policies(url).get("owners", {}), 20, "a verdict")
            program.signal(15)
            self.assertEqual(program.wait(10), 0)
        api.answer = lambda: error(500, "down")
        self.write(policy("owners", {"max": 5}), policy("readers", {"max": 1}, '{role!="owner"}'))
        with serving(*flags, OPENAI_ADMIN_KEY=api.key) as (_, url):
            expected = {"owners": {"limit": 5, "value": 2, "violation": 0}, "readers": {"limit": 1}}
            self.assertEqual(self.of_policies(url), expected)

    def test_verdicts_go_with_the_figures_and_limits_stay(self):
        api = self.api(user("a", "owner"))
        self.write(policy("owners", {"max": 0}))
        url = self.serve(api, "--poll.interval=1s", "--poll.max-age=2s")
        api.answer = lambda: error(500, "down")
        wait_until(lambda: self.of_policies(url) == {"owners": {"limit": 0}}, 20, "withdrawn figures")


if __name__ == "__main__":
    unittest.main()
