"""`users`: as many people as each series says, page by page, and names nowhere but on standard output."""

import csv
import io
import json
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fake_api import ADMIN_KEY, Answer, Entry, FakeApi, error, fake_api
from harness import BINARY, SIMULATED_KEY, Result, environment, exporter, get, run, serving, simulator, wait_until
from records import entry, full_record, project, projects
from shapes import DOMAINS, SHAPES, Shape
from terminal import terminal

MARK = "MARKED"
PROJECT_USERS = "openai_org_project_users"
COUNTING = {
    "openai_org_users",
    "openai_org_users_by_api_key_use",
    "openai_org_users_api_key_stale",
    "openai_org_users_recently_added",
    "openai_org_users_by_developer_persona",
    "openai_org_users_by_technical_level",
    "openai_org_users_by_email_domain",
    PROJECT_USERS,
    "openai_org_users_without_project",
    "openai_org_users_default",
    "openai_org_users_scale_tier_purchasers",
    "openai_org_users_with_field",
}
MESSY = (
    "messy 0",
    "messy 7",
    "many roles",
    "many projects, few kept",
    "rare roles of one member",
    "long and blank texts",
    "odd texts",
    "addresses",
    "records twice",
    "nobody",
)
SUMMARY = re.compile(r"openai-org-exporter: (?P<users>\d+) users?(?: in (?P<memberships>\d+) memberships?)?$", re.MULTILINE)


def users(api: FakeApi, *arguments: str, **env: str) -> Result:
    return run("users", f"--openai.base-url={api.base_url}", *arguments, **{"OPENAI_ADMIN_KEY": ADMIN_KEY} | env)


def marked(size: int) -> list[Entry]:
    """Users whose names and addresses are marked."""
    return [
        entry(id=f"user-{n:03}", name=f"{MARK} {n}", email=f"{MARK}-{n}@example.org", role=("reader", "owner")[n % 2])
        for n in range(size)
    ]


class AsTheSeries(unittest.TestCase):
    """For each series of each family that counts users, as many users are listed as it counts."""

    def check(self, shape: Shape) -> None:
        settings = {
            "OPENAI_ADMIN_KEY": ADMIN_KEY,
            "OPENAI_ORG_EXPORTER_EMAIL_DOMAIN": ",".join(DOMAINS),
            "OPENAI_ORG_EXPORTER_PROJECTS_LIMIT": str(shape.settings.projects_limit),
        }
        with fake_api(shape.entries(int(time.time()))) as api:
            once = run("once", f"--openai.base-url={api.base_url}", **settings)
            self.assertEqual(once.code, 0, once.err)
            lines = [line for line in once.out.split("\n") if re.split(r"[{ ]", line)[0] in COUNTING]
            with ThreadPoolExecutor(4) as pool:
                wrong = [found for found in pool.map(lambda line: self.difference(api, line, settings), lines) if found]
        self.assertGreater(len(lines), 10)
        self.assertFalse(wrong, f"{len(wrong)} of {len(lines)} series differ:\n" + "\n".join(wrong[:20]))

    def difference(self, api: FakeApi, line: str, settings: dict[str, str]) -> str | None:
        """What is wrong with the list for one series, as it is printed."""
        # No argument can hold a zero byte.
        result = users(api, "--from-labels=" + line.replace("\0", r"\x00"), "--output=ids", **settings)
        said = SUMMARY.search(result.err)
        value = int(line.rsplit(" ", 1)[1])
        if result.code or not said:
            return f"{line}: {result}"
        listed = result.out.splitlines()
        counted = said["memberships"] if line.startswith(PROJECT_USERS) else said["users"]
        if int(counted) != value or int(said["users"]) != len(listed) or len(set(listed)) != len(listed):
            return f"{line}: {said[0]!r} and {len(listed)} ids"
        return None


for _shape in SHAPES:
    if _shape.name in MESSY:
        _name = "test_" + re.sub(r"\W", "_", _shape.name)
        setattr(AsTheSeries, _name, lambda self, shape=_shape: self.check(shape))


class Lists(unittest.TestCase):
    """What a list looks like, and who is on it."""

    def api(self, entries: list[Entry] | None = None, answer=lambda: None) -> FakeApi:
        now = int(time.time())
        entries = [entry(**full_record(now, n)) for n in range(250)] if entries is None else entries
        return self.enterContext(fake_api(entries, answer))

    def test_filters_are_joined_as_they_say(self):
        api = self.api()
        everybody = json.loads(users(api, "--output=json").out)["users"]
        self.assertEqual(len(everybody), 250)
        for arguments, wanted in [
            (["--role=owner"], lambda user: user["role"] == "owner"),
            (["--role=owner,auditor"], lambda user: user["role"] in ("owner", "auditor")),
            (["--role=!reader", "--scim-managed=false"], lambda u: u["role"] != "reader" and u["scim_managed"] == "false"),
            (["--project=proj_00002"], lambda u: "proj_00002" in [project["id"] for project in u["projects"]]),
            (["--email-domain=acme.io"], lambda user: user["email"].lower().endswith("@acme.io")),
            (["--api-key-use=never"], lambda user: user["api_key_last_used_at"] is None),
            (["--status=banned", "--status=disabled"], lambda user: user["status"] in ("banned", "disabled")),
            (["--account-type=service_account"], lambda user: user["account_type"] == "service_account"),
            (["--persona=data"], lambda user: user["developer_persona"] == "data"),
            (["--technical-level=!expert"], lambda user: user["technical_level"] != "expert"),
            (["--added-within=7d"], lambda user: user["added_at"] > time.time() - 7 * 86_400),
            (["{role=~'own.*'}", "--scim-managed=true"], lambda u: u["role"] == "owner" and u["scim_managed"] == "true"),
        ]:
            with self.subTest(arguments=arguments):
                result = users(api, *arguments, "--output=ids")
                self.assertEqual(result.code, 0, result.err)
                expected = [user["id"] for user in everybody if wanted(user)]
                self.assertEqual(result.out.split(), expected)
                self.assertTrue(expected)

    def test_values_that_nobody_can_have_are_refused(self):
        for arguments, expected in [
            (["--scim-managed=yes"], 'flag --scim-managed: nobody has "yes"; values are true, false, unknown'),
            (["{rol='owner'}"], "argument SELECTOR: label rol: unknown; did you mean role?"),
            (["--email=secret"], "flag --email: this is no address; write it like name@example.com"),
            (["--output=xml"], 'flag --output: "xml" is no way to write a list; write it as one of table, json, jsonl, csv, ids'),
            (["--columns=id,role,id"], 'flag --columns: "id" is there twice; give each column once'),
            (["--limit=0"], 'flag --limit: "0" is no number from 1 on'),
            (["{}", "--from-labels={}"], "flag --from-labels: there is a selector besides"),
            (["--role=owner", "--compare-with=http://localhost:1"], "flag --compare-with: with filters the list is that of no series"),
        ]:
            with self.subTest(arguments=arguments):
                result = run("users", *arguments, OPENAI_ADMIN_KEY=ADMIN_KEY)
                self.assertEqual((result.code, result.out), (2, ""), result.err)
                self.assertIn(expected, result.err)

    def test_a_spreadsheet_reads_what_is_there_and_no_formula(self):
        api = self.api([entry(id="=a", name="=1+1", email="+x@y.z", role='say "hi", twice\n'), entry(id="b", role="@x")])
        result = users(api, "--output=csv", "--columns=id,name,email,role")
        self.assertEqual(
            list(csv.reader(io.StringIO(result.out, newline=""))),
            [["id", "name", "email", "role"], ["'=a", "'=1+1", "'+x@y.z", 'say "hi", twice'], ["b", "", "", "'@x"]],
        )

    def test_what_a_terminal_would_obey_is_spelled_out(self):
        api = self.api([entry(id="a\u202eb", name="Eve\x1b[2J\u2066\u200b\u2028\x9b", role="owner")])
        result = users(api, "--columns=id,name,role")
        self.assertEqual(
            result.out.splitlines()[1].split(), [r"a\u{202e}b", r"Eve\u{1b}[2J\u{2066}\u{200b}\u{2028}\u{9b}", "owner"]
        )
        self.assertEqual(users(api, "--output=ids").out, "a\\u{202e}b\n")
        lines = users(api, "--output=jsonl").out
        self.assertTrue(lines.isascii())
        self.assertEqual(json.loads(lines)["name"], "Eve\x1b[2J\u2066\u200b\u2028\x9b")

    def test_a_table_fits_the_terminal(self):
        api = self.api()
        command = [BINARY, "users", f"--openai.base-url={api.base_url}", "--limit=20"]
        for columns in (40, 80, 120, 200):
            with self.subTest(columns=columns), terminal(*command, columns=columns, rows=60, OPENAI_ADMIN_KEY=ADMIN_KEY) as screen:
                self.assertEqual(screen.wait(), 0)
                self.assertRegex(screen.rows[0], "^ID +NAME")
                self.assertEqual(len([row for row in screen.rows if row.startswith("user_0")]), 20)
                self.assertNotIn("walking", "\n".join(screen.rows))

    def test_progress_makes_way_for_rows_and_leaves_nothing_behind(self):
        with simulator("--users=600", "--latency=250ms") as base_url:
            command = [BINARY, "users", f"--openai.base-url={base_url}"]
            with terminal(*command, columns=100, rows=700, OPENAI_ADMIN_KEY=SIMULATED_KEY) as screen:
                self.assertEqual(screen.wait(), 0)
                self.assertRegex("\n".join(screen.seen), r"walking: \d pages, \d00 users")
                self.assertEqual(len([row for row in screen.rows if row.startswith("user-")]), 600)
                self.assertEqual(len(screen.rows), 1 + 600 + 1)
                self.assertRegex(screen.rows[-1], "^openai-org-exporter: 600 users$")

    def test_sorted_and_limited(self):
        api = self.api()
        result = users(api, "--sort=-added_at", "--limit=3", "--output=ids")
        self.assertEqual(result.out.split(), ["user_00000", "user_00001", "user_00002"])
        self.assertIn("3 of 250 users", result.err)
        result = users(api, "--limit=3", "--output=json")
        self.assertEqual(result.code, 0)
        self.assertIn("3 users, as --limit has it; there may be more", result.err)
        document = json.loads(result.out)
        self.assertEqual((document["listed"], document["complete"]), (3, False))

    def test_rows_come_with_their_page(self):
        """The last page is held back until the first row was seen."""
        seen, asked = threading.Event(), []

        def answer() -> Answer | None:
            asked.append(1)
            if len(asked) == 3 and not seen.wait(30):
                return error(400, "the first row never came")
            return None

        api = self.api(answer=answer)
        flags = (f"--openai.base-url={api.base_url}", "--output=csv", "--columns=id,name")
        with exporter("users", *flags, OPENAI_ADMIN_KEY=ADMIN_KEY) as child:
            child.find(r"(user_00000,Name 0)")
            self.assertNotIn("user_00249", child.output)
            seen.set()
            self.assertEqual(child.wait(20), 0)
            self.assertIn("user_00249", child.output)

    def test_nobody_reads_on(self):
        api = self.api()
        command = f"'{BINARY}' users --openai.base-url={api.base_url} --output=ids | head -1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", command], env=environment(OPENAI_ADMIN_KEY=ADMIN_KEY), capture_output=True, timeout=60
        )
        self.assertEqual((done.returncode, done.stdout, b"rror" in done.stderr), (0, b"user_00000\n", False), done)

    def test_a_walk_that_is_not_whole_is_called_incomplete(self):
        asked = []

        def answer() -> Answer | None:
            asked.append(1)
            return error(400, "no more") if len(asked) > 1 else None

        for output in ("table", "json", "ids"):
            with self.subTest(output=output):
                asked.clear()
                api = self.api(answer=answer)
                result = users(api, f"--output={output}", "{role='owner'}")
                self.assertEqual(result.code, 1)
                self.assertIn('incomplete: the walk of organization "default" is not whole', result.err)
                self.assertEqual(result.out.count("user_0"), 20)
                if output == "json":
                    self.assertIs(json.loads(result.out)["complete"], False)

    def test_records_that_cannot_be_read_are_said(self):
        api = self.api([entry(id="a"), Entry(b'{"object":"organization.user"}'), entry(id="b")])
        result = users(api, "--output=json", "--columns=id")
        self.assertEqual(result.code, 0, result.err)
        self.assertIn('1 record of organization "default" could not be read and is on no list', result.err)
        document = json.loads(result.out)
        self.assertEqual((document["listed"], document["unreadable"], document["complete"]), (2, 1, False))

    def test_a_list_that_is_stopped_ends_as_a_document(self):
        stopped, asked = threading.Event(), []
        self.addCleanup(stopped.set)

        def answer() -> Answer | None:
            asked.append(1)
            if len(asked) == 2:
                stopped.wait(30)
            return None

        flags = (f"--openai.base-url={self.api(answer=answer).base_url}", "--output=json", "--columns=id")
        with exporter("users", *flags, OPENAI_ADMIN_KEY=ADMIN_KEY) as child:
            child.find(r'("user_00099")')
            child.signal(signal.SIGINT)
            self.assertEqual(child.wait(20), 1)
            text, end, said = child.output.partition("]}\n")
            document = json.loads(text + end)
            self.assertEqual((len(document["users"]), document["complete"]), (100, False))
            self.assertRegex(said, "openai-org-exporter: incomplete: .* stopped by a signal")

    def test_no_name_and_no_address_stands_on_standard_error(self):
        asked = []

        def failing() -> Answer | None:
            asked.append(1)
            return error(403, f"{MARK}-1@example.org") if len(asked) > 1 else None

        everything = ("--log.level=trace", f"--email={MARK}-1@example.org")
        for answer in (lambda: None, failing):
            for arguments in (("--log.level=trace",), everything):
                asked.clear()
                api = self.api(marked(250), answer)
                result = users(api, *arguments)
                self.assertIn(MARK, result.out)
                self.assertNotIn(MARK, result.err)
                self.assertTrue(result.err)


class ByAddress(unittest.TestCase):
    """Single users are asked for, and believed only if all of them come."""

    def asked(self, api: FakeApi) -> list[str]:
        return [request[":path"].partition("?")[2] for request in api.requests]

    def test_an_api_that_ignores_the_addresses_is_filtered_here(self):
        with fake_api(marked(250)) as api:
            result = users(api, f"--email={MARK.lower()}-7@EXAMPLE.org", "--output=ids")
            self.assertEqual((result.code, result.out), (0, "user-007\n"), result.err)
            self.assertIn(f"emails%5B%5D={MARK.lower()}-7%40EXAMPLE.org", self.asked(api)[0])
            self.assertEqual(len(api.requests), 3)

    def test_an_api_that_answers_with_the_user_is_not_walked(self):
        only = marked(250)[7]
        page = b'{"object":"list","data":[' + only.raw + b'],"has_more":false,"last_id":"user-007"}'
        with fake_api([], lambda: Answer(200, page)) as api:
            result = users(api, f"--email={MARK}-7@example.org", "--output=ids")
            self.assertEqual((result.code, result.out), (0, "user-007\n"), result.err)
            self.assertEqual(len(api.requests), 1)

    def test_no_answer_or_a_refusal_proves_nothing(self):
        nothing = Answer(200, b'{"object":"list","data":[],"has_more":false}')
        for answer in (nothing, error(400, "Unknown parameter: 'emails'")):
            with fake_api(marked(250)) as api:
                api.answer = lambda api=api, answer=answer: answer if "emails" in api.requests[-1][":path"] else None
                result = users(api, f"--email={MARK}-7@example.org", f"--email={MARK}-9@example.org", "--output=ids")
                self.assertEqual((result.code, result.out), (0, "user-007\nuser-009\n"), result.err)
                self.assertIn("note: the API did not give all users of --email; all users are walked", result.err)
                self.assertNotIn(MARK, result.err)


class Compared(unittest.TestCase):
    """Held against a running exporter."""

    def test_the_same_number_or_why_not(self):
        now = int(time.time())
        entries = [entry(**full_record(now, n)) for n in range(120)]
        with (
            fake_api(entries) as api,
            serving(f"--openai.base-url={api.base_url}", "--organization=acme", OPENAI_ADMIN_KEY=ADMIN_KEY) as (child, url),
        ):
            wait_until(lambda: get(f"{url}/-/fresh").status == 200, 20, "a first walk", lambda: child.output)
            owners = 'openai_org_users{organization="acme",role="owner"}'
            result = users(api, owners, f"--compare-with={url}")
            self.assertEqual(result.code, 0)
            self.assertIn('note: the one admin key is taken for that of organization "acme"', result.err)
            self.assertIn("24 users, as the series", result.err)
            result = users(api, '{organization="acme",project_id="other"}', f"--compare-with={url}")
            self.assertIn("0 users in 0 memberships, as the series", result.err)

            entries.append(entry(id="new", role="owner", added_at=int(time.time()) + 1))
            result = users(api, owners, f"--compare-with={url}/metrics")
            self.assertEqual(result.code, 0)
            self.assertRegex(result.err, r'25 users; the series says 24: its walk of "acme" began (.* before|in the same second as) this one')
            self.assertIn("1 of those listed was added since", result.err)

            result = users(api, "--compare-with=" + url, "--organization=globex")
            self.assertIn('121 users; there is no such series: the exporter has no organization "globex"', result.err)

    def test_an_exporter_that_is_not_there(self):
        with fake_api(marked(3)) as api:
            result = users(api, "{}", "--compare-with=http://ada:secret@127.0.0.1:1")
            self.assertEqual(result.code, 1)
            self.assertEqual(result.out.count("user-"), 3)
            self.assertIn("3 users\n", result.err)
            self.assertIn("flag --compare-with: cannot read http://127.0.0.1:1/metrics", result.err)
            self.assertNotIn("secret", result.err)


class Organizations(unittest.TestCase):
    """Several of them, in the order of the file."""

    def test_all_or_those_that_are_meant(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        first, second = (self.enterContext(fake_api(marked(size))) for size in (2, 150))
        second.key = ADMIN_KEY + "-2"
        config = directory / "config.yml"
        config.write_text(
            "organizations:\n"
            f"  - {{name: acme, admin_key_env: A, base_url: '{first.base_url}'}}\n"
            f"  - {{name: globex, admin_key_env: B, base_url: '{second.base_url}'}}\n"
        )

        def listed(*arguments: str) -> Result:
            return run("users", f"--config.file={config}", *arguments, A=first.key, B=second.key)

        result = listed("--output=csv", "--columns=organization,id")
        self.assertEqual(result.code, 0, result.err)
        rows = result.out.split()
        self.assertEqual(rows[1:4], ["acme,user-000", "acme,user-001", "globex,user-000"])
        self.assertEqual(len(rows), 1 + 2 + 150)
        self.assertIn("152 users of 2 organizations", result.err)
        self.assertIn("150 users", listed('{organization="globex"}').err)
        self.assertIn("2 users", listed("--organization=!globex").err)
        self.assertRegex(listed().out, "^ORGANIZATION +ID +NAME")
        document = json.loads(listed("--limit=5", "--output=json").out)
        self.assertEqual([one["users"] for one in document["organizations"]], [2, 3])
        refused = run("users", f"--config.file={config}", "--limit=3", "--output=ids", A="sk-admin-wrong", B=second.key)
        self.assertEqual((refused.code, len(refused.out.split())), (1, 3), refused.err)
        self.assertIn('incomplete: the walk of organization "acme" is not whole', refused.err)
        result = listed('{organization="initech"}')
        self.assertEqual(result.code, 2)
        self.assertIn('argument SELECTOR: organization "initech" is not configured; configured: acme, globex', result.err)
        result = listed("--organization=initech")
        self.assertEqual(result.code, 2)


class Memberships(unittest.TestCase):
    def test_users_in_several_projects_under_other_count_in_each(self):
        members = [entry(id=f"u{n}", projects=projects(project(0), *([project(n)] if n else []))) for n in range(14)]
        members[1] = entry(id="u1", projects=projects(project(0), project(1), project(20)))
        with fake_api(members) as api:
            result = users(
                api, 'openai_org_project_users{project_id="other"}', OPENAI_ORG_EXPORTER_PROJECTS_LIMIT="1"
            )
            self.assertEqual(result.code, 0, result.err)
            self.assertIn("13 users in 14 memberships\n", result.err)


if __name__ == "__main__":
    unittest.main()
