"""Over TLS: certificates of a private authority, and a proxy on the way."""

import ssl
import tempfile
import unittest
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import SHUT_WR, create_connection, socket
from threading import Thread

import trustme

from exposition import parse, value
from fake_api import ADMIN_KEY, Entry, fake_api
from harness import listening, run


def pump(source: socket, target: socket) -> None:
    """Carries bytes one way until the source ends."""
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(SHUT_WR)
    except OSError:
        pass


def join(one: socket, other: socket) -> None:
    """Carries bytes both ways until both have ended."""
    with one, other:
        back = Thread(target=pump, args=(other, one), daemon=True)
        back.start()
        pump(one, other)
        back.join()


class Https(unittest.TestCase):
    def setUp(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.authority = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("localhost").configure_cert(context)
        self.context = context
        entries = [Entry(b'{"object":"organization.user","id":"a","added_at":1711471533}', "a")]
        self.api = self.enterContext(fake_api(entries))
        behind = int(self.api.base_url.split(":")[2].split("/")[0])

        def over_tls(connection: socket) -> None:
            try:
                connection = context.wrap_socket(connection, server_side=True)
            except (OSError, ssl.SSLError):
                connection.close()
                return
            join(connection, create_connection(("127.0.0.1", behind)))

        self.port = self.enterContext(listening(over_tls))

    def once(self, *flags: str, host: str = "localhost", **env: str):
        return run(
            "once",
            f"--openai.base-url=https://{host}:{self.port}/v1",
            "--poll.stall-timeout=5s",
            *flags,
            OPENAI_ADMIN_KEY=ADMIN_KEY,
            **env,
        )

    def test_an_authority_that_nobody_knows_is_refused_with_a_hint(self):
        result = self.once()
        self.assertEqual(result.code, 1)
        self.assertIn("result=tls", result.err)
        self.assertIn("--openai.ca-file", result.err)
        self.assertEqual(self.api.requests, [], "the key went nowhere")

    def test_an_authority_that_is_named_is_trusted(self):
        result = self.once(f"--openai.ca-file={self.ca_file}")
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(value(parse(result.out), "openai_org_up"), 1)

    def test_a_certificate_for_another_name_is_refused(self):
        result = self.once(f"--openai.ca-file={self.ca_file}", host="127.0.0.1")
        self.assertEqual(result.code, 1)
        self.assertIn("result=tls", result.err)
        self.assertEqual(self.api.requests, [], "the key went nowhere")

    def test_a_certificate_that_is_out_of_date_is_refused(self):
        now, day = datetime.now(UTC), timedelta(days=1)
        for since, until in ((now - 2 * day, now - day), (now + day, now + 2 * day)):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert("localhost", not_before=since, not_after=until).configure_cert(context)
            self.context.sni_callback = lambda connection, *_, context=context: setattr(connection, "context", context)
            result = self.once(f"--openai.ca-file={self.ca_file}")
            self.assertEqual(result.code, 1)
            self.assertIn("result=tls", result.err)
        self.assertEqual(self.api.requests, [], "the key went nowhere")

    def test_https_goes_through_the_proxy_unless_the_host_is_exempt(self):
        asked: list[str] = []

        def proxy(connection: socket) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            asked.append(head.decode().split("\r\n")[0])
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            join(connection, create_connection(("127.0.0.1", self.port)))

        with listening(proxy) as port:
            through = {"HTTPS_PROXY": f"http://user:planted@127.0.0.1:{port}"}
            flag = f"--openai.ca-file={self.ca_file}"
            result = self.once(flag, **through)
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual(asked, [f"CONNECT localhost:{self.port} HTTP/1.1"])
            result = self.once(flag, NO_PROXY="localhost", **through)
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual(len(asked), 1)
            self.assertNotIn("planted", result.err)


if __name__ == "__main__":
    unittest.main()
