"""Runs the commands of a page one after the other, as somebody would who follows it.

They run in a folder of their own that looks like a checkout. An exporter of a simulated organization called `acme`
serves already, and writes `exporter.log`; where the page speaks of an Alertmanager, one listens. A program that stays,
started by the page, takes the place of the one before it.

What differs from the page: addresses, the key and the roots of absolute paths (`replaced`), programs in `bin` that stand
in for others (`stand_ins`), a walk and a scrape every second, and a curl that shows no progress. Nothing else does.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from certificates import Authority
from harness import (
    BINARY,
    ROOT,
    SIMULATED_KEY,
    Program,
    environment,
    free_port,
    program,
    serving,
    simulator,
    wait_until,
)
from pages import SHELL, Block

PORTS = {"exporter": 10195, "prometheus": 9090, "alertmanager": 9093}
# Roots of paths that a page names, each a folder of that name here.
ROOTS = ("/etc/openai-org-exporter", "/etc/prometheus", "/run/secrets", "/var/lib/openai-org-exporter")
FOLDERS = ("dashboards", "deploy", "docs", "policies", "rules")
# The host of the page on web configurations, and who may come in there.
SECURE_HOST, CLIENT = "exporter.example.com", "prometheus.example.com"
# Programs that stay, with the first words behind their names with which they do; what they say when they are there.
STAYING = {"openai-org-exporter": ("serve", "demo", None), "prometheus": (None,), "alertmanager": (None,)}
THERE = r"( addresses=|/metrics|Listening on|ready to receive web requests)"
# These say nothing when all is well.
SILENT = ("sed -i ", "python3 dashboards/generate.py", "cargo build --release\n")
# What the exporter logs while all is well is no complaint, nor is what `users` says of its list.
LOGGED = re.compile(r"^(\S+ level=(info|debug) |openai-org-exporter: (note: |\d+ users)).*\n", re.MULTILINE)
PATIENCE = 60
# What is to be built is built already.
CARGO = """case "$1 $2" in
"build --release") [ $# -eq 2 ] ;;
"run --release") shift 2; [ "$1" != -- ] || shift; exec {binary} "$@" ;;
*) echo "nothing stands in for cargo $*" >&2; exit 1 ;;
esac"""


def replaced(room: Path, ports: dict[str, int], base_url: str) -> dict[str, str]:
    """What stands in a page, and what in its place here."""
    return {
        **{f"localhost:{port}": f"127.0.0.1:{ports[name]}" for name, port in PORTS.items()},
        "https://api.openai.com/v1": base_url,
        "sk-admin-...": SIMULATED_KEY,
        **{root: f"{room}{root}" for root in ROOTS},
    }


def stand_ins(ports: dict[str, int]) -> dict[str, str]:
    """The programs in `bin`: the exporter that was built, and the others with an address of this test."""
    prometheus, alertmanager = shutil.which("prometheus"), shutil.which("prometheus-alertmanager")
    return {
        "openai-org-exporter": f'exec {BINARY} "$@"',
        "cargo": CARGO.format(binary=BINARY),
        "prometheus": f'exec {prometheus} "$@" --web.listen-address=127.0.0.1:{ports["prometheus"]}',
        "alertmanager": f'exec {alertmanager} "$@" --web.listen-address=127.0.0.1:{ports["alertmanager"]}',
    }


def staying(command: str) -> str | None:
    """The program that a block starts and that stays, if it does: a block of one command."""
    line = command.replace("\\\n", " ").strip()
    words = shlex.split(line, comments=True)
    while words and re.match(r"\w+=", words[0]):
        del words[0]
    if words[:3] == ["cargo", "run", "--release"]:
        words[:4] = ["openai-org-exporter", *(word for word in words[3:4] if word != "--")]
    if "\n" in line or not words:
        return None
    name, first = Path(words[0]).name, words[1] if words[1:] else None
    if first and first.startswith("-") and first not in ("--help", "--version"):
        first = None
    return name if first in STAYING.get(name, ()) else None


def shapes(text: str) -> set[str]:
    """What a text is made of, loosely: a sample as its name and the names of its labels, another line as its first
    word."""
    found = set()
    for line in text.splitlines():
        if sample := re.match(r"([\w:]+)\{(.*)\}", line):
            labels = ",".join(sorted(re.findall(r'(\w+)="', sample[2])))
            found.add(f"{sample[1]}{{{labels}}}")
        elif line.strip():
            found.add(line.split()[0])
    return found


@dataclass
class Room:
    """Where the commands of one page run."""

    folder: Path
    ports: dict[str, int]
    base_url: str
    stack: ExitStack
    running: dict[str, ExitStack] = field(default_factory=dict)
    log: Program | None = None

    @property
    def environment(self) -> dict[str, str]:
        settings = {
            "WEB_LISTEN_ADDRESS": f"127.0.0.1:{self.ports['exporter']}",
            "WEB_ENABLE_LIFECYCLE": "true",
            "OPENAI_BASE_URL": self.base_url,
            "POLL_INTERVAL": "1s",
        }
        env = environment(OPENAI_ADMIN_KEY=SIMULATED_KEY, USER="somebody", HOME=str(self.folder))
        env["PATH"] = f"{self.folder}/bin:{env['PATH']}"
        return env | {f"OPENAI_ORG_EXPORTER_{name}": value for name, value in settings.items()}

    def adapted(self, text: str) -> str:
        for shown, here in replaced(self.folder, self.ports, self.base_url).items():
            text = text.replace(shown, here)
        return text

    def run(self, block: Block) -> str:
        """Runs the commands of a block until they do what they should; gives what is wrong with them, or nothing."""
        command = self.adapted(block.commands)
        if name := staying(command):
            self.start(name, command)
            return ""
        faults = [""]

        def right() -> bool:
            faults[0] = self.tried(command, block.shown)
            return not faults[0]

        try:
            wait_until(right, PATIENCE, command)
        except AssertionError:
            return f"{command}{faults[0]}"
        return ""

    def tried(self, command: str, shown: str) -> str:
        """Runs a command once; gives what is wrong with it."""
        (self.folder / "exporter.log").write_text(self.log.output if self.log else "")
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return f"does not end within {PATIENCE} s; a program that stays is started in a block of its own"
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if done.returncode != 0:
            return f"ended with {done.returncode}:\n{out[-2000:]}{err[-2000:]}"
        if complaint := LOGGED.sub("", err):
            return f"complained:\n{complaint[-2000:]}"
        if not out.strip() and not command.startswith(SILENT):
            return "said nothing"
        if missing := shapes(shown) - shapes(out):
            return f"is shown to say {sorted(missing)}, and said:\n{out[-2000:]}"
        return ""

    def start(self, name: str, command: str) -> None:
        """Starts a program that stays, in the place of the one before it."""
        if name in self.running:
            self.running.pop(name).close()
        stack = self.running[name] = self.stack.enter_context(ExitStack())
        child = stack.enter_context(
            program("bash", "-euc", f"cd {self.folder}; exec env {command}", **self.environment)
        )
        child.find(THERE)
        if name == "openai-org-exporter":
            self.log = child

    def write(self, path: str, text: str) -> Path:
        """Writes a file, given by its path in a page, with what its paths are here; gives where it is."""
        file = Path(self.adapted(path))
        file = file if file.is_relative_to(self.folder) else self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.adapted(text))
        return file

    def write_named(self, text: str) -> None:
        """Writes the files that a configuration names: certificates, their keys, and else keys of the API, each another
        one."""
        for name, path in re.findall(r"\b(\w+_file): (/[\w./-]+)", text):
            owner = "client" if "client" in path else "server"
            known = {"ca_file": "ca.crt", "client_ca_file": "ca.crt"}
            known |= {"cert_file": f"{owner}.crt", "key_file": f"{owner}.key"}
            source = known.get(name)
            self.write(path, (self.folder / source).read_text() if source else f"sk-admin-of-{Path(path).name}\n")

    def secure(self, configuration: str) -> None:
        """Runs a second exporter behind this web configuration, which curl meets as `SECURE_HOST`."""
        self.write_named(configuration)
        file = self.write("/etc/openai-org-exporter/web.yml", configuration)
        child, url = self.stack.enter_context(serving(f"--web.config.file={file}", **self.environment))
        port = url.rpartition(":")[2]
        with (self.folder / ".curlrc").open("a") as settings:
            settings.write(f"connect-to = {SECURE_HOST}:{PORTS['exporter']}:127.0.0.1:{port}\n")


def certificates(folder: Path) -> None:
    """Writes an authority and what it issues: `ca.crt`, and `server` and `client` with their keys."""
    authority = Authority(folder)
    authority.file.rename(folder / "ca.crt")
    for owner, host in (("server", SECURE_HOST), ("client", CLIENT)):
        certificate, key = authority.issue(owner, host)
        certificate.rename(folder / f"{owner}.crt")
        key.rename(folder / f"{owner}.key")


@contextmanager
def room(folder: Path) -> Iterator[Room]:
    """Lays out a folder like a checkout, for the time of the block; no server runs."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("node_modules"))
    for root in ROOTS:
        (folder / root[1:]).mkdir(parents=True)
    ports = {name: free_port() for name in PORTS}
    (folder / "bin").mkdir()
    for name, script in stand_ins(ports).items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name).chmod(0o755)
    built = folder / "target" / "release" / "openai-org-exporter"
    built.parent.mkdir(parents=True)
    built.symlink_to(BINARY)
    certificates(folder)
    # A figure of progress is no complaint.
    (folder / ".curlrc").write_text("silent\nshow-error\n")
    # Every second instead of every half minute.
    scraping = folder / "deploy" / "prometheus.yml"
    scraping.write_text(scraping.read_text().replace("30s", "1s"))
    with ExitStack() as stack:
        yield Room(folder, ports, "https://api.invalid/v1", stack)


def serve(here: Room, page: list[Block]) -> None:
    """Starts what the commands among these blocks of a page find running."""
    here.base_url = here.stack.enter_context(simulator("--users=600", "--churn=600"))
    here.start("openai-org-exporter", "openai-org-exporter --organization=acme --email-domain=example.com")
    shown = "".join(block.text for block in page if block.language in SHELL)
    if f"localhost:{PORTS['alertmanager']}" in shown:
        here.start(
            "alertmanager",
            "alertmanager --config.file=deploy/alertmanager.yml --storage.path=alerts --cluster.listen-address=",
        )
    for block in page:
        if block.text.startswith("tls_server_config:") and SECURE_HOST in shown:
            here.secure(block.text)
