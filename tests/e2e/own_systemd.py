"""A real systemd for the time of a block: process 1 of its own namespaces, with units of the test alone.

It sees the machine's programs, and copies of /etc and /var that go with it. Ports are the machine's. It takes root.

It must never see the units of the system: what they start tidies up the machine, all of /tmp for one. So packages can be
installed only where their directories are hidden by empty ones, and where /tmp is another.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import BINARY, Program, environment, wait_until

AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
# What units of the system wait for; here there is nothing to wait for.
TARGETS = ("basic", "multi-user", "network-online", "nss-lookup", "shutdown", "sockets", "sysinit", "test", "timers")
# Where the tests are killed, so that nothing here can end it, all of the group ends with them: sudo would not.
UNSHARE = """
(
  echo "$BASHPID" > "$GROUP/cgroup.procs"
  tail --pid="$TESTS" --follow /dev/null
  echo 1 > "$GROUP/cgroup.kill"
) &
echo $$ > "$GROUP/cgroup.procs"
exec unshare --mount --pid --fork --kill-child --ipc --uts --cgroup bash -euc "$SETUP"
"""
SETUP = r"""
mount --make-rprivate /
mount -t proc proc /proc
if [ "$PACKAGES" = yes ]; then
  # The room alone stays of /tmp.
  exec 9<"$ROOM"
  mount -t tmpfs -o mode=1777 tmpfs /tmp
  mkdir -p "$ROOM"
  mount --no-canonicalize --bind /proc/self/fd/9 "$ROOM"
  exec 9<&-
fi
mount -t tmpfs tmpfs "$ROOM/scratch"
mkdir "$ROOM"/scratch/{etc,var}{,.work}
if [ "$PACKAGES" = yes ]; then
  mkdir "$ROOM"/scratch/usr{,.work}
  mount -t overlay overlay -o "lowerdir=/usr,upperdir=$ROOM/scratch/usr,workdir=$ROOM/scratch/usr.work" /usr
  for directory in /usr/lib/systemd/system /usr/lib/tmpfiles.d; do
    mount -t tmpfs -o mode=755 tmpfs "$directory"
  done
fi
mount --bind "$ROOM/bin" /usr/local/bin
for part in etc var; do
  upper=$ROOM/scratch/$part
  mount -t overlay overlay -o "lowerdir=$ROOM/$part:/$part,upperdir=$upper,workdir=$upper.work" "/$part"
done
units=$ROOM/units
if [ "$PACKAGES" = yes ]; then
  mount -t tmpfs -o mode=755 tmpfs /etc/systemd/system
  units+=:/etc/systemd/system:/usr/lib/systemd/system
fi
umount -R -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
# systemd hands credentials and private directories to services by mounts that spread.
mount --make-rshared /
exec env -i "PATH=$PATH" container=other "SYSTEMD_UNIT_PATH=$units" \
  /lib/systemd/systemd --system --unit=test.target --log-target=console --show-status=no
"""


class Systemd:
    """A running systemd; `room` holds what is laid over /etc and /var, and `units`."""

    def __init__(self, room: Path, child: int) -> None:
        self.units = room / "units"
        self.root = Path(f"/proc/{child}/root")
        self._enter = [*AS_ROOT, "nsenter", f"--target={child}", "--mount", "--pid", "--ipc", "--uts", "--cgroup"]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command inside."""
        return subprocess.run(
            [*self._enter, *command],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def systemctl(self, *words: str) -> int:
        return self.run("systemctl", "--no-pager", *words).returncode

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout


@contextmanager
def systemd(units: list[Path], files: dict[str, str], packages: bool = False) -> Iterator[Systemd]:
    """Runs systemd with these units, and files below /etc and /var, which root alone reads. Nothing is started.

    With `packages`, /usr is a copy that goes with it too, and systemd knows the units that packages install.
    """
    with tempfile.TemporaryDirectory(prefix="systemd-") as path:
        room = Path(path)
        room.chmod(0o755)
        for name in ("bin", "etc", "scratch", "units", "var"):
            (room / name).mkdir()
        shutil.copy(BINARY, room / "bin" / "openai-org-exporter")
        for unit in units:
            shutil.copy(unit, room / "units")
        for target in TARGETS:
            (room / "units" / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        for name, text in files.items():
            file = room / name.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o600)
        with cgroup() as group:
            mode = f"PACKAGES={'yes' if packages else ''}"
            settings = (f"ROOM={room}", mode, f"GROUP={group}", f"TESTS={os.getpid()}", f"SETUP={SETUP}")
            program = Program([*AS_ROOT, "env", *settings, "bash", "-euc", UNSHARE], environment())
            try:
                yield Systemd(room, booted(program, group))
            finally:
                program.end()


def booted(program: Program, group: Path) -> int:
    """Waits until systemd answers; its process id."""

    def answering() -> int | None:
        if not program.running():
            raise AssertionError(f"systemd did not start:\n{program.output}")
        processes = group / "init.scope" / "cgroup.procs"
        numbers = processes.read_text().split() if processes.exists() else []
        # Beside it are, for a moment, those that it starts.
        for number in filter(is_first, numbers):
            enter = [*AS_ROOT, "nsenter", f"--target={number}", "--mount", "--pid", "systemctl", "is-system-running"]
            state = subprocess.run(enter, env=environment(), capture_output=True, text=True).stdout.strip()
            if state in ("running", "degraded"):
                return int(number)
        return None

    return wait_until(answering, 30, "systemd", lambda: program.output)


def is_first(number: str) -> bool:
    """Whether it is process 1 of its own namespace."""
    try:
        status = Path(f"/proc/{number}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(line.split()[0] == "NSpid:" and line.split()[-1] == "1" for line in status.splitlines() if line)


@contextmanager
def cgroup() -> Iterator[Path]:
    """A group of processes of its own, which is gone afterwards with all that was in it."""
    group = group_of(os.getpid())
    subprocess.run([*AS_ROOT, "mkdir", group], check=True)
    try:
        yield group
    finally:
        kill(group)
        wait_until(lambda: removed(group), 20, "the end of all processes")


def group_of(tests: int) -> Path:
    """The group that this process of the tests makes."""
    mounted = subprocess.run(
        ["findmnt", "-n", "-t", "cgroup2", "-o", "TARGET"], capture_output=True, text=True, check=True
    )
    (own,) = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    return Path(mounted.stdout.split()[0]) / own.lstrip("/") / f"openai-org-exporter-test-{tests}"


def kill(group: Path) -> None:
    """Ends what runs in the group."""
    if group.exists():
        subprocess.run([*AS_ROOT, "bash", "-c", f'echo 1 > "{group}/cgroup.kill"'], check=True)


def removed(group: Path) -> bool:
    """Removes the group if nothing runs in it; whether it is gone."""
    subprocess.run(
        [*AS_ROOT, "find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], capture_output=True
    )
    return not group.exists()
