"""Reads what stands in deploy/, as the programs read it for which it is written."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from harness import ROOT, SIMULATED_KEY, Result, environment, run
from pages import blocks

DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "deployment.md").read_text()
PORT = 10195
JOB = "openai-org"
KEY = f"{SIMULATED_KEY}-for-a-test-of-deployments"
# What runs `serve` is checked by the command that reads all the same settings.
CHECKS = {"serve": "check-config"}


def ask(*command: str | Path, **env: str) -> Result:
    """Runs any program to its end."""
    done = subprocess.run(
        [str(word) for word in command],
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def answer(*command: str | Path, **env: str) -> str:
    """What a program says that ends well."""
    done = ask(*command, **env)
    if done.code != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.code}\n{done.out}{done.err}")
    return done.out


def compose(*files: str | Path) -> dict[str, Any]:
    """The project that Compose makes of these files."""
    flags = [part for file in files for part in ("-f", DEPLOY / file)]
    return json.loads(answer("docker-compose", *flags, "config", "--format=json"))


def kustomize(directory: Path) -> list[dict[str, Any]]:
    """The objects that kubectl would apply."""
    return list(yaml.safe_load_all(answer("kubectl", "kustomize", directory)))


def alerts() -> list[dict[str, Any]]:
    """All alerts of rules/."""
    files = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "rules").glob("*.yaml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"] if "alert" in rule]


class Unit(NamedTuple):
    """A unit of systemd: its settings in order, by section."""

    settings: list[tuple[str, str, str]]

    @classmethod
    def read(cls, name: str) -> "Unit":
        text = (DEPLOY / "systemd" / name).read_text().replace("\\\n", " ")
        settings, section = [], ""
        for line in (line.strip() for line in text.splitlines()):
            if line.startswith("["):
                section = line[1:-1]
            elif line and line[0] not in "#;":
                key, value = line.split("=", 1)
                settings.append((section, key, value))
        return cls(settings)

    def all(self, key: str) -> list[str]:
        return [value for _, name, value in self.settings if name == key]

    def one(self, key: str) -> str:
        (value,) = self.all(key)
        return value


def code_block(language: str, words: str) -> str:
    """The one block of docs/deployment.md in this language that holds these words."""
    (text,) = [block.text for block in blocks(language, page="docs/deployment.md") if words in block.text]
    return text


def flag(arguments: list[str], name: str) -> str:
    """The value of the one flag of this name."""
    (value,) = [word.split("=", 1)[1] for word in arguments if word.startswith(f"{name}=")]
    return value


def seconds(duration: str) -> int:
    """A duration as the exporter and systemd write it: `13m`, `14min`, `60s`."""
    units = {"s": 1, "m": 60, "min": 60, "h": 3600}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)(min|[smh])", duration))


@contextmanager
def directory() -> Iterator[Path]:
    """A directory for the time of the block."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def checked(arguments: list[str], mounts: dict[str, Path]) -> Result:
    """What the exporter says of a command line, with the files of a container where they lie here.

    The command `serve` is checked and not run. Of another command, its flags are looked up in its own help.
    """
    for inside, outside in mounts.items():
        arguments = [word.replace(f"={inside}", f"={outside}") for word in arguments]
    command, *flags = arguments
    if command in CHECKS:
        return run(CHECKS[command], *flags)
    known = re.findall(r"--[a-z.-]+", run(command, "--help").out)
    unknown = [word for word in flags if word.split("=")[0] not in known]
    return Result(2 if unknown else 0, "", f"{command} does not know {unknown}" if unknown else "")
