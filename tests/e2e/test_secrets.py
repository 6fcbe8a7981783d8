"""No name, address or key leaves the exporter: marked ones are planted everywhere, and looked for everywhere."""

import json
import re
import tempfile
import unittest
from pathlib import Path

from fake_api import Answer, Entry, error, fake_api
from harness import Result, get, raw_pages, run, serving, wait_until

MARK = "MARKED"
KEY = f"sk-admin-{MARK}-key"
PROXY = f"http://{MARK}-user:{MARK}-password@127.0.0.1:9"
PATHS = ("/metrics", "/", "/-/healthy", "/-/ready", "/-/fresh", "/-/reload", "/nowhere")


def marked_users(size: int) -> list[Entry]:
    """Users whose names, addresses and pictures are marked, wherever the reference has room for them."""
    return [
        Entry(
            json.dumps(
                {
                    "object": "organization.user",
                    "id": f"user-{n}",
                    "name": f"{MARK} Name",
                    "email": f"{MARK}-{n}@example.org",
                    "role": "owner",
                    "added_at": 1_700_000_000,
                    "new_field": f"{MARK} text",
                    "user": {
                        "object": "user",
                        "id": f"u{n}",
                        "email": f"{MARK}@example.org",
                        "name": MARK,
                        "picture": f"https://{MARK}/p",
                    },
                }
            ).encode(),
            f"user-{n}",
        )
        for n in range(size)
    ]


def talkative_errors() -> list[Answer]:
    """Refusals that repeat the key or a user in their bodies, as an API or a proxy in between may do."""
    message = f"Incorrect API key provided: {KEY}. Ask {MARK}@example.org"
    page = b'{"object":"list","data":[{"id":"a","name":"%s"' % MARK.encode()
    html = f"<html><h1>{MARK}@example.org</h1></html>".encode()
    return [
        error(401, message),
        error(403, message),
        error(400, message),
        error(500, message),
        Answer(200, page),
        Answer(200, page + b'}],"has_more":"no"}'),
        Answer(200, html, "text/html"),
        Answer(502, html, "text/html"),
    ]


class Secrets(unittest.TestCase):
    def assert_clean(self, *texts: str) -> None:
        for text in texts:
            leaks = [line for line in text.splitlines() if MARK.lower() in line.lower()]
            self.assertEqual(leaks[:5], [], f"{len(leaks)} lines leak")

    def file(self, name: str, text: str) -> str:
        path = Path(self.enterContext(tempfile.TemporaryDirectory())) / name
        path.write_text(text)
        return str(path)

    def test_the_search_finds_a_mark_where_there_is_one(self):
        with fake_api(marked_users(3)) as api:
            api.key = KEY
            for page in raw_pages(api.base_url, KEY):
                with self.assertRaises(AssertionError):
                    self.assert_clean(page.decode())

    def test_a_serving_exporter_shows_none_at_any_level_and_in_any_answer(self):
        for log_format in ("logfmt", "json"):
            with self.subTest(log_format=log_format):
                self.serve_everything(log_format)

    def serve_everything(self, log_format: str) -> None:
        """Good walks, then one of each failing kind, at the most talkative level."""
        answers: list[Answer] = []
        flags = (
            "--log.level=trace",
            f"--log.format={log_format}",
            "--poll.interval=1s",
            "--poll.max-age=1h",
            "--poll.stall-timeout=2s",
            "--email-domain=example.org",
        )
        with (
            fake_api(marked_users(250), lambda: answers[0] if answers else None) as api,
            serving(f"--openai.base-url={api.base_url}", *flags, OPENAI_ADMIN_KEY=KEY) as (child, url),
        ):
            api.key = KEY
            wait_until(lambda: get(f"{url}/-/fresh").status == 200, 20, "a first walk", lambda: child.output)
            self.ask_everything(url)
            for answer in talkative_errors():
                answers[:] = [answer]
                self.wait_for_a_failed_walk(url)
                self.ask_everything(url)
            self.assertGreater(len(child.output.splitlines()), len(talkative_errors()))
            self.assert_clean(child.output)

    def wait_for_a_failed_walk(self, url: str) -> None:
        def failures() -> float:
            counted = re.findall(
                r'^openai_org_exporter_walks_total\{.*result="(\w+)".*\} (\S+)$',
                get(f"{url}/metrics").text,
                re.MULTILINE,
            )
            return sum(float(number) for result, number in counted if result != "success")

        before = failures()
        wait_until(lambda: failures() > before, 60, "a failed walk")

    def ask_everything(self, url: str) -> None:
        for path in PATHS:
            for method in ("GET", "POST"):
                reply = get(url + path, method, Authorization=f"Bearer {KEY}")
                self.assert_clean(reply.text, str(reply.headers))

    def test_one_walk_shows_none_whether_it_succeeds_or_fails(self):
        for answer in (None, *talkative_errors()):
            with fake_api(marked_users(2), lambda: answer) as api:
                api.key = KEY
                result = run(
                    "once",
                    f"--openai.base-url={api.base_url}",
                    "--log.level=trace",
                    "--poll.stall-timeout=2s",
                    OPENAI_ADMIN_KEY=KEY,
                )
                self.assertEqual(result.code, 0 if answer is None else 1, result.err)
                self.assert_clean(result.out, result.err)

    def test_the_effective_configuration_shows_none(self):
        config = "organizations:\n" + "".join(
            f"  - name: org-{n}\n    {key}\n"
            for n, key in enumerate([f"admin_key_file: {self.file('key', f'{KEY}-1')}", "admin_key_env: SOME_KEY"])
        )
        result = run(
            "check-config",
            f"--config.file={self.file('config.yml', config)}",
            "--log.level=trace",
            SOME_KEY=f"{KEY}-2",
            HTTPS_PROXY=PROXY,
        )
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("<secret>", result.out)
        self.assert_clean(result.out, result.err)

    def test_a_proxy_that_cannot_be_reached_is_named_without_its_password(self):
        result = run(
            "once",
            "--openai.base-url=https://api.openai.invalid/v1",
            "--log.level=trace",
            "--poll.stall-timeout=2s",
            OPENAI_ADMIN_KEY=KEY,
            HTTPS_PROXY=PROXY,
        )
        self.assert_failed_cleanly(result, 1)

    def test_a_key_in_the_wrong_place_is_refused_without_being_repeated(self):
        organization = "organizations:\n  - name: acme\n    "
        for place, arguments, env in [
            ("a flag", [f"--openai.admin-key={KEY}"], {}),
            ("the base URL", [f"--openai.base-url=https://{MARK}:{KEY}@api.openai.com/v1"], {"OPENAI_ADMIN_KEY": KEY}),
            ("an unknown key of the file", [self.config(f"{organization}admin_key: {KEY}\n")], {}),
            ("a list in the file", [self.config(f"{organization}admin_key_file: [{KEY}]\n")], {}),
            ("two lines of the environment", [], {"OPENAI_ADMIN_KEY": f"{KEY}\n{KEY}"}),
            ("two lines of a key file", [f"--openai.admin-key-file={self.file('key', f'{KEY}{chr(10)}{KEY}')}"], {}),
            (
                "two organizations",
                [self.config(f"{organization}admin_key_env: A\n  - name: b\n    admin_key_env: B\n")],
                {"A": KEY, "B": KEY},
            ),
        ]:
            for command in ("check-config", "serve"):
                with self.subTest(place=place, command=command):
                    self.assert_failed_cleanly(
                        run(command, "--web.listen-address=127.0.0.1:0", *arguments, timeout=10, **env), 2
                    )

    def config(self, text: str) -> str:
        return f"--config.file={self.file('config.yml', text)}"

    def assert_failed_cleanly(self, result: Result, code: int) -> None:
        """It failed as it should, said why, and repeated no secret."""
        self.assertEqual(result.code, code, result.err)
        self.assertTrue(result.err.strip())
        self.assert_clean(result.out, result.err)


if __name__ == "__main__":
    unittest.main()
