//! Whether a list is as long as an exporter's series say, and why not.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::series::Series;
use crate::catalog;
use crate::selection::{Family, Label, Pattern, Selector};

/// The list of one organization.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<'l> {
    /// The organization's name.
    pub organization: &'l str,
    /// The start of the walk in Unix seconds.
    pub walk_start: i64,
    /// When those on the list were added, in Unix seconds, as far as that is known.
    pub added_at: &'l [i64],
}

/// What comes of holding a list against series.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What the series say together; nothing where none is selected.
    pub value: Option<f64>,
    /// Whether each of them counts: its value is a whole number.
    pub counts: bool,
    /// Organizations of which there are no such series at all, not even for others: that nobody is counted proves nothing.
    pub absent: Vec<String>,
    /// What may be the reason, where that is not the length of the list.
    pub reasons: Vec<String>,
}

/// `selector` with a family: its own, or the first one that has all of its labels; nothing where none has.
pub fn as_series(selector: &Selector) -> Option<Selector> {
    if selector.family().is_some() {
        return Some(selector.clone());
    }
    let criteria = selector.criteria();
    let family = Family::all().find(|family| criteria.tests().all(|(label, _)| family.has(label)))?;
    Selector::parse(&format!("{}{selector}", family.name())).ok()
}

impl Comparison {
    /// What `series` of an exporter say of those that `selector` means, of which there are `lists`.
    pub fn of(selector: &Selector, lists: &[Listed<'_>], series: &[Series]) -> Self {
        let (mut values, mut absent, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
        for list in lists {
            reasons.extend(of_organization(list, series));
            let own = || series.iter().filter(|one| one.label("organization") == Some(list.organization));
            let fits = |one: &&Series| selector.fits_series(&one.name, |label| one.label(label));
            match lacks(selector, &own().collect::<Vec<_>>()) {
                None => values.extend(own().filter(fits).map(|one| one.value)),
                Some(what) => {
                    reasons.extend(what.map(|what| format!("it has no {what} of {:?}", list.organization)));
                    absent.push(list.organization.to_owned());
                }
            }
        }
        reasons.extend(of_configuration(selector, lists, series));
        let counts = values.iter().all(|value| *value >= 0.0 && value.fract() == 0.0);
        if !counts {
            reasons.push("a value of it is no whole number".to_owned());
        }
        if values.len() > 1 && counts_users_again(selector) {
            reasons.push(format!(
                "the {} series that it selects count a user more than once; select one of them",
                values.len()
            ));
        }
        Self { value: (!values.is_empty()).then(|| values.iter().sum()), counts, absent, reasons }
    }

    /// Whether the series say that there are `number`. Where there are series, but none is selected, there is nobody.
    pub fn says(&self, number: u64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "users of one walk are at most 10 million")]
        let number = number as f64;
        let value = self.value.unwrap_or_default();
        self.counts && self.absent.is_empty() && value.partial_cmp(&number) == Some(Ordering::Equal)
    }
}

/// Whether an organization with the series `own` has none that say how many `selector` means, and what it lacks where
/// its snapshot does not tell.
fn lacks(selector: &Selector, own: &[&Series]) -> Option<Option<String>> {
    let named = |name: &str| own.iter().filter(move |one| one.name == name).collect::<Vec<_>>();
    match named(catalog::SNAPSHOT_AVAILABLE.name).first() {
        Some(Series { value: 1.0, .. }) => {}
        _ => return Some(None),
    }
    let family = selector.family()?;
    let there = named(family.name());
    if there.is_empty() {
        return Some(Some(format!("series {}", family.name())));
    }
    // An exporter has series of the thresholds and domains that it is configured with, and of no others.
    let criteria = selector.criteria();
    let is_there =
        |label: Label, value: &str| there.iter().any(|one| one.label(label.label()) == Some(value));
    let is_missing = criteria.tests().any(|(label, test)| match &test.pattern {
        Pattern::Is(value) if !test.negated && matches!(label, Label::OlderThan | Label::EmailDomain) => {
            !is_there(label, value)
        }
        _ => false,
    });
    is_missing.then_some(None)
}

/// What is known of an organization's snapshot.
fn of_organization(list: &Listed<'_>, series: &[Series]) -> Vec<String> {
    let Listed { organization, walk_start, added_at } = list;
    let value = |family: &catalog::Family| {
        let own = |one: &&Series| one.name == family.name && one.label("organization") == Some(*organization);
        series.iter().find(own).map(|one| one.value)
    };
    match value(&catalog::SNAPSHOT_AVAILABLE) {
        None => return vec![format!("the exporter has no organization {organization:?}")],
        Some(1.0) => {}
        Some(_) => return vec![format!("its figures of {organization:?} are withdrawn, or not there yet")],
    }
    let Some(taken) = value(&catalog::SNAPSHOT_TIMESTAMP) else { return Vec::new() };
    #[expect(clippy::cast_possible_truncation, reason = "a timestamp; what is beyond it is cut off")]
    let taken = taken as i64;
    let mut reasons = vec![match walk_start.saturating_sub(taken) {
        0 => format!("its walk of {organization:?} began in the same second as this one"),
        age @ 1.. => format!(
            "its walk of {organization:?} began {} before this one; users may have changed since",
            span(age)
        ),
        age => format!("its walk of {organization:?} began {} after this one", span(age.saturating_neg())),
    }];
    match added_at.iter().filter(|added| **added > taken).count() {
        0 => {}
        1 => reasons.push("1 of those listed was added since".to_owned()),
        number => reasons.push(format!("{number} of those listed were added since")),
    }
    reasons
}

/// Values that the exporter does not tell apart, as it is configured in another way.
fn of_configuration(selector: &Selector, lists: &[Listed<'_>], series: &[Series]) -> Vec<String> {
    let criteria = selector.criteria();
    let families = [
        (Label::OlderThan, &catalog::USERS_API_KEY_STALE, "thresholds"),
        (Label::EmailDomain, &catalog::USERS_BY_EMAIL_DOMAIN, "mail domains"),
    ];
    let mut reasons = Vec::new();
    for (label, family, what) in families {
        let there: BTreeSet<&str> = series
            .iter()
            .filter(|one| one.name == family.name)
            .filter(|one| lists.iter().any(|list| one.label("organization") == Some(list.organization)))
            .filter_map(|one| one.label(label.label()))
            .collect();
        let missing: Vec<String> = criteria
            .literals(label)
            .filter(|literal| !there.contains(literal))
            .map(|literal| format!("{literal:?}"))
            .collect();
        if !missing.is_empty() {
            let there: Vec<&str> = there.into_iter().collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            reasons.push(format!("it has no series for {}; its {what} are {there}", missing.join(", ")));
        } else if criteria.literals(label).any(|literal| literal == "other") {
            reasons.push(format!("it may be configured with other {what} than this command"));
        }
    }
    let folds = [Label::ProjectId, Label::ProjectRole];
    if folds.into_iter().any(|label| criteria.literals(label).any(|literal| literal == "other")) {
        reasons.push("it may be configured with another projects.limit than this command".to_owned());
    }
    reasons
}

/// Whether several of the series selected may count the same user, other than once for each project.
fn counts_users_again(selector: &Selector) -> bool {
    let Some(family) = selector.family() else { return false };
    let is_one = |label: Label| {
        let criteria = selector.criteria();
        criteria
            .tests()
            .any(|(own, test)| own == label && !test.negated && matches!(test.pattern, Pattern::Is(_)))
    };
    [Label::OlderThan, Label::Within, Label::Field]
        .into_iter()
        .any(|label| family.has(label) && !is_one(label))
}

/// A span of time in words.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPOSITION: &str = r#"
openai_org_snapshot_available{organization="acme"} 1
openai_org_snapshot_available{organization="globex"} 0
openai_org_snapshot_timestamp_seconds{organization="acme"} 1000.75
openai_org_users{account_type="user",organization="acme",role="owner",scim_managed="false",status="active"} 5
openai_org_users{account_type="user",organization="acme",role="owner",scim_managed="true",status="active"} 2
openai_org_users{account_type="user",organization="acme",role="reader",scim_managed="true",status="active"} 9
openai_org_users{account_type="user",organization="other",role="owner",scim_managed="true",status="active"} 9
openai_org_users_api_key_stale{account_type="user",older_than="30d",organization="acme",role="owner",use="used"} 3
openai_org_users_api_key_stale{account_type="user",older_than="90d",organization="acme",role="owner",use="used"} 1
"#;

    fn compare(selector: &str, organization: &str, walk_start: i64, added_at: &[i64]) -> Comparison {
        let selector = as_series(&Selector::parse(selector).unwrap()).unwrap();
        let list = Listed { organization, walk_start, added_at };
        Comparison::of(&selector, &[list], &Series::parse_all(EXPOSITION))
    }

    /// What `page` says of the owners of organizations.
    fn owners(organizations: &[&str], page: &str) -> Comparison {
        let selector = Selector::parse(r#"openai_org_users{role="owner"}"#).unwrap();
        let lists: Vec<Listed<'_>> = organizations
            .iter()
            .map(|organization| Listed { organization, walk_start: 0, added_at: &[] })
            .collect();
        Comparison::of(&selector, &lists, &Series::parse_all(page))
    }

    #[test]
    fn the_series_of_a_selector_are_added_up() {
        let comparison = compare(r#"openai_org_users{role="owner"}"#, "acme", 1_000, &[]);
        assert_eq!(comparison.value, Some(7.0));
        assert!(comparison.says(7) && !comparison.says(8));
        let labels_alone = compare(r#"{role="owner",scim_managed=~"t.*"}"#, "acme", 1_000, &[]);
        assert_eq!(labels_alone.value, Some(2.0));
        let nobody = compare(r#"{role="auditor"}"#, "acme", 1_000, &[]);
        assert!(nobody.value.is_none() && nobody.says(0));
    }

    #[test]
    fn where_there_is_no_such_series_nothing_agrees() {
        for (page, reason) in [
            ("up 1\n", "the exporter has no organization \"acme\""),
            (
                "openai_org_snapshot_available{organization=\"acme\"} 0\n\
                 openai_org_users{organization=\"acme\",role=\"reader\"} 5\n",
                "its figures of \"acme\" are withdrawn, or not there yet",
            ),
            (
                "openai_org_snapshot_available{organization=\"acme\"} 1\n\
                 openai_org_users{organization=\"other\",role=\"reader\"} 5\n",
                "it has no series openai_org_users of \"acme\"",
            ),
        ] {
            let comparison = owners(&["acme"], page);
            assert!(!comparison.says(0), "{page}");
            assert_eq!((comparison.value, comparison.absent), (None, vec!["acme".to_owned()]));
            assert_eq!(comparison.reasons, [reason]);
        }
        let stale = compare(r#"openai_org_users_api_key_stale{older_than="45d"}"#, "acme", 1_000, &[]);
        assert!(!stale.says(0));
        assert_eq!(stale.absent, ["acme"]);
    }

    #[test]
    fn an_organization_without_series_is_named_beside_one_that_has_them() {
        let comparison = owners(&["acme", "globex", "nowhere"], EXPOSITION);
        assert_eq!(comparison.value, Some(7.0));
        assert!(!comparison.says(7));
        assert_eq!(comparison.absent, ["globex", "nowhere"]);
    }

    #[test]
    fn a_value_that_is_no_whole_number_agrees_with_none() {
        for value in ["6.7", "7.0000001", "NaN", "+Inf", "-7"] {
            let page = format!(
                "openai_org_snapshot_available{{organization=\"acme\"}} 1\n\
                 openai_org_users{{organization=\"acme\",role=\"owner\"}} {value}\n"
            );
            let comparison = owners(&["acme"], &page);
            assert!((0..9).all(|number| !comparison.says(number)), "{value}");
            assert_eq!(comparison.reasons, ["a value of it is no whole number"]);
        }
    }

    #[test]
    fn what_is_known_of_a_difference_is_said() {
        assert_eq!(
            compare(r#"{role="owner"}"#, "acme", 1_300, &[900, 1_000, 1_001, 1_200]).reasons,
            [
                "its walk of \"acme\" began 5 min before this one; users may have changed since",
                "2 of those listed were added since"
            ]
        );
        assert_eq!(
            compare(r#"{role="owner"}"#, "acme", 990, &[]).reasons,
            ["its walk of \"acme\" began 10 s after this one"]
        );
        assert_eq!(
            compare("openai_org_users", "globex", 0, &[]).reasons,
            ["its figures of \"globex\" are withdrawn, or not there yet"]
        );
        assert_eq!(
            compare("openai_org_users", "nowhere", 0, &[]).reasons,
            ["the exporter has no organization \"nowhere\""]
        );
        assert_eq!(
            compare(r#"openai_org_users_api_key_stale{older_than="45d"}"#, "acme", 1_000, &[]).reasons[1..],
            ["it has no series for \"45d\"; its thresholds are 30d, 90d"]
        );
        assert_eq!(
            compare(r#"openai_org_users_api_key_stale{use="used"}"#, "acme", 1_000, &[]).reasons[1..],
            ["the 2 series that it selects count a user more than once; select one of them"]
        );
        assert_eq!(
            compare(r#"{project_id="other"}"#, "acme", 1_000, &[]).reasons[1..],
            [
                "it has no series openai_org_project_users of \"acme\"",
                "it may be configured with another projects.limit than this command"
            ]
        );
    }

    #[test]
    fn labels_of_no_one_family_are_no_series() {
        assert!(as_series(&Selector::parse(r#"{role="owner",project_id="p"}"#).unwrap()).is_none());
        let stale = as_series(&Selector::parse(r#"{use="used",older_than="90d"}"#).unwrap()).unwrap();
        assert_eq!(stale.to_string(), r#"openai_org_users_api_key_stale{use="used",older_than="90d"}"#);
        let all = as_series(&Selector::parse("{}").unwrap()).unwrap();
        assert_eq!(all.family().unwrap().name(), "openai_org_users");
    }
}
