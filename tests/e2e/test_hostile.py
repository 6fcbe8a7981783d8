"""An upstream that means harm: each answer ends a walk with a counted reason, in little memory and time."""

import gzip
import json
import tempfile
import threading
import time
import unittest
import zlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import chain, repeat
from pathlib import Path
from socket import socket

from exposition import parse, total, value
from fake_api import ADMIN_KEY
from harness import get, listening, run, serving, wait_until
from oracle import Samples

MIB = 1 << 20
MOST_MEMORY = 64 * MIB
SECONDS = 30
PAGE = b'{"object":"list","data":[%s],"has_more":false}'
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

Answer = Callable[[], Iterable[bytes]]


def sized(body: bytes, headers: bytes = b"") -> Answer:
    return lambda: [OK + headers + b"content-length: %d\r\n\r\n" % len(body), body]


def endless(head: bytes, piece: bytes) -> Answer:
    return lambda: chain([head], repeat(piece))


def slowly(head: bytes, piece: bytes, pause: float = 0.1) -> Answer:
    def answer() -> Iterable[bytes]:
        yield head
        while True:
            time.sleep(pause)
            yield piece

    return answer


def bomb(compress) -> bytes:
    """512 MiB of blanks."""
    return b"".join(compress.compress(b" " * MIB) for _ in range(512)) + compress.flush()


def many(record: bytes, size: int) -> bytes:
    """A page of about `size` bytes, full of one record."""
    return PAGE % b",".join([record] * (size // (len(record) + 1)))


def in_projects(user: int, number: int) -> bytes:
    """A user in so many projects."""
    return b'{"id":"%d","projects":{"data":[%s]}}' % (user, b",".join([b'{"id":"p","name":"n","role":"r"}'] * number))


GZIP = zlib.compressobj(9, zlib.DEFLATED, 31)
ANSWERS: list[tuple[str, str, Answer]] = [
    ("512 MiB", "invalid_response", endless(OK + b"content-length: %d\r\n\r\n" % (512 * MIB), b" " * MIB)),
    ("a body without end", "invalid_response", endless(OK + b"\r\n", b" " * MIB)),
    ("gzip bomb", "invalid_response", sized(bomb(GZIP), b"content-encoding: gzip\r\n")),
    ("deflate bomb", "invalid_response", sized(bomb(zlib.compressobj()), b"content-encoding: deflate\r\n")),
    ("arrays in arrays", "invalid_response", sized(b"[" * 100_000 + b"]" * 100_000)),
    ("8 MiB of arrays", "invalid_response", sized(b"[" * (8 * MIB))),
    ("8 MiB of objects", "invalid_response", sized(b'{"a":' * (8 * MIB // 5))),
    ("8 MiB that are no text", "invalid_response", sized(b"\xff" * (8 * MIB))),
    ("text broken here and there", "invalid_response", sized(PAGE[:-1] % (b'"' + b"aaaa\xff" * MIB + b'"'))),
    ("8 MiB of users", "invalid_response", sized(many(b'{"id":"a"}', 8 * MIB - 100))),
    ("8 MiB of nobody", "invalid_response", sized(many(b"{}", 8 * MIB - 100))),
    ("8 MiB of escapes", "invalid_response", sized(b'{"object":"' + b"\\u0061" * (MIB + MIB // 4) + b'"}')),
    ("10 MiB in an id", "invalid_response", sized(PAGE % (b'{"id":"%s"}' % (b"x" * (10 * MIB))))),
    ("headers without end", "invalid_response", endless(OK, b"a: b\r\n" * 1_000)),
    ("a header without end", "invalid_response", endless(OK + b"a: ", b"b" * MIB)),
    ("interim answers", "timeout", slowly(b"", b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n" * 1_000, pause=0.01)),
    ("a byte at a time", "timeout", slowly(OK + b"content-length: 999\r\n\r\n", b" ")),
    ("an error without end", "forbidden", endless(b"HTTP/1.1 403 No\r\n\r\n", b" " * MIB)),
    ("a slow error", "forbidden", slowly(b"HTTP/1.1 403 No\r\n\r\n", b" ")),
]

# What is odd, and still the truth.
PAGES: list[tuple[str, int, Answer]] = [
    ("nobody in 8 MiB", 0, sized(PAGE % (b"0," * (4 * MIB - 100) + b"0"))),
    ("10,000 users", 10_000, sized(PAGE % b",".join(b'{"id":"%d"}' % n for n in range(10_000)))),
    ("10,000 projects of each", 19, sized(PAGE % b",".join(in_projects(n, 10_000) for n in range(19)))),
    ("a mark, and no type", 1, lambda: [b"HTTP/1.1 200 OK\r\n\r\n\xef\xbb\xbf" + PAGE % b'{"id":"a"}']),
    ("gzip", 1, sized(gzip.compress(PAGE % b'{"id":"a"}'), b"content-encoding: gzip\r\n")),
]


class Upstream:
    """A server that gives one answer to every request, and the exporter that walks it."""

    def __init__(self, stack: ExitStack, answer: Answer) -> None:
        self._answer = answer
        port = stack.enter_context(listening(self._serve))
        self.exporter, self.url = stack.enter_context(
            serving(
                f"--openai.base-url=http://127.0.0.1:{port}/v1",
                "--poll.interval=1s",
                "--poll.max-age=1h",
                "--poll.request-timeout=2s",
                "--poll.stall-timeout=2s",
                OPENAI_ADMIN_KEY=ADMIN_KEY,
            )
        )

    def _serve(self, connection: socket) -> None:
        """Reads one request, answers, and hangs up."""
        with connection:
            try:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                for piece in self._answer():
                    connection.sendall(piece)
            except OSError:
                pass

    def samples(self) -> Samples:
        return parse(get(f"{self.url}/metrics").text)

    def walk(self, result: str, answer: Answer | None = None) -> None:
        """Waits for a walk with this result, over another answer if there is one."""
        before = self._walks(result)
        self._answer = answer or self._answer
        wait_until(lambda: self._walks(result) > before, SECONDS, f"a walk with {result}", self._said)

    def _walks(self, result: str) -> float:
        return value(self.samples(), "openai_org_exporter_walks_total", result=result) or 0

    def _said(self) -> str:
        return "\n".join(self.exporter.output.splitlines()[-3:])


class Hostile(unittest.TestCase):
    def test_each_answer_is_counted_by_its_reason_and_memory_stays_small(self):
        upstream = Upstream(self.enterContext(ExitStack()), sized(b""))
        for name, result, answer in ANSWERS:
            with self.subTest(name):
                upstream.walk(result, answer)
                self.assertLess(upstream.exporter.peak_memory, MOST_MEMORY)
        self.assertEqual([line for line in upstream.exporter.output.splitlines() if len(line) > 2_000], [])

    def test_what_is_odd_and_still_the_truth_is_counted(self):
        for name, users, answer in PAGES:
            with self.subTest(name), ExitStack() as stack:
                upstream = Upstream(stack, answer)
                upstream.walk("success")
                self.assertEqual(total(upstream.samples(), "openai_org_users"), users)
                self.assertLess(upstream.exporter.peak_memory, MOST_MEMORY)


class PlacesOfTheProcess(unittest.TestCase):
    def test_no_more_than_64_requests_are_in_flight_for_100_organizations(self):
        lock, full = threading.Lock(), threading.Event()
        now, most = 0, 0

        def serve(connection: socket) -> None:
            nonlocal now, most
            with connection:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                with lock:
                    now += 1
                    most = max(most, now)
                    if now >= 64:
                        full.set()
                full.wait(SECONDS)
                # Time for a request too many, if there were one.
                time.sleep(0.3)
                with lock:
                    now -= 1
                body = PAGE % b""
                connection.sendall(OK + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

        with listening(serve) as port, tempfile.TemporaryDirectory() as directory:
            organizations = [{"name": f"o{n}", "admin_key_env": f"KEY_{n}"} for n in range(100)]
            path = Path(directory) / "config.yml"
            path.write_text(json.dumps({"organizations": organizations}))
            keys = {f"KEY_{n}": f"sk-admin-{n}" for n in range(100)}
            flags = f"--config.file={path}", f"--openai.base-url=http://127.0.0.1:{port}/v1"
            self.assertEqual(run("once", *flags, **keys).code, 0)
            self.assertEqual(most, 64)
            most = 0
            full.clear()
            with serving(*flags, **keys) as (_, url):
                wait_until(lambda: get(f"{url}/-/fresh").status == 200, SECONDS, "a walk of each")
            self.assertEqual(most, 64)


if __name__ == "__main__":
    unittest.main()
