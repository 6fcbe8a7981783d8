"""An Admin API that serves exactly the bytes it is given.

The simulator speaks as the schemas say. This one says what no well-behaved server would: wrong types, 1e400, lone
surrogates, keys that stand twice, broken UTF-8.
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

ADMIN_KEY = "sk-admin-of-the-fake"
PATH = "/v1/organization/users"


class Entry(NamedTuple):
    """One entry of `data`, as written on the wire, and the id behind which the next page starts."""

    raw: bytes
    id: str | None = None


class Answer(NamedTuple):
    """Status and body of an answer that is no page."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass
class FakeApi:
    """A running fake: what it serves, and what it was asked."""

    entries: list[Entry]
    answer: Callable[[], Answer | None] = lambda: None
    key: str = ADMIN_KEY
    requests: list[dict[str, str]] = field(default_factory=list)
    base_url: str = ""

    def page(self, after: str | None, limit: int) -> bytes:
        """The page behind a cursor."""
        start = self._position(after) if after else 0
        chosen = self.entries[start : start + limit]
        end = start + len(chosen)
        last_id = self._cursor(end) if chosen else None
        head = {"object": "list", "has_more": end < len(self.entries), "last_id": last_id}
        return json.dumps(head)[:-1].encode() + b', "data": [' + b",".join(e.raw for e in chosen) + b"]}"

    def _cursor(self, end: int) -> str:
        """The id of the last entry; `position-N` where it has none, or one that stands twice."""
        name = self.entries[end - 1].id
        unique = name and sum(entry.id == name for entry in self.entries) == 1
        return name if unique else f"position-{end}"

    def _position(self, cursor: str) -> int:
        if cursor.startswith("position-"):
            return int(cursor.removeprefix("position-"))
        return [entry.id for entry in self.entries].index(cursor) + 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: FakeApi

    def do_GET(self) -> None:
        self.api.requests.append({":path": self.path} | {name.lower(): text for name, text in self.headers.items()})
        answer = self.api.answer() or self.refusal() or self.list_users()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def refusal(self) -> Answer | None:
        if urlsplit(self.path).path != PATH:
            return error(404, "Unknown request URL")
        if self.headers.get("Authorization") != f"Bearer {self.api.key}":
            return error(401, "Incorrect API key provided")
        return None

    def list_users(self) -> Answer:
        query = parse_qs(urlsplit(self.path).query)
        after = query.get("after", [None])[0]
        try:
            return Answer(200, self.api.page(after, int(query.get("limit", ["20"])[0])))
        except ValueError:
            return error(404, f"No such user: {after}")

    def log_message(self, *_: object) -> None:
        """Says nothing: the tests print what matters."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news; anything else is a mistake in here."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def error(status: int, message: str) -> Answer:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    return Answer(status, json.dumps(body).encode())


@contextmanager
def fake_api(entries: list[Entry], answer: Callable[[], Answer | None] = lambda: None) -> Iterator[FakeApi]:
    """Serves `entries` on a free loopback port for the time of the block; `answer` may answer in their place."""
    api = FakeApi(entries, answer)
    server = Server(("127.0.0.1", 0), type("ApiHandler", (Handler,), {"api": api}))
    api.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
