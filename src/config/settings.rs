//! The table of all settings.

mod listing;

use listing::LISTING;

use super::values::{LogFormat, LogLevel};

/// What can be set: by flag, by environment variable and, where it has a key, in the file.
#[derive(Debug)]
pub struct Setting {
    /// The flag without its dashes.
    pub flag: &'static str,
    /// The place in the file, parts joined by dots.
    pub key: Option<&'static str>,
    /// What stands for the value in help.
    pub value: &'static str,
    /// The built-in value; several are separated by commas.
    pub default: Option<&'static str>,
    /// Whether it can be given several times.
    pub many: bool,
    /// Whether it stands behind the command without a flag.
    pub positional: bool,
    /// Whether it is about the list that `users` writes: a flag alone, before others of the same name.
    of_list: bool,
    /// Whether `organizations` entries may set it for themselves.
    pub per_organization: bool,
    /// The heading in help.
    pub group: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// The commands that take it.
    pub users: &'static [User],
}

/// A command that takes settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// `serve`
    Serve,
    /// `demo`
    Demo,
    /// `once`
    Once,
    /// `users`
    Users,
    /// `check`
    Check,
    /// `check-config`
    CheckConfig,
    /// `simulate`
    Simulate,
    /// `healthcheck`
    Healthcheck,
}

use User::{Check, CheckConfig, Demo, Healthcheck, Once, Serve, Simulate, Users};

/// What takes everything that configures a real exporter.
const REAL: &[User] = &[Serve, Once, Users, Check, CheckConfig];
const WEB: &[User] = &[Serve, Demo, CheckConfig];
const PROBED: &[User] = &[Serve, Demo, CheckConfig, Healthcheck];
const COUNTING: &[User] = &[Serve, Demo, Once, Users, CheckConfig];
/// What has figures with an age.
const SHOWING: &[User] = &[Serve, Demo, Once, CheckConfig];
/// What walks at all.
const WALKING: &[User] = &[Serve, Demo, Once, Users, Check, CheckConfig];
const JUDGING: &[User] = &[Serve, Demo, Once, Check, CheckConfig];
const LOGGING: &[User] = &[Serve, Demo, Once, Users, Check, CheckConfig, Simulate];
const SIMULATED: &[User] = &[Simulate, Demo];

const fn setting(
    group: &'static str,
    flag: &'static str,
    key: &'static str,
    value: &'static str,
    default: &'static str,
    users: &'static [User],
    help: &'static str,
) -> Setting {
    Setting {
        flag,
        key: if key.is_empty() { None } else { Some(key) },
        value,
        default: if default.is_empty() { None } else { Some(default) },
        many: false,
        positional: false,
        of_list: false,
        per_organization: false,
        group,
        help,
        users,
    }
}

const fn many(mut setting: Setting) -> Setting {
    setting.many = true;
    setting
}

const fn per_organization(mut setting: Setting) -> Setting {
    setting.per_organization = true;
    setting
}

const ALL: &[Setting] = &[
    setting(
        "Configuration",
        "config.file",
        "",
        "FILE",
        "",
        &[Serve, Once, Users, Check, CheckConfig, Healthcheck],
        "YAML file with further settings and organizations",
    ),
    many(setting(
        "Web",
        "web.listen-address",
        "web.listen_address",
        "ADDRESS",
        ":10195",
        PROBED,
        "Address to listen on: host:port, [v6]:port or :port; port 0 takes a free one; repeatable",
    )),
    setting(
        "Web",
        "web.systemd-socket",
        "web.systemd_socket",
        "BOOL",
        "false",
        &[Serve, CheckConfig],
        "Whether to serve the sockets that systemd passes (socket activation) instead of listening on addresses",
    ),
    setting(
        "Web",
        "web.telemetry-path",
        "web.telemetry_path",
        "PATH",
        "/metrics",
        WEB,
        "Path of the metrics",
    ),
    setting(
        "Web",
        "web.external-url",
        "web.external_url",
        "URL",
        "",
        PROBED,
        "URL under which people reach the exporter, through a proxy say; its path is the default of --web.route-prefix, and links begin with it",
    ),
    setting(
        "Web",
        "web.route-prefix",
        "web.route_prefix",
        "PATH",
        "",
        PROBED,
        "Path below which everything is served; / for a proxy that takes the path of --web.external-url away [default: that path]",
    ),
    setting(
        "Web",
        "web.enable-lifecycle",
        "web.enable_lifecycle",
        "BOOL",
        "false",
        WEB,
        "Whether POST /-/reload reloads the configuration; SIGHUP always does",
    ),
    setting(
        "Web",
        "web.config.file",
        "web.config_file",
        "FILE",
        "",
        &[Serve, Demo, CheckConfig, Healthcheck],
        "YAML file about TLS, passwords, rate limit and headers, in the format of Prometheus' exporter-toolkit",
    ),
    setting(
        "Web",
        "web.max-connections",
        "web.max_connections",
        "NUMBER",
        "512",
        WEB,
        "Connections at a time; a further one takes the place of the one that has kept the exporter waiting longest",
    ),
    per_organization(setting(
        "OpenAI",
        "openai.base-url",
        "openai.base_url",
        "URL",
        "https://api.openai.com/v1",
        REAL,
        "Where the Admin API lives",
    )),
    setting(
        "OpenAI",
        "openai.admin-key-file",
        "",
        "FILE",
        "",
        REAL,
        "File that holds the admin key of the one organization; the environment variable OPENAI_ADMIN_KEY holds it otherwise",
    ),
    setting(
        "OpenAI",
        "organization",
        "",
        "NAME",
        "default",
        REAL,
        "Name of the one organization, if the file lists none",
    ),
    setting(
        "OpenAI",
        "openai.ca-file",
        "openai.ca_file",
        "FILE",
        "",
        REAL,
        "Certificates in PEM that are trusted besides the system's",
    ),
    setting(
        "OpenAI",
        "openai.allow-http",
        "openai.allow_http",
        "BOOL",
        "false",
        REAL,
        "Allow a base URL with plain http to another host than loopback",
    ),
    per_organization(setting(
        "Polling",
        "poll.interval",
        "poll.interval",
        "DURATION",
        "5m",
        SHOWING,
        "Time from the start of one walk to the start of the next",
    )),
    per_organization(setting(
        "Polling",
        "poll.max-age",
        "poll.max_age",
        "DURATION",
        "",
        SHOWING,
        "Age above which figures are withdrawn, at least two intervals [default: the larger of 1h and 3 intervals]",
    )),
    setting("Polling", "poll.timeout", "poll.timeout", "DURATION", "1h", WALKING, "Deadline of one walk"),
    setting(
        "Polling",
        "poll.stall-timeout",
        "poll.stall_timeout",
        "DURATION",
        "2m",
        WALKING,
        "A walk fails when no page was accepted for that long, waits for retries included",
    ),
    setting(
        "Polling",
        "poll.request-timeout",
        "poll.request_timeout",
        "DURATION",
        "30s",
        WALKING,
        "Time that one request may take",
    ),
    setting(
        "Polling",
        "poll.concurrency",
        "poll.concurrency",
        "NUMBER",
        "4",
        WALKING,
        "Requests in flight at most per admin key",
    ),
    setting(
        "Polling",
        "poll.max-drop",
        "poll.max_drop",
        "PART",
        "0.5",
        &[Serve, Demo, CheckConfig],
        "Part of the users that may be gone from one walk to the next; a walk that lost more, and more than 10, is confirmed by a second one a minute later; 0 or 1 switches this off",
    ),
    many(setting(
        "Counting",
        "api-key.stale-after",
        "api_key.stale_after",
        "DURATION",
        "30d,90d,180d",
        WALKING,
        "Ages from which on an unused API key counts as stale; repeatable, or separated by commas",
    )),
    per_organization(many(setting(
        "Counting",
        "email-domain",
        "email_domains",
        "DOMAIN",
        "",
        WALKING,
        "Mail domain to count by name; repeatable, or separated by commas",
    ))),
    setting(
        "Counting",
        "projects.limit",
        "projects.limit",
        "NUMBER",
        "50",
        COUNTING,
        "Projects that have series of their own, the largest first",
    ),
    setting(
        "Counting",
        "projects.names",
        "projects.names",
        "BOOL",
        "true",
        &[Serve, Demo, Once, CheckConfig],
        "Whether the names of projects are exposed",
    ),
    setting(
        "Policies",
        "policy.file",
        "policy.file",
        "FILE",
        "",
        JUDGING,
        "YAML file of policies, besides those under the key policies of the configuration file",
    ),
    setting(
        "State",
        "state.file",
        "state.file",
        "FILE",
        "",
        WEB,
        "File that keeps snapshots, changes, hashes of user ids and a few ids over a restart; without it changes are counted anew",
    ),
    setting(
        "Simulated organization",
        "listen-address",
        "",
        "ADDRESS",
        "127.0.0.1:10196",
        &[Simulate],
        "Address to listen on",
    ),
    setting(
        "Simulated organization",
        "admin-key",
        "",
        "KEY",
        "sk-admin-simulated",
        &[Simulate],
        "The key that requests must carry; a made-up one",
    ),
    setting(
        "Simulated organization",
        "organizations",
        "",
        "NUMBER",
        "1",
        SIMULATED,
        "Organizations, each with so many users and a seed of its own; with more than one, the first has the key of --admin-key with -1 behind it, the second -2 and so on",
    ),
    setting("Simulated organization", "users", "", "NUMBER", "250", SIMULATED, "Users of each at the start"),
    setting(
        "Simulated organization",
        "seed",
        "",
        "NUMBER",
        "1",
        SIMULATED,
        "All that is random follows from it",
    ),
    setting("Simulated organization", "churn", "", "NUMBER", "0", SIMULATED, "Changes per minute in each"),
    setting(
        "Simulated organization",
        "latency",
        "",
        "DURATION",
        "0s",
        &[Simulate],
        "Time from a request to its answer, at least",
    ),
    setting(
        "Simulated organization",
        "gzip",
        "",
        "BOOL",
        "true",
        &[Simulate],
        "Whether to compress answers for clients that accept it",
    ),
    setting(
        "Simulated organization",
        "requests-per-minute",
        "",
        "NUMBER",
        "10000",
        &[Simulate],
        "The rate limit that answers announce; it is never enforced",
    ),
    many(setting(
        "Simulated organization",
        "fault",
        "",
        "KIND[:RATE]",
        "",
        &[Simulate],
        "What goes wrong, and how often (0 to 1; always if left out): status-500, status-429, reset, truncate, html, hang, slow, repeat-cursor, missing-cursor, duplicate, huge, wrong-types; repeatable",
    )),
    setting(
        "Output",
        "output",
        "",
        "FILE",
        "",
        &[Once],
        "File to write, atomically, instead of standard output; - is standard output",
    ),
    setting(
        "Output",
        "output",
        "",
        "FORMAT",
        "table",
        &[Check],
        "Format of what check writes: table, json, junit, sarif or markdown",
    ),
    setting(
        "Output",
        "show-users",
        "",
        "BOOL",
        "false",
        &[Check],
        "Whether to name the ids of those whom a verdict other than ok rests on",
    ),
    setting(
        "Logging",
        "log.level",
        "log.level",
        "LEVEL",
        "info",
        LOGGING,
        "Least important lines to log: error, warn, info, debug or trace",
    ),
    setting("Logging", "log.format", "log.format", "FORMAT", "logfmt", LOGGING, "How to log: logfmt or json"),
];

/// All settings, in the order of help and documentation.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    ALL.iter().chain(LISTING)
}

/// The settings that `user` takes as flags or arguments. What a command is about comes first.
pub fn of(user: User) -> impl Iterator<Item = &'static Setting> {
    LISTING
        .iter()
        .chain(ALL)
        .filter(move |setting| setting.users.contains(&user) && !setting.is_hidden_from(user))
}

impl Setting {
    /// The setting behind `flag`.
    ///
    /// # Panics
    ///
    /// If there is none: flags are named by the program, not by its user.
    pub(super) fn named(flag: &str) -> &'static Setting {
        ALL.iter().find(|setting| setting.flag == flag).expect("the program names settings of the table")
    }

    /// The same, where that of `user` goes before those of others.
    pub(super) fn named_for(user: User, flag: &str) -> &'static Setting {
        let own = ALL.iter().find(|setting| setting.flag == flag && setting.users.contains(&user));
        own.unwrap_or_else(|| Self::named(flag))
    }

    /// The same of the list that `users` writes.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(super) fn of_list(flag: &str) -> &'static Setting {
        LISTING.iter().find(|setting| setting.flag == flag).expect("the program names settings of the table")
    }

    /// Whether the flag means something else to `user`.
    pub(super) fn is_hidden_from(&self, user: User) -> bool {
        user == Users && !self.of_list && LISTING.iter().any(|other| other.flag == self.flag)
    }

    /// How it is given: `--flag`, or what stands for its value.
    pub fn usage(&self) -> String {
        if self.positional { self.value.to_owned() } else { format!("--{}", self.flag) }
    }

    /// The built-in value for `user`: the demo is livelier than an exporter should be.
    pub fn default_for(&self, user: User) -> Option<&'static str> {
        match (user, self.flag) {
            (Demo, "poll.interval") => Some("5s"),
            (Demo, "churn") => Some("60"),
            (Demo, "email-domain") => Some("example.com,example.org"),
            _ => self.default,
        }
    }

    /// All values it can have, where they are few.
    pub fn values(&self) -> &'static [&'static str] {
        match self.value {
            "BOOL" => &["true", "false"],
            "LEVEL" => &LogLevel::ALL,
            "FORMAT" if self.flag == "log.format" => &LogFormat::ALL,
            _ if self.of_list => self.values_of_list(),
            "FORMAT" if self.users == [Check] => &["table", "json", "junit", "sarif", "markdown"],
            _ => &[],
        }
    }

    /// The values of a flag of the list, as far as there are few.
    fn values_of_list(&self) -> &'static [&'static str] {
        match self.flag {
            "output" => &["table", "json", "jsonl", "csv", "ids"],
            "account-type" => &["user", "service_account", "unknown"],
            "scim-managed" => &["true", "false", "unknown"],
            "status" => &["active", "banned", "disabled", "unknown"],
            "api-key-use" => &["used", "never", "unknown"],
            _ => &[],
        }
    }

    /// Whether its value is a key or the path of one; no other value may look like a key.
    pub(super) fn names_key(&self) -> bool {
        matches!(self.flag, "admin-key" | "openai.admin-key-file")
    }

    /// The environment variable that sets it, if one does.
    pub fn variable(&self) -> Option<String> {
        let name = || format!("OPENAI_ORG_EXPORTER_{}", self.flag.to_uppercase().replace(['.', '-'], "_"));
        // Where commands mean different things by a flag, the variable is the first one's.
        (!self.of_list && Self::named(self.flag).users == self.users).then(name)
    }
}
