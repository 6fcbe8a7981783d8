"""The real nginx and Caddy, configured as docs/status-page.md shows: page, files, JSON, metrics and probes come through."""

import os
import re
import shutil
import unittest
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urljoin

from deployment import directory
from harness import ROOT, exporter, free_port, get, program, wait_until
from pages import blocks

PAGE = "docs/status-page.md"
# Of each proxy, first the block that leaves the path as it is, then the one that takes it away.
FLAGS = ((), ("--web.route-prefix=/",))
# As little around the block of the page as nginx needs to start without rights.
NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {block}
    }}
}}
"""
CADDY = "{{\n    admin off\n}}\n{block}"


def found(name: str) -> str:
    """Where a program is; Debian's nginx is unpacked to where only administrators look."""
    places = f"{os.environ['PATH']}:{ROOT}/.tools/debian/usr/sbin:/usr/sbin"
    path = shutil.which(name, path=places)
    if path is None:
        raise AssertionError(f"there is no {name}: tests/run.sh e2e fetches it")
    return path


@contextmanager
def nginx(folder: Path, block: str, port: int) -> Iterator[None]:
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, block=block))
    with program(found("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(configuration)):
        yield


@contextmanager
def caddy(folder: Path, block: str, port: int) -> Iterator[None]:
    configuration = folder / "Caddyfile"
    configuration.write_text(CADDY.format(block=block.replace("example.com", f"http://127.0.0.1:{port}")))
    command = ("run", "--config", str(configuration), "--adapter", "caddyfile")
    with program(found("caddy"), *command, HOME=str(folder), XDG_DATA_HOME=str(folder)):
        yield


class Proxies(unittest.TestCase):
    def test_the_page_and_all_that_it_links_come_through_nginx(self):
        self.assert_each_passes("nginx", nginx)

    def test_the_page_and_all_that_it_links_come_through_caddy(self):
        self.assert_each_passes("caddyfile", caddy)

    def assert_each_passes(
        self, language: str, proxy: Callable[[Path, str, int], AbstractContextManager[None]]
    ) -> None:
        shown = blocks(language, page=PAGE)
        self.assertEqual(len(shown), len(FLAGS))
        for block, flags in zip(shown, FLAGS, strict=True):
            port = free_port()
            url = f"http://127.0.0.1:{port}/exporter"
            fixed = ("--web.listen-address=127.0.0.1:0", "--users=20", "--churn=0", f"--web.external-url={url}")
            with self.subTest(block.place), exporter("demo", *fixed, *flags) as child, directory() as folder:
                address = child.find(r"http://(127\.0\.0\.1:\d+)/")
                wait_until(lambda child=child: "walk completed" in child.output, 20, "a walk")
                with proxy(folder, block.text.replace("exporter:10195", address), port):
                    self.assert_passed_on(url, port)

    def assert_passed_on(self, url: str, port: int) -> None:
        def answers() -> bool:
            try:
                return get(f"{url}/-/healthy").status == 200
            except OSError:
                return False

        wait_until(answers, 20, "an answer through the proxy")
        page = get(f"{url}/").text
        links = [link for link in re.findall(r'(?:href|src)="([^"]+)"', page) if not link.startswith("#")]
        self.assertGreater(len(links), 8)
        self.assertTrue(any("/static/" in link for link in links), links)
        for link in links:
            self.assertEqual(get(urljoin(f"{url}/", link)).status, 200, link)
        self.assertIn("openai_org_users{", get(f"{url}/metrics").text)
        self.assertIn(f'"{url}/', get(f"{url}/api/v1/status").text)
        for path in ("-/ready", "-/fresh"):
            self.assertEqual(get(f"{url}/{path}").status, 200, path)
        # Without the slash it leads to the page, too, and what is elsewhere is not the exporter's.
        self.assertEqual(get(url).text[:100], page[:100])
        self.assertNotIn("openai_org_", get(f"http://127.0.0.1:{port}/metrics").text)


if __name__ == "__main__":
    unittest.main()
