//! The organizations: those of the file, or the one that flags and environment describe.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::{ConfigError, Place};
use super::layers::{Layers, Placed, check_map, entry, parse_placed, scalars};
use super::settings::Setting;
use super::values;
use super::yaml::{Node, Value};
use super::{Environment, KeySource, Organization};
use crate::admin_api::{AdminKey, BaseUrl, KeyFileError};
use crate::composition::EmailDomain;

const KEYS: [&str; 7] =
    ["name", "admin_key_file", "admin_key_env", "email_domains", "base_url", "poll.interval", "poll.max_age"];

/// The key of the one simulated organization, unless it is told another; of several, it is what their keys begin with.
pub const SIMULATED_KEY: &str = "sk-admin-simulated";

/// Mail domains that one organization can have; each makes a series for each role.
const MOST_DOMAINS: usize = 100;

/// Companies that nobody works for.
const COMPANIES: [&str; 20] = [
    "acme",
    "globex",
    "brightmoor",
    "copperleaf",
    "driftwood",
    "eastgate",
    "fernhill",
    "greywater",
    "highfield",
    "ironbark",
    "juniper",
    "kingfisher",
    "larkspur",
    "millrace",
    "northlight",
    "oakhaven",
    "pinecrest",
    "quarry",
    "redwing",
    "saltmarsh",
];

/// Organizations that one exporter can watch.
const MOST_ORGANIZATIONS: usize = 1_000;

/// What an organization has if its entry does not say otherwise.
struct Defaults {
    base_url: BaseUrl,
    interval: Duration,
    max_age: Option<Duration>,
    email_domains: Vec<EmailDomain>,
    allow_http: bool,
}

pub(super) fn read(layers: &Layers, warnings: &mut Vec<String>) -> Result<Vec<Organization>, ConfigError> {
    let allow_http = layers.one("openai.allow-http", values::boolean)?;
    let email_domains: Vec<EmailDomain> = layers.many("email-domain", EmailDomain::parse)?;
    no_domain_twice(&email_domains, &layers.place("email-domain"))?;
    let defaults = Defaults {
        base_url: layers.one("openai.base-url", |text| BaseUrl::parse(text, allow_http))?,
        interval: layers.one("poll.interval", values::interval)?,
        max_age: layers.optional("poll.max-age", values::some_time)?,
        email_domains,
        allow_http,
    };
    let mut places = Vec::new();
    if let Some(base_url) = layers.simulated_base_url() {
        return simulated(layers, &defaults, base_url);
    }
    let organizations = match layers.in_file("organizations") {
        None => vec![single(layers, defaults)?],
        Some(node) => {
            for flag in ["organization", "openai.admin-key-file"] {
                let place = layers.place(flag);
                if place != Place::Default {
                    let message = "this is for an exporter of one organization; the file lists organizations, \
                                   so put the name and the key there";
                    return Err(ConfigError::new(place, message));
                }
            }
            let Value::List(entries) = &node.value else {
                return Err(ConfigError::new(
                    node.place.clone(),
                    "organizations is no list; begin each entry with \"- name:\"",
                ));
            };
            if entries.is_empty() {
                return Err(ConfigError::new(
                    node.place.clone(),
                    "organizations is empty; list at least one",
                ));
            }
            places = entries.iter().map(|entry| entry.place.clone()).collect();
            entries.iter().map(|entry| from_file(entry, &defaults, layers)).collect::<Result<_, _>>()?
        }
    };
    no_organization_twice(&organizations, &places)?;
    for organization in &organizations {
        if !organization.admin_key.looks_like_an_admin_key() {
            warnings.push(format!(
                "the key of organization {:?} does not begin with sk-admin-; ordinary API keys cannot list users",
                organization.name
            ));
        }
    }
    Ok(organizations)
}

/// How many organizations are simulated.
///
/// # Errors
///
/// If that is no number, or more than one exporter can watch.
pub fn simulated_organizations(layers: &Layers) -> Result<usize, ConfigError> {
    layers.one("organizations", values::number_in::<1, MOST_ORGANIZATIONS>)
}

/// The organizations of the simulator, with keys that are no secret.
fn simulated(layers: &Layers, defaults: &Defaults, base_url: &str) -> Result<Vec<Organization>, ConfigError> {
    let wrong = |error: String| ConfigError::new(Place::Nowhere, error);
    let base_url = BaseUrl::parse(base_url, false).map_err(|error| wrong(error.to_string()))?;
    let max_age = max_age(defaults.max_age, defaults.interval, &layers.place("poll.max-age"))?;
    let organization = |(name, key): (String, String)| {
        Ok(Organization {
            name,
            admin_key: AdminKey::parse(&key).map_err(|error| wrong(error.to_string()))?,
            admin_key_source: KeySource::BuiltIn,
            base_url: base_url.clone(),
            interval: defaults.interval,
            max_age,
            email_domains: defaults.email_domains.clone(),
            policies: Arc::default(),
        })
    };
    match simulated_organizations(layers)? {
        1 => Ok(vec![organization(("demo".to_owned(), SIMULATED_KEY.to_owned()))?]),
        many => (1..=many)
            .map(|number| (simulated_name(number), format!("{SIMULATED_KEY}-{number}")))
            .map(organization)
            .collect(),
    }
}

/// The name of one of several, counted from 1.
fn simulated_name(number: usize) -> String {
    COMPANIES.get(number - 1).map_or_else(|| format!("org-{number}"), |name| (*name).to_owned())
}

/// The one organization of flags and environment.
fn single(layers: &Layers, defaults: Defaults) -> Result<Organization, ConfigError> {
    let name = layers.one("organization", values::organization_name)?;
    let (admin_key, admin_key_source) = match layers.optional("openai.admin-key-file", key_in_file)? {
        Some((key, path)) => (key, KeySource::File(path)),
        None => {
            let variable = "OPENAI_ADMIN_KEY";
            let Some(text) = layers.environment().get(variable).filter(|text| !text.trim().is_empty()) else {
                let message = "no admin key; set OPENAI_ADMIN_KEY or --openai.admin-key-file, or list organizations \
                               in --config.file (to look around without a key, run the demo command)";
                return Err(ConfigError::new(Place::Nowhere, message));
            };
            let key = AdminKey::parse(text).map_err(|error| {
                ConfigError::new(
                    Place::Variable(variable.to_owned()),
                    format!("this is no admin key: {error}"),
                )
            })?;
            (key, KeySource::Variable(variable.to_owned()))
        }
    };
    let max_age = max_age(defaults.max_age, defaults.interval, &layers.place("poll.max-age"))?;
    Ok(Organization {
        name,
        admin_key,
        admin_key_source,
        base_url: defaults.base_url,
        interval: defaults.interval,
        max_age,
        email_domains: defaults.email_domains,
        policies: Arc::default(),
    })
}

/// An entry of the file.
fn from_file(node: &Node, defaults: &Defaults, layers: &Layers) -> Result<Organization, ConfigError> {
    check_map(node, "organizations", &KEYS)?;
    if !matches!(node.value, Value::Map(_)) {
        return Err(ConfigError::new(
            node.place.clone(),
            "an organization is empty; give it a name and a key",
        ));
    }
    let Some(name) = one(node, "name")? else {
        return Err(ConfigError::new(node.place.clone(), "an organization has no name; add name:"));
    };
    let name = at(&name, values::organization_name)?;
    let (admin_key, admin_key_source) = key_of(node, &name, layers.environment())?;
    let base_url = match one(node, "base_url")? {
        Some(text) => at(&text, |text| BaseUrl::parse(text, defaults.allow_http))?,
        None => defaults.base_url.clone(),
    };
    let poll = |key: &str| entry(node, "poll").map(|poll| one(poll, key)).transpose().map(Option::flatten);
    let interval = match poll("interval")? {
        Some(text) => parse_placed(Setting::named("poll.interval"), &text, values::interval)?,
        None => defaults.interval,
    };
    let (own_max_age, place) = match poll("max_age")? {
        Some(text) => {
            let max_age = parse_placed(Setting::named("poll.max-age"), &text, values::some_time)?;
            (Some(max_age), text.place)
        }
        None => (defaults.max_age, node.place.clone()),
    };
    let email_domains = match entry(node, "email_domains") {
        Some(domains) => {
            let domains_at = domains.place.clone();
            let domains: Vec<EmailDomain> =
                scalars(domains).iter().map(|text| at(text, EmailDomain::parse)).collect::<Result<_, _>>()?;
            no_domain_twice(&domains, &domains_at)?;
            domains
        }
        None => defaults.email_domains.clone(),
    };
    Ok(Organization {
        name,
        admin_key,
        admin_key_source,
        base_url,
        interval,
        max_age: max_age(own_max_age, interval, &place)?,
        email_domains,
        policies: Arc::default(),
    })
}

fn key_of(node: &Node, name: &str, environment: &Environment) -> Result<(AdminKey, KeySource), ConfigError> {
    match (one(node, "admin_key_file")?, one(node, "admin_key_env")?) {
        (Some(file), None) => {
            let (key, path) = key_at(&file, key_in_file)?;
            Ok((key, KeySource::File(path)))
        }
        (None, Some(variable)) => {
            let key = key_at(&variable, |name| {
                let text = environment.get(name).filter(|text| !text.trim().is_empty());
                let text = text.ok_or_else(|| format!("the environment variable {name:?} is not set"))?;
                AdminKey::parse(text).map_err(|error| format!("{name} holds no admin key: {error}"))
            })?;
            Ok((key, KeySource::Variable(variable.text)))
        }
        (None, None) => Err(ConfigError::new(
            node.place.clone(),
            format!("organization {name:?} has no key; add admin_key_file: or admin_key_env:"),
        )),
        (Some(_), Some(second)) => Err(ConfigError::new(
            second.place,
            format!("organization {name:?} has two keys; take out admin_key_file: or admin_key_env:"),
        )),
    }
}

fn key_in_file(path: &str) -> Result<(AdminKey, PathBuf), KeyFileError> {
    let path = PathBuf::from(path);
    Ok((AdminKey::read(&path)?, path))
}

/// The scalar behind `key`, if it is there.
pub(super) fn one(node: &Node, key: &str) -> Result<Option<Placed>, ConfigError> {
    let Some(node) = entry(node, key) else { return Ok(None) };
    match &node.value {
        Value::Scalar(text) => Ok(Some(Placed { text: text.clone(), place: node.place.clone() })),
        _ => Err(ConfigError::new(node.place.clone(), format!("{key} takes one value"))),
    }
}

/// What `parse` makes of a text that is no key.
pub(super) fn at<T, E: Display>(
    placed: &Placed,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, ConfigError> {
    values::no_key(&placed.text).map_err(|error| ConfigError::new(placed.place.clone(), error))?;
    key_at(placed, parse)
}

/// The same for what names a key.
fn key_at<T, E: Display>(
    placed: &Placed,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, ConfigError> {
    parse(&placed.text).map_err(|error| ConfigError::new(placed.place.clone(), error.to_string()))
}

/// The maximum age, or the larger of an hour and three intervals.
fn max_age(given: Option<Duration>, interval: Duration, place: &Place) -> Result<Duration, ConfigError> {
    let max_age = given.unwrap_or_else(|| (interval * 3).max(Duration::from_secs(3600)));
    if max_age < interval * 2 {
        let show = crate::duration::show;
        return Err(ConfigError::new(
            place.clone(),
            format!(
                "max-age {} is less than two intervals of {}, so that one failed walk would take the figures away; \
                 give at least {}",
                show(max_age),
                show(interval),
                show(interval * 2)
            ),
        ));
    }
    Ok(max_age)
}

fn no_domain_twice(domains: &[EmailDomain], place: &Place) -> Result<(), ConfigError> {
    if domains.len() > MOST_DOMAINS {
        let message = format!("there are more than {MOST_DOMAINS} mail domains; take some out");
        return Err(ConfigError::new(place.clone(), message));
    }
    for (number, domain) in domains.iter().enumerate() {
        if domains[..number].contains(domain) {
            let message = format!("the mail domain {:?} stands twice; take one out", domain.as_str());
            return Err(ConfigError::new(place.clone(), message));
        }
    }
    Ok(())
}

fn no_organization_twice(organizations: &[Organization], places: &[Place]) -> Result<(), ConfigError> {
    if organizations.len() > MOST_ORGANIZATIONS {
        let message =
            format!("there are more than {MOST_ORGANIZATIONS} organizations; run several exporters");
        return Err(ConfigError::new(places[MOST_ORGANIZATIONS].clone(), message));
    }
    for (number, organization) in organizations.iter().enumerate() {
        for earlier in &organizations[..number] {
            let message = if earlier.name == organization.name {
                format!("the organization {:?} stands twice; names are unique", organization.name)
            } else if earlier.admin_key == organization.admin_key {
                format!(
                    "organizations {:?} and {:?} have the same admin key, which belongs to one organization",
                    earlier.name, organization.name
                )
            } else {
                continue;
            };
            return Err(ConfigError::new(places[number].clone(), message));
        }
    }
    Ok(())
}
