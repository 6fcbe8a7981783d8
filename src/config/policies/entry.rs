//! One policy of a file.

use std::sync::Arc;

use super::PolicyEntry;
use crate::config::error::ConfigError;
use crate::config::layers::{Placed, check_map, entry, scalars};
use crate::config::organizations::{at, one};
use crate::config::values;
use crate::config::yaml::{Node, Value};
use crate::listing::{harmless, is_harmful};
use crate::policy::{Bound, Exception, Policy, Terms, Until, Whom, parse_selector};
use crate::selection::Selector;

const KEYS: [&str; 12] = [
    "name",
    "select",
    "of",
    "max",
    "min",
    "exactly",
    "max_share",
    "min_share",
    "severity",
    "description",
    "organizations",
    "except",
];

const EXCEPTION_KEYS: [&str; 4] = ["user", "email", "reason", "until"];

const DEFAULT_SEVERITY: &str = "warning";

/// The longest description or reason in characters.
const LONGEST_TEXT: usize = 1_000;

/// Exceptions that one policy can have.
const MOST_EXCEPTIONS: usize = 1_000;

pub(super) fn read(node: &Node) -> Result<PolicyEntry, ConfigError> {
    check_map(node, "policies", &KEYS)?;
    let wrong = |message: &str| ConfigError::new(node.place.clone(), message);
    if !matches!(node.value, Value::Map(_)) {
        return Err(wrong("a policy is empty; give it a name, a selector and a bound"));
    }
    let Some(name) = text_of(node, "name")? else {
        return Err(wrong("a policy has no name; add name:"));
    };
    let name = at(&name, |text| visible("the name of a policy", text))?;
    let Some(select) = selector(node, "select")? else {
        let message = format!(
            "policy {name:?} selects nobody; add select: with a selector, such as '{{role=\"owner\"}}'"
        );
        return Err(wrong(&message));
    };
    let bound = bound(node, &name)?;
    let of = selector(node, "of")?;
    if of.is_some() && !bound.is_share() {
        let place = entry(node, "of").map_or(&node.place, |of| &of.place).clone();
        let message =
            format!("policy {name:?}: of is for max_share and min_share; take it out, or put it into select");
        return Err(ConfigError::new(place, message));
    }
    let severity = match text_of(node, "severity")? {
        Some(severity) => at(&severity, |text| visible("the severity of a policy", text))?,
        None => DEFAULT_SEVERITY.to_owned(),
    };
    let description = one(node, "description")?.map(|text| at(&text, plain_text)).transpose()?;
    let exceptions = exceptions(node)?;
    let organizations = match entry(node, "organizations") {
        Some(names) => {
            scalars(names).iter().map(|name| at(name, values::organization_name)).collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let policy = Policy::new(Terms { name, select, of, bound, severity, description, exceptions });
    Ok(PolicyEntry { policy: Arc::new(policy), organizations, place: node.place.clone() })
}

/// The one text behind `key`. What YAML takes for a number, `true` or `false` is no longer what somebody wrote: `no`
/// would be `false`, and `1.0` be `1`.
fn text_of(node: &Node, key: &str) -> Result<Option<Placed>, ConfigError> {
    match entry(node, key) {
        Some(found) if found.typed => {
            let message = format!("{key} is a number, true or false in YAML; put it in quotes");
            Err(ConfigError::new(found.place.clone(), message))
        }
        _ => one(node, key),
    }
}

/// A text that is the value of a label, and is seen as it is; `what` says of what.
fn visible(what: &str, text: &str) -> Result<String, String> {
    let text = values::label_value(what, text)?;
    match text.contains(is_harmful) {
        true => Err(format!("{what} holds a character that nobody sees: {}; take it out", harmless(&text))),
        false => Ok(text),
    }
}

/// The selector behind `key`.
fn selector(node: &Node, key: &str) -> Result<Option<Selector>, ConfigError> {
    let Some(found) = entry(node, key) else { return Ok(None) };
    // Braces without quotes are a map in YAML.
    if matches!(found.value, Value::Map(_)) {
        let message =
            format!("{key} is a map here; put the selector in single quotes, {key}: '{{role=\"owner\"}}'");
        return Err(ConfigError::new(found.place.clone(), message));
    }
    let named = |text: &str| parse_selector(text).map_err(|error| format!("{key}: {error}"));
    one(node, key)?.map(|text| at(&text, named)).transpose()
}

/// The one bound.
fn bound(node: &Node, name: &str) -> Result<Bound, ConfigError> {
    let mut found: Option<(&str, Bound)> = None;
    for kind in Bound::NAMES {
        let Some(text) = one(node, kind)? else { continue };
        if let Some((earlier, _)) = found {
            let message =
                format!("policy {name:?} has two bounds, {earlier} and {kind}; make two policies of it");
            return Err(ConfigError::new(text.place, message));
        }
        let parse = |text: &str| {
            let parsed = Bound::parse(kind, text).expect("the kind is one of the bounds'");
            parsed.map_err(|error| format!("{kind}: {error}"))
        };
        found = Some((kind, at(&text, parse)?));
    }
    found.map(|(_, bound)| bound).ok_or_else(|| {
        let message = format!("policy {name:?} has no bound; add one of {}", Bound::NAMES.join(", "));
        ConfigError::new(node.place.clone(), message)
    })
}

fn exceptions(node: &Node) -> Result<Vec<Exception>, ConfigError> {
    let Some(list) = entry(node, "except") else { return Ok(Vec::new()) };
    let Value::List(entries) = &list.value else {
        let message = "except is no list; begin each exception with \"- user:\" or \"- email:\"";
        return Err(ConfigError::new(list.place.clone(), message));
    };
    if let Some(surplus) = entries.get(MOST_EXCEPTIONS) {
        let message = format!("there are more than {MOST_EXCEPTIONS} exceptions; select fewer users instead");
        return Err(ConfigError::new(surplus.place.clone(), message));
    }
    let mut exceptions: Vec<Exception> = Vec::with_capacity(entries.len());
    for node in entries {
        let exception = exception(node)?;
        // Who that is, is said by the place alone.
        if exceptions.iter().any(|earlier| earlier.whom == exception.whom) {
            let message = "this user is excepted twice; take one exception out";
            return Err(ConfigError::new(node.place.clone(), message));
        }
        exceptions.push(exception);
    }
    Ok(exceptions)
}

fn exception(node: &Node) -> Result<Exception, ConfigError> {
    check_map(node, "except", &EXCEPTION_KEYS)?;
    let wrong = |message: &str| ConfigError::new(node.place.clone(), message);
    let whom = match (text_of(node, "user")?, text_of(node, "email")?) {
        (Some(user), None) => at(&user, user_id)?,
        (None, Some(email)) => at(&email, address)?,
        (None, None) => return Err(wrong("an exception is for nobody; add user: or email:")),
        (Some(_), Some(Placed { place, .. })) => {
            let message = "an exception is for one user; take out user: or email:";
            return Err(ConfigError::new(place, message));
        }
    };
    let Some(reason) = one(node, "reason")? else {
        return Err(wrong("an exception has no reason; add reason:"));
    };
    let reason = at(&reason, plain_text)?;
    let Some(until) = one(node, "until")? else {
        return Err(wrong("an exception has no end; add until: with a date such as 2027-01-31, or never"));
    };
    let until = at(&until, Until::parse)?;
    Ok(Exception { whom, reason, until })
}

// The messages do not repeat whom they are about: an error is logged.

fn user_id(text: &str) -> Result<Whom, &'static str> {
    match text.trim() {
        "" => Err("user is empty; write the id, which begins with user-"),
        id if id.contains('@') => Err("user is an id, and this is an address; write email: instead"),
        id if id.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Err("user is an id, without blanks; write it as the API does")
        }
        id => Ok(Whom::User(id.to_owned())),
    }
}

fn address(text: &str) -> Result<Whom, &'static str> {
    let is_address =
        text.trim().rsplit_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
    match is_address {
        true => Ok(Whom::email(text)),
        false => Err("email is no address; write it like somebody@example.com"),
    }
}

/// A text in one line.
fn plain_text(text: &str) -> Result<String, String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() {
        0 => Err("this text is empty; write a sentence".to_owned()),
        1..=LONGEST_TEXT if line.contains(char::is_control) => {
            Err("this text holds a control character".to_owned())
        }
        1..=LONGEST_TEXT => Ok(line),
        _ => Err(format!("this text is longer than {LONGEST_TEXT} characters")),
    }
}
