"""The tarball, the checksums, the SBOM and the manual pages."""

import json
import re
import tarfile
import tomllib
import unittest
from pathlib import Path

import jsonschema
import referencing
from harness import BINARY, ROOT, run
from made import DIST, NAME, STAGE, answer, ask, dist, release

VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
SCHEMAS = ROOT / ".tools" / "cyclonedx" / "cyclonedx" / "schema" / "_res"


class Tarball(unittest.TestCase):
    def test_it_holds_all_that_is_needed_below_one_directory(self):
        path = dist()["tar.gz"]
        root = path.name.removesuffix(".tar.gz")
        self.assertRegex(root, rf"^{NAME}-{re.escape(VERSION)}-[a-z0-9_]+-unknown-linux-gnu$")
        with tarfile.open(path) as archive:
            members = {member.name: member for member in archive}
            self.assertEqual({name.split("/")[0] for name in members}, {root})
            self.assertEqual(
                archive.extractfile(f"{root}/{NAME}").read(), Path(BINARY).read_bytes(), "the binary is another"
            )
            self.assertEqual(members[f"{root}/{NAME}"].mode, 0o755)
            owners = {(member.uid, member.gid, member.uname) for member in members.values()}
            self.assertEqual(owners, {(0, 0, "")})
        inside = {name.removeprefix(f"{root}/") for name in members}
        wanted = {"LICENSE", "README.md", "CHANGELOG.md", "docs/installing.md", f"man/{NAME}.1", f"man/{NAME}-once.1"}
        wanted |= {f"completions/{NAME}.bash", f"completions/_{NAME}", f"completions/{NAME}.fish"}
        wanted |= {"rules/alerts.yaml", "rules/recording.yaml", "dashboards/organization.json"}
        wanted |= {f"systemd/{NAME}.service", f"systemd/{NAME}.socket"}
        wanted |= {str(path.relative_to(ROOT)) for path in ROOT.glob("policies/*.yaml")}
        self.assertEqual(wanted - inside, set())
        self.assertEqual([name for name in inside if "pictures" in name or name.endswith((".py", ".rs"))], [])


class Checksums(unittest.TestCase):
    def test_they_are_of_every_file_and_sha256sum_finds_them_right(self):
        sums = dist()["SHA256SUMS"]
        named = [line.split()[1] for line in sums.read_text().splitlines()]
        self.assertEqual(named, sorted(path.name for path in DIST.iterdir() if path != sums))
        self.assertEqual(len(named), 3)
        answer("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=DIST)

    def test_a_second_release_of_the_same_commit_has_the_same_bytes(self):
        before = dist()["SHA256SUMS"].read_text()
        self.assertEqual(release("--no-build").returncode, 0)
        self.assertEqual(dist()["SHA256SUMS"].read_text(), before)


class Targets(unittest.TestCase):
    def test_one_that_cannot_be_built_is_named_with_what_is_missing_and_fails_where_it_was_asked_for(self):
        missing = "aarch64-unknown-linux-musl"
        if Path(answer("rustc", "--print", "target-libdir", "--target", missing).strip()).is_dir():
            self.skipTest("it can be built here")
        before = dist()["SHA256SUMS"].read_text()
        done = release(missing)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"{missing} cannot be built here: the standard library is missing: rustup target add", done.stderr)
        self.assertEqual(dist()["SHA256SUMS"].read_text(), before, "what was there is gone")

    def test_an_unknown_one_is_wrong_usage(self):
        done = release("riscv64gc-unknown-linux-gnu")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no target 'riscv64gc-unknown-linux-gnu'; there are: x86_64-unknown-linux-gnu ", done.stderr)


class Sbom(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = dist()["cdx.json"].read_text()
        cls.sbom = json.loads(cls.text)

    def test_it_is_as_the_schema_of_cyclonedx_wants_it(self):
        def read(name: str) -> dict:
            return json.loads((SCHEMAS / f"{name}.SNAPSHOT.schema.json").read_text())

        schema = read("bom-1.5")
        others = {f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json": read(name) for name in ("spdx", "jsf-0.82")}
        registry = referencing.Registry().with_resources(
            (uri, referencing.Resource.from_contents(text)) for uri, text in others.items()
        )
        validator = jsonschema.Draft7Validator(schema, registry=registry)
        self.assertEqual([error.message for error in validator.iter_errors(self.sbom)], [])
        self.assertNotEqual(list(validator.iter_errors(self.sbom | {"bomFormat": "SPDX"})), [])

    def test_it_names_what_is_linked_with_version_licence_and_checksum(self):
        component = self.sbom["metadata"]["component"]
        self.assertEqual((component["name"], component["version"]), (NAME, VERSION))
        named = {part["name"]: part for part in self.sbom["components"]}
        locked = {
            (package["name"], package["version"]): package
            for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
        }
        for part in self.sbom["components"]:
            package = locked[part["name"], part["version"]]
            self.assertEqual(part["hashes"], [{"alg": "SHA-256", "content": package["checksum"]}], part["name"])
            self.assertTrue(part["licenses"], part["name"])
        for crate in ("rustls", "ring", "tokio", "hyper", "clap_complete"):
            self.assertIn(crate, named)
        for crate in ("proptest", "criterion", "tempfile"):
            self.assertNotIn(crate, named, "it is for tests alone")

    def test_it_says_nothing_of_where_it_was_made(self):
        self.assertNotIn(str(ROOT), self.text)


class Manual(unittest.TestCase):
    def test_there_is_a_page_for_the_program_and_each_command_that_help_lists(self):
        dist()
        _, listed = run("--help").out.split("\nCommands:\n")
        commands = re.findall(r"^  ([a-z-]+)", listed.split("\n\n")[0], re.MULTILINE)
        pages = {path.name for path in (STAGE / "man").iterdir()}
        self.assertEqual(pages, {f"{NAME}.1", *(f"{NAME}-{command}.1" for command in commands)})

    def test_mandoc_has_nothing_to_say_of_them(self):
        dist()
        for page in sorted((STAGE / "man").iterdir()):
            with self.subTest(page.name):
                done = ask("mandoc", "-T", "lint", "-W", "warning", page)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_a_page_reads_as_one_expects(self):
        dist()
        shown = re.sub(".\b", "", answer("mandoc", "-T", "utf8", STAGE / "man" / f"{NAME}-once.1"))
        headings = re.findall(r"^([A-Z][A-Z ]+)$", shown, re.MULTILINE)
        self.assertEqual(headings[:4], ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"])
        self.assertEqual(headings[-4:], ["ENVIRONMENT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"])
        self.assertIn("OPENAI_ORG_EXPORTER_POLL_TIMEOUT", shown)
        self.assertIn(f"    {NAME} once --organization=acme --output=openai-org.prom\n", shown)


if __name__ == "__main__":
    unittest.main()
