"""--web.systemd-socket: systemd listens, and the exporter serves what it is passed."""

import re
import socket
import tempfile
import unittest
from contextlib import contextmanager

from deployment import DEPLOY, GUIDE, PORT, Unit
from harness import BINARY, SIMULATED_KEY, free_port, get, program, run, simulator, wait_until
from own_systemd import systemd

SERVICE, SOCKET = "openai-org-exporter.service", "openai-org-exporter.socket"
FLAG = "--web.systemd-socket"
READY = b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEY = {"OPENAI_ADMIN_KEY": SIMULATED_KEY}


def answer(connection: socket.socket, seconds: float = 20) -> str:
    """What comes until the end of the connection."""
    connection.settimeout(seconds)
    with connection, connection.makefile("rb") as stream:
        return stream.read().decode()


def asked(connection: socket.socket) -> str:
    connection.sendall(READY)
    return answer(connection)


@contextmanager
def activated(*addresses: str, options: tuple[str, ...] = (), flags: tuple[str, ...] = (FLAG,)):
    """Runs systemd's own tool for the time of the block: it listens, and becomes the exporter with the first client."""
    with simulator() as base_url:
        listen = [f"--listen={address}" for address in addresses]
        serve = [BINARY, "serve", f"--openai.base-url={base_url}", *flags]
        environment = [f"--setenv={name}" for name in KEY]
        with program("systemd-socket-activate", *listen, *environment, *options, *serve, **KEY) as child:
            for address in addresses:
                child.find(rf"(Listening on {re.escape(address)})")
            yield child


class Passed(unittest.TestCase):
    def test_all_sockets_are_served_and_no_other_one(self):
        with tempfile.TemporaryDirectory() as directory:
            path, ports = f"{directory}/socket", [free_port(), free_port()]
            addresses = [f"127.0.0.1:{port}" for port in ports]
            with activated(*addresses, path) as child:
                for port in ports:
                    self.assertTrue(asked(socket.create_connection(("127.0.0.1", port))).endswith("Ready.\n"))
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
                    self.assertTrue(asked(client).endswith("Ready.\n"))
                said = child.find(r'addresses"?[=:]"?(\S+)')
                self.assertEqual(said, ",".join([*addresses, path]))
                self.assertNotIn(f":{PORT}", said)
                child.signal(15)
                self.assertEqual(child.wait(10), 0)

    def test_a_client_that_came_before_the_exporter_is_answered(self):
        port = free_port()
        with activated(f"127.0.0.1:{port}") as child:
            self.assertNotIn("openai-org-exporter started", child.output)
            self.assertTrue(asked(socket.create_connection(("127.0.0.1", port))).endswith("Ready.\n"))

    def test_what_cannot_be_served_is_an_error_of_the_configuration(self):
        port = free_port()
        for options, expected in [
            (("--datagram",), "socket 1 of LISTEN_FDS: it is no stream of TCP or of a Unix socket; .* ListenStream="),
            (("--accept",), "socket 1 of LISTEN_FDS: it does not listen; the socket unit needs Accept=no"),
        ]:
            with self.subTest(options=options), activated(f"127.0.0.1:{port}", options=options) as child:
                kind = socket.SOCK_DGRAM if "--datagram" in options else socket.SOCK_STREAM
                with socket.socket(socket.AF_INET, kind) as client:
                    client.connect(("127.0.0.1", port))
                    client.send(b"x")
                    child.find(f"(openai-org-exporter: flag {FLAG}: {expected})")
                    if kind == socket.SOCK_DGRAM:
                        self.assertEqual(child.wait(10), 2)

    def test_without_sockets_it_says_what_to_do(self):
        for env, expected in [
            (
                {},
                "systemd passes no socket (LISTEN_FDS is not set); start the exporter by a socket unit, or do not give this",
            ),
            ({"LISTEN_FDS": "0"}, "systemd passes no socket"),
            ({"LISTEN_FDS": "1"}, "the sockets of LISTEN_FDS are for another process (LISTEN_PID)"),
            ({"LISTEN_FDS": "1", "LISTEN_PID": "1"}, "the sockets of LISTEN_FDS are for another process (LISTEN_PID)"),
        ]:
            with self.subTest(env):
                done = run("serve", FLAG, **KEY, **env)
                self.assertEqual((done.code, done.out), (2, ""))
                self.assertIn(f"openai-org-exporter: flag {FLAG}: {expected}", done.err)

    def test_sockets_that_are_not_there_are_no_sockets(self):
        # The shell's own process becomes the exporter, and passes nothing.
        script = f'LISTEN_PID=$$ LISTEN_FDS={{}} exec "{BINARY}" serve {FLAG}'
        for count, expected in [
            ("1", "socket 1 of LISTEN_FDS: it is not there"),
            ("many", "LISTEN_FDS is no number of sockets"),
        ]:
            with self.subTest(count), program("bash", "-c", script.format(count), **KEY) as child:
                child.find(f"(flag {FLAG}: {expected})")
                self.assertEqual(child.wait(10), 2)

    def test_what_is_not_used_is_warned_of(self):
        port = free_port()
        other = f"--web.listen-address=127.0.0.1:{free_port()}"
        for flags, expected in [
            ((FLAG, other), "web.listen-address is not used: the sockets come from systemd"),
            ((other,), f"systemd listens for the exporter .LISTEN_FDS., and its sockets are not used; give {FLAG}"),
        ]:
            with self.subTest(flags), activated(f"127.0.0.1:{port}", flags=flags) as child:
                with socket.create_connection(("127.0.0.1", port)):
                    child.find(f"(level=warn .*{expected})")


class Running(unittest.TestCase):
    """The units of deploy/systemd, as the guide puts them together, under a systemd of their own."""

    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        base_url = cls.enterClassContext(simulator())
        (setting,) = re.findall(r"^(OPENAI_ORG_EXPORTER_WEB_SYSTEMD_SOCKET=true)$", GUIDE, re.MULTILINE)
        files = {
            "/etc/openai-org-exporter/admin-key": SIMULATED_KEY,
            "/etc/default/openai-org-exporter": f"OPENAI_ORG_EXPORTER_OPENAI_BASE_URL={base_url}\n{setting}\n",
        }
        cls.systemd = cls.enterClassContext(systemd([DEPLOY / "systemd" / name for name in (SERVICE, SOCKET)], files))
        for unit, text in [
            (SOCKET, f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{cls.port}\n"),
            (SERVICE, "[Service]\nStandardError=append:/run/exporter.log\nRestartSec=1s\n"),
        ]:
            directory = cls.systemd.units / f"{unit}.d"
            directory.mkdir()
            (directory / "test.conf").write_text(text)
        cls.do("daemon-reload")

    @classmethod
    def do(cls, *words: str) -> None:
        code = cls.systemd.systemctl(*words)
        if code != 0:
            raise AssertionError(f"systemctl {' '.join(words)}: {code}\n{cls.systemd.read('/run/exporter.log')}")

    def setUp(self):
        self.do("start", SOCKET)
        self.addCleanup(self.systemd.systemctl, "stop", SOCKET, SERVICE)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port))

    def state(self) -> str:
        return self.systemd.show(SERVICE, "ActiveState")

    def test_the_first_client_starts_it_and_is_answered(self):
        self.assertEqual(self.state(), "inactive")
        self.assertTrue(asked(self.connect()).endswith("Ready.\n"))
        # Type=notify: it is active once it has said so.
        wait_until(lambda: self.state() == "active", 20, "the service")
        self.assertEqual(self.systemd.show(SERVICE, "TriggeredBy"), SOCKET)
        up = 'openai_org_up{organization="default"} 1\n'
        wait_until(lambda: up in get(f"http://127.0.0.1:{self.port}/metrics").text, 20, "a walk that succeeds")

    def test_who_comes_during_a_restart_waits_and_is_not_refused(self):
        self.assertTrue(asked(self.connect()).endswith("Ready.\n"))
        wait_until(lambda: self.state() == "active", 20, "the service")
        self.do("kill", "--signal=SIGKILL", SERVICE)
        wait_until(lambda: self.state() == "activating", 20, "the time between two processes")
        self.assertTrue(asked(self.connect()).endswith("Ready.\n"))
        self.assertEqual(self.systemd.show(SERVICE, "NRestarts"), "1")

    def test_who_came_before_a_stop_is_answered_by_the_next_one(self):
        self.assertTrue(asked(self.connect()).endswith("Ready.\n"))
        wait_until(lambda: self.state() == "active", 20, "the service")
        process = self.systemd.show(SERVICE, "MainPID")
        self.do("restart", SERVICE)
        self.assertTrue(asked(self.connect()).endswith("Ready.\n"))
        self.assertNotEqual(self.systemd.show(SERVICE, "MainPID"), process)


class Files(unittest.TestCase):
    def test_the_socket_is_on_the_default_port(self):
        self.assertEqual(Unit.read(SOCKET).one("ListenStream"), str(PORT))
        self.assertIn(SOCKET, GUIDE)


if __name__ == "__main__":
    unittest.main()
