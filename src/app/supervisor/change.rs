//! What a new configuration means for an organization, and for the settings that only a start can change: pure.

use std::fmt;
use std::time::Duration;

use crate::admin_api::Proxy;
use crate::app::walk_options;
use crate::config::{Config, Organization};

/// Names in a log line, for each kind of change.
const MOST_NAMES: usize = 20;

/// What becomes of an organization that the new configuration has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is new.
    Add,
    /// Its key or its base URL is another one: the walk under way asks the wrong organization, or with the wrong key.
    Restart,
    /// It is reached in another way from the next walk on.
    Reconnect,
    /// It is walked or shown in another way from the next walk on.
    Adjust,
    /// The new configuration does not concern it.
    Keep,
}

/// What a reload did, by names of organizations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) restarted: Vec<String>,
    pub(super) changed: Vec<String>,
    pub(super) kept: Vec<String>,
}

/// What `new` means for its organization `wanted`.
pub(super) fn of(old: &Config, new: &Config, wanted: &Organization) -> Change {
    let Some(known) = old.organizations.iter().find(|known| known.name == wanted.name) else {
        return Change::Add;
    };
    if known.admin_key != wanted.admin_key || known.base_url != wanted.base_url {
        Change::Restart
    } else if way(old) != way(new) || known.admin_key_source != wanted.admin_key_source {
        Change::Reconnect
    } else if known != wanted
        || walk_options(old, known) != walk_options(new, wanted)
        || old.max_drop != new.max_drop
    {
        Change::Adjust
    } else {
        Change::Keep
    }
}

/// How organizations are reached. Another path to the same certificates changes nothing.
fn way(config: &Config) -> (Option<&[u8]>, Option<&Proxy>, Duration, usize) {
    let pem = config.ca_file.as_ref().map(|(_, pem)| pem.as_slice());
    (pem, config.proxy.as_ref(), config.request_timeout, config.concurrency)
}

/// The settings that differ and that only a start can change.
pub(super) fn only_at_start(start: &Config, now: &Config) -> Vec<&'static str> {
    let settings = [
        ("web.listen-address", start.listen_addresses != now.listen_addresses),
        ("web.systemd-socket", start.systemd_socket != now.systemd_socket),
        ("web.telemetry-path", start.telemetry_path != now.telemetry_path),
        ("web.external-url", start.external_url != now.external_url),
        ("web.route-prefix", start.route_prefix != now.route_prefix),
        ("web.enable-lifecycle", start.enable_lifecycle != now.enable_lifecycle),
        ("web.config.file", web_config_path(start) != web_config_path(now)),
        ("web.max-connections", start.max_connections != now.max_connections),
        ("state.file", start.state_file != now.state_file),
        ("log.level", start.log.level != now.log.level),
        ("log.format", start.log.format != now.log.format),
    ];
    settings.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// What it says may change at any time.
pub(super) fn web_config_path(config: &Config) -> Option<&str> {
    config.web_config.as_ref().map(|web| web.path.as_str())
}

impl Report {
    pub(super) fn note(&mut self, change: Change, name: String) {
        let names = match change {
            Change::Add => &mut self.added,
            Change::Restart => &mut self.restarted,
            Change::Reconnect | Change::Adjust => &mut self.changed,
            Change::Keep => &mut self.kept,
        };
        names.push(name);
    }

    /// One line with numbers and names, and how many `policies` there are now.
    pub(super) fn log(&self, policies: usize) {
        tracing::info!(
            added = self.added.len(),
            removed = self.removed.len(),
            restarted = self.restarted.len(),
            changed = self.changed.len(),
            kept = self.kept.len(),
            policies,
            names_added = names(&self.added),
            names_removed = names(&self.removed),
            names_restarted = names(&self.restarted),
            names_changed = names(&self.changed),
            names_kept = names(&self.kept),
            "configuration reloaded"
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Reloaded: organizations added {}, removed {}, restarted {}, changed {}, kept {}",
            self.added.len(),
            self.removed.len(),
            self.restarted.len(),
            self.changed.len(),
            self.kept.len()
        )
    }
}

fn names(names: &[String]) -> Option<String> {
    let shown = names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(",");
    match names.len() {
        0 => None,
        1..=MOST_NAMES => Some(shown),
        all => Some(format!("{shown} and {} more", all - MOST_NAMES)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::admin_api::{AdminKey, BaseUrl};
    use crate::config::{Environment, KeySource, Layers, User};

    fn config() -> Config {
        let environment = [("OPENAI_ADMIN_KEY", "sk-admin-1")];
        let environment: Environment =
            environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Config::from_layers(&Layers::read(User::Serve, BTreeMap::new(), environment).unwrap()).unwrap()
    }

    #[test]
    fn each_setting_does_what_it_must_and_no_more() {
        let second = Duration::from_secs(1);
        let other = Config::from_layers(
            &Layers::read(
                User::Serve,
                [
                    ("email-domain", "a.com"),
                    ("api-key.stale-after", "1d"),
                    ("log.level", "debug"),
                    ("log.format", "json"),
                    ("policy.file", "policies/baseline.yaml"),
                ]
                .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
                .into(),
                Environment::from([("OPENAI_ADMIN_KEY".to_owned(), "sk-admin-1".to_owned())]),
            )
            .unwrap(),
        )
        .unwrap();
        type Edit<'e> = (&'e str, Change, &'e dyn Fn(&mut Config));
        let table: &[Edit<'_>] = &[
            ("nothing", Change::Keep, &|_| ()),
            ("the name", Change::Add, &|config| config.organizations[0].name = "b".into()),
            ("the key", Change::Restart, &|config| {
                config.organizations[0].admin_key = AdminKey::parse("sk-admin-2").unwrap();
            }),
            ("the base URL", Change::Restart, &|config| {
                config.organizations[0].base_url = BaseUrl::parse("https://b.example/v1", false).unwrap();
            }),
            ("the place of the key", Change::Reconnect, &|config| {
                config.organizations[0].admin_key_source = KeySource::File("/key".into());
            }),
            ("the certificates", Change::Reconnect, &|config| config.ca_file = Some(("/ca".into(), vec![1]))),
            ("the proxy", Change::Reconnect, &|config| {
                config.proxy = Some(Proxy::parse("http://proxy:1", None).unwrap());
            }),
            ("the request time-out", Change::Reconnect, &|config| config.request_timeout = second),
            ("the concurrency", Change::Reconnect, &|config| config.concurrency = 1),
            ("the interval", Change::Adjust, &|config| config.organizations[0].interval = second),
            ("the maximum age", Change::Adjust, &|config| config.organizations[0].max_age = second),
            ("the mail domains", Change::Adjust, &|config| {
                config.organizations[0].email_domains = other.organizations[0].email_domains.clone();
            }),
            ("the time-out", Change::Adjust, &|config| config.timeout = second),
            ("the stall time-out", Change::Adjust, &|config| config.stall_timeout = second),
            ("the thresholds", Change::Adjust, &|config| config.stale_after = other.stale_after.clone()),
            ("the limit of projects", Change::Adjust, &|config| config.projects_limit = 1),
            ("the drop that is believed", Change::Adjust, &|config| config.max_drop = 0.25),
            ("the names of projects", Change::Adjust, &|config| config.projects_names = false),
            ("the policies", Change::Adjust, &|config| {
                config.organizations[0].policies = other.organizations[0].policies.clone();
            }),
            ("the log", Change::Keep, &|config| config.log = other.log),
        ];
        for (what, expected, edit) in table {
            let (old, mut new) = (config(), config());
            edit(&mut new);
            assert_eq!(of(&old, &new, &new.organizations[0]), *expected, "{what}");
        }
        assert_eq!(only_at_start(&config(), &other), ["log.level", "log.format"]);
    }

    #[test]
    fn the_same_certificates_at_another_path_and_the_same_proxy_again_change_nothing() {
        let with = |path: &str, proxy: &str| Config {
            ca_file: Some((path.to_owned(), vec![1])),
            proxy: Some(Proxy::parse(proxy, Some("localhost")).unwrap()),
            ..config()
        };
        let (old, same) = (with("/a", "http://proxy:1"), with("/b", "http://proxy:1"));
        assert_eq!(of(&old, &same, &same.organizations[0]), Change::Keep);
        let other = with("/a", "http://user:password@proxy:1");
        assert_eq!(of(&old, &other, &other.organizations[0]), Change::Reconnect);
    }

    #[test]
    fn a_line_names_twenty_organizations_at_most() {
        let list: Vec<String> = (1..=22).map(|number| number.to_string()).collect();
        assert_eq!(names(&list[..0]), None);
        assert_eq!(names(&list[..2]).as_deref(), Some("1,2"));
        assert!(names(&list).unwrap().ends_with(",19,20 and 2 more"));
    }
}
