//! Flags, environment and file become one validated configuration.
//!
//! Every setting stands once, in the table of [`settings`]; the command line, the environment, the file and
//! `docs/configuration.md` are read off it. Flags beat the environment, the environment beats the file. It must not
//! know what the values are used for.

mod effective;
mod error;
mod layers;
mod organizations;
mod policies;
mod reference;
mod settings;
mod values;
mod web_file;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::admin_api::{AdminKey, BaseUrl, Proxy};
use crate::composition::{EmailDomain, Threshold};
use crate::policy::Policies;
use crate::web::{ExternalUrl, ListenAddress, Paths, RoutePrefix};

pub use error::{ConfigError, Place, did_you_mean, without_keys};
pub use layers::Layers;
pub use organizations::{SIMULATED_KEY, simulated_organizations};
pub use policies::PolicyEntry;
pub use reference::markdown;
pub use settings::{Setting, User, all as settings, of as settings_of};
pub use values::{LogFormat, LogLevel};

use crate::duration::show as show_duration;
pub use web_file::{WebConfig, reread_web_config};

/// The environment, read once by whoever starts the program.
pub type Environment = BTreeMap<String, String>;

/// Everything that `serve` needs to know, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file it was read from, if there is one.
    pub file: Option<String>,
    /// Where to listen; never empty.
    pub listen_addresses: Vec<ListenAddress>,
    /// Whether sockets that systemd passes are served instead.
    pub systemd_socket: bool,
    /// The path of the exposition.
    pub telemetry_path: String,
    /// The URL under which people reach the exporter.
    pub external_url: Option<ExternalUrl>,
    /// What stands before all routes, if it is not the path of that URL.
    pub route_prefix: Option<RoutePrefix>,
    /// Whether a request can ask for a reload.
    pub enable_lifecycle: bool,
    /// Who may come in, as a file of its own says.
    pub web_config: Option<WebConfig>,
    /// Connections at a time.
    pub max_connections: usize,
    /// Certificates that are trusted besides the system's: path and PEM text.
    pub ca_file: Option<(String, Vec<u8>)>,
    /// The proxy for https.
    pub proxy: Option<Proxy>,
    /// Whether plain http may leave the machine.
    pub allow_http: bool,
    /// Deadline of one walk.
    pub timeout: Duration,
    /// A walk fails when no page was accepted for that long.
    pub stall_timeout: Duration,
    /// The time that one request may take.
    pub request_timeout: Duration,
    /// Requests in flight per admin key.
    pub concurrency: usize,
    /// The part of the users that may be gone from one walk to the next; 0 and 1 allow all.
    pub max_drop: f64,
    /// Thresholds from which on a key is stale.
    pub stale_after: Vec<Threshold>,
    /// How many projects have series of their own.
    pub projects_limit: usize,
    /// Whether projects are named.
    pub projects_names: bool,
    /// The file that keeps the state over a restart.
    pub state_file: Option<PathBuf>,
    /// What is logged.
    pub log: Log,
    /// The organizations; never empty, with different names and keys.
    pub organizations: Vec<Organization>,
    /// The policies of all organizations.
    pub policies: Vec<PolicyEntry>,
    /// The file of those that stand in one of their own.
    pub policy_file: Option<PathBuf>,
    /// What is odd, and not wrong; one line each.
    pub warnings: Vec<String>,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The least important lines that are written.
    pub level: LogLevel,
    /// How lines are written.
    pub format: LogFormat,
}

/// One organization to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Organization {
    /// The value of the label `organization`.
    pub name: String,
    /// Its admin key.
    pub admin_key: AdminKey,
    /// Where the key comes from.
    pub admin_key_source: KeySource,
    /// Where the API lives.
    pub base_url: BaseUrl,
    /// From the start of one walk to the start of the next.
    pub interval: Duration,
    /// The age above which figures are withdrawn.
    pub max_age: Duration,
    /// Mail domains that are counted by name.
    pub email_domains: Vec<EmailDomain>,
    /// The policies that are about it.
    pub policies: Arc<Policies>,
}

/// Where an admin key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// The program itself, for the simulator.
    BuiltIn,
}

impl Config {
    /// The configuration that `layers` hold.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        let telemetry_path = layers.one("web.telemetry-path", values::telemetry_path)?;
        let ca_file = layers.optional("openai.ca-file", values::certificates)?;
        let proxy = proxy(layers.environment(), layers.simulated_base_url().is_some(), &mut warnings)?;
        let mut organizations = organizations::read(layers, &mut warnings)?;
        let (policies, policy_file) = policies::read(layers, &mut organizations, &mut warnings)?;
        let config = Self {
            file: layers.file_path().map(str::to_owned),
            listen_addresses: listen_addresses(layers)?,
            systemd_socket: systemd_socket(layers, &mut warnings)?,
            telemetry_path,
            external_url: external_url(layers)?,
            route_prefix: route_prefix(layers)?,
            enable_lifecycle: layers.one("web.enable-lifecycle", values::boolean)?,
            web_config: web_config(layers)?,
            max_connections: layers.one("web.max-connections", values::number_in::<1, 65_536>)?,
            ca_file,
            proxy,
            allow_http: layers.one("openai.allow-http", values::boolean)?,
            timeout: layers.one("poll.timeout", values::some_time)?,
            stall_timeout: layers.one("poll.stall-timeout", values::some_time)?,
            request_timeout: layers.one("poll.request-timeout", values::some_time)?,
            concurrency: layers.one("poll.concurrency", values::number_in::<1, 64>)?,
            max_drop: layers.one("poll.max-drop", values::part)?,
            stale_after: stale_after(layers)?,
            projects_limit: layers.one("projects.limit", values::number_in::<0, 10_000>)?,
            projects_names: layers.one("projects.names", values::boolean)?,
            state_file: layers.optional("state.file", values::state_file)?,
            log: log(layers)?,
            organizations,
            policies,
            policy_file,
            warnings,
        };
        config.refuse_state_over_other_files(layers)?;
        Ok(config.warned())
    }

    /// A state file would be moved aside or replaced where it is another file of the exporter's.
    fn refuse_state_over_other_files(&self, layers: &Layers) -> Result<(), ConfigError> {
        let Some(state) = &self.state_file else { return Ok(()) };
        let keys =
            self.organizations.iter().filter_map(|organization| match &organization.admin_key_source {
                KeySource::File(path) => Some(path.clone()),
                _ => None,
            });
        let others = self.file.iter().map(PathBuf::from).chain(keys);
        let others = others.chain(self.policy_file.clone());
        let others = others.chain(self.ca_file.iter().map(|(path, _)| PathBuf::from(path)));
        let web = self.web_config.iter().flat_map(|web| &web.reading.files);
        let others = others.chain(web.map(|file| file.path().to_owned()));
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        match others.into_iter().find(|other| real(other) == real(state)) {
            Some(other) => Err(layers.error(
                "state.file",
                format!("{other:?} is read as another file of the exporter's; name a file of its own"),
            )),
            None => Ok(()),
        }
    }

    /// The same with a warning for each combination that surprises.
    fn warned(mut self) -> Self {
        for organization in &self.organizations {
            if self.stall_timeout >= organization.max_age {
                self.warnings.push(format!(
                    "the stall time-out of {} is not below the maximum age of {} of organization {:?}: figures can be \
                     withdrawn before the walk that should replace them has failed",
                    show_duration(self.stall_timeout),
                    show_duration(organization.max_age),
                    organization.name
                ));
            }
        }
        self
    }

    /// Where routes are, and what links to them look like.
    pub fn paths(&self) -> Paths {
        Paths::new(self.external_url.clone(), self.route_prefix.clone())
    }

    /// The effective configuration as YAML, without secrets.
    pub fn to_yaml(&self) -> String {
        effective::yaml(self)
    }
}

/// Where routes are, for whoever needs nothing else.
///
/// # Errors
///
/// If the URL or the prefix is none.
pub fn paths(layers: &Layers) -> Result<Paths, ConfigError> {
    Ok(Paths::new(external_url(layers)?, route_prefix(layers)?))
}

fn external_url(layers: &Layers) -> Result<Option<ExternalUrl>, ConfigError> {
    layers.optional("web.external-url", ExternalUrl::parse)
}

fn route_prefix(layers: &Layers) -> Result<Option<RoutePrefix>, ConfigError> {
    let parse = |text: &str| {
        RoutePrefix::parse(text).map_err(|error| format!("{text:?} is no prefix of paths; {error}"))
    };
    layers.optional("web.route-prefix", parse)
}

/// Where to listen; never empty.
///
/// # Errors
///
/// If an address is not one.
pub fn listen_addresses(layers: &Layers) -> Result<Vec<ListenAddress>, ConfigError> {
    let addresses = layers.many("web.listen-address", |text| {
        ListenAddress::parse(text).map_err(|error| format!("{text:?}: {error}"))
    })?;
    match addresses.is_empty() {
        true => {
            Err(layers
                .error("web.listen-address", "there is no address to listen on; give one, such as :10195"))
        }
        false => Ok(addresses),
    }
}

/// The file of the web configuration, read.
fn web_config(layers: &Layers) -> Result<Option<WebConfig>, ConfigError> {
    let place = layers.place("web.config.file");
    match layers.optional("web.config.file", |path| Ok::<_, String>(path.to_owned()))? {
        Some(path) => web_file::read(&path, &place).map(Some),
        None => Ok(None),
    }
}

/// Whether the exporter that `layers` configure asks for TLS: nothing where its web configuration cannot be read.
///
/// # Errors
///
/// If the setting is wrong.
pub fn asks_for_tls(layers: &Layers) -> Result<Option<bool>, ConfigError> {
    let path = layers.optional("web.config.file", |path| Ok::<_, String>(path.to_owned()))?;
    Ok(path.map_or(Some(false), |path| web_file::asks_for_tls(&path).ok()))
}

/// Whether sockets of systemd are served instead of addresses.
fn systemd_socket(layers: &Layers, warnings: &mut Vec<String>) -> Result<bool, ConfigError> {
    let systemd_socket = layers.one("web.systemd-socket", values::boolean)?;
    if systemd_socket && layers.place("web.listen-address") != Place::Default {
        warnings.push(
            "web.listen-address is not used: the sockets come from systemd (web.systemd-socket)".to_owned(),
        );
    }
    Ok(systemd_socket)
}

/// How to log, which has to be known before anything else can be said.
///
/// # Errors
///
/// If the level or the format is not one.
pub fn log(layers: &Layers) -> Result<Log, ConfigError> {
    Ok(Log {
        level: layers.one("log.level", LogLevel::parse)?,
        format: layers.one("log.format", LogFormat::parse)?,
    })
}

/// The thresholds in rising order, each once.
fn stale_after(layers: &Layers) -> Result<Vec<Threshold>, ConfigError> {
    let mut thresholds: Vec<Threshold> = layers.many("api-key.stale-after", values::threshold)?;
    thresholds.sort_by_key(|threshold| threshold.seconds);
    for pair in thresholds.windows(2) {
        if pair[0].seconds == pair[1].seconds {
            let (a, b) = (&pair[0].label, &pair[1].label);
            let message = format!("{a} and {b} are the same threshold; take one out");
            return Err(layers.error("api-key.stale-after", message));
        }
    }
    if thresholds.len() > 10 {
        return Err(layers.error("api-key.stale-after", "there are more than 10 thresholds; take some out"));
    }
    Ok(thresholds)
}

/// `HTTPS_PROXY` and `NO_PROXY`, in capitals or not.
fn proxy(
    environment: &Environment,
    simulated: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<Proxy>, ConfigError> {
    let get = |name: &str| {
        [name.to_owned(), name.to_lowercase()].into_iter().find_map(|name| {
            environment.get(&name).filter(|value| !value.trim().is_empty()).map(|value| (name, value.trim()))
        })
    };
    if !simulated && environment.get("OPENAI_BASE_URL").is_some_and(|value| !value.trim().is_empty()) {
        warnings.push(
            "the environment variable OPENAI_BASE_URL is not followed, as the admin key would go there; use \
             --openai.base-url"
                .to_owned(),
        );
    }
    let Some((name, https_proxy)) = get("HTTPS_PROXY") else { return Ok(None) };
    let no_proxy = get("NO_PROXY").map(|(_, value)| value);
    Proxy::parse(https_proxy, no_proxy)
        .map(Some)
        .map_err(|error| ConfigError::new(Place::Variable(name), error.to_string()))
}

#[cfg(test)]
mod tests;
