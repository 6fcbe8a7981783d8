"""A service ends when it is told to, whatever it is doing."""

import signal
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager

from fake_api import ADMIN_KEY, FakeApi, fake_api
from harness import SIMULATED_KEY, get, serving, simulator, wait_until

SECONDS_TO_END = 5


@contextmanager
def hanging_api() -> Iterator[FakeApi]:
    """An API that takes requests and answers none of them."""
    over = threading.Event()
    with fake_api([], lambda: over.wait() and None) as api:
        try:
            yield api
        finally:
            over.set()


class Signals(unittest.TestCase):
    def test_serve_ends_in_time_and_in_order_between_walks(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with (
                self.subTest(signal=number.name),
                simulator("--users=10") as api,
                serving(f"--openai.base-url={api}", OPENAI_ADMIN_KEY=SIMULATED_KEY) as (child, url),
            ):
                wait_until(lambda: get(f"{url}/-/fresh").status == 200, 20, "a first walk")
                child.signal(number)
                self.assertEqual(child.wait(SECONDS_TO_END), 0, child.output)

    def test_serve_ends_in_time_and_in_order_while_a_walk_hangs(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with (
                self.subTest(signal=number.name),
                hanging_api() as api,
                serving(f"--openai.base-url={api.base_url}", OPENAI_ADMIN_KEY=ADMIN_KEY) as (child, _),
            ):
                wait_until(lambda: api.requests, 20, "a request that hangs")
                child.signal(number)
                self.assertEqual(child.wait(SECONDS_TO_END), 0, child.output)


if __name__ == "__main__":
    unittest.main()
