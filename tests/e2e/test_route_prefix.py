"""Life behind a proxy: everything below a prefix, and links as people need them."""

import http.server
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import html5lib
from harness import WITHOUT_PROXY, exporter, free_port, get, run, wait_until

HTML = "{http://www.w3.org/1999/xhtml}"
ROUTES = ("/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/status")


@contextmanager
def proxy(target: str, takes_away: str) -> Iterator[str]:
    """A reverse proxy that passes on what is below `/exporter`, with `takes_away` taken off the path."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/exporter"):
                self.send_error(418)
                return
            reply = get(target + (self.path.removeprefix(takes_away) or "/"))
            self.send_response(reply.status)
            for name in ("content-type", "location"):
                if name in reply.headers:
                    self.send_header(name, reply.headers[name])
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class RoutePrefix(unittest.TestCase):
    def serve(self, *flags: str) -> str:
        flags = ("--web.listen-address=127.0.0.1:0", "--organizations=2", "--users=5", "--churn=0", *flags)
        child = self.enterContext(exporter("demo", *flags))
        port = child.find(r"http://127\.0\.0\.1:(\d+)/")
        return f"http://127.0.0.1:{port}"

    def links(self, page: str) -> list[str]:
        root = html5lib.HTMLParser(strict=True).parse(page)
        found = [e.get("href") or e.get("src") for e in root.iter() if e.tag in {HTML + t for t in ("a", "link", "script")}]
        return [link for link in found if link and not link.startswith("#")]

    def assert_all_links_lead_somewhere(self, page_url: str) -> None:
        reply = get(page_url)
        self.assertEqual(reply.status, 200)
        links = self.links(reply.text)
        self.assertGreater(len(links), 8)
        for link in links:
            # Figures may not be there yet: that is an answer.
            self.assertIn(get(urljoin(page_url, link)).status, (200, 503), link)

    def test_without_a_prefix_everything_is_where_it_always_was(self):
        url = self.serve()
        self.assert_all_links_lead_somewhere(f"{url}/")
        self.assertEqual([get(url + route).status for route in ROUTES], [200] * len(ROUTES))

    def test_with_a_prefix_everything_is_below_it_and_the_top_leads_there(self):
        for flag in ("--web.route-prefix=/exporter", "--web.external-url=https://example.com/exporter/"):
            with self.subTest(flag=flag):
                url = self.serve(flag)
                for route in ROUTES:
                    self.assertEqual(get(f"{url}/exporter{route}").status, 200, route)
                    if route != "/":
                        self.assertEqual(get(url + route).status, 404, route)
                for path in ("/", "/exporter"):
                    with WITHOUT_PROXY.open(url + path) as answer:
                        self.assertEqual(urlsplit(answer.url).path, "/exporter/")
                self.assert_all_links_lead_somewhere(f"{url}/exporter/")

    def test_behind_a_proxy_links_lead_back_whether_it_takes_the_path_away_or_not(self):
        for takes_away, flags in [("", ()), ("/exporter", ("--web.route-prefix=/",))]:
            with self.subTest(takes_away=takes_away):
                target = self.serve("--web.external-url=https://example.com/exporter", *flags)
                outside = self.enterContext(proxy(target, takes_away))
                self.assert_all_links_lead_somewhere(f"{outside}/exporter/")
                self.assert_all_links_lead_somewhere(f"{outside}/exporter/?organization=acme")
                links = get(f"{outside}/exporter/api/v1/status").text
                self.assertIn('"metrics":"https://example.com/exporter/metrics"', links)

    def test_healthcheck_asks_below_the_prefix(self):
        port = free_port()
        flags = (f"--web.listen-address=127.0.0.1:{port}", "--web.external-url=https://example.com/exporter")
        child = self.enterContext(exporter("demo", "--users=1", *flags))
        child.find("(being watched)")
        healthy = run("healthcheck", *flags)
        self.assertEqual((healthy.code, healthy.err), (0, ""))
        self.assertEqual(healthy.out, f"http://127.0.0.1:{port}/exporter/-/healthy: healthy\n")
        self.assertEqual(run("healthcheck", *flags[:1]).code, 1, "there is nothing at the top")
        self.assertEqual(run("healthcheck", *flags, "--web.route-prefix=/").code, 1)
        variable = {"OPENAI_ORG_EXPORTER_WEB_ROUTE_PREFIX": "exporter"}
        self.assertEqual(run("healthcheck", *flags[:1], **variable).code, 0)

    def test_the_demo_says_where_things_are(self):
        child = self.enterContext(
            exporter("demo", "--users=1", "--web.listen-address=127.0.0.1:0", "--web.route-prefix=exporter")
        )
        for path in ("/exporter/metrics", "/exporter/", "/exporter/api/v1/status"):
            url = child.find(rf"(http://127\.0\.0\.1:\d+{path})(?= )")
            wait_until(lambda: get(url).status == 200, 10, url)

    def test_what_is_no_url_or_prefix_is_refused_in_one_line(self):
        for flag, words in [
            ("--web.external-url=example.com", "it is not a URL"),
            ("--web.external-url=ftp://example.com", "its scheme is neither http nor https"),
            ("--web.external-url=https://jo:secret@example.com", "it holds a user name or password"),
            ("--web.external-url=https://example.com/?a=b", "it has a query or a fragment"),
            ("--web.external-url=https://example.com/#a", "it has a query or a fragment"),
            ("--web.external-url=https://example.com/a//b", "its path cannot stand before others"),
            ("--web.route-prefix=/a//b", "is no prefix of paths"),
            ("--web.route-prefix=/a?b", "is no prefix of paths"),
            ("--web.route-prefix=/../a", "is no prefix of paths"),
            ("--web.telemetry-path=/static/x", "kept for the status page"),
            ("--web.telemetry-path=/api/v1/status", "kept for the status page"),
        ]:
            with self.subTest(flag=flag):
                result = run("check-config", flag, OPENAI_ADMIN_KEY="sk-admin-x")
                self.assertEqual((result.code, result.out), (2, ""))
                self.assertIn(words, result.err)
                self.assertEqual(len(result.err.splitlines()), 1)
                self.assertNotIn("secret", result.err)

    def test_the_effective_configuration_names_both(self):
        flags = ("--web.external-url=https://Example.com/exporter/", "--web.route-prefix=/")
        result = run("check-config", *flags, OPENAI_ADMIN_KEY="sk-admin-x")
        self.assertIn('external_url: "https://example.com/exporter"\n  route_prefix: "/"\n', result.out)


if __name__ == "__main__":
    unittest.main()
