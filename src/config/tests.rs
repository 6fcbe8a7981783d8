use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;

use super::*;

const KEY: (&str, &str) = ("OPENAI_ADMIN_KEY", "sk-admin-one");

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The configuration of `serve` from `--flag=value` texts, an environment and the text of a file.
fn read(flags: &[&str], variables: &[(&str, &str)], file: Option<&str>) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    let mut given = BTreeMap::<String, Vec<String>>::new();
    for flag in flags {
        let (name, value) = flag.trim_start_matches("--").split_once('=').unwrap();
        given.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    if let Some(text) = file {
        fs::write(&path, text).unwrap();
        fs::write(directory.path().join("key"), "sk-admin-in-file\n").unwrap();
        given.insert("config.file".into(), vec![path.to_string_lossy().into_owned()]);
    }
    let environment = environment(variables);
    Layers::read(User::Serve, given, environment)
        .and_then(|layers| Config::from_layers(&layers))
        .map_err(|error| error.to_string().replace(&path.to_string_lossy().into_owned(), "config.yaml"))
}

fn good(flags: &[&str], variables: &[(&str, &str)], file: Option<&str>) -> Config {
    read(flags, variables, file).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn with_a_key_alone_everything_has_its_default() {
    let config = good(&[], &[KEY], None);
    assert_eq!(
        config.to_yaml(),
        r#"web:
  listen_address: [":10195"]
  systemd_socket: false
  telemetry_path: "/metrics"
  enable_lifecycle: false
  max_connections: 512
openai:
  allow_http: false
poll:
  timeout: 1h
  stall_timeout: 2m
  request_timeout: 30s
  concurrency: 4
  max_drop: 0.5
api_key:
  stale_after: ["30d", "90d", "180d"]
projects:
  limit: 50
  names: true
log:
  level: info
  format: logfmt
organizations:
  - name: "default"
    admin_key_env: "OPENAI_ADMIN_KEY" # <secret>
    base_url: "https://api.openai.com/v1"
    email_domains: []
    poll:
      interval: 5m
      max_age: 1h
"#
    );
    assert!(config.warnings.is_empty());
}

#[test]
fn flags_beat_the_environment_and_the_environment_beats_the_file() {
    let file = Some("poll: {interval: 1m, timeout: 2m, stall_timeout: 3m}");
    let variables =
        [KEY, ("OPENAI_ORG_EXPORTER_POLL_INTERVAL", "10m"), ("OPENAI_ORG_EXPORTER_POLL_TIMEOUT", "20m")];
    let config = good(&["--poll.interval=100m"], &variables, file);
    let minutes = |duration: Duration| duration.as_secs() / 60;
    assert_eq!(minutes(config.organizations[0].interval), 100);
    assert_eq!(minutes(config.timeout), 20);
    assert_eq!(minutes(config.stall_timeout), 3);
    assert_eq!(minutes(config.organizations[0].max_age), 300, "three intervals are more than an hour");
}

#[test]
fn an_organization_of_the_file_can_have_its_own_values() {
    let file = "
poll: { interval: 5m, max_age: 30m }
email_domains: [a.com, B.com]
organizations:
  - name: acme
    admin_key_env: ACME
    email_domains: c.com
    poll: { interval: 15m, max_age: 45m }
    base_url: https://gateway.example.com/v1/
  - name: globex
    admin_key_env: GLOBEX
";
    let config = good(&[], &[("ACME", "sk-admin-a"), ("GLOBEX", "sk-proj-b")], Some(file));
    let shown: Vec<String> = config
        .organizations
        .iter()
        .map(|organization| {
            let domains: Vec<&str> = organization.email_domains.iter().map(EmailDomain::as_str).collect();
            format!(
                "{} {} {} {} {}",
                organization.name,
                organization.base_url,
                show_duration(organization.interval),
                show_duration(organization.max_age),
                domains.join("+")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "acme https://gateway.example.com/v1 15m 45m c.com",
            "globex https://api.openai.com/v1 5m 30m a.com+b.com"
        ]
    );
    assert_eq!(
        config.warnings,
        [
            "the key of organization \"globex\" does not begin with sk-admin-; ordinary API keys cannot list users"
        ]
    );
}

#[test]
fn what_check_config_prints_reads_back_as_the_same() {
    let file = "organizations: [{name: \"a: #\\\"b\", admin_key_env: A, email_domains: [x.com], poll: {interval: 90s}}]";
    let flags = ["--api-key.stale-after=1d,45d", "--web.listen-address=[::1]:1", "--projects.names=false"];
    let printed = good(&flags, &[("A", "sk-admin-a")], Some(file)).to_yaml();
    assert_eq!(good(&[], &[("A", "sk-admin-a")], Some(&printed)).to_yaml(), printed);
}

#[test]
fn thresholds_keep_the_labels_they_are_given_and_come_in_order() {
    let config = good(&["--api-key.stale-after=1y,2w", "--api-key.stale-after=48h"], &[KEY], None);
    let labels: Vec<&str> = config.stale_after.iter().map(|threshold| threshold.label.as_str()).collect();
    assert_eq!(labels, ["48h", "2w", "1y"]);
}

#[test]
fn what_the_sdk_calls_the_base_url_is_not_followed_and_said_so() {
    let config = good(&[], &[KEY, ("OPENAI_BASE_URL", "https://gateway.example.com/v1")], None);
    assert_eq!(config.organizations[0].base_url.to_string(), "https://api.openai.com/v1");
    assert_eq!(
        config.warnings,
        ["the environment variable OPENAI_BASE_URL is not followed, as the admin key would go there; use \
          --openai.base-url"]
    );
}

#[test]
fn variables_of_others_are_ignored() {
    let kubernetes = [
        KEY,
        ("OPENAI_ORG_EXPORTER_PORT", "tcp://10.0.0.1:10195"),
        ("OPENAI_ORG_EXPORTER_SERVICE_HOST", "10.0.0.1"),
        ("OPENAI_ORG_EXPORTER_PORT_10195_TCP_PROTO", "tcp"),
        ("OPENAI_ORG_EXPORTER_POLL_INTERVAL", " "),
    ];
    assert_eq!(good(&[], &kubernetes, None).to_yaml(), good(&[], &[KEY], None).to_yaml());
}

#[test]
fn no_variable_of_ours_can_be_one_that_kubernetes_injects() {
    let mut variables = BTreeSet::new();
    for setting in settings() {
        let Some(variable) = setting.variable() else { continue };
        let rest = variable.strip_prefix("OPENAI_ORG_EXPORTER_").unwrap();
        assert!(!rest.starts_with("PORT") && !rest.starts_with("SERVICE_"), "{variable}");
        assert!(variables.insert(variable), "two settings share a variable");
    }
}

/// Flags, environment, file, and the line that says what is wrong with them.
type Mistake =
    (&'static [&'static str], &'static [(&'static str, &'static str)], Option<&'static str>, &'static str);

#[test]
fn every_mistake_has_its_line() {
    const KEY_TWICE: &str = "organizations: [{name: a, admin_key_env: A}, {name: b, admin_key_env: A}]";
    let table: &[Mistake] = &[
        (
            &["--openai.admin-key-file=sk-admin-planted-here"],
            &[],
            None,
            "flag --openai.admin-key-file: cannot read \"<key>\": No such file or directory (os error 2)",
        ),
        (
            &["--openai.admin-key-file=/dev/zero"],
            &[],
            None,
            "flag --openai.admin-key-file: cannot read \"/dev/zero\": it is larger than 65536 bytes",
        ),
        (
            &[],
            &[],
            Some("organizations: [{name: a, admin_key_env: sk-admin-planted-here}]"),
            "config.yaml:1:42: the environment variable \"<key>\" is not set",
        ),
        (
            &["--organization=sk-admin-planted-here"],
            &[KEY],
            None,
            "flag --organization: this looks like an admin key; put it into a file or an environment variable",
        ),
        (
            &[],
            &[("A", "sk-admin-a")],
            Some("organizations: [{name: a, admin_key_env: A, email_domains: [SK-Admin-planted.here]}]"),
            "config.yaml:1:61: this looks like an admin key; put it into a file or an environment variable",
        ),
        (
            &[],
            &[KEY],
            Some("openai: {base_url: \"https://SK-\\tadmin-planted-here/v1\"}"),
            "config.yaml:1:20: openai.base_url: it holds what looks like an admin key; take it out",
        ),
        (
            &[],
            &[KEY],
            Some("sk-admin-planted-here: 1"),
            "config.yaml:1:1: unknown key \"<key>\"; known are api_key, email_domains, log, openai, organizations, policies, policy, poll, projects, state, web",
        ),
        (
            &[],
            &[],
            None,
            "configuration: no admin key; set OPENAI_ADMIN_KEY or --openai.admin-key-file, or list organizations in --config.file (to look around without a key, run the demo command)",
        ),
        (
            &[],
            &[("OPENAI_ADMIN_KEY", "two words")],
            None,
            "environment variable OPENAI_ADMIN_KEY: this is no admin key: it holds a character that no key has (a space, a line break or a non-ASCII letter)",
        ),
        (
            &["--openai.admin-key-file=/nowhere"],
            &[],
            None,
            "flag --openai.admin-key-file: cannot read \"/nowhere\": No such file or directory (os error 2)",
        ),
        (
            &["--poll.interval=5x"],
            &[KEY],
            None,
            "flag --poll.interval: \"5x\" is no duration; write it like 30s, 5m or 1h30m",
        ),
        (
            &["--poll.interval=10ms"],
            &[KEY],
            None,
            "flag --poll.interval: \"10ms\" is too short; give at least 1s",
        ),
        (
            &["--poll.timeout=0s"],
            &[KEY],
            None,
            "flag --poll.timeout: \"0s\" is no time at all; give at least 1ms",
        ),
        (
            &["--poll.max-age=8m"],
            &[KEY],
            None,
            "flag --poll.max-age: max-age 8m is less than two intervals of 5m, so that one failed walk would take the figures away; give at least 10m",
        ),
        (&["--poll.concurrency=0"], &[KEY], None, "flag --poll.concurrency: \"0\" is no number from 1 to 64"),
        (
            &["--web.listen-address=10195"],
            &[KEY],
            None,
            "flag --web.listen-address: \"10195\": it is no address to listen on; write it like :10195, 127.0.0.1:10195 or [::1]:10195",
        ),
        (
            &["--web.telemetry-path=metrics"],
            &[KEY],
            None,
            "flag --web.telemetry-path: \"metrics\" is no path; write it like /metrics",
        ),
        (
            &["--web.telemetry-path=/"],
            &[KEY],
            None,
            "flag --web.telemetry-path: \"/\" is the path of the status page; choose another, such as /metrics",
        ),
        (
            &["--web.telemetry-path=/-/ready"],
            &[KEY],
            None,
            "flag --web.telemetry-path: \"/-/ready\" is kept for probes; choose another, such as /metrics",
        ),
        (
            &["--openai.base-url=http://gateway/v1"],
            &[KEY],
            None,
            "flag --openai.base-url: plain http would send the admin key unencrypted; use https, or --openai.allow-http if the way is safe",
        ),
        (
            &["--openai.base-url=https://u:planted@host/v1"],
            &[KEY],
            None,
            "flag --openai.base-url: it holds a user name or password; take them out",
        ),
        (
            &["--openai.base-url=api.openai.com"],
            &[KEY],
            None,
            "flag --openai.base-url: it is not a URL (relative URL without a base); write it like https://api.openai.com/v1",
        ),
        (
            &["--openai.ca-file=/nowhere"],
            &[KEY],
            None,
            "flag --openai.ca-file: cannot read \"/nowhere\": No such file or directory (os error 2)",
        ),
        (
            &["--openai.ca-file=Cargo.toml"],
            &[KEY],
            None,
            "flag --openai.ca-file: \"Cargo.toml\" holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
        ),
        (
            &["--openai.allow-http=yes"],
            &[KEY],
            None,
            "flag --openai.allow-http: \"yes\" is neither true nor false",
        ),
        (
            &["--api-key.stale-after=30d,720h"],
            &[KEY],
            None,
            "flag --api-key.stale-after: 30d and 720h are the same threshold; take one out",
        ),
        (
            &["--api-key.stale-after="],
            &[KEY],
            None,
            "flag --api-key.stale-after: \"\" is no duration; write it like 30s, 5m or 1h30m",
        ),
        (
            &["--email-domain=a@b.com"],
            &[KEY],
            None,
            "flag --email-domain: \"a@b.com\" is no mail domain; write what stands behind the @, such as example.com",
        ),
        (
            &["--email-domain=other"],
            &[KEY],
            None,
            "flag --email-domain: \"other\" is the label value for everybody else; it cannot be a domain",
        ),
        (
            &["--email-domain=a.com,A.com"],
            &[KEY],
            None,
            "flag --email-domain: the mail domain \"a.com\" stands twice; take one out",
        ),
        (&["--organization= "], &[KEY], None, "flag --organization: the name of an organization is empty"),
        (
            &["--log.level=warning"],
            &[KEY],
            None,
            "flag --log.level: \"warning\" is not one of error, warn, info, debug, trace; did you mean warn?",
        ),
        (&["--log.format=text"], &[KEY], None, "flag --log.format: \"text\" is not one of logfmt, json"),
        (
            &["--config.file=/nowhere"],
            &[KEY],
            None,
            "flag --config.file: cannot read \"/nowhere\": No such file or directory (os error 2)",
        ),
        (
            &[],
            &[KEY, ("OPENAI_ORG_EXPORTER_PROJECTS_LIMIT", "many")],
            None,
            "environment variable OPENAI_ORG_EXPORTER_PROJECTS_LIMIT: \"many\" is no number from 0 to 10000",
        ),
        (
            &[],
            &[KEY, ("https_proxy", "socks5://planted@proxy")],
            None,
            "environment variable https_proxy: it is not the URL of a proxy; write it like http://proxy.example.com:3128",
        ),
        (
            &[],
            &[KEY],
            Some("poll:\n  intervall: 5m\n"),
            "config.yaml:2:3: unknown key \"intervall\" in poll; did you mean interval?",
        ),
        (
            &[],
            &[KEY],
            Some("pol: {interval: 5m}"),
            "config.yaml:1:1: unknown key \"pol\"; did you mean poll?",
        ),
        (
            &[],
            &[],
            Some("poll.interval: 1m"),
            "config.yaml:1:1: unknown key \"poll.interval\"; write the key interval into the map poll",
        ),
        (
            &[],
            &[],
            Some("organizations: [{name: a, poll.max_age: 1h}]"),
            "config.yaml:1:27: unknown key \"poll.max_age\" in organizations; write the key max_age into the map poll",
        ),
        (
            &[],
            &[KEY],
            Some("xyzzy: 1"),
            "config.yaml:1:1: unknown key \"xyzzy\"; known are api_key, email_domains, log, openai, organizations, policies, policy, poll, projects, state, web",
        ),
        (
            &[],
            &[KEY],
            Some("poll: 5m"),
            "config.yaml:1:7: poll is no map of keys; known are concurrency, interval, max_age, max_drop, request_timeout, stall_timeout, timeout",
        ),
        (
            &[],
            &[KEY],
            Some("- a"),
            "config.yaml:1:1: the file is no map of keys; known are api_key, email_domains, log, openai, organizations, policies, policy, poll, projects, state, web",
        ),
        (
            &[],
            &[KEY],
            Some("poll:\n  interval: 300\n"),
            "config.yaml:2:13: poll.interval: \"300\" is no duration; write it like 30s, 5m or 1h30m",
        ),
        (
            &[],
            &[KEY],
            Some("poll: {interval: [1m, 2m]}"),
            "config.yaml:1:23: poll.interval takes one value; take out the others",
        ),
        (
            &[],
            &[KEY],
            Some("poll: {interval: {a: b}}"),
            "config.yaml:1:18: poll.interval: \"\" is no duration; write it like 30s, 5m or 1h30m",
        ),
        (
            &[],
            &[],
            Some("organizations: acme"),
            "config.yaml:1:16: organizations is no list; begin each entry with \"- name:\"",
        ),
        (&[], &[], Some("organizations: []"), "config.yaml:1:16: organizations is empty; list at least one"),
        (
            &[],
            &[],
            Some("organizations: [{admin_key_env: A}]"),
            "config.yaml:1:17: an organization has no name; add name:",
        ),
        (
            &[],
            &[],
            Some("organizations:\n  - name: acme\n"),
            "config.yaml:2:5: organization \"acme\" has no key; add admin_key_file: or admin_key_env:",
        ),
        (
            &[],
            &[],
            Some("organizations:\n  - name: acme\n    admin_key_env: ACME\n"),
            "config.yaml:3:20: the environment variable \"ACME\" is not set",
        ),
        (
            &[],
            &[("A", "a b")],
            Some("organizations: [{name: a, admin_key_env: A}]"),
            "config.yaml:1:42: A holds no admin key: it holds a character that no key has (a space, a line break or a non-ASCII letter)",
        ),
        (
            &[],
            &[("A", "k")],
            Some("organizations: [{name: a, admin_key_env: A, admin_key_file: b}]"),
            "config.yaml:1:42: organization \"a\" has two keys; take out admin_key_file: or admin_key_env:",
        ),
        (
            &[],
            &[("A", "k")],
            Some("organizations: [{name: a, admin_key: k}]"),
            "config.yaml:1:27: unknown key \"admin_key\" in organizations; did you mean admin_key_env?",
        ),
        (
            &[],
            &[("A", "k")],
            Some(KEY_TWICE),
            "config.yaml:1:46: organizations \"a\" and \"b\" have the same admin key, which belongs to one organization",
        ),
        (
            &[],
            &[("A", "k"), ("B", "l")],
            Some("organizations:\n  - {name: a, admin_key_env: A}\n  - {name: a, admin_key_env: B}\n"),
            "config.yaml:3:5: the organization \"a\" stands twice; names are unique",
        ),
        (
            &[],
            &[("A", "k")],
            Some("organizations:\n  - name: a\n    admin_key_env: A\n    poll: {max_age: 1m}\n"),
            "config.yaml:4:21: max-age 1m is less than two intervals of 5m, so that one failed walk would take the figures away; give at least 10m",
        ),
        (
            &["--organization=b"],
            &[("A", "k")],
            Some("organizations: [{name: a, admin_key_env: A}]"),
            "flag --organization: this is for an exporter of one organization; the file lists organizations, so put the name and the key there",
        ),
        (&[], &[KEY], Some("a: [1"), "config.yaml:1:4: unclosed bracket '['; this is not valid YAML"),
        (
            &[],
            &[KEY],
            Some("poll: {interval: 1m}\npoll: {timeout: 1m}"),
            "config.yaml:2:1: duplicate mapping key: poll; this is not valid YAML",
        ),
    ];
    let mut different = Vec::new();
    for (flags, variables, file, expected) in table {
        let error = read(flags, variables, *file).expect_err(expected);
        assert!(!error.contains("planted"), "{error}");
        if error != *expected {
            different.push(format!("{error}\n  instead of\n{expected}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

#[test]
fn settings_of_other_commands_are_not_looked_at() {
    let environment = environment(&[
        ("OPENAI_ADMIN_KEY", "sk-admin-real"),
        ("OPENAI_ORG_EXPORTER_OPENAI_BASE_URL", "https://api.openai.com/v1"),
        ("OPENAI_ORG_EXPORTER_CONFIG_FILE", "/nowhere"),
    ]);
    let layers = Layers::read(User::Demo, BTreeMap::new(), environment).unwrap();
    let config = Config::from_layers(&layers.simulated("http://127.0.0.1:1/v1".to_owned())).unwrap();
    let organization = &config.organizations[0];
    assert_eq!(organization.base_url.to_string(), "http://127.0.0.1:1/v1");
    assert_eq!(
        organization.admin_key,
        AdminKey::parse(SIMULATED_KEY).unwrap(),
        "the real key stays out of a demo"
    );
    assert_eq!(organization.interval, Duration::from_secs(5));
}

#[test]
fn several_simulated_organizations_have_names_and_keys_of_their_own() {
    let config = |number: &str| {
        let flags = BTreeMap::from([("organizations".to_owned(), vec![number.to_owned()])]);
        let layers = Layers::read(User::Demo, flags, Environment::new()).unwrap();
        Config::from_layers(&layers.simulated("http://127.0.0.1:1/v1".to_owned()))
    };
    let names = |number: &str| -> Vec<String> {
        config(number).unwrap().organizations.into_iter().map(|organization| organization.name).collect()
    };
    assert_eq!(names("1"), ["demo"]);
    assert_eq!(names("3"), ["acme", "globex", "brightmoor"]);
    assert_eq!(names("22")[19..], ["saltmarsh", "org-21", "org-22"]);
    let most = config("1000").unwrap().organizations;
    assert_eq!(most[999].admin_key, AdminKey::parse("sk-admin-simulated-1000").unwrap());
    for number in ["0", "1001", "many"] {
        let error = config(number).unwrap_err().to_string();
        assert_eq!(error, format!("flag --organizations: {number:?} is no number from 1 to 1000"));
    }
}

proptest! {
    #[test]
    fn any_file_is_a_configuration_or_an_error_in_one_line_without_a_key(
        pieces in prop::collection::vec(
            prop_oneof![
                "web|poll|organizations|log|openai|state|projects|api_key|interval|names?|admin_key_env|base_url|level|file",
                "(: )|[\\[\\]{}&*!|>,\"'#?%@-]|\n|\n  |\n  - |\t| |\r|---\n|<<: |&a |\\*a|!!str |!!binary |\\\\",
                "ACME|5m|true|null|~|0x1F|1e9|\\.inf|https://a\\.example|sk-admin-planted-here|\u{2028}|\u{85}|\u{feff}",
                any::<char>().prop_map(String::from),
            ],
            0..24,
        ),
    ) {
        let text = pieces.concat();
        let said = match read(&[], &[KEY, ("ACME", "sk-admin-acme")], Some(&text)) {
            Ok(config) => config.to_yaml() + &config.warnings.concat(),
            Err(line) => {
                prop_assert!(!line.chars().any(|c| c.is_control() || "\u{2028}\u{2029}".contains(c)), "{:?}", line);
                line
            }
        };
        for key in ["sk-admin-one", "sk-admin-acme", "sk-admin-planted-here"] {
            prop_assert!(!said.contains(key), "{}", said);
        }
    }
}
