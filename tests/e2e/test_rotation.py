"""A key that is rotated while the exporter serves: no restart, no failed walk, and neither key in any output."""

import tempfile
import threading
import time
import unittest
from pathlib import Path

from exposition import parse, value
from fake_api import fake_api
from harness import get, serving, wait_until
from plain_shapes import all_fields

FIRST, SECOND = "sk-admin-the-first", "sk-admin-the-second"
SECONDS = 30


class Rotation(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.directory / "key").symlink_to("..data/key")
        self.mount(FIRST)
        self.rotating = threading.Lock()
        self.api = self.enterContext(fake_api(all_fields(250)(int(time.time())), self.pause_while_rotating))
        self.api.key = FIRST
        self.exporter, self.url = self.enterContext(
            serving(
                f"--openai.base-url={self.api.base_url}",
                f"--openai.admin-key-file={self.directory / 'key'}",
                "--poll.interval=1s",
                "--poll.max-age=1h",
                "--log.level=trace",
            )
        )
        self.wait_for_walks(1)

    def mount(self, key: str) -> None:
        """Puts a key in place as Kubernetes does: a directory of its own, and a link to it that is swapped."""
        version = self.directory / f"..{key}"
        version.mkdir()
        (version / "key").write_text(f"{key}\n")
        link = self.directory / "..data_tmp"
        link.symlink_to(version.name)
        link.rename(self.directory / "..data")

    def pause_while_rotating(self) -> None:
        """No request sees the file with one key and the API with the other."""
        with self.rotating:
            pass

    def walks(self, result: str) -> float:
        return value(parse(get(f"{self.url}/metrics").text), "openai_org_exporter_walks_total", result=result) or 0

    def wait_for_walks(self, number: int) -> None:
        """Waits for so many more walks that succeed."""
        before = self.walks("success")
        wait_until(
            lambda: self.walks("success") >= before + number, SECONDS, "good walks", lambda: self.exporter.output[-2000:]
        )

    def assert_secret(self) -> None:
        for page in (self.exporter.output, get(f"{self.url}/metrics").text, get(f"{self.url}/").text):
            self.assertNotIn("the-first", page)
            self.assertNotIn("the-second", page)

    def test_a_key_that_is_swapped_is_taken_up_without_a_failed_walk(self):
        with self.rotating:
            self.mount(SECOND)
            self.api.key = SECOND
        self.wait_for_walks(2)
        self.assertEqual(self.walks("unauthorized"), 0)
        self.assertEqual(self.exporter.output.count("a new admin key was found in its file"), 1)
        self.assert_secret()

    def test_a_file_that_goes_is_one_warning_and_the_key_stays(self):
        (self.directory / "..data").unlink()
        self.wait_for_walks(3)
        self.assertEqual(self.exporter.output.count("the file of the admin key gives no key any more"), 1)
        self.assert_secret()


if __name__ == "__main__":
    unittest.main()
