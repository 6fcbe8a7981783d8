//! The layers of settings, and where a value comes from.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use super::Environment;
use super::error::{ConfigError, Place, did_you_mean};
use super::settings::{Setting, User, all};
use super::values::{no_key, read_file};
use super::yaml::{self, Node, Value};

/// The largest configuration file that is read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;

/// Flags over environment over file over built-in values, for one command.
#[derive(Debug)]
pub struct Layers {
    user: User,
    flags: BTreeMap<String, Vec<String>>,
    environment: Arc<Environment>,
    file: Option<(String, Node)>,
    simulated: Option<String>,
}

/// A text and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) text: String,
    pub(super) place: Place,
}

impl Layers {
    /// The layers for `user` from `flags`, by name without dashes, and `environment`. Reads the file, if one is named.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no YAML or has keys that nobody knows.
    pub fn read(
        user: User,
        flags: BTreeMap<String, Vec<String>>,
        environment: impl Into<Arc<Environment>>,
    ) -> Result<Self, ConfigError> {
        let environment = environment.into();
        Self { user, flags, environment, file: None, simulated: None }.with_file()
    }

    /// The same layers with the file as it is now; flags and environment are those of the start.
    ///
    /// # Errors
    ///
    /// As [`Layers::read`].
    pub fn reread(&self) -> Result<Self, ConfigError> {
        let (flags, environment) = (self.flags.clone(), self.environment.clone());
        let simulated = self.simulated.clone();
        Self { user: self.user, flags, environment, file: None, simulated }.with_file()
    }

    fn with_file(mut self) -> Result<Self, ConfigError> {
        let setting = self.setting("config.file");
        if !setting.users.contains(&self.user) {
            return Ok(self);
        }
        if let Some(Placed { text: path, place }) = self.placed(setting).pop() {
            let wrong = |why: String| ConfigError::new(place.clone(), why);
            let text = read_file(&path, LARGEST_FILE)
                .map_err(|error| wrong(format!("cannot read {path:?}: {error}")))?;
            let text = String::from_utf8(text).map_err(|_| wrong(format!("{path:?} is no text in UTF-8")))?;
            let node = yaml::parse(&path, &text)?;
            check_keys(&node)?;
            self.file = Some((path, node));
        }
        Ok(self)
    }

    /// The same with the simulated organizations at `base_url`, whatever else names one.
    #[must_use]
    pub fn simulated(self, base_url: String) -> Self {
        Self { simulated: Some(base_url), ..self }
    }

    /// The base URL of the simulated organizations, if it is those.
    pub(super) fn simulated_base_url(&self) -> Option<&str> {
        self.simulated.as_deref()
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The path of the file, if there is one.
    pub fn file_path(&self) -> Option<&str> {
        self.file.as_ref().map(|(path, _)| path.as_str())
    }

    /// The piece of the file behind `key`.
    pub(super) fn in_file(&self, key: &str) -> Option<&Node> {
        let mut node = &self.file.as_ref()?.1;
        for part in key.split('.') {
            node = entry(node, part)?;
        }
        (!matches!(node.value, Value::Nothing)).then_some(node)
    }

    /// The value of a setting that has a built-in one.
    ///
    /// # Errors
    ///
    /// What `parse` says, with the place.
    pub fn one<T, E: Display>(
        &self,
        flag: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        let value = self.optional(flag, parse)?;
        Ok(value.expect("settings read this way have a built-in value"))
    }

    /// The value of a setting, if it is set.
    ///
    /// # Errors
    ///
    /// What `parse` says, with the place.
    pub fn optional<T, E: Display>(
        &self,
        flag: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        self.last(self.setting(flag), parse)
    }

    /// The values of a setting that can have many.
    ///
    /// # Errors
    ///
    /// What `parse` says of one, with its place.
    pub fn many<T, E: Display>(
        &self,
        flag: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, ConfigError> {
        self.each(self.setting(flag), parse)
    }

    /// The value of a setting of a list, if it is set.
    ///
    /// # Errors
    ///
    /// What `parse` says, with the place.
    pub fn of_list<T, E: Display>(
        &self,
        flag: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        self.last(Setting::of_list(flag), parse)
    }

    /// The values of a setting of a list.
    ///
    /// # Errors
    ///
    /// What `parse` says of one, with its place.
    pub fn many_of_list<T, E: Display>(
        &self,
        flag: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, ConfigError> {
        self.each(Setting::of_list(flag), parse)
    }

    fn last<T, E: Display>(
        &self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let mut placed = self.placed(setting);
        if placed.len() > 1 {
            let key = setting.key.unwrap_or(setting.flag);
            return Err(ConfigError::new(
                placed.remove(1).place,
                format!("{key} takes one value; take out the others"),
            ));
        }
        placed.pop().map(|placed| parse_placed(setting, &placed, parse)).transpose()
    }

    fn each<T, E: Display>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, ConfigError> {
        self.placed(setting).iter().map(|placed| parse_placed(setting, placed, &parse)).collect()
    }

    /// Whether `flag` has a value that is not built in.
    pub fn is_set(&self, flag: &str) -> bool {
        self.place(flag) != Place::Default
    }

    /// Whether the file lists organizations.
    pub fn lists_organizations(&self) -> bool {
        self.in_file("organizations").is_some()
    }

    /// The setting behind `flag`: several commands may mean different things by it.
    fn setting(&self, flag: &str) -> &'static Setting {
        Setting::named_for(self.user, flag)
    }

    /// Where the value of `flag` comes from.
    pub(super) fn place(&self, flag: &str) -> Place {
        self.placed(self.setting(flag)).into_iter().next().map_or(Place::Default, |placed| placed.place)
    }

    /// An error about the value of the setting `flag` of a list.
    pub fn error_of_list(&self, flag: &str, message: impl Into<String>) -> ConfigError {
        let place = self.placed(Setting::of_list(flag)).into_iter().next().map(|placed| placed.place);
        ConfigError::new(place.unwrap_or(Place::Nowhere), message)
    }

    /// An error about the value of `flag` as a whole.
    pub fn error(&self, flag: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::new(self.place(flag), message)
    }

    /// The texts of the first layer that has any.
    fn placed(&self, setting: &Setting) -> Vec<Placed> {
        let at = |place: Place| move |text: String| Placed { text, place: place.clone() };
        let default = setting.default_for(self.user).unwrap_or_default();
        let built_in = || {
            split(setting, default)
                .into_iter()
                .filter(|text| !text.is_empty())
                .map(at(Place::Default))
                .collect()
        };
        if !setting.users.contains(&self.user) {
            return built_in();
        }
        let flags = self.flags.get(setting.flag).filter(|_| !setting.is_hidden_from(self.user));
        if let Some(texts) = flags {
            let texts = texts.iter().flat_map(|text| split(setting, text));
            let place = match setting.positional {
                true => Place::Argument(setting.value),
                false => Place::Flag(format!("--{}", setting.flag)),
            };
            return texts.map(at(place)).collect();
        }
        let set = |variable: String| {
            let text = self.environment.get(&variable).filter(|text| !text.trim().is_empty())?;
            Some((variable, text))
        };
        if let Some((variable, text)) = setting.variable().and_then(set) {
            return split(setting, text).into_iter().map(at(Place::Variable(variable))).collect();
        }
        if let Some(node) = setting.key.and_then(|key| self.in_file(key)) {
            return scalars(node);
        }
        built_in()
    }
}

/// A value with its error in place.
pub(super) fn parse_placed<T, E: Display>(
    setting: &Setting,
    placed: &Placed,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, ConfigError> {
    let wrong = |error: String| {
        let what = match (&placed.place, setting.key) {
            (Place::File { .. }, Some(key)) => format!("{key}: {error}"),
            _ => error,
        };
        ConfigError::new(placed.place.clone(), what)
    };
    if !setting.names_key() {
        no_key(&placed.text).map_err(|error| wrong(error.to_owned()))?;
    }
    parse(&placed.text).map_err(|error| wrong(error.to_string()))
}

/// The entry `key` of a map.
pub(super) fn entry<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(map) => map.iter().find(|(known, _)| known.name == key).map(|(_, node)| node),
        _ => None,
    }
}

/// A scalar, or the scalars of a list.
pub(super) fn scalars(node: &Node) -> Vec<Placed> {
    match &node.value {
        Value::Scalar(text) => vec![Placed { text: text.clone(), place: node.place.clone() }],
        Value::List(list) => list.iter().flat_map(scalars).collect(),
        // An empty text is never valid, so that whoever parses it says what is expected here.
        Value::Nothing | Value::Map(_) => vec![Placed { text: String::new(), place: node.place.clone() }],
    }
}

fn split(setting: &Setting, text: &str) -> Vec<String> {
    match setting.many {
        true => text.split(',').map(|part| part.trim().to_owned()).collect(),
        false => vec![text.to_owned()],
    }
}

/// Refuses keys that no setting has. What stands in `organizations` is looked at with the organizations.
fn check_keys(node: &Node) -> Result<(), ConfigError> {
    let keys: Vec<&str> =
        all().filter_map(|setting| setting.key).chain(["organizations", "policies"]).collect();
    check_map(node, "", &keys)
}

/// Refuses keys of a map other than `keys`, whose parts are joined by dots.
pub(super) fn check_map(node: &Node, prefix: &str, keys: &[&str]) -> Result<(), ConfigError> {
    let map = match &node.value {
        Value::Nothing => return Ok(()),
        Value::Map(map) => map,
        Value::Scalar(_) | Value::List(_) => {
            let what = if prefix.is_empty() { "the file" } else { prefix };
            return Err(ConfigError::new(
                node.place.clone(),
                format!("{what} is no map of keys; known are {}", heads(keys).join(", ")),
            ));
        }
    };
    for (key, node) in map {
        let inner: Vec<&str> =
            keys.iter().filter_map(|known| known.strip_prefix(&key.name)?.strip_prefix('.')).collect();
        if !inner.is_empty() {
            check_map(node, &key.name, &inner)?;
        } else if let Some((map, inner)) = key.name.split_once('.')
            && keys.contains(&key.name.as_str())
        {
            return Err(ConfigError::new(
                key.place.clone(),
                format!(
                    "unknown key {:?}{}; write the key {inner} into the map {map}",
                    key.name,
                    inside(prefix)
                ),
            ));
        } else if !keys.contains(&key.name.as_str()) {
            let inside = inside(prefix);
            let (known, name) = (heads(keys), &key.name);
            let hint = match did_you_mean(name, known.iter().copied()) {
                hint if hint.is_empty() => format!("; known are {}", known.join(", ")),
                hint => hint,
            };
            return Err(ConfigError::new(key.place.clone(), format!("unknown key {name:?}{inside}{hint}")));
        }
    }
    Ok(())
}

fn inside(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!(" in {prefix}") }
}

fn heads<'k>(keys: &[&'k str]) -> Vec<&'k str> {
    let mut heads: Vec<&str> = keys.iter().map(|key| key.split('.').next().unwrap_or(key)).collect();
    heads.sort_unstable();
    heads.dedup();
    heads
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    /// Layers with a file of `directory`, a flag and an environment.
    fn layers(directory: &Path) -> Result<Layers, ConfigError> {
        let path = directory.join("config.yaml").to_string_lossy().into_owned();
        let flags = [("config.file", path), ("poll.timeout", "7m".to_owned())]
            .map(|(name, value)| (name.to_owned(), vec![value]));
        let variables = [("OPENAI_ORG_EXPORTER_POLL_CONCURRENCY", "3"), ("ACME", "sk-admin-a")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Layers::read(User::Serve, flags.into(), Environment::from(variables))
    }

    fn write(directory: &Path, name: &str, text: &str) {
        fs::write(directory.join(name), text).unwrap();
    }

    #[test]
    fn what_is_read_anew_is_the_file_and_the_key_files_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let key_file = directory.join("key");
        let with_interval = |interval: &str| {
            let organizations =
                format!("[{{name: acme, admin_key_env: ACME}}, {{name: b, admin_key_file: {key_file:?}}}]");
            write(
                directory,
                "config.yaml",
                &format!("poll: {{interval: {interval}, timeout: 1m}}\norganizations: {organizations}\n"),
            );
        };
        with_interval("1m");
        write(directory, "key", "sk-admin-1");
        let at_start = layers(directory).unwrap();
        let first = Config::from_layers(&at_start).unwrap();
        assert_eq!(Config::from_layers(&at_start.reread().unwrap()).unwrap(), first);

        with_interval("2m");
        write(directory, "key", "sk-admin-2");
        let second = Config::from_layers(&at_start.reread().unwrap()).unwrap();
        assert_ne!(second, first);
        let mut expected = first.clone();
        for organization in &mut expected.organizations {
            organization.interval *= 2;
        }
        expected.organizations[1].admin_key = crate::admin_api::AdminKey::parse("sk-admin-2").unwrap();
        assert_eq!(second, expected);
        assert_eq!((second.concurrency, second.timeout.as_secs()), (3, 420));
    }

    #[test]
    fn what_a_list_is_told_stands_before_what_is_counted_by_and_in_no_environment() {
        let flags = [("email-domain", "list.com"), ("organization", "!globex"), ("role", "owner")]
            .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
        let variables = [
            ("OPENAI_ADMIN_KEY", "sk-admin-a"),
            ("OPENAI_ORG_EXPORTER_EMAIL_DOMAIN", "counted.com"),
            ("OPENAI_ORG_EXPORTER_ROLE", "reader"),
            ("OPENAI_ORG_EXPORTER_STATUS", "banned"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let layers = Layers::read(User::Users, flags.into(), Environment::from(variables)).unwrap();
        let texts = |flag: &str| layers.many_of_list(flag, |text| Ok::<_, String>(text.to_owned())).unwrap();
        assert_eq!(texts("email-domain"), ["list.com"]);
        assert_eq!(texts("role"), ["owner"]);
        assert!(texts("status").is_empty());
        let organization = Config::from_layers(&layers).unwrap().organizations.remove(0);
        assert_eq!(organization.name, "default");
        assert_eq!(organization.email_domains[0].as_str(), "counted.com");
    }

    #[test]
    fn a_file_that_became_wrong_is_refused_like_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "config.yaml", "poll: {interval: 1m}");
        let at_start = layers(directory.path()).unwrap();
        write(directory.path(), "config.yaml", "poll: {intervall: 1m}");
        let error = at_start.reread().unwrap_err().to_string();
        assert!(
            error.ends_with("config.yaml:1:8: unknown key \"intervall\" in poll; did you mean interval?"),
            "{error}"
        );
        assert_eq!(layers(directory.path()).unwrap_err().to_string(), error);
        fs::remove_file(directory.path().join("config.yaml")).unwrap();
        let error = at_start.reread().unwrap_err().to_string();
        assert!(error.starts_with("flag --config.file: cannot read"), "{error}");
    }
}
