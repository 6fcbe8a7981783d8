"""Under systemd the exporter says what state it is in: Type=notify, Type=notify-reload and WatchdogSec."""

import json
import os
import re
import signal
import socket
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from harness import SIMULATED_KEY, Program, exporter, free_port, get, serving, simulator, wait_until

READY = "READY=1\nSTATUS=1 organization, {} fresh"
WATCHDOG = "WATCHDOG=1"


class Manager:
    """A service manager as far as a service sees it: a socket, and what came in, with the time it came."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(name.replace("@", "\0", 1))

    def close(self) -> None:
        self._socket.close()

    def told(self) -> list[str]:
        """Everything so far."""
        while True:
            try:
                self.messages.append((time.monotonic(), self._socket.recv(4096).decode()))
            except BlockingIOError:
                return [message for _, message in self.messages]

    def hears(self, what: str | Callable[[list[str]], object], seconds: float = 20) -> list[str]:
        """Waits until it was told so, and gives everything."""
        fits = what if callable(what) else lambda told: what in told
        wait_until(lambda: fits(self.told()), seconds, repr(what), lambda: repr(self.told()))
        return self.told()


def apart_from_pings(told: list[str]) -> list[str]:
    return [message for message in told if message != WATCHDOG]


class Systemd(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def manager(self, name: str | None = None) -> Manager:
        manager = Manager(name or str(self.folder / "notify"))
        self.addCleanup(manager.close)
        return manager

    def serve(self, name: str, *flags: str, **env: str) -> tuple[Program, str]:
        """Serves one organization of the simulator under the manager of this name."""
        api = self.enterContext(simulator("--users=10"))
        environment = {"NOTIFY_SOCKET": name, "OPENAI_ADMIN_KEY": SIMULATED_KEY} | env
        return self.enterContext(serving(f"--openai.base-url={api}", *flags, **environment))

    def test_it_is_ready_once_it_serves_and_says_how_it_is_and_that_it_stops(self):
        manager = self.manager()
        child, url = self.serve(manager.name)
        manager.hears("READY=1\nSTATUS=1 organization, 0 fresh")
        self.assertEqual(get(f"{url}/-/ready").status, 200)
        told = manager.hears("STATUS=1 organization, 1 fresh")
        self.assertEqual(told, [READY.format(0), "STATUS=1 organization, 1 fresh"])
        child.signal(signal.SIGTERM)
        self.assertEqual(child.wait(5), 0)
        self.assertEqual(manager.told()[2:], ["STOPPING=1"])
        self.assertNotRegex(child.output, "level=(warn|error)")

    def test_it_is_not_ready_before_its_address_answers(self):
        manager = self.manager()
        port = free_port()
        api = self.enterContext(simulator("--users=10"))
        command = ("serve", f"--web.listen-address=127.0.0.1:{port}", f"--openai.base-url={api}")
        environment = {"NOTIFY_SOCKET": manager.name, "OPENAI_ADMIN_KEY": SIMULATED_KEY}
        with socket.create_server(("127.0.0.1", port)), exporter(*command, **environment) as child:
            self.assertEqual(child.wait(10), 1)
        self.assertEqual(manager.told(), [])
        with exporter(*command, **environment):
            manager.hears(lambda told: told)
            self.assertEqual(get(f"http://127.0.0.1:{port}/-/ready").status, 200)

    def test_a_wrong_configuration_is_never_ready(self):
        manager = self.manager()
        with exporter("serve", NOTIFY_SOCKET=manager.name) as child:
            self.assertEqual(child.wait(10), 2)
        self.assertEqual(manager.told(), [])

    def test_the_watchdog_is_told_of_life_at_half_of_its_time(self):
        manager = self.manager()
        child, _ = self.serve(manager.name, WATCHDOG_USEC="600000")
        told = manager.hears(lambda told: told.count(WATCHDOG) >= 5)
        self.assertEqual(apart_from_pings(told)[0], READY.format(0))
        self.assertNotEqual(told[0], WATCHDOG)
        times = [at for at, message in manager.messages if message == WATCHDOG]
        longest = max(later - earlier for earlier, later in zip(times, times[1:]))
        self.assertLess(longest, 0.6)
        self.assertGreater(times[-1] - times[0], 0.9, "it is not told more often than twice in its time")
        child.signal(signal.SIGTERM)
        self.assertEqual(child.wait(5), 0)
        self.assertEqual(manager.told()[-1], "STOPPING=1")

    def test_the_watchdog_of_another_process_is_told_nothing(self):
        manager = self.manager()
        self.serve(manager.name, WATCHDOG_USEC="100000", WATCHDOG_PID=str(os.getpid()))
        self.assertNotIn(WATCHDOG, manager.hears("STATUS=1 organization, 1 fresh"))

    def test_a_reload_begins_and_ends_whether_its_file_is_good_or_not(self):
        manager = self.manager()
        file = self.folder / "config.yml"
        organization = {"name": "acme", "admin_key_env": "OPENAI_ADMIN_KEY"}
        file.write_text(json.dumps({"organizations": [organization]}))
        child, _ = self.serve(manager.name, f"--config.file={file}", WATCHDOG_USEC="500000")
        manager.hears("STATUS=1 organization, 1 fresh")
        another = {"name": "globex", "admin_key_env": "ANOTHER"}
        for content, line in [
            ({"organizations": [organization], "poll": {"interval": "7m"}}, "configuration reloaded"),
            ({"organizations": [organization, another]}, "configuration not reloaded"),
        ]:
            with self.subTest(line):
                before = len(apart_from_pings(manager.told()))
                sent = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
                file.write_text(json.dumps(content))
                child.signal(signal.SIGHUP)
                child.find(f"({line})")
                told = apart_from_pings(manager.hears(lambda told: len(apart_from_pings(told)) >= before + 2))
                begun, ended = told[before:]
                stamp = int(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", begun)[1])
                self.assertGreaterEqual(stamp, sent)
                self.assertLess(stamp, time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
                self.assertEqual(ended, READY.format(1))

    def test_an_abstract_socket_will_do(self):
        manager = self.manager(f"@openai-org-exporter-{os.getpid()}")
        self.serve(manager.name)
        manager.hears(READY.format(0))

    def test_the_demo_is_ready_too(self):
        manager = self.manager()
        flags = ("--web.listen-address=127.0.0.1:0", "--users=10")
        with exporter("demo", *flags, NOTIFY_SOCKET=manager.name) as child:
            manager.hears(READY.format(0))
            child.signal(signal.SIGTERM)
            self.assertEqual(child.wait(5), 0)
        self.assertEqual(manager.told()[-1], "STOPPING=1")

    def test_where_nobody_can_be_told_one_warning_says_so_and_it_goes_on(self):
        for name, warnings in [("", 0), (str(self.folder / "nobody"), 1), ("relative", 1), ("vsock:2:1", 1)]:
            with self.subTest(name):
                child, url = self.serve(name, WATCHDOG_USEC="100000")
                wait_until(lambda: get(f"{url}/-/fresh").status == 200, 20, "a first walk")
                child.signal(signal.SIGHUP)
                child.find("(configuration reloaded)")
                child.signal(signal.SIGTERM)
                self.assertEqual(child.wait(5), 0)
                said = re.findall(r"level=(?:warn|error).*", child.output)
                self.assertEqual(len(said), warnings, child.output)
                self.assertTrue(all("NOTIFY_SOCKET" in line for line in said), said)


if __name__ == "__main__":
    unittest.main()
