"""The status page and its JSON from outside: they say what the metrics say, in a form that is kept."""

import json
import re
import unittest
from urllib.parse import quote, urljoin

import html5lib
from exposition import parse, value
from fake_api import Answer, Entry, error, fake_api
from harness import ROOT, SIMULATED_KEY, exporter, get, serving, simulator, wait_until
from jsonschema import Draft202012Validator

SCHEMA = json.loads((ROOT / "docs" / "status.schema.json").read_text())
HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"


def record(number: int, **fields: object) -> Entry:
    name = f"user-{number}"
    return Entry(json.dumps({"object": "organization.user", "id": name} | fields).encode(), name)


class Page:
    """A page as a parser of HTML reads it; it raises at the first thing that is wrong."""

    def __init__(self, text: str) -> None:
        self.root = html5lib.HTMLParser(strict=True).parse(text)

    def elements(self, name: str, **attributes: str) -> list:
        wanted = attributes.items()
        return [e for e in self.root.iter(HTML + name) if all(e.get(key) == value for key, value in wanted)]

    @property
    def text(self) -> str:
        """What is left without pictures, style and scripts."""
        return " ".join("".join(f"{part} " for part in self.root.find(f"{HTML}body").itertext()).split())


def organizations(count: int) -> list[str]:
    return [f"--organizations={count}", "--users=40", "--churn=0", "--poll.interval=1h", "--poll.max-age=2h"]


class Status(unittest.TestCase):
    def status(self, url: str, query: str = "") -> dict:
        """The JSON, held to its schema."""
        reply = get(f"{url}/api/v1/status{query}")
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, "application/json"), reply.text)
        status = json.loads(reply.text)
        wrong = [
            f"{'/'.join(map(str, error.path))}: {error.message}"
            for error in Draft202012Validator(SCHEMA).iter_errors(status)
        ]
        self.assertEqual(wrong, [])
        return status

    def page(self, url: str, query: str = "") -> Page:
        reply = get(f"{url}/{query}")
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, "text/html; charset=utf-8"))
        return Page(reply.text)

    def wait_for_state(self, url: str, state: str) -> dict:
        """The status once its only organization is in `state`; every one on the way fits the schema."""

        def arrived() -> dict | None:
            status = self.status(url)
            return status if status["organization"]["state"] == state else None

        return wait_until(arrived, 30, f"the state {state}", lambda: get(f"{url}/api/v1/status").text)

    def demo(self, *flags: str) -> str:
        child = self.enterContext(exporter("demo", "--web.listen-address=127.0.0.1:0", *flags))
        url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
        wait_until(lambda: get(f"{url}/-/fresh").status == 200, 60, "a walk of each", lambda: child.output)
        return url

    def test_the_schema_is_one_and_refuses_what_it_does_not_know(self):
        Draft202012Validator.check_schema(SCHEMA)
        status = self.status(self.demo(*organizations(1)))
        for broken in [
            status | {"more": 1},
            status | {"version": 2},
            {key: value for key, value in status.items() if key != "links"},
            status | {"organization": status["organization"] | {"state": "odd"}},
            status | {"summary": status["summary"] | {"users": -1}},
            status | {"time": "yesterday"},
        ]:
            self.assertFalse(Draft202012Validator(SCHEMA).is_valid(broken))

    def test_every_object_of_the_schema_is_closed_and_described(self):
        def check(schema: dict, place: str) -> None:
            if schema.get("type") == "object":
                self.assertIs(schema.get("additionalProperties"), False, place)
                self.assertEqual(sorted(schema["required"]), sorted(schema["properties"]), place)
                for name, field in schema["properties"].items():
                    self.assertTrue("description" in field or "$ref" in field, f"{place}/{name}")

        check(SCHEMA, "")
        for name, schema in SCHEMA["$defs"].items():
            self.assertIn("description", schema, name)
            check(schema, name)

    def test_one_organization_goes_from_its_first_walk_to_stale_figures_and_back(self):
        answers: list[Answer] = [error(429, "slowly")]
        users = [record(n, role="owner" if n < 2 else "reader", is_service_account=n == 5) for n in range(6)]
        api = self.enterContext(fake_api(users, lambda: answers[0] if answers else None))
        flags = ("--poll.interval=1s", "--poll.max-age=3s", "--poll.stall-timeout=2s", "--organization=acme")
        _, url = self.enterContext(
            serving(f"--openai.base-url={api.base_url}", *flags, OPENAI_ADMIN_KEY=api.key)
        )
        first = self.wait_for_state(url, "first_walk")
        self.assertIsNone(first["organization"]["figures"])
        self.assertIn("irst walk", self.page(url).text)

        answers[:] = [error(401, "Incorrect API key provided")]
        refused = self.wait_for_state(url, "no_figures")
        self.assertRegex(refused["organization"]["words"], r"^no figures: 401 since \d\d:\d\d UTC, key refused$")
        self.assertIn("key refused (401)", self.page(url).text)

        answers.clear()
        fresh = self.wait_for_state(url, "fresh")["organization"]
        self.assertRegex(fresh["words"], r"^fresh: walked \d+ s ago in \S+ m?s, 1 page$")
        self.assertEqual((fresh["figures"]["users"], fresh["figures"]["owners"]), (6, 2))
        self.assertEqual(fresh["figures"]["roles"][0]["people"], 2)
        self.assertIsNone(fresh["figures"]["people_scim_managed_ratio"], "nobody carries the field")

        answers[:] = [error(401, "Incorrect API key provided")]
        self.assertEqual(self.wait_for_state(url, "failing")["organization"]["figures"]["users"], 6)
        stale = self.wait_for_state(url, "stale")["organization"]
        self.assertEqual((stale["figures"], stale["snapshot"], stale["trend"]), (None, None, []))
        self.assertIsNotNone(stale["withdrawn_time"])
        self.assertGreaterEqual(len(stale["failed_walks"]), 2)
        samples = parse(get(f"{url}/metrics").text)
        self.assertEqual(value(samples, "openai_org_snapshot_available", organization="acme"), 0)
        page = self.page(url)
        self.assertIn("figures are withdrawn since", page.text)
        self.assertNotIn("Owners", page.text)

        answers.clear()
        self.wait_for_state(url, "fresh")

    def test_where_the_api_tells_nothing_the_page_says_unknown(self):
        api = self.enterContext(fake_api([record(n) for n in range(3)]))
        _, url = self.enterContext(serving(f"--openai.base-url={api.base_url}", OPENAI_ADMIN_KEY=api.key))
        figures = self.wait_for_state(url, "fresh")["organization"]["figures"]
        self.assertEqual((figures["users"], figures["owners"], figures["service_accounts"]), (3, None, None))
        self.assertEqual(figures["status"], {"active": None, "disabled": None, "banned": None, "unknown": 3})
        self.assertIn("Owners unknown", self.page(url).text)

    def test_the_page_and_the_json_say_what_the_metrics_say(self):
        url = self.demo("--users=230", "--churn=0", "--poll.interval=1h", "--poll.max-age=2h")
        samples = parse(get(f"{url}/metrics").text)

        def total(**labels: str) -> int:
            wanted = set(labels.items())
            rows = [v for (name, pairs), v in samples.items() if name == "openai_org_users" and wanted <= set(pairs)]
            return int(sum(rows))

        figures = self.status(url)["organization"]["figures"]
        page = self.page(url)
        text = page.text
        self.assertEqual(figures["users"], total())
        self.assertIn(f"Users {total()} in", text)
        for role in figures["roles"]:
            people, services = (total(role=role["role"], account_type=kind) for kind in ("user", "service_account"))
            self.assertEqual((role["people"], role["service_accounts"]), (people, services))
            self.assertIn(f"{role['role']} {people} {services} {role['unknown']} {role['users']}", text)
        for status in ("active", "disabled", "banned"):
            self.assertEqual(figures["status"][status], total(status=status))
            self.assertIn(f"{status.capitalize()} {total(status=status)} ", text)
        for field in figures["fields"]:
            carried = value(samples, "openai_org_users_with_field", organization="demo", field=field["field"])
            self.assertEqual(field["users"], carried)
            self.assertIn(f"{field['field']} {int(carried)} ", text)
        shown = {int(data.get("value")) for data in page.elements("data")}
        self.assertTrue({figures["owners"], figures["service_accounts"]} <= shown)

    def test_the_page_is_for_everybody(self):
        url = self.demo(*organizations(2))
        for query in ("", "?organization=acme", "?state=fresh"):
            with self.subTest(query=query):
                page = self.page(url, query)
                self.assertEqual(page.elements("html")[0].get("lang"), "en")
                self.assertEqual([len(page.elements(name)) for name in ("main", "header", "h1")], [1, 1, 1])
                levels = [int(e.tag[-1]) for e in page.root.iter() if re.fullmatch(rf"{HTML}h[1-6]", str(e.tag))]
                self.assertEqual(levels[0], 1)
                self.assertTrue(all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels)
                for table in page.elements("table"):
                    self.assertIsNotNone(table.find(f"{HTML}caption"))
                for head in page.elements("th"):
                    self.assertIn(head.get("scope"), ("row", "col"))
                for picture in page.root.iter(f"{SVG}svg"):
                    if picture.get("role") == "img":
                        names = [picture.find(f"{SVG}{part}") for part in ("title", "desc")]
                        self.assertTrue(all(name is not None and name.text for name in names))
                    else:
                        self.assertEqual(picture.get("aria-hidden"), "true")
                ids = [e.get("id") for e in page.root.iter() if e.get("id")]
                self.assertEqual(len(ids), len(set(ids)))

    def test_nothing_comes_from_elsewhere_and_nothing_is_inline(self):
        url = self.demo(*organizations(2))
        for query in ("", "?organization=acme"):
            page = self.page(url, query)
            self.assertEqual(page.elements("style"), [])
            self.assertTrue(all(script.get("src") and not script.text for script in page.elements("script")))
            for element in page.root.iter():
                self.assertFalse([name for name in element.attrib if name == "style" or str(name).startswith("on")])
                for address in (element.get("href"), element.get("src")):
                    if address:
                        self.assertRegex(address, r"^[/#](?!/)")
            files = page.elements("link") + page.elements("script")
            self.assertEqual(len(files), 3)
            for file in files:
                reply = get(urljoin(url, file.get("href") or file.get("src")))
                self.assertEqual((reply.status, "immutable" in reply.headers["cache-control"]), (200, True))
                self.assertNotRegex(reply.text.replace("http://www.w3.org/2000/svg", ""), r"https?://|@import|eval\(")

    def test_a_thousand_organizations_are_listed_and_each_has_its_page(self):
        child = self.enterContext(
            exporter("demo", "--web.listen-address=127.0.0.1:0", "--organizations=1000", "--users=2", "--churn=0")
        )
        url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
        status = self.status(url)
        self.assertEqual((len(status["organizations"]), status["organization"]), (1000, None))
        page = self.page(url)
        links = [a.get("href") for a in page.elements("a") if "organization=" in (a.get("href") or "")]
        self.assertEqual(links, [line["link"] for line in status["organizations"]])
        self.assertEqual([svg for svg in page.root.iter(f"{SVG}svg") if svg.get("role") == "img"], [])
        last = status["organizations"][-1]["name"]
        one = self.status(url, f"?organization={quote(last)}")
        self.assertEqual(one["organization"]["name"], last)
        self.assertEqual(self.page(url, f"?organization={quote(last)}").elements("h1")[0].text, last)
        self.assertEqual(get(f"{url}/?organization=nobody").status, 404)
        self.assertIn("No such organization", Page(get(f"{url}/?organization=nobody").text).text)

    def test_requests_are_counted_under_the_names_of_their_routes(self):
        api = self.enterContext(simulator("--users=1"))
        _, url = self.enterContext(serving(f"--openai.base-url={api}", OPENAI_ADMIN_KEY=SIMULATED_KEY))
        page = self.page(url)
        self.status(url)
        get(urljoin(url, page.elements("script")[0].get("src")))
        samples = parse(get(f"{url}/metrics").text)
        for handler in ("status", "api_status", "static"):
            labels = frozenset({"handler": handler, "code": "200"}.items())
            self.assertEqual(samples.get(("openai_org_exporter_http_requests_total", labels)), 1, handler)


if __name__ == "__main__":
    unittest.main()
