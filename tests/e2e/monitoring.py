"""Starts what people run next to the exporter: a real Prometheus, with our rules or without, and a real Alertmanager."""

import json
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from harness import ROOT, Program, free_port, get, program, wait_until

RULES = ROOT / "rules"
JOB = "openai-org"


def target(url: str) -> str:
    """The host and port of a URL, as Prometheus names its targets."""
    return url.split("/")[2]


def write_targets(file: Path, urls: Iterable[str]) -> None:
    """Puts the targets in place as a whole: Prometheus reads the file when it changes."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps([{"targets": [target(url) for url in urls]}]))
    new.replace(file)


def quick_rules(directory: Path) -> list[str]:
    """Copies of the rules that do not wait: evaluated every second, pending for two."""
    copies = []
    for path in sorted(RULES.glob("*.yaml")):
        text = re.sub(r"(?m)^( +for:) \w+$", r"\1 2s", path.read_text())
        copy = directory / path.name
        copy.write_text(re.sub(r"(?m)^    interval: \w+\n", "", text))
        copies.append(str(copy))
    return copies


def complaints(output: str) -> list[str]:
    """The lines in which Prometheus warned or worse: version 2 says `level=warn`, version 3 `level=WARN`."""
    return re.findall(r"^.*\blevel=(?:warn|error)\b.*$", output, re.MULTILINE | re.IGNORECASE)


@dataclass
class Prometheus:
    """A running Prometheus."""

    url: str
    server: Program
    targets: Path

    def scrape(self, *urls: str) -> None:
        """Scrapes these exporters from now on, and no others."""
        write_targets(self.targets, urls)

    def rows(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of the expression, now."""
        reply = get(f"{self.url}/api/v1/query?{urlencode({'query': expression})}")
        answer = json.loads(reply.body)
        if answer["status"] != "success":
            raise AssertionError(f"{expression}: {answer['error']}")
        return answer["data"]["result"]

    def values(self, expression: str, label: str) -> dict[str, float]:
        """The values of the expression by one of its labels."""
        return {row["metric"].get(label, ""): float(row["value"][1]) for row in self.rows(expression)}

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {row["metric"]["alertname"] for row in self.rows('ALERTS{alertstate="firing"}')}

    @property
    def complaints(self) -> list[str]:
        """The lines in which it warned or worse."""
        return complaints(self.server.output)


@contextmanager
def prometheus(
    directory: Path,
    urls: Iterable[str],
    rule_files: list[str] | None = None,
    alertmanager: str | None = None,
    flags: Iterable[str] = (),
    relabel: list[dict[str, Any]] | None = None,
    jobs: dict[str, dict[str, Any]] | None = None,
) -> Iterator[Prometheus]:
    """Scrapes the exporters, and evaluates the rules, every second for the time of the block; `relabel` is what is done
    to their samples.

    `jobs` are further ones, by name: the rest of their entries in `scrape_configs`.
    """
    targets = directory / "targets.json"
    write_targets(targets, urls)
    scrape = {
        "job_name": JOB,
        "file_sd_configs": [{"files": [str(targets)]}],
        "metric_relabel_configs": relabel or [],
    }
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": rule_files or [],
        "scrape_configs": [scrape],
    }
    config["scrape_configs"] += [{"job_name": name} | job for name, job in (jobs or {}).items()]
    if alertmanager:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [target(alertmanager)]}]}]}
    file = directory / "prometheus.yml"
    file.write_text(json.dumps(config))
    port = free_port()
    command = (
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",
        *flags,
    )
    with program(*command) as server:
        server.find("(Server is ready to receive web requests)")
        yield Prometheus(f"http://127.0.0.1:{port}", server, targets)


@dataclass
class Receiver:
    """What a webhook was told, in the order in which it was told."""

    url: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def find(self, name: str, status: str, seconds: float = 60) -> dict[str, Any]:
        """Waits for an alert of this name and status, `firing` or `resolved`."""

        def told() -> dict[str, Any] | None:
            found = (a for a in list(self.alerts) if a["labels"]["alertname"] == name and a["status"] == status)
            return next(found, None)

        return wait_until(told, seconds, f"{name} {status}", lambda: json.dumps(self.alerts, indent=1))

    def statuses(self, name: str) -> list[str]:
        return [alert["status"] for alert in list(self.alerts) if alert["labels"]["alertname"] == name]


@contextmanager
def webhook() -> Iterator[Receiver]:
    """Receives what an Alertmanager sends for the time of the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.alerts.extend(body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing: the tests print what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def alertmanager(directory: Path, receiver: Receiver) -> Iterator[str]:
    """Sends all alerts to the receiver at once, ends included, for the time of the block; gives its URL."""
    config = {
        "route": {
            "receiver": "webhook",
            "group_by": ["alertname", "organization"],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "webhook", "webhook_configs": [{"url": receiver.url, "send_resolved": True}]}],
    }
    file = directory / "alertmanager.yml"
    file.write_text(json.dumps(config))
    port = free_port()
    command = (
        "prometheus-alertmanager",
        f"--config.file={file}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    with program(*command) as server:
        server.find(r"(msg=Listening|Listening on)")
        yield f"http://127.0.0.1:{port}"
