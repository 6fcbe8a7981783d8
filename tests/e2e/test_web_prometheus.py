"""A real Prometheus scrapes behind TLS, client certificates and passwords, and is refused where it should be."""

import json
import tempfile
import unittest
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from certificates import HASH, TLS, Authority, guarded
from harness import get, wait_until
from monitoring import prometheus, target

FAILED = "openai_org_exporter_tls_handshake_errors_total"
SCRAPES = 3


class Scraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        now, day = datetime.now(UTC), timedelta(days=1)
        cls.ours, cls.others = Authority(cls.folder), Authority(cls.folder, "other-ca")
        cls.ours.issue()
        clients = {
            "good": cls.ours.issue("good-", "prometheus.example"),
            "expired": cls.ours.issue("expired-", "prometheus.example", since=now - 2 * day, until=now - day),
            "foreign": cls.others.issue("foreign-", "prometheus.example"),
            "stranger": cls.ours.issue("stranger-", "stranger.example"),
        }
        mutual = cls.folder / "mutual.yml"
        mutual.write_text(
            f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
            "  client_allowed_sans: [prometheus.example]\n"
        )
        password = cls.folder / "password.yml"
        password.write_text(f"{TLS}basic_auth_users: {{prometheus: {HASH}}}\n")
        # Debug shows every refusal, and not one a minute.
        cls.mutual, mutual_url = cls.enterClassContext(guarded(mutual, "--log.level=debug"))
        cls.password, password_url = cls.enterClassContext(guarded(password, "--log.level=debug"))

        def job(url: str, client: str | None = None, **more: Any) -> dict[str, Any]:
            tls = {"ca_file": str(cls.ours.file)}
            if client:
                tls |= dict(zip(("cert_file", "key_file"), map(str, clients[client]), strict=True))
            tls |= more.pop("tls", {})
            targets = [{"targets": [target(url)]}]
            return {"scheme": "https", "tls_config": tls, "static_configs": targets} | more

        def auth(user: str, password: str) -> dict[str, Any]:
            return {"basic_auth": {"username": user, "password": password}}

        cls.jobs = {
            "certificate": job(mutual_url, "good"),
            "expired certificate": job(mutual_url, "expired"),
            "certificate of another authority": job(mutual_url, "foreign"),
            "certificate of another name": job(mutual_url, "stranger"),
            "no certificate": job(mutual_url),
            "another name of the exporter": job(mutual_url, "good", tls={"server_name": "elsewhere.example"}),
            "another authority of the exporter": job(mutual_url, "good", tls={"ca_file": str(cls.others.file)}),
            "plain HTTP": job(mutual_url, "good", scheme="http"),
            "password": job(password_url, **auth("prometheus", "password")),
            "wrong password": job(password_url, **auth("prometheus", "MARKED")),
            "unknown user": job(password_url, **auth("nobody", "password")),
            "no password": job(password_url),
        }
        directory = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.server = cls.enterClassContext(prometheus(directory, [], jobs=cls.jobs))
        scraped = f"count(count_over_time(up[1m]) >= {SCRAPES}) == {len(cls.jobs)}"
        wait_until(lambda: cls.server.rows(scraped), 60, "scrapes of all jobs", lambda: cls.server.server.output)
        cls.targets = {
            one["labels"]["job"]: one
            for one in json.loads(get(f"{cls.server.url}/api/v1/targets").body)["data"]["activeTargets"]
        }

    def counted(self, expression: str, label: str) -> dict[str, float]:
        return self.server.values(expression, label)

    def test_the_right_ones_are_up_at_every_scrape_and_no_others_at_any(self):
        ups = {job: float(job in ("certificate", "password")) for job in self.jobs}
        self.assertEqual(self.counted("min_over_time(up[1m])", "job"), ups)
        self.assertEqual(self.counted("max_over_time(up[1m])", "job"), ups)
        self.assertEqual(set(self.counted("openai_org_users > 0", "job")), {"certificate", "password"})

    def test_the_others_hear_why(self):
        for job, says in {
            "expired certificate": "expired certificate",
            "certificate of another authority": "unknown certificate authority",
            "certificate of another name": "access denied",
            "no certificate": "certificate required",
            "another name of the exporter": "certificate is valid for localhost, not elsewhere.example",
            "another authority of the exporter": "certificate signed by unknown authority",
            "plain HTTP": "400 Bad Request",
            "wrong password": "401 Unauthorized",
            "unknown user": "401 Unauthorized",
            "no password": "401 Unauthorized",
        }.items():
            with self.subTest(job):
                self.assertIn(says, self.targets[job]["lastError"])

    def test_each_refusal_is_counted_by_its_reason(self):
        def seen() -> dict[str, float]:
            return self.counted(f'{FAILED}{{job="certificate"}} >= {SCRAPES - 1}', "reason")

        expected = {
            "expired_certificate",
            "unknown_authority",
            "name_not_allowed",
            "no_certificate",
            "refused_by_client",
            "not_tls",
        }
        wait_until(lambda: set(seen()) == expected, 20, f"{expected}", lambda: str(seen()))
        refused = 'openai_org_exporter_http_requests_total{job="password",code="401",handler="metrics"}'
        (refusals,) = self.counted(refused, "job").values()
        self.assertGreaterEqual(refusals, 3 * (SCRAPES - 1))

    def test_each_refusal_is_logged_without_who_it_was(self):
        for reason in ("expired_certificate", "unknown_authority", "name_not_allowed", "no_certificate"):
            self.assertIn(f"reason={reason}", self.mutual.output)
        self.assertIn("reason=unauthorized", self.password.output)
        for output in (self.mutual.output, self.password.output):
            for secret in ("MARKED", "example", "nobody", HASH[7:]):
                self.assertNotIn(secret, output)


if __name__ == "__main__":
    unittest.main()
