"""Passwords, the rate limit and headers of a web configuration, and that no secret of it is ever shown."""

import json
import re
import tempfile
import unittest
from base64 import b64encode
from http.client import HTTPSConnection
from pathlib import Path

from certificates import ANOTHER_HASH, HASH, TLS, Authority, guarded
from exposition import parse
from harness import Reply, exporter, get, run, wait_until

PATHS = ("/metrics", "/", "/-/fresh", "/-/reload", "/nowhere", "/metrics?x=1")
PROBES = ("/-/healthy", "/-/ready")
REQUESTS = "openai_org_exporter_http_requests_total"


def basic(user: str | bytes, password: str | bytes = b"") -> dict[str, str]:
    """The header of a user and a password."""
    user, password = (text if isinstance(text, bytes) else text.encode() for text in (user, password))
    return {"Authorization": "Basic " + b64encode(user + b":" + password).decode()}


class Guarded(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.folder / "web.yml"

    def serve(self, text: str, *flags: str) -> None:
        self.file.write_text(text)
        self.child, self.url = self.enterContext(guarded(self.file, *flags))

    def ask(self, path: str = "/metrics", method: str = "GET", **headers: str) -> Reply:
        return get(self.url + path, method, **headers)

    def counted(self, credentials: dict[str, str], **labels: str) -> float:
        return parse(self.ask(**credentials).text).get((REQUESTS, frozenset(labels.items())), 0)


class Passwords(Guarded):
    USERS = f"basic_auth_users:\n  alice: {HASH}\n  'böb': {ANOTHER_HASH}\n"

    def test_everything_but_probes_needs_a_password(self):
        self.serve(self.USERS, "--web.enable-lifecycle")
        for path in PATHS:
            for method in ("GET", "HEAD", "POST"):
                with self.subTest(path, method=method):
                    reply = self.ask(path, method)
                    self.assertEqual((reply.status, reply.headers.get("www-authenticate")), (401, "Basic"))
                    self.assertEqual(reply.text, "" if method == "HEAD" else "Unauthorized.\n")
                    self.assertEqual(reply.headers["x-content-type-options"], "nosniff")
                    self.assertNotEqual(self.ask(path, method, **basic("alice", "password")).status, 401)
        for path in PROBES:
            for headers in ({}, basic("alice", "password"), basic("alice", "wrong")):
                self.assertEqual(self.ask(path, **headers).status, 200)

    def test_only_a_user_with_its_password_comes_in(self):
        self.serve(self.USERS)
        right = [("alice", "password"), ("böb", "another")]
        wrong = [
            ("alice", "another"),
            ("alice", "Password"),
            ("alice", "password "),
            ("alice", ""),
            ("alice", b"password\0"),
            ("alice", b"password\0password"),
            ("alice", b"\xff\xfe"),
            ("Alice", "password"),
            ("b\xf6b".encode("latin-1"), "another"),
            ("mallory", "password"),
            ("", ""),
            ("", "password"),
        ]
        for _ in range(2):
            for user, password in right:
                self.assertEqual(self.ask(**basic(user, password)).status, 200, user)
            for user, password in wrong:
                with self.subTest(user=user, password=password):
                    self.assertEqual(self.ask(**basic(user, password)).status, 401)
        for header in ("Basic", "Basic ???", "Basic " + b64encode(b"alice").decode(), "Bearer password", "password"):
            self.assertEqual(self.ask(Authorization=header).status, 401, header)
        self.assertEqual(self.ask(Authorization=basic("alice", "password")["Authorization"].lower()).status, 401)
        upper = basic("alice", "password")["Authorization"].replace("Basic", "BASIC")
        self.assertEqual(self.ask(Authorization=upper).status, 200)

    def test_refusals_are_counted_and_logged_once_in_a_while(self):
        self.serve(self.USERS)
        for _ in range(50):
            self.ask()
            self.ask("/nowhere", **basic("alice", "wrong"))
        right = basic("alice", "password")
        self.assertEqual(self.counted(right, code="401", handler="metrics"), 50)
        self.assertEqual(self.counted(right, code="401", handler="other"), 50)
        self.assertEqual(len(re.findall(r'level=warn.*"request refused"', self.child.output)), 1, self.child.output)

    def test_another_password_counts_from_the_next_look_on(self):
        self.serve(self.USERS)
        self.assertEqual(self.ask(**basic("alice", "password")).status, 200)
        self.file.write_text(self.USERS.replace(HASH, ANOTHER_HASH))
        wait_until(lambda: self.ask(**basic("alice", "another")).status == 200, 10, "the new password")
        self.assertEqual(self.ask(**basic("alice", "password")).status, 401)

    def test_of_a_long_password_the_first_72_bytes_count_as_everywhere(self):
        # Of 72 times x.
        self.serve("basic_auth_users: {a: $2b$04$Ecug6O/uakkIvevJNvpGYuzCn842XB.VloMIHVbCZtCcqEcjVTzbC}\n")
        for size, status in ((71, 401), (72, 200), (73, 200), (5000, 200)):
            self.assertEqual(self.ask(**basic("a", "x" * size)).status, status, size)


class Limit(Guarded):
    def test_it_comes_before_the_password_and_leaves_probes_alone(self):
        self.serve(f"basic_auth_users: {{alice: {HASH}}}\nrate_limit: {{interval: 1h, burst: 4}}\n")
        for _ in range(10):
            self.assertEqual(self.ask("/-/healthy").status, 200)
        right = basic("alice", "password")
        statuses = [self.ask(**headers).status for headers in (right, {}, basic("alice", "wrong"), right, right, {})]
        self.assertEqual(statuses, [200, 401, 401, 200, 429, 429])
        reply = self.ask(**right)
        self.assertEqual(reply.text, "Too many requests.\n")
        self.assertTrue(0 < int(reply.headers["retry-after"]) <= 3600)
        self.assertEqual(self.ask("/-/ready").status, 200)
        # Another limit is in force at the next look; a file without one protects less, and waits for a reload.
        self.file.write_text(f"basic_auth_users: {{alice: {HASH}}}\nrate_limit: {{interval: 1h, burst: 400}}\n")
        wait_until(lambda: self.ask(**right).status == 200, 10, "an end of the limit")
        self.file.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
        told = "would take away the rate limit"
        wait_until(lambda: self.ask("/-/ready") and told in self.child.output, 10, "a word on what it would take away")
        self.assertGreaterEqual(self.counted(right, code="429", handler="metrics"), 3)

    def test_it_lets_more_in_as_time_goes_on(self):
        self.serve("rate_limit: {interval: 100ms, burst: 1}\n")
        wait_until(lambda: self.ask().status == 200, 10, "a request that is let in")
        wait_until(lambda: self.ask().status == 429, 10, "a request that is not")
        wait_until(lambda: self.ask().status == 200, 10, "another that is")


class Headers(Guarded):
    def test_they_are_on_every_answer_in_the_place_of_others(self):
        self.serve(
            f"basic_auth_users: {{alice: {HASH}}}\n"
            "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    X-XSS-Protection: '0'\n"
            "    Strict-Transport-Security: max-age=63072000; preload\n    Content-Security-Policy: ''\n"
        )
        for path in (*PATHS, *PROBES):
            for headers in ({}, basic("alice", "password")):
                with self.subTest(path, headers=headers):
                    found = {name.lower(): text for name, text in self.ask(path, **headers).headers.items()}
                    self.assertEqual(found["x-frame-options"], "sameorigin")
                    self.assertEqual(found["x-xss-protection"], "0")
                    self.assertEqual(found["strict-transport-security"], "max-age=63072000; preload")
                    self.assertNotEqual(found.get("content-security-policy"), "")


class Nothing(Guarded):
    def test_an_empty_file_asks_for_nothing(self):
        self.serve("")
        self.assertEqual([self.ask(path).status for path in ("/metrics", "/", *PROBES)], [200] * 4)
        names = {name for name, _ in parse(self.ask().text)}
        self.assertNotIn("openai_org_exporter_tls_handshake_errors_total", names)
        self.assertIn("openai_org_exporter_web_config_last_reload_successful", names)
        self.assertIn("openai_org_exporter_web_config_last_reload_success_timestamp_seconds", names)

    def test_without_a_file_nothing_is_said_of_one(self):
        with exporter("demo", "--web.listen-address=127.0.0.1:0") as child:
            url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
            names = " ".join(name for name, _ in parse(get(f"{url}/metrics").text))
            self.assertIn("openai_org_exporter_build_info", names)
            self.assertNotIn("web_config", names)
            self.assertNotIn("tls_handshake", names)


class Secrets(Guarded):
    """Marked passwords, keys and hashes, at the most talkative level, in all that is said."""

    MARK = "MARKED"

    def test_none_is_said_while_it_serves_fails_and_changes(self):
        authority = Authority(self.folder)
        cert, key = authority.issue()
        good = f"{TLS}basic_auth_users:\n  alice: {HASH}\n  {self.MARK}user: {ANOTHER_HASH}\n"
        for log_format in ("logfmt", "json"):
            with self.subTest(log_format):
                authority.issue()
                self.serve(good, "--log.level=trace", f"--log.format={log_format}", "--web.enable-lifecycle")
                texts = [self.over_tls(authority, user, password) for user, password in self.tries()]
                right = (authority, "alice", "password")
                for number, bad in enumerate(self.bad_files(key), 1):
                    self.file.write_text(bad)

                    def refused(number: int = number) -> bool:
                        texts.append(self.over_tls(*right))
                        return self.child.output.count("web configuration not in force") == number

                    wait_until(refused, 10, "an error", lambda: self.child.output)
                    texts.append(self.over_tls(*right, "/-/reload", "POST"))
                self.assertGreater(len(self.child.output.splitlines()), 5)
                self.assert_clean(self.child.output, *texts, key=key)

    def tries(self) -> list[tuple[str, str]]:
        mark = self.MARK
        return [("alice", "password"), ("alice", f"{mark}-wrong"), (mark, "password"), (f"{mark}user", "another")]

    def bad_files(self, key: Path) -> list[str]:
        mark, pem = self.MARK, json.dumps(key.read_text())
        return [
            f"basic_auth_users: {{alice: {mark}}}\n",
            f"basic_auth_users: {{{HASH}: alice}}\n",
            f"basic_auth_users: {{alice: [{mark}, {HASH}]}}\n",
            f"basic_auth_users: {mark}\n",
            f"tls_server_config: {{cert_file: cert.pem, key: {mark}}}\n",
            f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem, key: {pem}}}\n",
            f"tls_server_config: {{cert: {pem}, key: {pem}}}\n",
            f'tls_server_config: {{cert_file: cert.pem, key: "-----BEGIN PRIVATE KEY-----\\n{mark}\\n"}}\n',
            f"tls_server_config:\n  cert_file: cert.pem\n  key: |\n    {mark}\n   {mark}\n",
        ]

    def over_tls(
        self, authority: Authority, user: str, password: str, path: str = "/metrics", method: str = "GET"
    ) -> str:
        """All that is answered to a user, headers included."""
        host = self.url.split("/")[2]
        connection = HTTPSConnection("localhost", int(host.split(":")[1]), timeout=10, context=authority.client())
        connection.request(method, path, headers=basic(user, password))
        answer = connection.getresponse()
        text = f"{answer.headers}{answer.read().decode()}"
        connection.close()
        return text

    def assert_clean(self, *texts: str, key: Path) -> None:
        pieces = [self.MARK, HASH[7:], ANOTHER_HASH[7:], *key.read_text().splitlines()[1:-1]]
        pieces += [basic(user, password)["Authorization"].split()[1] for user, password in self.tries()]
        for text in texts:
            for piece in pieces:
                leaks = [line for line in text.splitlines() if piece.lower() in line.lower()]
                self.assertEqual(leaks[:3], [])

    def test_none_is_said_of_a_bad_file_at_the_start(self):
        _, key = Authority(self.folder).issue()
        for text in self.bad_files(key):
            self.file.write_text(text)
            for command in ("check-config", "serve", "demo"):
                with self.subTest(text=text, command=command):
                    flags = ("--log.level=trace", f"--web.config.file={self.file}")
                    result = run(command, *flags, OPENAI_ADMIN_KEY="sk-admin-x", timeout=20)
                    self.assertEqual(result.code, 2, result.err)
                    self.assert_clean(result.out, result.err, key=key)


if __name__ == "__main__":
    unittest.main()
