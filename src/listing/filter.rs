//! Filters, as flags give them, become conditions.

use std::collections::BTreeMap;

use crate::admin_api::User;
use crate::composition::address;
use crate::selection::{Criteria, Label, Matcher, Reading, Test, Truth, View, complaint};

/// The filters that test a label, by the name of their flag.
pub const FILTERS: [(&str, Label); 11] = [
    ("role", Label::Role),
    ("account-type", Label::AccountType),
    ("scim-managed", Label::ScimManaged),
    ("status", Label::Status),
    ("api-key-use", Label::Use),
    ("api-key-stale", Label::OlderThan),
    ("project", Label::ProjectId),
    ("email-domain", Label::EmailDomain),
    ("added-within", Label::Within),
    ("persona", Label::DeveloperPersona),
    ("technical-level", Label::TechnicalLevel),
];

/// The longest address that is one, in bytes.
const LONGEST_ADDRESS: usize = 320;

/// A value that is wanted, or with `!` before it one that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Whether it is not wanted.
    pub negated: bool,
    /// The value.
    pub value: String,
}

/// Whom a list is of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// What their labels are.
    pub criteria: Criteria,
    /// Their ids: one of those wanted, and none of those that are not.
    pub ids: Vec<Filter>,
    /// Their addresses: one of those wanted, and none of those that are not.
    pub addresses: Vec<Filter>,
}

impl Filter {
    /// The filter in `text`.
    ///
    /// # Errors
    ///
    /// If there is no value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (negated, value) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest.trim()));
        match value {
            "" => Err("a value is missing; !VALUE stands for all but that value".to_owned()),
            value => Ok(Self { negated, value: value.to_owned() }),
        }
    }

    /// The filter in `text` by a value of `label`.
    ///
    /// # Errors
    ///
    /// If there is no value, or one that no user can have.
    pub fn of_label(label: Label, text: &str) -> Result<Self, String> {
        let mut filter = Self::parse(text)?;
        if label == Label::EmailDomain {
            // Domains are in lower case, and somebody may write the @ before them.
            filter.value = filter.value.trim_start_matches('@').to_lowercase();
        }
        complaint(label, &filter.value).map_or(Ok(filter), Err)
    }

    /// The filter in `text` by an id.
    ///
    /// # Errors
    ///
    /// If there is none, or something stands for it that other programs would read.
    pub fn of_id(text: &str) -> Result<Self, String> {
        match text.trim() {
            "-" => Err("ids are not read from standard input; write --id=\"$(cat FILE)\"".to_owned()),
            file if file.starts_with('@') => {
                Err("ids are not read from files; write --id=\"$(cat FILE)\"".to_owned())
            }
            text => Self::parse(text),
        }
    }

    /// The filter in `text` by an address. No error repeats it.
    ///
    /// # Errors
    ///
    /// If it is no address.
    pub fn of_address(text: &str) -> Result<Self, String> {
        let odd = |c: char| c.is_whitespace() || c.is_control();
        let is_address =
            |value: &str| value.contains('@') && !value.contains(odd) && value.len() <= LONGEST_ADDRESS;
        let filter = Self::parse(text).ok().filter(|filter| is_address(&filter.value));
        filter.ok_or_else(|| "this is no address; write it like name@example.com".to_owned())
    }

    /// Whether it is this `address`, in whatever case.
    fn is(&self, address: &str) -> bool {
        self.value == address || self.value.to_lowercase() == address.to_lowercase()
    }
}

impl Wanted {
    /// The addresses of which one is wanted; none where it is not asked for one.
    pub fn asked_addresses(&self) -> Vec<String> {
        let asked = self.addresses.iter().filter(|filter| !filter.negated);
        asked.map(|filter| filter.value.clone()).collect()
    }

    /// Which of the addresses asked for, by number, is `user`'s.
    pub fn met_address(&self, user: &User<'_>) -> Option<usize> {
        let address = address(user)?;
        self.addresses.iter().filter(|filter| !filter.negated).position(|filter| filter.is(address))
    }

    /// Which of the ids asked for, by number, is `user`'s.
    pub fn met_id(&self, user: &User<'_>) -> Option<usize> {
        self.ids.iter().position(|filter| !filter.negated && filter.value == user.id)
    }

    /// Whether the user of `reading` is wanted, as `view` sees it.
    pub fn select(&self, user: &User<'_>, reading: &Reading<'_, '_>, view: &View<'_>) -> Truth {
        let address = address(user);
        let has_address = |filter: &Filter| address.is_some_and(|address| filter.is(address));
        let fits =
            passes(&self.ids, |filter| filter.value == user.id) && passes(&self.addresses, has_address);
        if fits { self.criteria.select(reading, view) } else { Truth::No }
    }
}

/// Whether a user passes `filters` who `has` the values of some: one of those wanted, if any are, and none of the others.
fn passes(filters: &[Filter], has: impl Fn(&Filter) -> bool) -> bool {
    let (unwanted, wanted): (Vec<&Filter>, Vec<&Filter>) = filters.iter().partition(|filter| filter.negated);
    (wanted.is_empty() || wanted.into_iter().any(&has)) && !unwanted.into_iter().any(has)
}

/// What `filters` ask for: of each label one of the values wanted, and none of those that are not.
pub fn criteria(filters: impl IntoIterator<Item = (Label, Filter)>) -> Criteria {
    let mut wanted: BTreeMap<&str, Matcher> = BTreeMap::new();
    let mut unwanted = Vec::new();
    for (label, Filter { negated, value }) in filters {
        let test = Test::is(value);
        match negated {
            true => unwanted.push(Matcher { label, any_of: vec![test] }),
            false => {
                let matcher = wanted.entry(label.label());
                matcher.or_insert(Matcher { label, any_of: vec![] }).any_of.push(test);
            }
        }
    }
    let mut criteria = Criteria::of(None, wanted.into_values().collect());
    unwanted.into_iter().for_each(|matcher| criteria.exclude(matcher));
    criteria
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::admin_api::Field;
    use crate::composition::Options;

    const NOW: i64 = 1_800_000_000;

    fn selects(filters: &[(Label, &str)], user: &User<'_>) -> Truth {
        let filters = filters.iter().map(|(label, text)| (*label, Filter::of_label(*label, text).unwrap()));
        let options = Options::default();
        criteria(filters).select(&Reading::of(user, NOW), &View::as_labels(&options, None))
    }

    #[test]
    fn repeated_is_or_different_is_and_an_exclamation_mark_is_not() {
        let user = |role: &'static str, scim: Option<bool>| User {
            role: Field::Value(Cow::from(role)),
            is_scim_managed: scim.map_or(Field::Absent, Field::Value),
            ..User::default()
        };
        let (owner, auditor) = (user("owner", Some(false)), user("auditor", None));
        for (filters, expected) in [
            (&[][..], [Truth::Yes, Truth::Yes]),
            (&[(Label::Role, "owner")], [Truth::Yes, Truth::No]),
            (&[(Label::Role, "owner"), (Label::Role, "auditor")], [Truth::Yes, Truth::Yes]),
            (&[(Label::Role, "!owner")], [Truth::No, Truth::Yes]),
            (&[(Label::Role, "!owner"), (Label::Role, "!auditor")], [Truth::No, Truth::No]),
            (&[(Label::Role, "auditor"), (Label::ScimManaged, "false")], [Truth::No, Truth::No]),
            (&[(Label::ScimManaged, "!true")], [Truth::Yes, Truth::Yes]),
            (&[(Label::ScimManaged, "unknown")], [Truth::No, Truth::Yes]),
        ] {
            assert_eq!([&owner, &auditor].map(|user| selects(filters, user)), expected, "{filters:?}");
        }
    }

    #[test]
    fn a_threshold_is_one_that_is_configured_or_any_span() {
        let used =
            |days: i64| User { api_key_last_used_at: Field::Value(NOW - days * 86_400), ..User::default() };
        assert_eq!(selects(&[(Label::OlderThan, "45d")], &used(45)), Truth::Yes);
        assert_eq!(selects(&[(Label::OlderThan, "45d")], &used(44)), Truth::No);
    }

    #[test]
    fn addresses_are_compared_without_regard_to_case() {
        let user = |email: &'static str| User { email: Field::Value(Cow::from(email)), ..User::default() };
        let wanted = |texts: &[&str]| {
            let addresses = texts.iter().map(|text| Filter::of_address(text).unwrap()).collect();
            Wanted { addresses, ..Wanted::default() }
        };
        let options = Options::default();
        let selects = |wanted: &Wanted, user: &User<'_>| {
            wanted.select(user, &Reading::of(user, NOW), &View::as_labels(&options, None))
        };
        let (ada, bob, nobody) = (user(" Ada@Example.com"), user("bob@example.com"), User::default());
        for (texts, expected) in [
            (&["ada@example.com"][..], [Truth::Yes, Truth::No, Truth::No]),
            (&["ada@example.com", "BOB@example.com"], [Truth::Yes, Truth::Yes, Truth::No]),
            (&["!bob@example.com"], [Truth::Yes, Truth::No, Truth::Yes]),
        ] {
            let wanted = wanted(texts);
            assert_eq!([&ada, &bob, &nobody].map(|user| selects(&wanted, user)), expected, "{texts:?}");
        }
        let wanted = wanted(&["!x@y", "carl@example.com", "bob@example.com"]);
        assert_eq!(wanted.asked_addresses(), ["carl@example.com", "bob@example.com"]);
        assert_eq!([&ada, &bob].map(|user| wanted.met_address(user)), [None, Some(1)]);
    }

    #[test]
    fn ids_are_compared_as_they_are() {
        let user = |id: &'static str| User { id: id.into(), ..User::default() };
        let selects = |texts: &[&str], id| {
            let wanted = Wanted {
                ids: texts.iter().map(|text| Filter::parse(text).unwrap()).collect(),
                ..Wanted::default()
            };
            let user = user(id);
            let options = Options::default();
            wanted.select(&user, &Reading::of(&user, NOW), &View::as_labels(&options, None)) == Truth::Yes
        };
        let select = |texts: &[&str]| ["user-1", "user-2", "USER-1"].map(|id| selects(texts, id));
        assert_eq!(select(&["user-1"]), [true, false, false]);
        assert_eq!(select(&["user-1", "user-2"]), [true, true, false]);
        assert_eq!(select(&["!user-1"]), [false, true, true]);
    }

    #[test]
    fn what_no_user_can_have_is_said() {
        for (label, text, expected) in [
            (Label::ScimManaged, "yes", "nobody has \"yes\"; values are true, false, unknown"),
            (Label::Status, "!gone", "nobody has \"gone\"; values are active, banned, disabled, unknown"),
            (Label::OlderThan, "long", "\"long\" is no span of time; write it like 90d or 1h30m"),
            (Label::Role, " ! ", "a value is missing; !VALUE stands for all but that value"),
        ] {
            assert_eq!(Filter::of_label(label, text).unwrap_err(), expected);
        }
        assert_eq!(Filter::of_label(Label::EmailDomain, "!@Acme.COM").unwrap().value, "acme.com");
        let address = Filter::of_address("!Ada@Example.com").unwrap();
        assert_eq!(address, Filter { negated: true, value: "Ada@Example.com".to_owned() });
        for text in ["secret-name", "a b@c", "!", ""] {
            let error = Filter::of_address(text).unwrap_err();
            assert_eq!(error, "this is no address; write it like name@example.com");
        }
    }
}
