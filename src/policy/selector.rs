//! Which selectors a policy may have.

use crate::selection::{Label, Pattern, Selector, Test};

/// What stands for all names that have no series of their own.
const OTHER: &str = "other";

/// The selector in `text`, in Prometheus' own syntax, if one user alone tells whether it fits.
///
/// # Errors
///
/// If it is none, or speaks of the organization, or of a value that depends on who else is there; in one line.
pub fn parse(text: &str) -> Result<Selector, String> {
    let selector = Selector::parse(text).map_err(|error| error.to_string())?;
    if !selector.organization().is_empty() {
        return Err(
            "the label organization is no part of a policy's selector; name organizations in organizations:"
                .to_owned(),
        );
    }
    let criteria = selector.criteria();
    for (label, test) in criteria.tests() {
        if folds(label) && names_other(test) {
            return Err(format!(
                "label {}: {OTHER:?} stands for whatever has no series of its own, which depends on who else is \
                 there; name the values themselves",
                label.label()
            ));
        }
    }
    Ok(selector)
}

/// Whether names of `label` are folded.
fn folds(label: Label) -> bool {
    matches!(
        label,
        Label::Role | Label::DeveloperPersona | Label::TechnicalLevel | Label::ProjectId | Label::ProjectRole
    )
}

/// Whether a test names `other`, by itself or as one of the alternatives of an expression.
fn names_other(test: &Test) -> bool {
    match &test.pattern {
        Pattern::Is(value) => value == OTHER,
        Pattern::Like(text, _) => text.split(['|', '(', ')']).any(|part| part == OTHER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_others_is_refused() {
        let why = |label: &str| {
            format!(
                "label {label}: \"other\" stands for whatever has no series of its own, which depends on who else is \
                 there; name the values themselves"
            )
        };
        for (text, label) in [
            (r#"{role="other"}"#, "role"),
            (r#"{role=~"owner|other"}"#, "role"),
            (r#"{developer_persona!="other"}"#, "developer_persona"),
            (r#"{technical_level="other"}"#, "technical_level"),
            (r#"{project_id="other"}"#, "project_id"),
            (r#"{project_role=~"(other|owner)"}"#, "project_role"),
        ] {
            assert_eq!(parse(text).unwrap_err(), why(label), "{text}");
        }
        assert_eq!(
            parse(r#"{organization="acme"}"#).unwrap_err(),
            "the label organization is no part of a policy's selector; name organizations in organizations:"
        );
        for text in [r#"{email_domain="other"}"#, r#"{role=~"other-.*"}"#, "openai_org_users"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }
}
