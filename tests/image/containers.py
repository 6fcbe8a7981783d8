"""Runs the image with podman, as a careful operator would: without root, capabilities or a place to write.

Containers share the network of the machine, and podman keeps everything in .tools/image.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder import STORE
from harness import Result, wait_until

CONFIGURATION = """[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
netns = "host"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "crun"
"""
CAREFUL = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")


class Podman:
    """An engine that starts with nothing but the image."""

    def __init__(self, archive: Path) -> None:
        self._directory = STORE / "podman"
        self._directory.mkdir()
        configuration = self._directory / "containers.conf"
        configuration.write_text(CONFIGURATION)
        self._env = os.environ | {"CONTAINERS_CONF": str(configuration)}
        self.image = self.done("load", "--quiet", f"--input={archive}").out.split()[-1]

    def run(self, *arguments: str) -> Result:
        """Runs a command of podman to its end."""
        places = [f"--{name}={self._directory / name}" for name in ("root", "runroot", "tmpdir")]
        # Its errors are about systemd, which it would have run the health check every now and then.
        command = ["podman", *places, "--storage-driver=overlay", "--log-level=fatal", *arguments]
        done = subprocess.run(command, env=self._env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def done(self, *arguments: str) -> Result:
        """The same, for what must go well."""
        result = self.run(*arguments)
        if result.code:
            raise AssertionError(f"podman {arguments[0]} ended with {result.code}\n{result.out}\n{result.err}")
        return result

    def once(self, *arguments: str, options: tuple[str, ...] = ()) -> Result:
        """Runs the image to the end of its program."""
        return self.run("run", "--rm", *CAREFUL, *options, self.image, *arguments)

    @contextmanager
    def container(self, *arguments: str, options: tuple[str, ...] = ()) -> Iterator["Container"]:
        """Runs the image for the time of the block."""
        name = self.done("run", "--detach", *CAREFUL, *options, self.image, *arguments).out.strip()
        try:
            yield Container(self, name)
        finally:
            self.done("rm", "--force", "--time=0", name)

    def volume(self, name: str) -> Path:
        """Where the files of a named volume are."""
        return Path(self.done("volume", "inspect", "--format={{.Mountpoint}}", name).out.strip())


class Container:
    """A running container."""

    def __init__(self, podman: Podman, name: str) -> None:
        self._podman, self._name = podman, name

    def says(self, text: str) -> None:
        """Waits until its log has the text."""
        wait_until(lambda: text in self.log, 20, f"{text!r} in the log", lambda: self.log)

    @property
    def log(self) -> str:
        result = self._podman.done("logs", self._name)
        return result.out + result.err

    @property
    def process(self) -> Path:
        """Its first process, as the kernel shows it to the machine."""
        [found] = json.loads(self._podman.done("inspect", self._name).out)
        return Path("/proc") / str(found["State"]["Pid"])

    def healthy(self) -> bool:
        """Runs the health check of the image, as an engine would."""
        return self._podman.run("healthcheck", "run", self._name).code == 0

    def execute(self, *command: str) -> Result:
        return self._podman.run("exec", self._name, *command)

    def stop(self) -> int:
        """Asks it to end, and gives the exit code."""
        self._podman.done("stop", "--time=10", self._name)
        return int(self._podman.done("inspect", "--format={{.State.ExitCode}}", self._name).out)
