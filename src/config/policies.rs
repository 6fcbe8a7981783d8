//! The policies: those of the configuration file, and those of a file of their own.

mod entry;

use std::path::PathBuf;
use std::sync::Arc;

use super::Organization;
use super::error::{ConfigError, Place, did_you_mean};
use super::layers::{Layers, check_map, entry as entry_of};
use super::values::read_file;
use super::yaml::{self, Node, Value};
use crate::policy::{Policies, Policy};

/// The largest policy file that is read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;

/// Policies that one exporter can have; each makes three series for each organization.
const MOST_POLICIES: usize = 500;

/// A policy, and where it stands.
#[derive(Debug, Clone)]
pub struct PolicyEntry {
    /// What it says.
    pub policy: Arc<Policy>,
    /// The names of the organizations that it is about; all where there are none.
    pub organizations: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// Another place changes nothing.
impl PartialEq for PolicyEntry {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy && self.organizations == other.organizations
    }
}

/// The policies of all files, which `organizations` get, and the path of the file of their own.
pub(super) fn read(
    layers: &Layers,
    organizations: &mut [Organization],
    warnings: &mut Vec<String>,
) -> Result<(Vec<PolicyEntry>, Option<PathBuf>), ConfigError> {
    let mut entries = match layers.in_file("policies") {
        Some(node) => list(node)?,
        None => Vec::new(),
    };
    let path = layers.optional("policy.file", |path| Ok::<_, String>(path.to_owned()))?;
    if let Some(path) = &path {
        let text = read_file(path, LARGEST_FILE)
            .map_err(|error| layers.error("policy.file", format!("cannot read {path:?}: {error}")))?;
        let text = String::from_utf8(text)
            .map_err(|_| layers.error("policy.file", format!("{path:?} is no text in UTF-8")))?;
        let node = yaml::parse(path, &text)?;
        check_map(&node, "", &["policies"])?;
        let Some(node) = entry_of(&node, "policies") else {
            let message =
                "there are no policies; begin with \"policies:\", and each of them with \"- name:\"";
            return Err(ConfigError::new(Place::file(path, 1, 1), message));
        };
        entries.extend(list(node)?);
    }
    no_policy_twice(&entries)?;
    // One organization, by its name: the policies may be those of all that somebody has.
    match !layers.lists_organizations() && layers.is_set("organization") {
        true => warnings.extend(about_others(&entries, organizations)),
        false => refuse_unknown(&entries, organizations, layers.lists_organizations())?,
    }
    give(&entries, organizations);
    Ok((entries, path.map(PathBuf::from)))
}

fn list(node: &Node) -> Result<Vec<PolicyEntry>, ConfigError> {
    match &node.value {
        Value::List(entries) if !entries.is_empty() => entries.iter().map(entry::read).collect(),
        Value::List(_) | Value::Nothing => Err(ConfigError::new(
            node.place.clone(),
            "policies is empty; list at least one, or take the key out",
        )),
        Value::Scalar(_) | Value::Map(_) => {
            let message = "policies is no list; begin each policy with \"- name:\"";
            Err(ConfigError::new(node.place.clone(), message))
        }
    }
}

fn no_policy_twice(entries: &[PolicyEntry]) -> Result<(), ConfigError> {
    if let Some(surplus) = entries.get(MOST_POLICIES) {
        let message = format!("there are more than {MOST_POLICIES} policies; take some out");
        return Err(ConfigError::new(surplus.place.clone(), message));
    }
    for (number, entry) in entries.iter().enumerate() {
        let name = entry.policy.name();
        if let Some(earlier) = entries[..number].iter().find(|earlier| earlier.policy.name() == name) {
            let message =
                format!("the policy {name:?} stands twice, first at {}; names are unique", earlier.place);
            return Err(ConfigError::new(entry.place.clone(), message));
        }
    }
    Ok(())
}

/// Which policies are about other organizations than the one of `organizations`, if some are.
fn about_others(entries: &[PolicyEntry], organizations: &[Organization]) -> Option<String> {
    let is_known = |name: &String| organizations.iter().any(|organization| organization.name == *name);
    let others = entries
        .iter()
        .filter(|entry| !entry.organizations.is_empty() && !entry.organizations.iter().any(is_known));
    let others: Vec<&str> = others.map(|entry| entry.policy.name()).collect();
    let known: Vec<&str> = organizations.iter().map(|organization| organization.name.as_str()).collect();
    (!others.is_empty()).then(|| {
        format!(
            "left out, as they are not about organization {:?}: policies {}",
            known.join(", "),
            others.join(", ")
        )
    })
}

/// Policies are about organizations that are watched. Whoever has a list of these has named them.
fn refuse_unknown(
    entries: &[PolicyEntry],
    organizations: &[Organization],
    has_list: bool,
) -> Result<(), ConfigError> {
    for entry in entries {
        for name in &entry.organizations {
            let mut known = organizations.iter().map(|organization| organization.name.as_str());
            if known.any(|known| known == name) {
                continue;
            }
            let known = organizations.iter().map(|organization| organization.name.as_str()).take(20);
            let hint = match did_you_mean(name, known.clone()) {
                hint if hint.is_empty() && !has_list => {
                    "; say with --organization what the one is called".to_owned()
                }
                hint if hint.is_empty() => format!("; there are {}", known.collect::<Vec<_>>().join(", ")),
                hint => hint,
            };
            let policy = entry.policy.name();
            let message = format!("policy {policy:?}: nobody watches an organization {name:?}{hint}");
            return Err(ConfigError::new(entry.place.clone(), message));
        }
    }
    Ok(())
}

/// Gives each organization the policies that are about it.
fn give(entries: &[PolicyEntry], organizations: &mut [Organization]) {
    for organization in organizations {
        let is_about = |entry: &&PolicyEntry| {
            entry.organizations.is_empty() || entry.organizations.contains(&organization.name)
        };
        let policies = entries.iter().filter(is_about).map(|entry| entry.policy.clone()).collect();
        organization.policies = Arc::new(Policies::new(policies));
    }
}

#[cfg(test)]
mod tests;
