"""A terminal that a program runs in: what is written to it is drawn as xterm would, and can be looked at."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pyte

from harness import environment, wait_until

INTERRUPT = b"\x03"


class Terminal:
    """A running program, and the screen that it writes to."""

    def __init__(self, command: list[str], env: dict[str, str], columns: int, rows: int, **streams: object) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self.seen: list[str] = []
        self._master, slave = pty.openpty()
        self._resize_kernel(columns, rows)
        os.set_blocking(self._master, False)
        try:
            self.child = subprocess.Popen(
                command,
                env=env,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
                **({"stdin": slave, "stdout": slave, "stderr": slave} | streams),
            )
        finally:
            os.close(slave)

    def _resize_kernel(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def rows(self) -> list[str]:
        """The rows of the screen, without blanks at their ends and without empty rows at its end."""
        rows = [self._row(number) for number in range(self._screen.lines)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def _row(self, number: int) -> str:
        cells = self._screen.buffer[number]
        return "".join(cells[column].data for column in range(self._screen.columns)).rstrip()

    @property
    def cursor(self) -> tuple[int, int, bool]:
        """Column and row, from 0, and whether it is to be seen."""
        return self._screen.cursor.x, self._screen.cursor.y, not self._screen.cursor.hidden

    def look(self) -> str:
        """Takes in what was written since, and gives the screen. `seen` gets the row of the cursor piece by piece."""
        while True:
            try:
                # A short piece, so that `seen` misses little.
                piece = os.read(self._master, 64)
            except (BlockingIOError, OSError):
                break
            if not piece:
                break
            self.raw += piece
            self._stream.feed(piece)
            self.seen.append(self._row(self._screen.cursor.y))
        return "\n".join(self.rows)

    def find(self, pattern: str, seconds: float = 20) -> re.Match[str]:
        """Waits until the screen shows `pattern`."""
        return wait_until(lambda: re.search(pattern, self.look()), seconds, f"{pattern!r} on the screen", self.look)

    def resize(self, columns: int, rows: int) -> None:
        """Another size; the program is told as the kernel tells it."""
        self.look()
        self._screen.resize(rows, columns)
        self._resize_kernel(columns, rows)

    def type(self, keys: bytes) -> None:
        """Presses keys."""
        os.write(self._master, keys)

    def wait(self, seconds: float = 20) -> int:
        """The exit code, once the program has ended and all is drawn."""

        def ended() -> bool:
            self.look()
            return self.child.poll() is not None

        wait_until(ended, seconds, "the end", self.look)
        self.look()
        return self.child.returncode

    def end(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        os.close(self._master)


@contextmanager
def terminal(
    *command: str, columns: int = 80, rows: int = 24, streams: dict | None = None, **env: str
) -> Iterator[Terminal]:
    """Runs a program in a terminal for the time of the block; `streams` are those that go elsewhere."""
    running = Terminal(list(command), environment(**({"TERM": "xterm"} | env)), columns, rows, **(streams or {}))
    try:
        yield running
    finally:
        running.end()
