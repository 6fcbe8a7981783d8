//! Which selectors a policy may have.

use crate::selection::{Label, Selector};

/// What stands for all values that have no series of their own.
const OTHER: &str = "other";

/// The selector in `text`, in Prometheus' own syntax, if one user alone tells whether it fits.
///
/// # Errors
///
/// If it is none, or speaks of the organization, or of a value that depends on what else is there; in one line.
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
        if matches!(label, Label::OlderThan | Label::Within)
            && (test.negated || test.pattern.literal().is_none())
        {
            return Err(format!(
                "label {}: a policy takes one span, with =; which others there are depends on what is configured",
                label.label()
            ));
        }
        if label.has_other() && test.pattern.fits(OTHER) {
            return Err(format!(
                "label {}: {OTHER:?} stands for whatever has no series of its own, which depends on what else is \
                 there; name the values themselves",
                label.label()
            ));
        }
    }
    Ok(selector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_others_is_refused() {
        let why = |label: &str| {
            format!(
                "label {label}: \"other\" stands for whatever has no series of its own, which depends on what else is \
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
            (r#"{role=~"(?:[o]ther)"}"#, "role"),
            (r#"{role=~"o.*"}"#, "role"),
            (r#"{role!~".*er"}"#, "role"),
            (r#"{email_domain="other"}"#, "email_domain"),
        ] {
            assert_eq!(parse(text).unwrap_err(), why(label), "{text}");
        }
        assert_eq!(
            parse(r#"{organization="acme"}"#).unwrap_err(),
            "the label organization is no part of a policy's selector; name organizations in organizations:"
        );
        for text in [r#"{older_than=~"90d"}"#, r#"{within!="7d"}"#] {
            assert!(parse(text).unwrap_err().contains("a policy takes one span, with ="), "{text}");
        }
        for text in [r#"{email_domain!~"acme[.]com|none"}"#, r#"{role=~"other-.*"}"#, "openai_org_users"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }
}
