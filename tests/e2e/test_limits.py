"""Connections that keep the exporter waiting, seen from outside: others are answered, nothing grows, and it ends in order."""

import re
import signal
import socket
import tempfile
import unittest
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from certificates import TLS, Authority, guarded
from harness import BINARY, SIMULATED_KEY, exporter, get, program, run, simulator, wait_until

from exposition import parse

SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSED_EARLY = "openai_org_exporter_http_connections_closed_early_total"
# An exposition that no buffer of the system holds.
MANY = ("--organizations=50", "--users=5")
REASONS = {"header_timeout", "body_timeout", "write_timeout", "made_room", "bad_request", "too_large"}


class Crowd(ExitStack):
    """Connections to one exporter."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.address = (urlsplit(url).hostname, urlsplit(url).port)

    def connect(self, count: int, said: bytes = b"") -> list[socket.socket]:
        """So many more, each with small buffers, so that little is enough for it to be slow."""
        made = []
        for _ in range(count):
            client = self.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(20)
            client.connect(self.address)
            client.sendall(said)
            made.append(client)
        return made


def closed_early(url: str) -> dict[str, float]:
    samples = parse(get(f"{url}/metrics").text)
    return {dict(labels)["reason"]: value for (name, labels), value in samples.items() if name == CLOSED_EARLY}


def demo(*flags: str):
    return exporter("demo", "--web.listen-address=127.0.0.1:0", *flags)


class Slow(unittest.TestCase):
    def test_whatever_clients_do_not_do_others_are_answered(self):
        with demo("--web.max-connections=20", *MANY) as child:
            url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
            self.assertEqual(closed_early(url), dict.fromkeys(REASONS, 0))
            for what, said in [
                ("silence", b""),
                ("half a header", SCRAPE[:20]),
                ("no reading", SCRAPE),
                ("idleness", SCRAPE * 2),
            ]:
                with self.subTest(what), Crowd(url) as crowd:
                    before = closed_early(url)["made_room"]
                    crowd.connect(60, said)
                    self.assertEqual(get(f"{url}/-/healthy").text, "Healthy.\n")
                    self.assertIn("openai_org_up", get(f"{url}/metrics").text)
                    self.assertGreaterEqual(closed_early(url)["made_room"], before + 40)
                    samples = parse(get(f"{url}/metrics").text)
                    self.assertLessEqual(samples["openai_org_exporter_http_connections", frozenset()], 20 + 32)

    def test_an_answer_that_is_cut_short_does_not_look_like_one_that_is_whole(self):
        with demo("--web.max-connections=2", *MANY) as child:
            url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
            with Crowd(url) as crowd:
                first, _ = crowd.connect(2, SCRAPE)
                wait_until(
                    lambda: crowd.connect(1, SCRAPE) and closed_early(url)["made_room"] > 0, 20, "room that is made"
                )
                with self.assertRaises(ConnectionResetError):
                    while first.recv(1 << 16):
                        pass

    def test_through_tls_it_is_the_same(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        authority = Authority(folder)
        authority.issue()
        (folder / "web.yml").write_text(TLS)
        with guarded(folder / "web.yml", "--web.max-connections=4", *MANY) as (_, url):
            context = authority.client()

            def ask(connection: socket.socket, path: str) -> bytes:
                with context.wrap_socket(connection, server_hostname="localhost") as secure:
                    secure.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                    with secure.makefile("rb") as stream:
                        return stream.read()

            with Crowd(url) as crowd:
                # Some never begin their handshake, others take no answer.
                crowd.connect(20)
                for _ in range(20):
                    (client,) = crowd.connect(1)
                    secure = crowd.enter_context(context.wrap_socket(client, server_hostname="localhost"))
                    secure.sendall(SCRAPE)
                self.assertTrue(ask(*crowd.connect(1), "/-/healthy").endswith(b"Healthy.\n"))
                page = ask(*crowd.connect(1), "/metrics").decode()
                (made_room,) = re.findall(rf'^{CLOSED_EARLY}{{reason="made_room"}} (\d+)$', page, re.MULTILINE)
                self.assertGreaterEqual(int(made_room), 36)


class Requests(unittest.TestCase):
    def test_a_url_of_a_megabyte_is_told_so_while_it_is_still_sent(self):
        with demo() as child:
            url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
            with Crowd(url) as crowd:
                (client,) = crowd.connect(1)
                client.sendall(b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                with client.makefile("rb") as stream:
                    self.assertTrue(stream.read().startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"))
            self.assertEqual(closed_early(url)["too_large"], 1)


class Files(unittest.TestCase):
    def test_with_too_few_file_descriptors_it_goes_on_and_complains_once(self):
        with simulator() as base_url:
            limited = ("prlimit", "--nofile=48:48", BINARY, "serve", "--web.listen-address=127.0.0.1:0")
            flags = (f"--openai.base-url={base_url}", "--poll.interval=1s")
            with program(*limited, *flags, OPENAI_ADMIN_KEY=SIMULATED_KEY) as child:
                url = "http://" + child.find(r'addresses"?[=:]"?(127\.0\.0\.1:\d+)')
                with Crowd(url) as crowd:
                    crowd.connect(150)
                    child.find("(cannot accept a connection)")
                    self.assertEqual(get(f"{url}/-/healthy").text, "Healthy.\n")
                    self.assertGreaterEqual(closed_early(url)["made_room"], 100)
                    self.assertEqual(child.output.count("cannot accept a connection"), 1)
                    walks = child.output.count("walk completed")
                # With files to spare, walks go on as well.
                wait_until(lambda: child.output.count("walk completed") > walks, 20, "a walk", lambda: child.output)


class End(unittest.TestCase):
    def test_it_ends_in_order_whoever_is_slow(self):
        with demo(*MANY) as child:
            url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
            with Crowd(url) as crowd:
                for said in (b"", SCRAPE[:20], SCRAPE, SCRAPE * 2):
                    crowd.connect(20, said)
                self.assertEqual(get(f"{url}/-/healthy").text, "Healthy.\n")
                child.signal(signal.SIGTERM)
                self.assertEqual(child.wait(15), 0)
            self.assertIn("connections did not finish in time and are dropped", child.output)


class Setting(unittest.TestCase):
    def test_a_limit_is_a_number_from_1_to_65536(self):
        for value in ("0", "-1", "many", "65537", ""):
            with self.subTest(value):
                done = run("check-config", f"--web.max-connections={value}", OPENAI_ADMIN_KEY=SIMULATED_KEY)
                self.assertEqual(done.code, 2)
                self.assertIn(f'flag --web.max-connections: "{value}" is no number from 1 to 65536', done.err)

    def test_it_is_taken_from_the_environment_too(self):
        with exporter("demo", "--web.listen-address=127.0.0.1:0", OPENAI_ORG_EXPORTER_WEB_MAX_CONNECTIONS="1") as child:
            url = child.find(r"(http://127\.0\.0\.1:\d+)/metrics")
            with Crowd(url) as crowd:
                first, _ = crowd.connect(2)
                self.assertEqual(first.recv(1), b"")


if __name__ == "__main__":
    unittest.main()
