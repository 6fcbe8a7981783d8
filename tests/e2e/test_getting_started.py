"""Walks through docs/getting-started.md, the way without containers, as a newcomer would."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import BINARY, ROOT, environment, free_port, program, wait_until

GUIDE = ROOT / "docs" / "getting-started.md"
# Programs that stay, by how their commands begin.
SERVERS = ("cargo run", "alertmanager ", "prometheus ")


def commands() -> list[str]:
    section = GUIDE.read_text().partition("## Without any container")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^```bash\n(.*?)^```$", section, re.DOTALL)


class GettingStarted(unittest.TestCase):
    def test_it_leads_from_nothing_to_a_firing_alert(self):
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for folder in ("rules", "deploy"):
            shutil.copytree(ROOT / folder, root / folder)
        places = {"10195": str(free_port()), "9093": str(free_port()), "9090": str(free_port())}
        self.assertEqual(len(commands()), 7)
        for shown in commands():
            command = self.adapted(shown, places)
            with self.subTest(shown):
                if shown.startswith(SERVERS):
                    child = self.enterContext(program("bash", "-c", f"cd {root} && exec {command}"))
                    child.find(r"(/metrics|Listening on|ready to receive web requests)")
                else:
                    self.until_it_says_what_it_should(command, root, "OwnerGranted" if "amtool" in shown else "")

    def adapted(self, command: str, places: dict[str, str]) -> str:
        """The command with other ports, on loopback alone, scraping every second, and with the binary that is built."""
        command = command.replace("cargo run --release --", BINARY).replace("30s", "1s")
        command = re.sub(r"^alertmanager ", "prometheus-alertmanager ", command)
        command = command.replace("sed -e", "sed -e 's/30s/1s/' -e")
        for port, other in places.items():
            command = command.replace(f"localhost:{port}", f"localhost:{other}")
        listening = {"prometheus-alertmanager ": places["9093"], "prometheus ": places["9090"], BINARY: places["10195"]}
        for start, port in listening.items():
            if command.startswith(start):
                return f"{command.strip()} --web.listen-address=127.0.0.1:{port}\n"
        return command

    def until_it_says_what_it_should(self, command: str, root: Path, words: str) -> None:
        """Runs it until it succeeds and says something, these words among it."""

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command], cwd=root, env=environment(), capture_output=True, text=True
            )

        def said() -> bool:
            done = run()
            return done.returncode == 0 and bool(done.stdout.strip()) and words in done.stdout

        wait_until(said, 60, command, lambda: str(run()))


if __name__ == "__main__":
    unittest.main()
