"""Certificates of made-up authorities as files, and exporters that are guarded by a web configuration."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import trustme

from harness import Program, exporter

# Of "password" and of "another", at a cost that takes no time.
HASH = "$2b$04$Ecug6O/uakkIvevJNvpGYubYTq.2z//0pG/NKGZev0r3/yHTlrj0."
ANOTHER_HASH = "$2b$04$6rrVQB9vlzbi4HF6fSr7geYEAjPCTNOvmwzL/V.Y/u2HwDvqpZ38y"

TLS = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"


class Authority:
    """An authority, and a folder for what it issues."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.ca = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.file = folder / f"{name}.pem"
        self.ca.cert_pem.write_to_path(str(self.file))

    def issue(
        self,
        name: str = "",
        *names: str,
        since: datetime | None = None,
        until: datetime | None = None,
        key_type: trustme.KeyType = trustme.KeyType.ECDSA,
    ) -> tuple[Path, Path]:
        """Writes a certificate for `names`, with its chain, and its key: NAMEcert.pem and NAMEkey.pem."""
        names = names or ("localhost", "127.0.0.1")
        leaf = self.ca.issue_cert(*names, not_before=since, not_after=until, key_type=key_type)
        cert, key = self.folder / f"{name}cert.pem", self.folder / f"{name}key.pem"
        cert.write_bytes(b"".join(piece.bytes() for piece in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key))
        return cert, key

    def client(self, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """What a client does that trusts this authority, and shows a certificate, if it has one."""
        context = ssl.create_default_context(cafile=str(self.file))
        if shown:
            context.load_cert_chain(*shown)
        return context


@contextmanager
def guarded(file: Path, *flags: str, **env: str) -> Iterator[tuple[Program, str]]:
    """Runs a demo behind the web configuration for the time of the block; gives the program and the URL of its root."""
    with exporter("demo", "--web.listen-address=127.0.0.1:0", f"--web.config.file={file}", *flags, **env) as child:
        yield child, child.find(r"(https?://127\.0\.0\.1:\d+)/metrics")
