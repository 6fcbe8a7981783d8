"""What the exporter meets outside: an API over TLS, and a name server."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from harness import listening, simulator
from test_https import join


@contextmanager
def tls(*hosts: str, authority: Path) -> Iterator[int]:
    """A simulated API behind TLS for the time of the block; gives its port, and writes who vouches for its names."""
    made_up = trustme.CA()
    made_up.cert_pem.write_to_path(str(authority))
    authority.chmod(0o644)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made_up.issue_cert(*hosts).configure_cert(context)
    with simulator() as base_url:
        behind = int(base_url.split(":")[2].split("/")[0])

        def handle(connection: socket.socket) -> None:
            try:
                connection = context.wrap_socket(connection, server_side=True)
            except (OSError, ssl.SSLError):
                connection.close()
                return
            join(connection, socket.create_connection(("127.0.0.1", behind)))

        with listening(handle) as port:
            yield port


def answer(query: bytes, addresses: dict[str, str]) -> bytes:
    """The answer to a question for an IPv4 address; others have none, and unknown names do not exist."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode())
        at += 1 + length
    question, kind = query[12 : at + 5], query[at + 1 : at + 3]
    address = addresses.get(".".join(labels))
    found = address is not None and kind == b"\0\1"
    flags = b"\x81\x80" if address else b"\x81\x83"
    head = query[:2] + flags + b"\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address) if found else b""
    return head + question + record


@contextmanager
def names(addresses: dict[str, str]) -> Iterator[str]:
    """A name server for the time of the block; gives its address."""
    # Another one may serve the usual loopback address.
    place = "127.53.53.53"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((place, 53))

        def serve() -> None:
            while True:
                query, peer = server.recvfrom(512)
                if not query:
                    return
                server.sendto(answer(query, addresses), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield place
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", (place, 53))
            thread.join()
