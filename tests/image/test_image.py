"""The container image: what is in it, and what it does when it is run."""

import shutil
import tempfile
import tomllib
import unittest
from pathlib import Path

import builder
from builder import Entry
from containers import Podman
from exposition import parse, value
from harness import ROOT, SIMULATED_KEY, Reply, free_port, get, program, simulator, wait_until
from servers import names, tls

USER = 65532
LISTEN = "OPENAI_ORG_EXPORTER_WEB_LISTEN_ADDRESS"
STATE = "/var/lib/openai-org-exporter"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PROGRAM = "/usr/local/bin/openai-org-exporter"
FILES = {
    PROGRAM: Entry("-0755", 0, 0),
    CERTIFICATES: Entry("-0644", 0, 0),
    "/etc/group": Entry("-0644", 0, 0),
    "/etc/passwd": Entry("-0644", 0, 0),
    "/usr/share/doc/openai-org-exporter/LICENSE": Entry("-0644", 0, 0),
    STATE: Entry("d0700", USER, USER),
}
MEGABYTE = 1024 * 1024


def setUpModule() -> None:
    """Builds both images. That for arm64 is built quickly, since a slow program shows as well that it runs."""
    global amd64, arm64, podman
    amd64 = builder.image("amd64")
    arm64 = builder.image("arm64", quick=True)
    podman = Podman(amd64.archive)


def directories(paths: list[str]) -> set[str]:
    """All directories above some paths."""
    return {str(parent) for path in paths for parent in Path(path).parents} - {"/"}


class Contents(unittest.TestCase):
    def test_it_holds_a_handful_of_files_that_root_alone_can_change(self):
        above = {path: Entry("d0755", 0, 0) for path in directories(list(FILES))}
        for image in (amd64, arm64):
            self.assertEqual(image.entries, FILES | above)

    def test_it_is_small(self):
        self.assertLess(amd64.archive.stat().st_size, 12 * MEGABYTE)

    def test_it_knows_the_certificates_of_the_public_authorities(self):
        for image in (amd64, arm64):
            self.assertGreater(image.read(CERTIFICATES[1:]).count(b"BEGIN CERTIFICATE"), 100)

    def test_the_user_has_a_name_and_nobody_a_shell(self):
        self.assertEqual(amd64.read("etc/passwd"), b"nonroot:x:65532:65532:nonroot:/nonexistent:/nonexistent\n")
        self.assertEqual(amd64.read("etc/group"), b"nonroot:x:65532:\n")

    def test_it_says_what_it_is(self):
        version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
        for architecture, image in (("amd64", amd64), ("arm64", arm64)):
            with self.subTest(architecture):
                self.assertEqual((image.config["os"], image.config["architecture"]), ("linux", architecture))
                config = image.config["config"]
                self.assertEqual(config["User"], f"{USER}:{USER}")
                self.assertEqual(config["Entrypoint"], [PROGRAM])
                self.assertFalse(config.get("Cmd"))
                self.assertEqual(config["Env"], ["PATH=/usr/local/bin"])
                self.assertEqual(list(config["ExposedPorts"]), ["10195/tcp"])
                self.assertEqual(config["Healthcheck"]["Test"], ["CMD", PROGRAM, "healthcheck"])
                self.assertFalse(config.get("Volumes"))
                named = "org.opencontainers.image."
                labels = {name: text for name, text in config["Labels"].items() if name.startswith(named)}
                self.assertEqual(
                    labels,
                    {
                        f"{named}title": "openai-org-exporter",
                        f"{named}description": "Prometheus exporter for the composition of OpenAI organizations",
                        f"{named}licenses": "Apache-2.0",
                        f"{named}version": version,
                        f"{named}revision": builder.REVISION,
                        f"{named}created": builder.CREATED,
                        f"{named}source": builder.SOURCE,
                    },
                )


class Layers(unittest.TestCase):
    def test_sources_and_commits_leave_the_dependencies_as_they_are(self):
        with tempfile.TemporaryDirectory() as directory:
            context = Path(directory)
            for name in ("Dockerfile", ".dockerignore", "Cargo.toml", "Cargo.lock", "build.rs", "LICENSE"):
                shutil.copy(ROOT / name, context)
            shutil.copytree(ROOT / "src", context / "src")
            before = builder.build("amd64", "dependencies")
            (context / "src" / "main.rs").write_text("fn main() {}\n")
            (context / "build.rs").write_text("fn main() {}\n")
            (context / "README.md").write_text("More.\n")
            after = builder.build("amd64", "dependencies", context=context, revision="another")
            self.assertEqual(after, before)


class Run(unittest.TestCase):
    def setUp(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.here = f"--env={LISTEN}={self.address}"

    def get(self, path: str) -> Reply:
        return get(f"http://{self.address}{path}")

    def test_it_names_the_commit_it_was_built_from(self):
        result = podman.once("--version")
        self.assertEqual(result.code, 0, result.err)
        self.assertIn(f"revision {builder.REVISION}", result.out)

    def test_it_serves_without_root_without_capabilities_and_writes_nowhere(self):
        with podman.container("demo", options=(self.here,)) as container:
            container.says("walk completed")
            samples = parse(self.get("/metrics").text)
            self.assertEqual(value(samples, "openai_org_up", organization="demo"), 1)
            status = dict(line.split(":\t", 1) for line in (container.process / "status").read_text().splitlines())
            self.assertEqual(set(status["Uid"].split()), {str(USER)})
            self.assertEqual(set(status["Gid"].split()), {str(USER)})
            self.assertEqual({int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")}, {0})
            mounts = [line.split() for line in (container.process / "mountinfo").read_text().splitlines()]
            [root] = [fields[5] for fields in mounts if fields[4] == "/"]
            self.assertIn("ro", root.split(","))
            self.assertEqual(container.stop(), 0)

    def test_its_health_check_tells_who_serves_from_who_does_not(self):
        with podman.container("demo", options=(self.here,)) as container:
            wait_until(container.healthy, 20, "a healthy container", lambda: container.log)
            self.assertEqual(container.execute("openai-org-exporter", "healthcheck").code, 0)
        simulate = ("simulate", f"--listen-address=127.0.0.1:{free_port()}", f"--admin-key={SIMULATED_KEY}")
        with podman.container(*simulate, options=(self.here,)) as container:
            container.says("/v1")
            self.assertFalse(container.healthy())
        self.assertEqual(podman.once("healthcheck", options=(self.here,)).code, 1)

    def test_its_state_outlives_it_on_a_volume(self):
        volume = f"--volume=state:{STATE}"
        with simulator("--users=30") as base_url:
            options = (self.here, volume, f"--env=OPENAI_ADMIN_KEY={SIMULATED_KEY}")
            command = ("serve", f"--state.file={STATE}/state", f"--openai.base-url={base_url}")
            with podman.container(*command, options=options) as container:
                container.says("state file begun")
                container.says("walk completed")
                self.assertEqual(container.stop(), 0)
            file = (podman.volume("state") / "state").stat()
            self.assertEqual((file.st_uid, file.st_gid, file.st_mode & 0o777), (USER, USER, 0o600))
            with podman.container(*command, options=options) as container:
                container.says("state file read")

    def test_there_is_no_shell(self):
        with podman.container("demo", options=(self.here,)) as container:
            container.says("walk completed")
            self.assertNotEqual(container.execute("sh", "-c", "true").code, 0)


class Https(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.directory.chmod(0o755)
        self.authority = self.directory / "ca.pem"
        self.port = self.enterContext(tls("localhost", "api.example", authority=self.authority))

    def once(self, *flags: str, host: str = "localhost", options: tuple[str, ...] = ()):
        address = f"--openai.base-url=https://{host}:{self.port}/v1"
        key = f"--env=OPENAI_ADMIN_KEY={SIMULATED_KEY}"
        return podman.once("once", address, "--poll.stall-timeout=5s", *flags, options=(key, *options))

    def assert_up(self, result) -> None:
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(value(parse(result.out), "openai_org_up"), 1)

    def test_an_authority_that_nobody_knows_is_refused(self):
        result = self.once()
        self.assertEqual(result.code, 1)
        self.assertIn("result=tls", result.err)
        self.assertIn("UnknownIssuer", result.err)

    def test_an_authority_that_is_named_is_trusted(self):
        self.assert_up(self.once("--openai.ca-file=/ca.pem", options=(f"--volume={self.authority}:/ca.pem:ro",)))

    def test_an_authority_in_the_place_of_the_public_ones_is_trusted(self):
        self.assert_up(self.once(options=(f"--volume={self.authority}:{CERTIFICATES}:ro",)))

    def test_names_are_asked_of_the_name_server(self):
        resolver = self.directory / "resolv.conf"
        with names({"api.example": "127.0.0.1"}) as address:
            resolver.write_text(f"nameserver {address}\n")
            resolver.chmod(0o644)
            options = (f"--volume={self.authority}:{CERTIFICATES}:ro", f"--volume={resolver}:/etc/resolv.conf:ro")
            self.assert_up(self.once(host="api.example", options=options))
            result = self.once(host="other.example", options=options)
            self.assertEqual(result.code, 1)
            self.assertIn("result=connect", result.err)


class Arm64(unittest.TestCase):
    """The program for arm64, on an emulated processor."""

    def setUp(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.program = directory / "exporter"
        self.program.write_bytes(arm64.read(PROGRAM[1:]))
        self.program.chmod(0o755)

    def start(self, *arguments: str, **env: str):
        return program("qemu-aarch64-static", str(self.program), *arguments, **env)

    def test_it_is_one_for_arm64_and_names_its_commit(self):
        with self.start("--version") as child:
            child.find(rf"(revision {builder.REVISION})")

    def test_it_walks_over_tls_and_is_healthy(self):
        with tempfile.TemporaryDirectory() as directory:
            authority = Path(directory) / "ca.pem"
            env = {LISTEN: f"127.0.0.1:{free_port()}", "OPENAI_ADMIN_KEY": SIMULATED_KEY}
            with tls("localhost", authority=authority) as port:
                address, ca = f"--openai.base-url=https://localhost:{port}/v1", f"--openai.ca-file={authority}"
                with self.start("serve", address, ca, **env) as child:
                    child.find("(walk completed)")
                    with self.start("healthcheck", **env) as check:
                        self.assertEqual(check.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
