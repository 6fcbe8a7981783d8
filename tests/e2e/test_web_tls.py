"""TLS as the exporter serves it: versions, suites, certificates of clients, and files that change while it runs."""

import re
import signal
import socket
import ssl
import tempfile
import unittest
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path

import trustme

from certificates import HASH, TLS, Authority, guarded
from exposition import parse
from harness import Program, listening, run, wait_until

MUTUAL = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
SUCCESSFUL = "openai_org_exporter_web_config_last_reload_successful"
TIMESTAMP = "openai_org_exporter_web_config_last_reload_success_timestamp_seconds"
FAILED = "openai_org_exporter_tls_handshake_errors_total"
REASONS = {
    "not_tls",
    "timeout",
    "closed",
    "version_or_cipher",
    "no_certificate",
    "expired_certificate",
    "unknown_authority",
    "name_not_allowed",
    "bad_certificate",
    "refused_by_client",
    "other",
}


class Tls(unittest.TestCase):
    """A folder with an authority, and an exporter that is served by one of its certificates."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.authority = Authority(self.folder)
        self.authority.issue()
        self.file = self.folder / "web.yml"

    def serve(self, text: str, *flags: str) -> None:
        self.file.write_text(text)
        self.child, self.url = self.enterContext(guarded(self.file, *flags))
        self.port = int(self.url.rsplit(":", 1)[1])

    def connect(self, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
        """A connection after its handshake, and after the server has looked at the client's certificate."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        try:
            return context.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def ask(self, context: ssl.SSLContext, path: str = "/metrics") -> tuple[int, str]:
        """Asks on a connection of its own."""
        connection = HTTPSConnection("localhost", self.port, timeout=10, context=context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def assert_refused(self, context: ssl.SSLContext) -> None:
        """In TLS 1.3 the client hears of it when it reads."""
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask(context, "/-/healthy")

    def metrics(self, shown: tuple[Path, Path] | None = None) -> dict[str, float]:
        """The samples without labels, and the failed handshakes by reason."""
        status, text = self.ask(self.authority.client(shown))
        self.assertEqual(status, 200)
        return {
            dict(labels).get("reason", name): number
            for (name, labels), number in parse(text).items()
            if not labels or name == FAILED
        }

    def served(self) -> bytes:
        """The certificate that a new connection is shown."""
        with self.connect(self.authority.client()) as connection:
            return connection.getpeercert(binary_form=True) or b""


def der(pem: Path) -> bytes:
    """The first certificate of a file."""
    return ssl.PEM_cert_to_DER_cert(re.search(r"-----BEGIN.*?-----END CERTIFICATE-----\n", pem.read_text(), re.DOTALL)[0])


class Served(Tls):
    def test_both_versions_are_spoken_and_older_ones_are_not(self):
        self.serve(TLS)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.authority.client()
            context.minimum_version = context.maximum_version = version
            with self.subTest(version), self.connect(context) as connection:
                self.assertEqual(connection.version(), version.name.replace("_", "."))
        context = self.authority.client()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        self.assert_refused(context)
        self.assertEqual(self.metrics()["version_or_cipher"], 1)

    def test_versions_can_be_chosen(self):
        for chosen, other in (("TLSv1.2", ssl.TLSVersion.TLSv1_3), ("TLSv1.3", ssl.TLSVersion.TLSv1_2)):
            with self.subTest(chosen):
                name = "TLS" + chosen[-3:].replace(".", "")
                self.serve(f"{TLS}  min_version: {name}\n  max_version: {name}\n")
                with self.connect(self.authority.client()) as connection:
                    self.assertEqual(connection.version(), chosen)
                context = self.authority.client()
                context.minimum_version = context.maximum_version = other
                self.assert_refused(context)

    def test_each_suite_can_be_chosen_and_those_that_are_broken_find_no_answer(self):
        suites = {
            "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
            "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
            "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
        }
        for kind in (trustme.KeyType.ECDSA, trustme.KeyType.RSA):
            self.authority.issue(key_type=kind)
            for suite, name in suites.items():
                with self.subTest(kind=kind, suite=suite):
                    self.serve(f"{TLS}  cipher_suites: [TLS_ECDHE_{kind.name}_WITH_{suite}]\n")
                    context = self.authority.client()
                    context.maximum_version = ssl.TLSVersion.TLSv1_2
                    with self.connect(context) as connection:
                        self.assertEqual(connection.cipher()[0], f"ECDHE-{kind.name}-{name}")
                    others = set(suites.values()) - {name}
                    context.set_ciphers(":".join(f"ECDHE-{kind.name}-{other}" for other in others))
                    self.assert_refused(context)
                    with self.connect(self.authority.client()) as connection:
                        self.assertEqual(connection.version(), "TLSv1.3", "those of TLS 1.3 are there")
        self.serve(TLS)
        context = self.authority.client()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AES256+SHA384:ECDHE+AES+SHA1:AES256-GCM-SHA384:!ECDHE+AESGCM")
        self.assert_refused(context)

    def test_http_1_is_served_whatever_is_asked_for(self):
        self.serve(f"{TLS}http_server_config: {{http2: true}}\n")
        for offered, chosen in ((["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), ([], None)):
            context = self.authority.client()
            if offered:
                context.set_alpn_protocols(offered)
            with self.subTest(offered), self.connect(context) as connection:
                self.assertEqual(connection.selected_alpn_protocol(), chosen)
        self.assertEqual(self.child.output.count("HTTP/2 is not"), 1)

    def test_who_speaks_no_tls_is_told_and_counted(self):
        self.serve(TLS)
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain:
            plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while piece := plain.recv(4096):
                answer += piece
        self.assertTrue(answer.startswith(b"HTTP/1.0 400 Bad Request\r\n"), answer)
        self.assertTrue(answer.endswith(b"\r\n\r\nTLS is spoken here; use https.\n"), answer)
        socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        # That one is seen when it is seen.
        wait_until(lambda: self.metrics()["closed"] == 1, 10, "a connection that was closed")
        counted = self.metrics()
        self.assertEqual(counted["not_tls"], 1)
        self.assertNotIn("TLS handshake failed", self.child.output, "anybody who knocks causes it")

    def test_every_reason_is_there_from_the_start(self):
        self.serve(TLS)
        counted = self.metrics()
        self.assertEqual({name for name in counted if not re.match("openai_|process_", name)}, REASONS)
        self.assertEqual({counted[reason] for reason in REASONS}, {0})

    def test_a_hundred_refused_clients_are_one_line(self):
        self.serve(MUTUAL)
        for _ in range(100):
            self.assert_refused(self.authority.client())
        shown = self.authority.issue("client-", "client.example")
        self.assertEqual(self.metrics(shown)["no_certificate"], 100)
        self.assertEqual(len(re.findall(r"level=warn.*TLS handshake failed", self.child.output)), 1, self.child.output)


class Clients(Tls):
    def test_strangers_are_refused_counted_and_logged_without_who_they_are(self):
        now, day = datetime.now(UTC), timedelta(days=1)
        other = Authority(self.folder, "other")
        shown = {
            None: None,
            "good": self.authority.issue("good-", "MARKED.example", "allowed.example"),
            "foreign": other.issue("foreign-", "allowed.example", "MARKED.example"),
            "expired": self.authority.issue("expired-", "allowed.example", since=now - 2 * day, until=now - day),
            "not allowed": self.authority.issue("stranger-", "MARKED@example.org"),
        }
        reasons = {
            None: "no_certificate",
            "foreign": "unknown_authority",
            "expired": "expired_certificate",
            "not allowed": "name_not_allowed",
        }
        self.serve(f"{MUTUAL}  client_allowed_sans: [allowed.example]\n", "--log.level=trace")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for who, files in shown.items():
                context = self.authority.client(files)
                context.maximum_version = version
                with self.subTest(who=who, version=version):
                    if who in reasons:
                        before = self.metrics(shown["good"])
                        self.assert_refused(context)
                        after = self.metrics(shown["good"])
                        changed = {name for name in REASONS if after[name] != before[name]}
                        self.assertEqual(changed, {reasons[who]})
                    else:
                        self.assertEqual(self.ask(context, "/-/healthy"), (200, "Healthy.\n"))
        for reason in reasons.values():
            self.assertRegex(self.child.output, f'level=warn.*"TLS handshake failed" reason={reason} ')
        self.assertNotIn("MARKED", self.child.output)
        self.assertNotIn("allowed.example", self.child.output)

    def test_a_client_that_does_not_trust_the_certificate_is_counted(self):
        self.serve(TLS)
        stranger = Authority(self.folder, "stranger")
        # The name is looked at by the client alone, and a client may hang up without a word.
        for context, name in ((stranger.client(), "localhost"), (self.authority.client(), "other.example")):
            with self.subTest(name), self.assertRaises(ssl.SSLCertVerificationError):
                self.connect(context, name)
        wait_until(lambda: self.metrics()["refused_by_client"] == 2, 10, "two refusals")

    def test_certificates_that_nobody_verifies_come_in(self):
        stranger = Authority(self.folder, "stranger").issue("stranger-", "x.example")
        for kind, without in (("RequestClientCert", True), ("RequireAnyClientCert", False)):
            with self.subTest(kind):
                self.serve(f"{TLS}  client_auth_type: {kind}\n")
                self.assertEqual(self.ask(self.authority.client(stranger), "/-/healthy")[0], 200)
                if without:
                    self.assertEqual(self.ask(self.authority.client(), "/-/healthy")[0], 200)
                else:
                    self.assert_refused(self.authority.client())


class Changing(Tls):
    """The files are replaced while it runs."""

    def successful(self) -> float:
        return self.metrics()[SUCCESSFUL]

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, 10, what, lambda: self.child.output)

    def test_a_renewed_certificate_is_served_to_the_next_connection_and_open_ones_go_on(self):
        self.serve(TLS)
        connection = HTTPSConnection("localhost", self.port, timeout=10, context=self.authority.client())
        connection.request("GET", "/-/healthy")
        connection.getresponse().read()
        open_socket = connection.sock
        before = self.served()
        self.assertEqual(before, der(self.folder / "cert.pem"))
        for _ in range(3):
            cert, _ = self.authority.issue()
            self.wait_for(lambda cert=cert: self.served() == der(cert), "the new certificate")
        self.assertNotEqual(self.served(), before)
        connection.request("GET", "/-/healthy")
        self.assertEqual(connection.getresponse().read(), b"Healthy.\n")
        self.assertIs(connection.sock, open_socket, "the same connection")
        connection.close()
        self.assertNotIn("level=error", self.child.output)

    def test_half_of_a_pair_is_one_error_and_the_old_pair_until_the_other_half_is_there(self):
        self.serve(TLS)
        old = self.served()
        start = self.metrics()[TIMESTAMP]
        cert, key = self.authority.issue("new-")
        cert.replace(self.folder / "cert.pem")
        self.wait_for(lambda: self.successful() == 0, "a refused change")
        for _ in range(5):
            self.assertEqual(self.served(), old)
        self.assertEqual(self.metrics()[TIMESTAMP], start)
        errors = re.findall(r"level=error.*", self.child.output)
        self.assertEqual(len(errors), 1, errors)
        self.assertIn("the key does not belong to the certificate of cert_file", errors[0])
        key.replace(self.folder / "key.pem")
        self.wait_for(lambda: self.successful() == 1, "a change in force")
        self.assertEqual(self.served(), der(self.folder / "cert.pem"))
        self.assertGreater(self.metrics()[TIMESTAMP], start)

    def test_a_mounted_folder_whose_link_is_swapped_is_followed(self):
        mount = self.folder / "mount"
        mount.mkdir()

        def put(version: str) -> Path:
            folder = mount / f"..{version}"
            folder.mkdir()
            (folder / "web.yml").write_text(TLS)
            inside = Authority.__new__(Authority)
            inside.folder, inside.ca, inside.file = folder, self.authority.ca, self.authority.file
            cert, _ = inside.issue()
            link = mount / "..data_tmp"
            link.symlink_to(folder.name)
            link.rename(mount / "..data")
            return cert

        first = put("1")
        for name in ("web.yml", "cert.pem", "key.pem"):
            (mount / name).symlink_to(Path("..data") / name)
        self.file = mount / "web.yml"
        self.child, self.url = self.enterContext(guarded(self.file))
        self.port = int(self.url.rsplit(":", 1)[1])
        self.assertEqual(self.served(), der(first))
        for version in ("2", "3"):
            cert = put(version)
            self.wait_for(lambda cert=cert: self.served() == der(cert), "the new certificate")
        self.assertNotIn("level=error", self.child.output)

    def test_a_file_that_became_wrong_or_is_gone_changes_nothing(self):
        self.serve(TLS)
        old = self.served()
        for text in ("tls_server_config: [", f"{TLS}  min_version: TLS10\n", None):
            if text is None:
                self.file.unlink()
            else:
                self.file.write_text(text)
            self.wait_for(lambda: self.successful() == 0, "a refused change")
            self.assertEqual(self.served(), old)
            self.file.write_text(TLS)
            self.wait_for(lambda: self.successful() == 1, "a change in force")
        self.assertEqual(len(re.findall("level=error", self.child.output)), 3, self.child.output)

    def test_what_would_protect_less_waits_for_a_signal(self):
        self.serve(MUTUAL)
        shown = self.authority.issue("client-", "x.example")
        for text in ("", TLS):
            self.file.write_text(text)
            self.wait_for(lambda: self.metrics(shown)[SUCCESSFUL] == 0, "a change that is held back")
            self.assert_refused(self.authority.client())
            self.file.write_text(MUTUAL)
            self.wait_for(lambda: self.metrics(shown)[SUCCESSFUL] == 1, "the old one again")
        self.file.write_text(TLS)
        self.wait_for(lambda: self.metrics(shown)[SUCCESSFUL] == 0, "a change that is held back")
        self.child.signal(signal.SIGHUP)
        self.child.find("(configuration reloaded)")
        self.assertEqual(self.metrics()[SUCCESSFUL], 1)

    def test_more_protection_is_in_force_at_once(self):
        self.serve(TLS)
        self.assertEqual(self.ask(self.authority.client())[0], 200)
        self.file.write_text(f"{TLS}basic_auth_users: {{alice: {HASH}}}\n")
        self.wait_for(lambda: self.ask(self.authority.client())[0] == 401, "a password that is asked for")

    def test_a_reload_with_a_bad_file_is_refused_as_a_whole(self):
        self.serve(TLS, "--web.enable-lifecycle")
        self.file.write_text("nonsense: {}\n")
        connection = HTTPSConnection("localhost", self.port, timeout=10, context=self.authority.client())
        connection.request("POST", "/-/reload")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 500)
        self.assertRegex(answer.read().decode(), r'\A\S+web\.yml:1:1: unknown key "nonsense".*\n\Z')
        connection.close()
        self.assertEqual(self.metrics()["openai_org_exporter_config_last_reload_successful"], 0)


class Health(Tls):
    """The health check finds its way in."""

    def healthy(self, *flags: str):
        return run("healthcheck", f"--web.listen-address=127.0.0.1:{self.port}", *flags)

    def test_it_speaks_tls_where_the_file_says_so(self):
        self.serve(f"{TLS}basic_auth_users: {{alice: {HASH}}}\n")
        result = self.healthy(f"--web.config.file={self.file}")
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertEqual(result.out, f"https://127.0.0.1:{self.port}/-/healthy: healthy\n")
        self.assertEqual(self.healthy().code, 1, "without the file")

    def test_an_exporter_that_wants_a_certificate_is_healthy(self):
        for version in ("TLS12", "TLS13"):
            self.serve(f"{MUTUAL}  min_version: {version}\n  max_version: {version}\n")
            result = self.healthy(f"--web.config.file={self.file}")
            self.assertEqual((result.code, result.err), (0, ""))
            self.assertIn("healthy, and wants a client certificate", result.out)

    def test_a_file_that_became_wrong_makes_nobody_sick(self):
        for text in ("", TLS):
            self.serve(text)
            self.file.write_text("tls_server_config: [")
            result = self.healthy(f"--web.config.file={self.file}")
            self.assertEqual((result.code, result.err), (0, ""))

    def test_what_is_no_exporter_is_not_healthy(self):
        self.file.write_text(TLS)

        def refuses(connection: socket.socket) -> None:
            with connection:
                connection.recv(4096)
                # A fatal alert: handshake_failure.
                connection.sendall(bytes([21, 3, 3, 0, 2, 2, 40]))

        with listening(refuses) as self.port:
            result = self.healthy(f"--web.config.file={self.file}")
            self.assertEqual(result.code, 1, result.out)
            self.assertIn(f"https://127.0.0.1:{self.port}/-/healthy", result.err)


if __name__ == "__main__":
    unittest.main()
