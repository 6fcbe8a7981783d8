"""Web configurations, good and bad: what we accept, promtool accepts, and where it accepts more, the guide says so."""

import re
import subprocess
import tempfile
import unittest
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certificates import ANOTHER_HASH, HASH, TLS, Authority
from harness import ROOT, SIMULATED_KEY, Result, run

GUIDE = ROOT / "docs" / "web-config.md"
MUTUAL = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
HEADERS = "http_server_config:\n  headers:\n    "


def tls(line: str) -> str:
    return f"{TLS}  {line}\n"


def element(tag: int, content: bytes) -> bytes:
    """An element in DER."""
    size = len(content)
    octets = (size.bit_length() + 7) // 8
    length = bytes([size]) if size < 128 else bytes([0x80 + octets]) + size.to_bytes(octets)
    return bytes([tag]) + length + content


def inline(folder: Path, *keys: str) -> str:
    """The certificate, the key and the authority as texts of the file."""
    files = {"cert": "cert.pem", "key": "key.pem", "client_ca": "ca.pem"}
    pieces = [
        f"  {key}: |\n" + "".join(f"    {line}\n" for line in (folder / files[key]).read_text().splitlines())
        for key in keys
    ]
    return "tls_server_config:\n" + "".join(pieces)


def accepted_by_both(folder: Path) -> dict[str, str]:
    return {
        "an empty file": "",
        "a comment": "# nothing yet\n",
        "empty parts": "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n",
        "parts without entries": "tls_server_config: {}\nhttp_server_config: {}\nbasic_auth_users: {}\n",
        "empty texts": "tls_server_config: {cert_file: '', key_file: ''}\n",
        "a certificate and its key": TLS,
        "absolute paths": TLS.replace("cert.pem", f"{folder}/cert.pem").replace("key.pem", f"{folder}/key.pem"),
        "an RSA key": TLS.replace("cert.pem", "rsa-cert.pem").replace("key.pem", "rsa-key.pem"),
        "a certificate and its key as texts": inline(folder, "cert", "key"),
        "all as texts": inline(folder, "cert", "key", "client_ca") + "  client_auth_type: RequireAndVerifyClientCert\n",
        "a file and a text": inline(folder, "key") + "  cert_file: cert.pem\n",
        "no certificates of clients": tls("client_auth_type: NoClientCert"),
        "certificates asked for": tls("client_auth_type: RequestClientCert"),
        "any certificate": tls("client_auth_type: RequireAnyClientCert"),
        "any certificate, by the old name": tls("client_auth_type: RequireClientCert"),
        "certificates verified if given": MUTUAL.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"),
        "certificates required and verified": MUTUAL,
        "an authority that is only told": MUTUAL.replace("RequireAndVerifyClientCert", "RequestClientCert"),
        "allowed names": f"{MUTUAL}  client_allowed_sans: [a.example, 10.1.2.3, 'spiffe://a/b']\n",
        "versions": tls("min_version: TLS12\n  max_version: TLS13"),
        "one version": tls("min_version: TLS13\n  max_version: TLS13"),
        "cipher suites of TLS 1.2": tls(
            "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]"
        ),
        "cipher suites of TLS 1.3": tls("cipher_suites: [TLS_AES_256_GCM_SHA384]"),
        "no cipher suites": tls("cipher_suites: []"),
        "curves": tls("curve_preferences: [X25519, CurveP256, CurveP384]"),
        "the client's order": tls("prefer_server_cipher_suites: false"),
        "truth in the words of YAML 1.1": tls("prefer_server_cipher_suites: yes"),
        "HTTP/2": "http_server_config: {http2: true}\n",
        "no HTTP/2": "http_server_config: {http2: false}\n",
        "headers": f"{HEADERS}X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n"
        "    Strict-Transport-Security: max-age=31536000\n    Content-Security-Policy: default-src 'none'\n"
        "    X-XSS-Protection: '0'\n",
        "a blank header": f"{HEADERS}Content-Security-Policy: ''\n",
        "users": f"basic_auth_users:\n  alice: {HASH}\n  bob: {ANOTHER_HASH}\n",
        "a user with a number for a name": f"basic_auth_users: {{1: {HASH}}}\n",
        "other forms of a hash": "".join(
            f"{'' if n else 'basic_auth_users:' + chr(10)}  u{n}: {HASH.replace('$2b$', form)}\n"
            for n, form in enumerate(("$2a$", "$2x$", "$2y$"))
        ),
        "a rate limit": "rate_limit: {interval: 100ms, burst: 20}\n",
        "a rate limit with a fraction": "rate_limit: {interval: 1.5s, burst: 1}\n",
        "a rate limit that is off": "rate_limit: {interval: 0, burst: 1}\n",
        "a burst alone": "rate_limit: {burst: 1}\n",
        "everything": f"{MUTUAL}  client_allowed_sans: [a]\nbasic_auth_users: {{alice: {HASH}}}\n"
        f"rate_limit: {{interval: 1s, burst: 5}}\n{HEADERS}X-Frame-Options: sameorigin\n",
    }


REFUSED_BY_BOTH = {
    "no YAML": "tls_server_config: [",
    "a list": "- tls_server_config\n",
    "an unknown part": "tls_config: {}\n",
    "an unknown key": "tls_server_config: {certfile: cert.pem}\n",
    "a part twice": "rate_limit: {}\nrate_limit: {}\n",
    "a key twice": f"{TLS}  cert_file: cert.pem\n",
    "a certificate without a key": "tls_server_config: {cert_file: cert.pem}\n",
    "a key without a certificate": "tls_server_config: {key_file: key.pem}\n",
    "a way to ask, and no certificate": "tls_server_config: {client_auth_type: NoClientCert}\n",
    "no such certificate": TLS.replace("cert.pem", "none.pem"),
    "no such key": TLS.replace("key.pem", "none.pem"),
    "no such authority": MUTUAL.replace("ca.pem", "none.pem"),
    "a certificate that is none": TLS.replace("cert.pem", "junk.pem"),
    "a key that is none": TLS.replace("key.pem", "junk.pem"),
    "an encrypted key": TLS.replace("key.pem", "encrypted-key.pem"),
    "the key of another certificate": TLS.replace("key.pem", "rsa-key.pem"),
    "key and certificate exchanged": "tls_server_config: {cert_file: key.pem, key_file: cert.pem}\n",
    "a list in the place of a file": "tls_server_config: {cert_file: [cert.pem], key_file: key.pem}\n",
    "an authority that nobody asks": tls("client_ca_file: ca.pem"),
    "an unknown way to ask": tls("client_auth_type: RequireEverything"),
    "an unknown version": tls("min_version: TLS14"),
    "a version as a number": tls("min_version: 1.2"),
    "SSL 3": tls("min_version: SSL30"),
    "an unknown suite": tls("cipher_suites: [TLS_NONE]"),
    "a suite with RC4": tls("cipher_suites: [TLS_ECDHE_RSA_WITH_RC4_128_SHA]"),
    "a suite with 3DES": tls("cipher_suites: [TLS_RSA_WITH_3DES_EDE_CBC_SHA]"),
    "a suite without ECDHE": tls("cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]"),
    "an unknown curve": tls("curve_preferences: [CurveP224]"),
    "a curve of the future": tls("curve_preferences: [X25519MLKEM768]"),
    "an order that is no truth value": tls("prefer_server_cipher_suites: maybe"),
    "a truth value in quotes": tls("prefer_server_cipher_suites: 'true'"),
    "HTTP/2 as a number": "http_server_config: {http2: 2}\n",
    "a header that cannot be set": f"{HEADERS}Server: x\n",
    "a header in small letters": f"{HEADERS}x-frame-options: deny\n",
    "a header's wrong value": f"{HEADERS}X-Frame-Options: DENY\n",
    "a blank header that needs a value": f"{HEADERS}X-Frame-Options: ''\n",
    "headers in a list": "http_server_config: {headers: [X-Frame-Options]}\n",
    "a password in the clear": "basic_auth_users: {alice: password}\n",
    "an empty password": "basic_auth_users: {alice: }\n",
    "a hash of another kind": "basic_auth_users: {alice: $1$abcdefgh$0123456789012345678901234567890123456789012345}\n",
    "a hash that is cut off": f"basic_auth_users: {{alice: {HASH[:50]}}}\n",
    "a hash of cost 3": f"basic_auth_users: {{alice: {HASH.replace('$04$', '$03$')}}}\n",
    "users in a list": "basic_auth_users: [alice]\n",
    "a duration without a number": "rate_limit: {interval: soon, burst: 1}\n",
    "a duration in days": "rate_limit: {interval: 1d, burst: 1}\n",
    "a burst that is no number": "rate_limit: {interval: 1s, burst: many}\n",
    "a burst in quotes": "rate_limit: {interval: 1s, burst: '5'}\n",
}

# What the guide calls each difference, and files that show it.
REFUSED_BY_US = {
    "TLS 1.0 and 1.1": [tls("min_version: TLS10"), tls("min_version: TLS11"), tls("max_version: TLS11")],
    "No version left": [tls("min_version: TLS13\n  max_version: TLS12")],
    "Cipher suites with CBC": [
        tls("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]"),
        tls("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]"),
    ],
    "No cipher suite left": [tls("max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]")],
    "The curve P-521": [tls("curve_preferences: [CurveP521]"), tls("curve_preferences: [X25519, CurveP521]")],
    "Other keys": [
        TLS.replace("cert.pem", "p521-cert.pem").replace("key.pem", "p521-key.pem"),
        TLS.replace("cert.pem", "short-cert.pem").replace("key.pem", "short-key.pem"),
    ],
    "Certificates of X.509 version 1": [TLS.replace("cert.pem", "v1-cert.pem").replace("key.pem", "v1-key.pem")],
    "A file and a text for the same": [
        tls("cert: 'text'"),
        tls("key: 'text'"),
        f"{MUTUAL}  client_ca: 'text'\n",
    ],
    "TLS without a certificate": [
        "tls_server_config: {min_version: TLS13}\n",
        "tls_server_config: {client_allowed_sans: [a]}\n",
    ],
    "Verification without an authority": [
        tls("client_auth_type: RequireAndVerifyClientCert"),
        tls("client_auth_type: VerifyClientCertIfGiven"),
    ],
    "An authority without a certificate": [MUTUAL.replace("ca.pem", "junk.pem"), MUTUAL.replace("ca.pem", "empty.pem")],
    "Names that nobody verifies": [
        tls("client_allowed_sans: [a]"),
        tls("client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a]"),
    ],
    "No name allowed": [f"{MUTUAL}  client_allowed_sans: []\n"],
    "What is no regular file": [MUTUAL.replace("ca.pem", "/dev/null")],
    "Header values over several lines": [f'{HEADERS}Content-Security-Policy: "a\\nb"\n'],
    "Hashes that no password has": [
        f"basic_auth_users: {{alice: {HASH}x}}\n",
        f"basic_auth_users: {{alice: {HASH[:40]}!{HASH[41:]}}}\n",
        f"basic_auth_users: {{alice: {HASH.replace('$2b$', '$2z$')}}}\n",
    ],
    "bcrypt costs above 16": [
        f"basic_auth_users: {{alice: {HASH.replace('$04$', '$17$')}}}\n",
        f"basic_auth_users: {{alice: {HASH.replace('$04$', '$31$')}}}\n",
    ],
    "Names with a colon": [f"basic_auth_users: {{'alice:b': {HASH}}}\n"],
    "A rate limit that lets nobody through": [
        "rate_limit: {interval: 1s}\n",
        "rate_limit: {interval: 1s, burst: 0}\n",
        "rate_limit: {interval: 1s, burst: -1}\n",
    ],
    "Odd numbers in a rate limit": [
        "rate_limit: {interval: 5, burst: 1}\n",
        "rate_limit: {interval: -1s, burst: 1}\n",
        "rate_limit: {interval: 25h, burst: 1}\n",
        "rate_limit: {interval: 1s, burst: 1.5}\n",
    ],
}

# What Debian 12's promtool, of version 2.42, does not know yet.
NEWER_THAN_2_42 = re.compile(r"^ *(cert|key|client_ca|client_allowed_sans|rate_limit):", re.MULTILINE)


class WebConfig(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        authority = Authority(cls.folder)
        authority.issue()
        authority.issue("rsa-", key_type=trustme.KeyType.RSA)
        (cls.folder / "junk.pem").write_text("MARKED")
        (cls.folder / "empty.pem").write_text("")
        cls.self_signed("p521", ec.generate_private_key(ec.SECP521R1()))
        cls.self_signed("short", rsa.generate_private_key(65537, 1024))
        key = ec.generate_private_key(ec.SECP256R1())
        encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"MARKED"))
        (cls.folder / "encrypted-key.pem").write_bytes(encrypted)
        cls.self_signed("v1", key)
        cls.make_version_1("v1", key)

    @classmethod
    def self_signed(cls, name: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
        """A certificate for a key of a kind that the made-up authorities do not issue."""
        subject, now = x509.Name([]), datetime.now(UTC)
        builder = x509.CertificateBuilder(
            subject, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        certificate = builder.sign(key, SHA256())
        (cls.folder / f"{name}-cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (cls.folder / f"{name}-key.pem").write_bytes(pem)

    @classmethod
    def make_version_1(cls, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Takes the version out of a certificate, which makes it one of version 1, and signs it again."""
        file = cls.folder / f"{name}-cert.pem"
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        signed = certificate.tbs_certificate_bytes
        inner = signed[signed.index(b"\xa0\x03\x02\x01\x02") + 5 :]
        ecdsa_with_sha256 = bytes.fromhex("300a06082a8648ce3d040302")
        signed = element(0x30, inner)
        signature = element(0x03, b"\0" + key.sign(signed, ec.ECDSA(SHA256())))
        der = element(0x30, signed + ecdsa_with_sha256 + signature)
        file.write_bytes(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))

    def checked(self, text: str) -> Result:
        """What we say of a file."""
        file = self.folder / "web.yml"
        file.write_text(text)
        result = run("check-config", f"--web.config.file={file}", OPENAI_ADMIN_KEY=SIMULATED_KEY)
        self.assertIn(result.code, (0, 2), result.err)
        if result.code == 2:
            # One line, with the place, and nothing of what was read.
            self.assertRegex(result.err, rf"\Aopenai-org-exporter: {re.escape(str(file))}:\d+:\d+: [^\n]+\n\Z")
            self.assertNotIn("MARKED", result.err)
            for secret in (HASH, HASH[7:], "PRIVATE KEY-----\n"):
                self.assertNotIn(secret, result.err)
        return result

    def accepted_by(self, promtool: str) -> bool:
        """Whether promtool accepts the file that was last written."""
        command = [promtool, "check", "web-config", str(self.folder / "web.yml")]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0

    def test_what_is_good_is_accepted_here_and_by_promtool(self):
        files = accepted_by_both(self.folder)
        self.assertGreater(len(files), 30)
        for name, text in files.items():
            with self.subTest(name):
                result = self.checked(text)
                self.assertEqual(result.code, 0, result.err)
                self.assertTrue(self.accepted_by("promtool-new"), "by promtool")
                self.assertEqual(self.accepted_by("promtool"), not NEWER_THAN_2_42.search(text), "by promtool 2.42")

    def test_what_is_bad_is_refused_here_and_by_promtool(self):
        self.assertGreater(len(REFUSED_BY_BOTH), 30)
        for name, text in REFUSED_BY_BOTH.items():
            with self.subTest(name):
                self.assertEqual(self.checked(text).code, 2)
                self.assertFalse(self.accepted_by("promtool-new"), "by promtool")

    def test_where_promtool_accepts_more_it_is_a_difference_that_the_guide_names(self):
        for difference, texts in REFUSED_BY_US.items():
            for text in texts:
                with self.subTest(difference, text=text):
                    self.assertEqual(self.checked(text).code, 2)
                    self.assertTrue(self.accepted_by("promtool-new"), "by promtool")

    def test_the_guide_names_these_differences_and_no_others(self):
        (table,) = re.findall(r"\n\| refused here \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", GUIDE.read_text())
        named = [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()]
        self.assertEqual(named, list(REFUSED_BY_US))

    def test_every_field_stands_in_the_guide(self):
        guide = GUIDE.read_text()
        source = (ROOT / "src" / "config" / "web_file.rs").read_text()
        (keys,) = re.findall(r"const KEYS: [^=]+= \[(.*?)\];", source, re.DOTALL)
        fields = re.findall(r'"([\w.]+)"', keys)
        self.assertEqual(len(fields), 18)
        for field in fields:
            with self.subTest(field):
                self.assertIn(f"`{field.split('.')[-1]}`", guide)

    def test_a_good_file_is_summed_up_without_secrets(self):
        text = accepted_by_both(self.folder)["everything"]
        result = self.checked(text)
        self.assertIn(
            f'  config_file: "{self.folder}/web.yml" # TLS, client certificates required and verified '
            "(1 allowed name); 1 user; a request every 1 s, 5 at once; 1 header\n",
            result.out,
        )
        self.assertNotIn("$2b$", result.out)
        self.assertNotIn("alice", result.out)

    def test_a_bad_file_ends_the_start(self):
        file = self.folder / "web.yml"
        for text, says in [
            ("basic_auth_users: {alice: MARKED}\n", '1:27: basic_auth_users: the password of "alice" is no bcrypt'),
            (TLS.replace("key.pem", "rsa-key.pem"), "the key does not belong to the certificate"),
        ]:
            file.write_text(text)
            for command in ("serve", "demo"):
                with self.subTest(text=text, command=command):
                    flags = ("--web.listen-address=127.0.0.1:0", f"--web.config.file={file}")
                    result = run(command, *flags, OPENAI_ADMIN_KEY=SIMULATED_KEY, timeout=20)
                    self.assertEqual(result.code, 2, result.err)
                    self.assertIn(says, result.err)
                    self.assertNotIn("MARKED", result.err)

    def test_it_is_named_by_flag_variable_or_key(self):
        file = self.folder / "web.yml"
        file.write_text(TLS)
        config = self.folder / "config.yml"
        config.write_text(f"web: {{config_file: {file}}}\n")
        variable = {"OPENAI_ORG_EXPORTER_WEB_CONFIG_FILE": str(file)}
        for flags, env in [((f"--config.file={config}",), {}), ((), variable)]:
            result = run("check-config", *flags, OPENAI_ADMIN_KEY=SIMULATED_KEY, **env)
            self.assertIn("# TLS, no client certificates; no passwords", result.out, result.err)
        result = run("check-config", "--web.config.file=/nowhere/web.yml", OPENAI_ADMIN_KEY=SIMULATED_KEY)
        self.assertEqual(result.code, 2)
        self.assertRegex(result.err, r'flag --web\.config\.file: cannot read "/nowhere/web\.yml": .*\n\Z')


if __name__ == "__main__":
    unittest.main()
