//! Files, good and bad.

use std::path::PathBuf;

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;

/// Of "password".
const HASH: &str = "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe";

/// A folder with a certificate and its key, another key, and what is none.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("cert.pem", &certificate.pem());
        write("key.pem", &key.serialize_pem());
        write("other.pem", &KeyPair::generate().unwrap().serialize_pem());
        write("junk.pem", "MARKED");
        write(
            "encrypted.pem",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        );
        fs::create_dir(folder.path().join("folder")).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("web.yml")
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// Reads a file that holds `text`: what it says, or the error without the folder.
    fn read(&self, text: &str) -> Result<GuardSettings, String> {
        fs::write(self.path(), text).unwrap();
        let folder = format!("{}/", self.0.path().display());
        let read = super::read(self.path().to_str().unwrap(), &Place::Flag("--web.config.file".into()));
        read.map(|web| web.reading.outcome.unwrap()).map_err(|error| error.to_string().replace(&folder, ""))
    }
}

const PAIR: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";

#[test]
fn good_files_say_what_they_say() {
    let folder = Folder::new();
    let inline = {
        let indented = |name| folder.text(name).replace('\n', "\n    ");
        format!(
            "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n",
            indented("cert.pem"),
            indented("key.pem")
        )
    };
    let mutual = |kind| format!("{PAIR}  client_auth_type: {kind}\n  client_ca_file: cert.pem\n");
    for (text, says) in [
        ("", "no TLS; no passwords"),
        ("# nothing\n", "no TLS; no passwords"),
        ("tls_server_config:\nbasic_auth_users:\nrate_limit:\nhttp_server_config:\n", "no TLS; no passwords"),
        ("tls_server_config: {}\nbasic_auth_users: {}", "no TLS; no passwords"),
        ("tls_server_config: {cert_file: '', key_file: ''}", "no TLS; no passwords"),
        (PAIR, "TLS, no client certificates; no passwords"),
        (&inline, "TLS, no client certificates; no passwords"),
        (&format!("{PAIR}  client_auth_type: NoClientCert\n"), "TLS, no client certificates; no passwords"),
        (
            &format!("{PAIR}  client_auth_type: RequestClientCert\n"),
            "TLS, client certificates asked for and not verified; no passwords",
        ),
        (
            &format!("{PAIR}  client_auth_type: RequireClientCert\n"),
            "TLS, client certificates required and not verified; no passwords",
        ),
        (&mutual("VerifyClientCertIfGiven"), "TLS, client certificates verified if given; no passwords"),
        (
            &format!("{}  client_allowed_sans: [a, b]\n", mutual("RequireAndVerifyClientCert")),
            "TLS, client certificates required and verified (2 allowed names); no passwords",
        ),
        (
            &format!(
                "{PAIR}  min_version: TLS13\n  max_version: TLS13\n  prefer_server_cipher_suites: false\n  \
                 cipher_suites: [TLS_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP256, X25519]\n"
            ),
            "TLS, no client certificates; no passwords",
        ),
        (&format!("basic_auth_users: {{a: {HASH}, 1: {HASH}, '': {HASH}}}"), "no TLS; 3 users"),
        ("rate_limit: {interval: 0, burst: 5}", "no TLS; no passwords"),
        ("rate_limit: {burst: 5}", "no TLS; no passwords"),
        ("rate_limit: {interval: 500ms, burst: 5}", "no TLS; no passwords; a request every 0.5 s, 5 at once"),
        ("http_server_config: {http2: true}", "no TLS; no passwords"),
        ("http_server_config: {http2: no}", "no TLS; no passwords"),
        (
            "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: ''}}",
            "no TLS; no passwords; 1 header",
        ),
    ] {
        let read = folder.read(text).map(|settings| settings.to_string());
        assert_eq!(read.as_deref(), Ok(says), "{text}");
    }
}

#[test]
fn bad_files_say_where_and_what_is_wrong() {
    let folder = Folder::new();
    let tls = |more: &str| format!("{PAIR}  {more}\n");
    let pair = |cert: &str, key: &str| format!("tls_server_config: {{cert_file: {cert}, key_file: {key}}}");
    for (text, error) in [
        ("tls_server_conf: {}", "1:1: unknown key \"tls_server_conf\"; did you mean tls_server_config?"),
        (
            "\ntls_server_config: {certfile: x}",
            "2:21: unknown key \"certfile\" in tls_server_config; did you mean cert_file?",
        ),
        ("[]", "1:1: the file is no map of keys"),
        ("a: [1", "1:4: unclosed bracket"),
        ("rate_limit: {burst: 1}\nrate_limit: {burst: 2}", "2:1: duplicate"),
        (
            "tls_server_config: {cert_file: cert.pem}",
            "1:20: tls_server_config has no key; add key_file: or key:",
        ),
        (
            "tls_server_config: {key_file: key.pem}",
            "1:20: tls_server_config has no cert; add cert_file: or cert:",
        ),
        ("tls_server_config: {min_version: TLS13}", "1:20: tls_server_config has no cert"),
        (&tls("cert: x"), "2:14: there are both cert and cert_file; take one out"),
        (&tls("key: x"), "3:13: there are both key and key_file; take one out"),
        (&pair("none.pem", "key.pem"), "1:32: cert_file: cannot read \"none.pem\": No such file"),
        (&pair("cert.pem", "none.pem"), "1:52: key_file: cannot read \"none.pem\": No such file"),
        (&pair("folder", "key.pem"), "1:32: cert_file: \"folder\" is no regular file"),
        (&pair("junk.pem", "key.pem"), "1:32: cert_file \"junk.pem\": there is no certificate in PEM"),
        (&pair("cert.pem", "junk.pem"), "1:52: key_file \"junk.pem\": there is no private key in PEM"),
        (&pair("cert.pem", "encrypted.pem"), "1:52: key_file \"encrypted.pem\": the key is encrypted"),
        (
            &pair("cert.pem", "other.pem"),
            "1:52: key_file \"other.pem\": the key does not belong to the certificate of cert_file \"cert.pem\"",
        ),
        (&tls("cert_file: [a]"), "4:3: duplicate"),
        ("tls_server_config: {cert_file: [a]}", "1:32: cert_file takes one text"),
        (
            &tls("client_auth_type: Sometimes"),
            "4:21: client_auth_type: \"Sometimes\" is no way to ask clients for certificates; there are NoClientCert, ",
        ),
        (
            &tls("client_ca_file: cert.pem"),
            "4:19: there are authorities for client certificates, and no client_auth_type",
        ),
        (
            &tls("client_auth_type: RequireAndVerifyClientCert"),
            "4:21: client_auth_type verifies certificates, and there is no authority",
        ),
        (
            &tls("client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: junk.pem"),
            "5:19: client_ca_file \"junk.pem\": there is no certificate",
        ),
        (
            &tls(
                "client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: cert.pem\n  client_allowed_sans: []",
            ),
            "6:24: client_allowed_sans is empty",
        ),
        (
            &tls("client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a]"),
            "5:24: client_allowed_sans is about names in certificates that nobody verifies",
        ),
        (&tls("client_allowed_sans: a"), "4:24: client_allowed_sans is no list"),
        (&tls("min_version: TLS10"), "4:16: min_version: TLS10 is not spoken"),
        (&tls("max_version: TLS11"), "4:16: max_version: TLS11 is not spoken"),
        (&tls("min_version: TLS14"), "4:16: min_version: \"TLS14\" is no version of TLS; did you mean TLS1"),
        (&tls("min_version: TLS13\n  max_version: TLS12"), "5:16: max_version is below min_version"),
        (
            &tls("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]"),
            "4:19: cipher_suites: \"TLS_RSA_WITH_AES_128_CBC_SHA\" is not there: its CBC",
        ),
        (&tls("cipher_suites: [TLS_FOO]"), "4:19: cipher_suites: \"TLS_FOO\" is no cipher suite"),
        (
            &tls("max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]"),
            "2:3: tls_server_config: none of the cipher suites",
        ),
        (
            &tls("curve_preferences: [CurveP521]"),
            "4:23: curve_preferences: \"CurveP521\" is not there; use CurveP384",
        ),
        (
            &tls("curve_preferences: [CurveP25]"),
            "4:23: curve_preferences: \"CurveP25\" is no curve; did you mean CurveP256?",
        ),
        (
            &tls("prefer_server_cipher_suites: 'true'"),
            "4:32: prefer_server_cipher_suites is neither true nor false",
        ),
        ("http_server_config: {http2: 1}", "1:29: http2 is neither true nor false"),
        (
            "http_server_config: {headers: {Server: x}}",
            "1:40: headers: \"Server\" cannot be set; there are Strict-Transport-Security, ",
        ),
        (
            "http_server_config: {headers: {x-frame-options: deny}}",
            "1:49: headers: \"x-frame-options\" cannot be set; did you mean X-Frame-Options?",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: DENY}}",
            "1:49: headers: X-Frame-Options is none of deny, sameorigin",
        ),
        (
            "http_server_config: {headers: {Content-Security-Policy: \"a\\nb\"}}",
            "1:57: headers: Content-Security-Policy holds a character",
        ),
        ("http_server_config: {headers: []}", "1:31: headers is no map"),
        ("basic_auth_users: {a: MARKED}", "1:23: basic_auth_users: the password of \"a\" is no bcrypt hash"),
        ("basic_auth_users: {a: }", "1:20: basic_auth_users: the password of \"a\" is no bcrypt hash"),
        (
            &format!("basic_auth_users: {{'a:b': {HASH}}}"),
            "1:27: basic_auth_users: the name \"a:b\" holds a colon",
        ),
        (
            &format!("basic_auth_users: {{{HASH}: MARKED}}"),
            "basic_auth_users: the password of \"<hash>\" is no",
        ),
        (
            &format!("basic_auth_users: {{a: {}}}", HASH.replace("$05$", "$17$")),
            "1:23: basic_auth_users: the password of \"a\" has a bcrypt cost of 17",
        ),
        ("basic_auth_users: [a]", "1:19: basic_auth_users is no map"),
        ("rate_limit: {interval: 1s}", "1:24: rate_limit has no burst"),
        ("rate_limit: {interval: 1s, burst: 0}", "1:35: rate_limit has no burst"),
        ("rate_limit: {interval: 1s, burst: 1.5}", "1:35: burst is no whole number"),
        ("rate_limit: {interval: 1s, burst: -1}", "1:35: burst is no whole number"),
        ("rate_limit: {interval: 1s, burst: '1'}", "1:35: burst is no whole number"),
        ("rate_limit: {interval: 5, burst: 1}", "1:24: interval: it has no unit"),
        (
            "rate_limit: {interval: 1d, burst: 1}",
            "1:24: interval: \"1d\" is no duration; write it like 100ms, 1s or 1m30s",
        ),
        ("rate_limit: {interval: 25h, burst: 1}", "1:24: interval: it is longer than a day"),
    ] {
        let said = folder.read(text).map(|settings| settings.to_string()).expect_err(text);
        let (place, message) = error
            .split_once(": ")
            .filter(|(place, _)| place.starts_with(char::is_numeric))
            .unwrap_or(("", error));
        assert!(said.starts_with(&format!("web.yml:{place}")) && said.contains(message), "{text}: {said}");
        assert!(!said.contains('\n') && !said.contains("MARKED") && !said.contains("bvIG6"), "{said}");
    }
}

#[test]
fn a_file_that_is_not_there_is_said_by_where_it_is_named() {
    let error = super::read("/nowhere/web.yml", &Place::Flag("--web.config.file".into())).unwrap_err();
    assert!(
        error.to_string().starts_with("flag --web.config.file: cannot read \"/nowhere/web.yml\""),
        "{error}"
    );
}

#[test]
fn every_file_that_was_looked_at_is_known_whatever_came_of_it() {
    let folder = Folder::new();
    let files = |text: &str| {
        fs::write(folder.path(), text).unwrap();
        let reading = reread_web_config(folder.path().to_str().unwrap());
        let names: Vec<_> = reading
            .files
            .iter()
            .map(|file| file.path().file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        (names.join(" "), reading.outcome.is_ok())
    };
    assert_eq!(files("x: 1"), ("web.yml".to_owned(), false));
    assert_eq!(files(PAIR), ("web.yml cert.pem key.pem".to_owned(), true));
    let (names, good) = files(&PAIR.replace("key.pem", "none.pem"));
    assert_eq!((names.as_str(), good), ("web.yml cert.pem none.pem", false));
    let (names, good) = files(&PAIR.replace("key.pem", "other.pem"));
    assert_eq!((names.as_str(), good), ("web.yml cert.pem other.pem", false));
    let mutual = format!("{PAIR}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: cert.pem\n");
    assert_eq!(files(&mutual), ("web.yml cert.pem cert.pem key.pem".to_owned(), true));
    fs::remove_file(folder.path()).unwrap();
    let reading = reread_web_config(folder.path().to_str().unwrap());
    assert_eq!((reading.files.len(), reading.outcome.is_ok()), (1, false));
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let pipe = folder.0.path().join("pipe.pem");
    let mode = rustix::fs::Mode::from_bits_truncate(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    let error = folder.read("tls_server_config: {cert_file: pipe.pem, key_file: key.pem}").unwrap_err();
    assert!(error.contains("\"pipe.pem\" is no regular file"), "{error}");
}

#[test]
fn whether_it_asks_for_tls_is_told_without_the_files_that_it_names() {
    let folder = Folder::new();
    let asks = |text: &str| {
        fs::write(folder.path(), text).unwrap();
        asks_for_tls(folder.path().to_str().unwrap()).ok()
    };
    assert_eq!(asks(""), Some(false));
    assert_eq!(asks("tls_server_config: {}"), Some(false));
    assert_eq!(asks("tls_server_config: {cert_file: none.pem, key_file: none.pem}"), Some(true));
    assert_eq!(asks("a: [1"), None);
    fs::remove_file(folder.path()).unwrap();
    assert_eq!(asks_for_tls(folder.path().to_str().unwrap()).ok(), None);
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        text in any::<String>(),
        lines in prop::collection::vec(
            "(tls_server_config|rate_limit|http_server_config|basic_auth_users|  [a-z_]{1,9}|  (cert|key|burst|interval|headers|cipher_suites)|    [A-Za-z-]{1,9}):( [\\[\\]{}a-zA-Z0-9$'\"&*!|>-]{0,9})?\n",
            0..8,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        for text in [text, lines.concat()] {
            fs::write(&path, text).unwrap();
            let reading = reread_web_config(path.to_str().unwrap());
            if let Err(error) = &reading.outcome {
                prop_assert!(!error.contains('\n'), "{}", error);
            }
        }
    }
}
