"""Builds the image with buildah: no engine runs, nothing is fetched but Debian's packages.

The base image is Debian 12 with Debian's own compiler, for both architectures, in place of the official Rust image.
Crates come from a directory that `tests/run.sh` filled from Cargo.lock. Everything is kept in .tools/image.
"""

import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from harness import ROOT

STORE = Path(os.environ["IMAGE_STORE"])
CRATES = STORE / "crates"
REVISION = "0123456789ab"
CREATED = "2026-01-31T12:00:00Z"
SOURCE = "https://example.org/openai-org-exporter"

PACKAGES = (
    "ca-certificates cargo-web gcc libc6-dev rustc-web",
    "gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstd-rust-web-dev:arm64",
)
# What comes with the packages and is not needed: a compiler that runs on arm64, and documentation.
UNUSED = ("/usr/lib/aarch64-linux-gnu/lib[LMr]*", "/usr/share/doc/*", "/usr/share/man/*", "/usr/bin/*lto-dump*")
SUITES = (
    "deb http://deb.debian.org/debian bookworm main",
    "deb http://deb.debian.org/debian bookworm-updates main",
    "deb http://deb.debian.org/debian-security bookworm-security main",
)
VENDORED = """[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "/crates"
"""
# Settings of cargo that make the build quick and the program slow.
QUICK = {"LTO": "off", "CODEGEN_UNITS": "16", "OPT_LEVEL": "0"}


class Entry(NamedTuple):
    """A file or directory of an image."""

    mode: str
    owner: int
    group: int


class Image(NamedTuple):
    """An image as it would be pushed: an archive, and what it says of itself."""

    archive: Path
    config: dict
    entries: dict[str, Entry]

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        with tarfile.open(self.archive) as whole:
            for name in layers(whole):
                with tarfile.open(fileobj=whole.extractfile(name)) as layer:
                    if path in layer.getnames():
                        return layer.extractfile(path).read()
        raise FileNotFoundError(path)


def layers(archive: tarfile.TarFile) -> list[str]:
    return json.load(archive.extractfile("manifest.json"))[0]["Layers"]


def run(*command: str) -> str:
    """Runs a program to its end; gives what it printed, and shows what it complained about where it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{command[0]} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def buildah(*arguments: str) -> str:
    places = f"--root={STORE / 'layers'}", f"--runroot={STORE / 'run'}"
    return run("buildah", *places, "--storage-driver=overlay", *arguments)


def exists(image: str) -> bool:
    try:
        buildah("inspect", "--type=image", image)
    except AssertionError:
        return False
    return True


def base() -> str:
    """The image with the compiler, made once."""
    recipe = hashlib.sha256(repr((PACKAGES, UNUSED, SUITES, VENDORED)).encode()).hexdigest()[:12]
    name = f"localhost/rust:{recipe}"
    if exists(name):
        return name
    files, config = STORE / "base.tar", STORE / "config.toml"
    config.write_text(VENDORED)
    exclude = [f"--dpkgopt=path-exclude={path}" for path in UNUSED]
    include = "--include=" + ",".join(" ".join(PACKAGES).split())
    both = ("--variant=apt", "--architectures=amd64,arm64")
    run("mmdebstrap", *both, *exclude, include, "bookworm", str(files), *SUITES)
    container = buildah("from", "scratch").strip()
    buildah("add", "--quiet", container, str(files), "/")
    buildah("copy", "--quiet", container, str(config), "/usr/local/cargo/config.toml")
    buildah("config", "--env=PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--env=CARGO_HOME=/usr/local/cargo", container)
    buildah("commit", "--quiet", "--rm", container, name)
    files.unlink()
    return name


def quick_base() -> str:
    """The same, where cargo builds quickly what is slow."""
    quick = f"{base()}-quick"
    if not exists(quick):
        container = buildah("from", base()).strip()
        settings = (f"--env=CARGO_PROFILE_RELEASE_{name}={value}" for name, value in QUICK.items())
        buildah("config", *settings, container)
        buildah("commit", "--quiet", "--rm", container, quick)
    return quick


def build(architecture: str, stage: str, quick: bool = False, context: Path = ROOT, revision: str = REVISION) -> str:
    """Builds up to a stage of the Dockerfile, with what was built before as the cache; gives the image's id."""
    arguments = {
        # Debian 12's buildah does not know it by itself.
        "BUILDPLATFORM": "linux/amd64",
        "RUST_IMAGE": quick_base() if quick else base(),
        "REVISION": revision,
        "CREATED": CREATED,
        "SOURCE": SOURCE,
    }
    tag = f"localhost/{architecture}:{stage}"
    buildah(
        "build",
        "--isolation=chroot",
        "--format=docker",
        "--layers",
        "--pull-never",
        f"--platform=linux/{architecture}",
        f"--volume={CRATES}:/crates:ro",
        f"--target={stage}",
        f"--tag={tag}",
        f"--file={context / 'Dockerfile'}",
        *(f"--build-arg={name}={value}" for name, value in arguments.items()),
        str(context),
    )
    return buildah("images", "--quiet", "--no-trunc", tag).strip()


def image(architecture: str, quick: bool = False) -> Image:
    """Builds the image, and forgets the layers of earlier sources."""
    for stage in ("dependencies", "build", "image"):
        build(architecture, stage, quick)
    buildah("rmi", "--prune")
    archive = STORE / f"{architecture}.tar"
    archive.unlink(missing_ok=True)
    name = f"localhost/exporter:{architecture}"
    buildah("push", "--quiet", f"localhost/{architecture}:image", f"docker-archive:{archive}:{name}")
    entries = {}
    with tarfile.open(archive) as whole:
        config = json.load(whole.extractfile(json.load(whole.extractfile("manifest.json"))[0]["Config"]))
        for name in layers(whole):
            with tarfile.open(fileobj=whole.extractfile(name)) as layer:
                for member in layer:
                    mode = ("d" if member.isdir() else "-" if member.isfile() else "?") + f"{member.mode & 0o7777:04o}"
                    entries["/" + member.name.strip("/")] = Entry(mode, member.uid, member.gid)
    return Image(archive, config, entries)
