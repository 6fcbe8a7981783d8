//! Handshakes, good and bad, and how certificates are replaced.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

/// An authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
struct Issued {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, names: Vec<SanType>, edit: impl FnOnce(&mut CertificateParams)) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        edit(&mut params);
        Issued { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }

    fn server(&self) -> Issued {
        self.issue(vec![dns("localhost")], |_| ())
    }

    fn trusted(&self) -> Authorities {
        Authorities::from_pem(self.0.pem().as_bytes()).unwrap()
    }
}

impl Issued {
    fn identity(&self) -> Identity {
        Identity::from_pem(self.certificate.pem().as_bytes(), self.key.serialize_pem().as_bytes()).unwrap()
    }

    fn shown(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.certificate.der().clone()], PrivateKeyDer::try_from(self.key.serialize_der()).unwrap())
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn options(client_auth: ClientAuthType) -> TlsOptions {
    TlsOptions {
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
        curves: Vec::new(),
        prefer_server_cipher_suites: true,
        client_auth,
        client_authorities: None,
        client_allowed_names: None,
    }
}

fn with_tls(identity: &Identity, options: &TlsOptions) -> GuardSettings {
    GuardSettings { tls: Some(TlsSettings::new(identity, options).unwrap()), ..GuardSettings::default() }
}

/// What a client that trusts `authority` and shows `shown` does.
fn client(
    authority: &Authority,
    shown: Option<&Issued>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match shown {
        None => builder.with_no_client_auth(),
        Some(issued) => {
            let (chain, key) = issued.shown();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// Shakes hands with the guard, and says how it went for the guard.
async fn shake(guard: &Guard, config: ClientConfig) -> Result<Transport<DuplexStream>, HandshakeError> {
    let (ours, theirs) = duplex(64 << 10);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let client = tokio::spawn(async move {
        let name = ServerName::try_from("localhost").unwrap();
        let Ok(mut stream) = connector.connect(name, ours).await else { return };
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let outcome = guard.handshake(theirs).await;
    if outcome.is_err() {
        client.await.unwrap();
    }
    outcome
}

async fn reason(guard: &Guard, config: ClientConfig) -> Option<&'static str> {
    shake(guard, config).await.err().map(|error| error.reason.name())
}

#[tokio::test]
async fn every_way_to_ask_for_certificates_lets_in_whom_it_should() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = ours.server();
    let good = ours.issue(vec![dns("a.example")], |_| ());
    let foreign = other.issue(vec![dns("a.example")], |_| ());
    let expired = ours.issue(vec![dns("a.example")], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = ours.issue(vec![dns("a.example")], |params| params.not_before = date_time_ymd(4000, 1, 1));
    let for_servers = ours.issue(vec![dns("a.example")], |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    let (none, wrong) = (Some("no_certificate"), Some("bad_certificate"));
    let (unknown, old) = (Some("unknown_authority"), Some("expired_certificate"));
    use ClientAuthType::{None as No, Request, RequireAndVerify, RequireAny, VerifyIfGiven};
    for (kind, outcomes) in [
        (No, [None, None, None, None, None, None]),
        (Request, [None, None, None, None, None, None]),
        (RequireAny, [none, None, None, None, None, None]),
        (VerifyIfGiven, [None, None, unknown, old, old, wrong]),
        (RequireAndVerify, [none, None, unknown, old, old, wrong]),
    ] {
        let client_authorities = kind.verifies().then(|| ours.trusted());
        let world =
            World::new(with_tls(&server.identity(), &TlsOptions { client_authorities, ..options(kind) }));
        let shown = [None, Some(&good), Some(&foreign), Some(&expired), Some(&early), Some(&for_servers)];
        for version in BOTH {
            for (number, (shown, expected)) in shown.iter().zip(outcomes).enumerate() {
                let outcome = reason(&world.guard, client(&ours, *shown, &[version])).await;
                assert_eq!(outcome, expected, "{kind:?}, certificate {number}, {version:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_needs_one_of_the_allowed_names_exactly() {
    let ours = Authority::new();
    let server = ours.server();
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let shown = |names| ours.issue(names, |_| ());
    let address = |text: &str| SanType::IpAddress(text.parse().unwrap());
    let host = shown(vec![dns("other.example"), dns("a.example")]);
    let mail = shown(vec![SanType::Rfc822Name("a@b.example".try_into().unwrap())]);
    let v4 = shown(vec![address("10.1.2.3")]);
    let v6 = shown(vec![address("2001:db8::1")]);
    let uri = shown(vec![SanType::URI("spiffe://a/b".try_into().unwrap())]);
    let wildcard = shown(vec![dns("*.example")]);
    let nameless = shown(vec![]);
    let refused = Some("name_not_allowed");
    for (allowed, shown, expected) in [
        (names(&["a.example"]), Some(&host), None),
        (names(&["x", "a.example"]), Some(&host), None),
        (names(&["A.example"]), Some(&host), refused),
        (names(&["example"]), Some(&host), refused),
        (names(&["*.example"]), Some(&host), refused),
        (names(&["a.example"]), Some(&wildcard), refused),
        (names(&["*.example"]), Some(&wildcard), None),
        (names(&["a@b.example"]), Some(&mail), None),
        (names(&["10.1.2.3"]), Some(&v4), None),
        (names(&["10.1.2.4"]), Some(&v4), refused),
        (names(&["2001:db8::1"]), Some(&v6), None),
        (names(&["spiffe://a/b"]), Some(&uri), None),
        (names(&["spiffe://a"]), Some(&uri), refused),
        (names(&[""]), Some(&nameless), refused),
        (names(&["a.example"]), None, Some("no_certificate")),
    ] {
        for kind in [ClientAuthType::RequireAndVerify, ClientAuthType::VerifyIfGiven] {
            let client_allowed_names: Option<Vec<String>> = allowed.clone();
            let options = TlsOptions {
                client_authorities: Some(ours.trusted()),
                client_allowed_names,
                ..options(kind)
            };
            let world = World::new(with_tls(&server.identity(), &options));
            let outcome = reason(&world.guard, client(&ours, shown, &BOTH)).await;
            assert_eq!(outcome, expected, "{allowed:?}");
        }
    }
}

#[tokio::test]
async fn versions_suites_and_curves_are_those_that_are_chosen() {
    let ours = Authority::new();
    let identity = ours.server().identity();
    let suite = |name| CipherSuite::parse(name).unwrap();
    let base = || options(ClientAuthType::None);
    let only = |version| TlsOptions { min_version: version, max_version: version, ..base() };
    let aes256 = suite("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    let chacha = suite("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    let suites = |cipher_suites, prefer_server_cipher_suites| TlsOptions {
        cipher_suites,
        prefer_server_cipher_suites,
        ..only(TlsVersion::Tls12)
    };
    for (options, versions, expected) in [
        (base(), &BOTH[..], Ok("TLS13_AES_256_GCM_SHA384")),
        (base(), &BOTH[..1], Ok("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")),
        (only(TlsVersion::Tls12), &BOTH[1..], Err("version_or_cipher")),
        (only(TlsVersion::Tls13), &BOTH[..1], Err("version_or_cipher")),
        (only(TlsVersion::Tls12), &BOTH[..], Ok("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")),
        (suites(vec![chacha], true), &BOTH[..], Ok("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")),
        (suites(vec![chacha, aes256], true), &BOTH[..], Ok("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")),
        (suites(vec![chacha, aes256], false), &BOTH[..], Ok("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")),
        // Of an RSA key, which this is not.
        (
            suites(vec![suite("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")], true),
            &BOTH[..],
            Err("version_or_cipher"),
        ),
        // Suites of TLS 1.3 are always there, and nothing that can be chosen.
        (
            TlsOptions { cipher_suites: vec![suite("TLS_AES_128_GCM_SHA256")], ..base() },
            &BOTH[..],
            Ok("TLS13_AES_256_GCM_SHA384"),
        ),
        (
            TlsOptions { cipher_suites: vec![suite("TLS_AES_128_GCM_SHA256")], ..base() },
            &BOTH[..1],
            Err("version_or_cipher"),
        ),
    ] {
        let world = World::new(with_tls(&identity, &options));
        let outcome = shake(&world.guard, client(&ours, None, versions)).await;
        let outcome = match &outcome {
            Ok(Transport::Tls(stream)) => {
                let chosen = stream.get_ref().1.negotiated_cipher_suite().unwrap();
                Ok(format!("{:?}", chosen.suite()))
            }
            Ok(Transport::Plain(_)) => panic!("no TLS"),
            Err(error) => Err(error.reason.name()),
        };
        assert_eq!(outcome, expected.map(str::to_owned), "{options:?}");
    }
    for name in Curve::names() {
        let curves = vec![Curve::parse(name).unwrap()];
        let world = World::new(with_tls(&identity, &TlsOptions { curves, ..base() }));
        let Ok(Transport::Tls(stream)) = shake(&world.guard, client(&ours, None, &BOTH)).await else {
            panic!()
        };
        let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
        let expected = [("X25519", "X25519"), ("CurveP256", "secp256r1"), ("CurveP384", "secp384r1")];
        assert!(expected.contains(&(name, &format!("{group:?}"))), "{name} {group:?}");
    }
}

#[tokio::test]
async fn suites_that_leave_no_version_are_refused() {
    let cipher_suites = vec![CipherSuite::parse("TLS_AES_128_GCM_SHA256").unwrap()];
    let options =
        TlsOptions { cipher_suites, max_version: TlsVersion::Tls12, ..options(ClientAuthType::None) };
    let error = TlsSettings::new(&Authority::new().server().identity(), &options).unwrap_err();
    assert!(error.contains("none of the cipher suites is one of TLS 1.2"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_shake_hands_is_sent_away() {
    let ours = Authority::new();
    let world = World::new(with_tls(&ours.server().identity(), &options(ClientAuthType::None)));
    let zeros = world.samples("openai_org_exporter_tls_handshake_errors_total");
    assert!(zeros.len() == 11 && zeros.iter().all(|line| line.ends_with(" 0")), "{zeros:?}");

    let mut hello = Vec::new();
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::new(client(&ours, None, &BOTH)), name).unwrap();
    connection.write_tls(&mut hello).unwrap();
    let half = &hello[..hello.len() / 2];
    for (said, goes_on, expected, answered) in [
        (&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], false, "not_tls", "HTTP/1.0 400 Bad Request\r\n"),
        (&[0x80, 0x2e, 1, 0, 2][..], false, "not_tls", ""),
        (b"", false, "closed", ""),
        (half, false, "closed", ""),
        (b"", true, "timeout", ""),
        (half, true, "timeout", ""),
        (&hello, true, "timeout", "\u{16}"),
        (&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0], false, "other", "\u{15}"),
        (&[22, 3, 1, 0xff, 0xff], false, "other", "\u{15}"),
    ] {
        let (mut ours, theirs) = duplex(64 << 10);
        ours.write_all(said).await.unwrap();
        if !goes_on {
            ours.shutdown().await.unwrap();
        }
        let start = Instant::now();
        let error = world.guard.handshake(theirs).await.unwrap_err();
        assert_eq!(error.reason.name(), expected, "{said:?}");
        assert_eq!(start.elapsed() >= handshake::DEADLINE, goes_on);
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(answered.as_bytes()), "{said:?}: {answer:?}");
        assert_eq!(answer.is_empty(), answered.is_empty(), "{answer:?}");
    }
    let counted = world.samples("openai_org_exporter_tls_handshake_errors_total");
    let count = |reason: &str| {
        let line = counted.iter().find(|line| line.contains(&format!("\"{reason}\""))).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(["not_tls", "closed", "timeout", "other"].map(count), [2, 2, 3, 2], "{counted:?}");
    assert_eq!(counted.len(), 11, "every reason is one that was there");
}

#[tokio::test]
async fn a_client_that_refuses_the_certificate_is_told_from_others() {
    let (ours, other) = (Authority::new(), Authority::new());
    let world = World::new(with_tls(&ours.server().identity(), &options(ClientAuthType::None)));
    for version in BOTH {
        assert_eq!(reason(&world.guard, client(&other, None, &[version])).await, Some("refused_by_client"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_certificate_is_served_to_the_next_connection_and_open_ones_go_on() {
    let ours = Authority::new();
    let (first, second) = (ours.server(), ours.server());
    let settings = |issued: &Issued| with_tls(&issued.identity(), &options(ClientAuthType::None));
    let world = World::new(settings(&first));

    let connect = async || {
        let (near, far) = duplex(64 << 10);
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client(&ours, None, &BOTH)));
        let name = ServerName::try_from("localhost").unwrap();
        let (near, far) = tokio::join!(connector.connect(name, near), world.guard.handshake(far));
        (near.unwrap(), far.unwrap())
    };
    let shown = |stream: &tokio_rustls::client::TlsStream<DuplexStream>| {
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let (mut near, mut far) = connect().await;
    assert_eq!(shown(&near), *first.certificate.der());
    world.change(Ok(settings(&second))).await;
    assert_eq!(shown(&connect().await.0), *second.certificate.der());
    for text in [b"one", b"two"] {
        let mut read = [0; 3];
        near.write_all(text).await.unwrap();
        near.flush().await.unwrap();
        far.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, text);
        far.write_all(text).await.unwrap();
        far.flush().await.unwrap();
        near.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, text);
    }
    far.shutdown().await.unwrap();
    assert_eq!(near.read(&mut [0; 1]).await.unwrap(), 0, "it ends as TLS ends");
}

#[tokio::test]
async fn nobody_comes_back_without_being_looked_at_again() {
    let ours = Authority::new();
    let world = World::new(with_tls(&ours.server().identity(), &options(ClientAuthType::None)));
    for version in BOTH {
        let config = client(&ours, None, &[version]);
        for _ in 0..2 {
            let Ok(Transport::Tls(stream)) = shake(&world.guard, config.clone()).await else { panic!() };
            let kind = stream.get_ref().1.handshake_kind();
            assert_ne!(kind, Some(rustls::HandshakeKind::Resumed));
        }
    }
}

#[tokio::test]
async fn only_http_1_is_offered() {
    let ours = Authority::new();
    let world = World::new(with_tls(&ours.server().identity(), &options(ClientAuthType::None)));
    for (offered, expected) in [
        (&["h2", "http/1.1"][..], Ok(Some(&b"http/1.1"[..]))),
        (&["http/1.1"], Ok(Some(b"http/1.1"))),
        (&[], Ok(None)),
        (&["h2"], Err("other")),
    ] {
        let mut config = client(&ours, None, &BOTH);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        match shake(&world.guard, config).await {
            Ok(Transport::Tls(stream)) => assert_eq!(Ok(stream.get_ref().1.alpn_protocol()), expected),
            Ok(Transport::Plain(_)) => panic!("no TLS"),
            Err(error) => assert_eq!(Err(error.reason.name()), expected),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_asks_less_of_clients_waits_for_a_reload() {
    let ours = Authority::new();
    let identity = ours.server().identity();
    let asking = |kind: ClientAuthType, names: Option<&str>| {
        let client_authorities = kind.verifies().then(|| ours.trusted());
        let client_allowed_names = names.map(|name| vec![name.to_owned()]);
        with_tls(&identity, &TlsOptions { client_authorities, client_allowed_names, ..options(kind) })
    };
    use ClientAuthType::{None as No, Request, RequireAndVerify, RequireAny, VerifyIfGiven};
    let lost = [
        (asking(No, None), GuardSettings::default(), Some("TLS")),
        (
            asking(RequireAndVerify, None),
            asking(VerifyIfGiven, None),
            Some("the check of client certificates"),
        ),
        (asking(RequireAndVerify, None), asking(No, None), Some("the check of client certificates")),
        (asking(RequireAny, None), asking(Request, None), Some("the check of client certificates")),
        // One requires and the other looks: neither is more than the other.
        (asking(RequireAny, None), asking(VerifyIfGiven, None), Some("the check of client certificates")),
        (asking(RequireAndVerify, None), asking(RequireAny, None), Some("the check of client certificates")),
        (asking(RequireAny, None), asking(RequireAndVerify, None), None),
        (
            asking(RequireAndVerify, Some("a")),
            asking(RequireAndVerify, None),
            Some("the check of names in client certificates"),
        ),
        (asking(RequireAndVerify, Some("a")), asking(RequireAndVerify, Some("b")), None),
        (asking(RequireAndVerify, None), asking(RequireAndVerify, Some("b")), None),
        (asking(Request, None), asking(No, None), None),
        (asking(No, None), asking(RequireAndVerify, None), None),
        (GuardSettings::default(), asking(No, None), None),
    ];
    for (before, after, expected) in lost {
        assert_eq!(before.lost_in(&after), expected, "{before} -> {after}");
        let world = World::new(before.clone());
        world.change(Ok(after.clone())).await;
        assert_eq!(world.successful(), expected.is_none());
        let in_force = world.guard.in_force().settings.to_string();
        assert_eq!(in_force, if expected.is_some() { before.to_string() } else { after.to_string() });
        world.guard.reload(reading(&file(&world.directory), Ok(after.clone()))).await;
        assert_eq!(world.guard.in_force().settings.to_string(), after.to_string());
        assert!(world.successful());
    }
}

#[test]
fn a_key_must_be_of_a_kind_that_is_there_and_belong_to_its_certificate() {
    let ours = Authority::new();
    let (one, other) = (ours.server(), ours.server());
    let (pem, key) = (one.certificate.pem(), one.key.serialize_pem());
    let from =
        |certificate: &str, key: &str| Identity::from_pem(certificate.as_bytes(), key.as_bytes()).err();
    assert_eq!(from(&pem, &key), None);
    assert_eq!(from(&format!("{key}{pem}"), &format!("{pem}{key}")), None, "others in the file do no harm");
    assert_eq!(from(&pem, &other.key.serialize_pem()), Some(IdentityError::Mismatch));
    // The own certificate comes first.
    assert_eq!(from(&format!("{}{pem}", other.certificate.pem()), &key), Some(IdentityError::Mismatch));
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(from(junk, &key), Some(IdentityError::Certificate(_))));
    let junk = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(from(&pem, junk), Some(IdentityError::Key(_))));
    assert!(
        Authorities::from_pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err()
    );
    let shown =
        format!("{:?} {:?}", one.identity(), with_tls(&one.identity(), &options(ClientAuthType::None)));
    let lines: Vec<&str> = key.lines().collect();
    assert!(!lines.iter().any(|line| shown.contains(line)), "{shown}");
}

#[test]
fn bytes_of_a_connection_are_carried_both_ways_whatever_their_number() {
    let ours = Authority::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new(with_tls(&ours.server().identity(), &options(ClientAuthType::None)));
        let (near, far) = duplex(1000);
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client(&ours, None, &BOTH)));
        let name = ServerName::try_from("localhost").unwrap();
        let (near, far) = tokio::join!(connector.connect(name, near), world.guard.handshake(far));
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_be_bytes).collect();
        let send = async {
            far.write_all(&bytes).await.unwrap();
            far.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        let (_, read) = tokio::join!(send, near.read_to_end(&mut received));
        read.unwrap();
        assert!(received == bytes);
    });
}
