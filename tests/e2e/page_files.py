"""Has the files that pages show read by the programs for which they are written."""

import re
import shutil
from collections.abc import Callable

import yaml
from deployment import DEPLOY, ask
from harness import BINARY, SIMULATED_KEY, Result, run
from page_commands import Room
from pages import Block

PROGRAM = "/usr/local/bin/openai-org-exporter"


def strict(done: Result) -> Result:
    """The same, where a warning is a fault."""
    return done._replace(code=done.code or int(bool(done.err)))


def exporter_configuration(here: Room, text: str) -> Result:
    here.write_named(text)
    env = {name: f"sk-admin-of-{name}" for name in re.findall(r"admin_key_env: (\w+)", text)}
    return strict(run("check-config", f"--config.file={here.write('config.yml', text)}", **env))


def policies(here: Room, text: str) -> Result:
    here.write_named(text)
    file = here.write("policies.yml", text)
    return strict(run("check-config", f"--policy.file={file}", OPENAI_ADMIN_KEY=SIMULATED_KEY))


def web_configuration(here: Room, text: str) -> Result:
    here.write_named(text)
    file = here.write("web.yml", text)
    done = strict(run("check-config", f"--web.config.file={file}", OPENAI_ADMIN_KEY=SIMULATED_KEY))
    return done if done.code else ask("promtool-new", "check", "web-config", file)


def prometheus_configuration(here: Room, text: str) -> Result:
    here.write_named(text)
    return ask("promtool", "check", "config", here.write("prometheus.yml", text))


def rules(here: Room, text: str) -> Result:
    return ask("promtool", "check", "rules", "--lint=all", "--lint-fatal", here.write("mine.yaml", text))


# A configuration is known by one of its keys.
BY_KEY: dict[str, Callable[[Room, str], Result]] = {
    "organizations": exporter_configuration,
    "policies": policies,
    "tls_server_config": web_configuration,
    "basic_auth_users": web_configuration,
    "scrape_configs": prometheus_configuration,
    "groups": rules,
}


def checked_yaml(here: Room, block: Block) -> Result:
    """What the program says of it that reads such a file."""
    document = yaml.safe_load(block.text)
    for key, check in BY_KEY.items():
        if isinstance(document, dict) and key in document:
            return check(here, block.text)
    raise AssertionError(f"{block.place}: no program is known that reads this; a remark may say which test has it read")


def checked_unit(here: Room, block: Block) -> Result:
    """What systemd's check says of a unit of the exporter, or of a drop-in for one of ours."""
    folder = here.folder / "units"
    folder.mkdir(exist_ok=True)
    # Newer than the systemd of the test.
    text = block.text.replace("Type=notify-reload", "Type=notify")
    file = folder / "page.service"
    if edited := re.match(r"# systemctl edit (\S+)\n", text):
        file = folder / f"{edited[1]}.service"
        shutil.copy(DEPLOY / "systemd" / file.name, file)
        drop_in = folder / f"{file.name}.d" / "page.conf"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(text.replace(PROGRAM, BINARY))
        text = file.read_text()
    file.write_text(text.replace(PROGRAM, BINARY))
    return strict(ask("systemd-analyze", "verify", "--man=no", file))


# What is no command and no query, by language.
CHECKS: dict[str, Callable[[Room, Block], Result]] = {"yaml": checked_yaml, "ini": checked_unit}
