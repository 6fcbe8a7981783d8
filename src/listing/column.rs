//! The columns of a list.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::row::{Membership, Row};
use super::table::Heading;
use crate::composition::{ApiKeyUse, label_enum};

label_enum! {
    /// A column, which is also a field in JSON.
    Column {
        /// The organization.
        Organization "organization",
        /// The user's id.
        Id "id",
        /// The name.
        Name "name",
        /// The address.
        Email "email",
        /// The role.
        Role "role",
        /// A person or a service account.
        AccountType "account_type",
        /// Whether the user is managed through SCIM.
        ScimManaged "scim_managed",
        /// Active, banned or disabled.
        Status "status",
        /// What is known of the user's API key use.
        KeyUse "api_key_use",
        /// When an API key was used last.
        KeyLastUsed "api_key_last_used_at",
        /// When the user was added.
        Added "added_at",
        /// When the user was banned.
        Banned "banned_at",
        /// The developer persona.
        DeveloperPersona "developer_persona",
        /// The technical level.
        TechnicalLevel "technical_level",
        /// What stands behind the @ of the address.
        EmailDomain "email_domain",
        /// The projects, with the role in each.
        Projects "projects",
    }
}

/// What a user has in a column.
enum Value<'r> {
    /// Nothing, and the word for that in a table.
    Missing(&'static str),
    Text(&'r str),
    /// Unix seconds.
    Time(i64),
    Projects(&'r [Membership]),
}

/// What tables show where nobody chose; the last ones are left out where there is no room for all.
const USUAL: [Column; 10] = [
    Column::Organization,
    Column::Id,
    Column::Name,
    Column::Email,
    Column::Role,
    Column::Status,
    Column::ScimManaged,
    Column::KeyLastUsed,
    Column::Added,
    Column::AccountType,
];

impl Column {
    /// The column with this name.
    ///
    /// # Errors
    ///
    /// If there is none, with those that there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|column| column.label() == name.trim());
        found.ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|column| column.label()).collect();
            format!("{name:?} is no column; columns are {}", all.join(", "))
        })
    }

    /// The columns of a table on a terminal with so many columns, of one organization or `several`.
    pub fn usual(several: bool, terminal: Option<usize>) -> Vec<Self> {
        let mut columns: Vec<Self> =
            USUAL.into_iter().filter(|column| several || *column != Self::Organization).collect();
        let needs = |columns: &[Self]| {
            let widths = columns.iter().map(|column| column.heading().least() + 2);
            widths.sum::<usize>().saturating_sub(2)
        };
        while columns.len() > 2 && terminal.is_some_and(|terminal| needs(&columns) > terminal) {
            columns.pop();
        }
        columns
    }

    /// How it stands in a table.
    pub fn heading(self) -> Heading {
        let (title, usual, least) = match self {
            Self::Organization => ("ORGANIZATION", 12, Some(12)),
            Self::Id => ("ID", 29, None),
            Self::Name => ("NAME", 20, Some(10)),
            Self::Email => ("EMAIL", 28, Some(24)),
            Self::Role => ("ROLE", 8, Some(6)),
            Self::AccountType => ("ACCOUNT TYPE", 15, Some(12)),
            Self::ScimManaged => ("SCIM", 7, Some(7)),
            Self::Status => ("STATUS", 8, Some(8)),
            Self::KeyUse => ("KEY USE", 7, Some(7)),
            Self::KeyLastUsed => ("KEY LAST USED", 13, Some(13)),
            Self::Added => ("ADDED", 13, Some(13)),
            Self::Banned => ("BANNED", 13, Some(13)),
            Self::DeveloperPersona => ("PERSONA", 12, Some(8)),
            Self::TechnicalLevel => ("LEVEL", 12, Some(8)),
            Self::EmailDomain => ("DOMAIN", 16, Some(10)),
            Self::Projects => ("PROJECTS", 30, Some(12)),
        };
        Heading { title, usual, least }
    }

    fn value(self, row: &Row) -> Value<'_> {
        fn text<'r>(text: Option<&'r String>, missing: &'static str) -> Value<'r> {
            text.map_or(Value::Missing(missing), |text| Value::Text(text))
        }
        let time = |time: Option<i64>, missing| time.map_or(Value::Missing(missing), Value::Time);
        match self {
            Self::Organization => Value::Text(&row.organization),
            Self::Id => Value::Text(&row.id),
            Self::Name => text(row.name.as_ref(), "-"),
            Self::Email => text(row.email.as_ref(), "-"),
            Self::Role => text(row.role.as_ref(), "unknown"),
            Self::AccountType => Value::Text(row.account_type.label()),
            Self::ScimManaged => Value::Text(row.scim_managed.label()),
            Self::Status => Value::Text(row.status.label()),
            Self::KeyUse => Value::Text(row.key_use.label()),
            Self::KeyLastUsed => {
                let missing = if row.key_use == ApiKeyUse::Never { "never" } else { "unknown" };
                time(row.key_last_used_at, missing)
            }
            Self::Added => time(row.added_at, "unknown"),
            Self::Banned => time(row.banned_at, "-"),
            Self::DeveloperPersona => text(row.developer_persona.as_ref(), "unknown"),
            Self::TechnicalLevel => text(row.technical_level.as_ref(), "unknown"),
            Self::EmailDomain => text(row.email_domain.as_ref(), "-"),
            Self::Projects => row.projects.as_deref().map_or(Value::Missing("unknown"), Value::Projects),
        }
    }

    /// For a reader: ages in words.
    pub fn words(self, row: &Row) -> Cow<'_, str> {
        match self.value(row) {
            Value::Missing(word) => word.into(),
            Value::Text(text) => text.into(),
            Value::Time(time) => ago(row.reference.saturating_sub(time)).into(),
            Value::Projects([]) => "none".into(),
            Value::Projects(projects) => joined(projects, ", ", |project| project.name.as_ref()).into(),
        }
    }

    /// For a spreadsheet: times as RFC 3339 has them, nothing where nothing is known.
    pub fn cell(self, row: &Row) -> Cow<'_, str> {
        match self.value(row) {
            Value::Missing(_) => "".into(),
            Value::Text(text) => text.into(),
            Value::Time(time) => date(time).into(),
            Value::Projects(projects) => joined(projects, "; ", |_| None).into(),
        }
    }

    /// For a program: times in Unix seconds, as the API has them, and null where nothing is known.
    pub fn json(self, row: &Row) -> Json {
        match self.value(row) {
            Value::Missing(_) => Json::Null,
            Value::Text(text) => json!(text),
            Value::Time(time) => json!(time),
            Value::Projects(projects) => projects
                .iter()
                .map(|project| json!({"id": project.id, "name": project.name, "role": project.role}))
                .collect(),
        }
    }

    /// The order of two rows by this column; those without a value come last, whichever way it goes.
    pub(super) fn compare(self, a: &Row, b: &Row, descending: bool) -> Ordering {
        let way = |order: Ordering| if descending { order.reverse() } else { order };
        match (self.value(a), self.value(b)) {
            (Value::Missing(_), Value::Missing(_)) => Ordering::Equal,
            (Value::Missing(_), _) => Ordering::Greater,
            (_, Value::Missing(_)) => Ordering::Less,
            (Value::Time(a), Value::Time(b)) => way(a.cmp(&b)),
            (Value::Projects(a), Value::Projects(b)) => way(a.len().cmp(&b.len())),
            _ => {
                let (a, b) = (self.cell(a), self.cell(b));
                way(a.to_lowercase().cmp(&b.to_lowercase()).then_with(|| a.cmp(&b)))
            }
        }
    }
}

/// Projects with the role in each; called what `name` says, or by their ids.
fn joined<'p>(
    projects: &'p [Membership],
    between: &str,
    name: impl Fn(&'p Membership) -> Option<&'p String>,
) -> String {
    let one = |project: &'p Membership| {
        let called = name(project).or(project.id.as_ref()).map_or("unknown", String::as_str);
        format!("{called} ({})", project.role.as_deref().unwrap_or("unknown"))
    };
    projects.iter().map(one).collect::<Vec<_>>().join(between)
}

/// An age in words. What is to come counts as now, as it does in the figures.
fn ago(seconds: i64) -> String {
    let (number, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{number} {unit} ago")
}

/// A date in UTC; the number itself where no calendar has it.
fn date(seconds: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    date.unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_rounded_down_to_one_unit() {
        for (seconds, expected) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 min ago"),
            (7_199, "119 min ago"),
            (7_200, "2 h ago"),
            (172_799, "47 h ago"),
            (172_800, "2 days ago"),
            (90 * 86_400, "90 days ago"),
        ] {
            assert_eq!(ago(seconds), expected);
        }
        assert_eq!(date(1_711_471_533), "2024-03-26T16:45:33Z");
        assert_eq!(date(1 << 53), "9007199254740992");
    }

    #[test]
    fn columns_that_a_terminal_has_no_room_for_are_left_out() {
        let names = |several, terminal| -> Vec<&str> {
            Column::usual(several, terminal).iter().map(|column| column.label()).collect()
        };
        assert_eq!(names(true, None).len(), 10);
        assert_eq!(names(false, Some(200)).len(), 9);
        assert_eq!(names(false, Some(80)), ["id", "name", "email", "role"]);
        assert_eq!(names(true, Some(1)), ["organization", "id"]);
    }

    #[test]
    fn a_column_that_is_none_is_said_with_those_that_are() {
        let error = Column::parse("mail").unwrap_err();
        assert!(
            error.starts_with("\"mail\" is no column; columns are organization, id, name, email,"),
            "{error}"
        );
    }
}
