"""What packaging/release.sh makes of the release binary, made once for all tests."""

import os
import subprocess
from functools import cache
from pathlib import Path

from harness import BINARY, ROOT, environment

NAME = "openai-org-exporter"
DIST = ROOT / "target" / "dist"
STAGE = ROOT / "target" / "package"


def release(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs the script, with the release binary that the tests are about."""
    return subprocess.run(
        [ROOT / "packaging" / "release.sh", *arguments],
        env=environment(CARGO_TARGET_DIR=str(Path(BINARY).parents[1]), **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )


@cache
def dist() -> dict[str, Path]:
    """The files of a release for this machine, by what their names end in."""
    done = release("--no-build")
    if done.returncode != 0:
        raise AssertionError(f"packaging/release.sh: {done.returncode}\n{done.stdout}{done.stderr}")
    kinds = ("deb", "tar.gz", "cdx.json", "SHA256SUMS")
    return {kind: path for kind in kinds for path in DIST.iterdir() if path.name.endswith(kind)}


def ask(*command: str | Path, **keywords) -> subprocess.CompletedProcess[str]:
    """Runs any program to its end."""
    settings = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 120} | keywords
    return subprocess.run([str(word) for word in command], env=environment(**settings.pop("env", {})), **settings)


def answer(*command: str | Path, **keywords) -> str:
    """What a program says that ends well."""
    done = ask(*command, **keywords)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def path_with_program() -> str:
    """A PATH on which the program is found by its name."""
    return f"{Path(BINARY).parent}:{os.environ['PATH']}"
