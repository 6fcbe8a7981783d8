use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::admin_api::{Account, Field};
use crate::selection::tests::{NOW, completed, options, user};

fn terms(select: &str, bound: Bound) -> Terms {
    Terms {
        name: "p".to_owned(),
        select: parse_selector(select).unwrap(),
        of: None,
        bound,
        severity: "warning".to_owned(),
        description: None,
        exceptions: Vec::new(),
    }
}

fn exception(whom: Whom, until: &str) -> Exception {
    Exception { whom, reason: "break-glass".to_owned(), until: Until::parse(until).unwrap() }
}

fn tallies(policy: &Policy) -> Tallies {
    Tallies::new(Arc::new(Policies::new(vec![Arc::new(policy.clone())])), options(), NOW)
}

fn tally(policy: &Policy, users: &[User<'static>]) -> Tally {
    let mut tallies = tallies(policy);
    users.iter().for_each(|user| tallies.add(user));
    *tallies.finish().of(policy).unwrap()
}

fn verdict(policy: &Policy, users: &[User<'static>], unreadable: u64) -> Verdict {
    policy.judge(&tally(policy, users), unreadable, NOW).verdict
}

/// So many owners, and so many of whose role nothing is known.
fn owners(owners: usize, unknown: usize) -> Vec<User<'static>> {
    let owner = |number: usize| User {
        id: format!("user-{number}").into(),
        role: if number < owners { Field::Value("owner".into()) } else { Field::Absent },
        ..User::default()
    };
    (0..owners + unknown).map(owner).collect()
}

#[test]
fn a_verdict_holds_for_whatever_is_unknown() {
    use Verdict::{Ok, Unknown, Violated};
    let judge = |bound, known, open, unreadable| {
        verdict(&Policy::new(terms(r#"{role="owner"}"#, bound)), &owners(known, open), unreadable)
    };
    for (bound, known, open, unreadable, expected) in [
        (Bound::Max(5), 5, 0, 0, Ok),
        (Bound::Max(5), 6, 0, 0, Violated),
        (Bound::Max(5), 5, 1, 0, Unknown),
        (Bound::Max(5), 5, 0, 1, Unknown),
        (Bound::Max(5), 6, 9, 9, Violated),
        (Bound::Max(5), 3, 1, 1, Ok),
        (Bound::Min(2), 2, 0, 0, Ok),
        (Bound::Min(2), 1, 0, 0, Violated),
        (Bound::Min(2), 1, 1, 0, Unknown),
        (Bound::Min(2), 1, 0, 1, Unknown),
        (Bound::Exactly(2), 2, 0, 0, Ok),
        (Bound::Exactly(2), 2, 1, 0, Unknown),
        (Bound::Exactly(2), 3, 1, 0, Violated),
        (Bound::Exactly(2), 0, 1, 0, Violated),
        (Bound::Exactly(2), 1, 1, 0, Unknown),
        (Bound::MaxShare(0.5), 1, 0, 0, Violated),
        (Bound::MaxShare(0.5), 1, 1, 0, Unknown),
        (Bound::MaxShare(0.5), 0, 0, 0, Ok),
        (Bound::MaxShare(0.5), 0, 0, 1, Unknown),
        (Bound::MinShare(0.5), 0, 0, 0, Ok),
        (Bound::MinShare(1.0), 3, 0, 1, Unknown),
    ] {
        assert_eq!(judge(bound, known, open, unreadable), expected, "{bound:?} {known} {open} {unreadable}");
    }
}

#[test]
fn shares_are_of_those_that_are_named() {
    let user = |scim: Option<bool>, service: Option<bool>| User {
        is_scim_managed: scim.map_or(Field::Absent, Field::Value),
        is_service_account: service.map_or(Field::Absent, Field::Value),
        ..User::default()
    };
    let mut managed = terms(r#"{scim_managed="true"}"#, Bound::MinShare(0.75));
    managed.of = Some(parse_selector(r#"{account_type="user"}"#).unwrap());
    let managed = Policy::new(managed);
    let people = [Some(true), Some(true), Some(true), Some(false)].map(|scim| user(scim, Some(false)));
    let with = |one: User<'static>| [&people[..], &[one]].concat();
    assert_eq!(verdict(&managed, &people, 0), Verdict::Ok);
    assert_eq!(verdict(&managed, &with(user(Some(false), Some(true))), 0), Verdict::Ok, "a service account");
    assert_eq!(verdict(&managed, &with(user(Some(false), None)), 0), Verdict::Unknown, "maybe a person");
    assert_eq!(verdict(&managed, &with(user(Some(true), None)), 0), Verdict::Ok, "in, whoever it is");
    assert_eq!(verdict(&managed, &with(user(None, Some(false))), 0), Verdict::Unknown);
    assert_eq!(verdict(&managed, &with(user(Some(false), Some(false))), 0), Verdict::Violated);
    assert_eq!(verdict(&managed, &[user(Some(false), None)], 0), Verdict::Unknown, "maybe a share of nobody");
    let found = tally(&managed, &with(user(None, None)));
    let judgement = managed.judge(&found, 1, NOW);
    assert_eq!(judgement.value.unwrap().to_string(), "3 of 4 (75%)");
    assert_eq!(judgement.range, Some((0.5, 5.0 / 6.0)));
}

#[test]
fn whoever_is_excepted_counts_nowhere() {
    let mut terms = terms(r#"{role="owner"}"#, Bound::Max(0));
    let by_email = exception(Whom::email(" B@Acme.com"), "2030-01-01");
    terms.exceptions = vec![exception(Whom::User("user-0".into()), "never"), by_email];
    let policy = Policy::new(terms);
    let mut users = owners(3, 0);
    users[1].email = Field::Value("b@acme.COM ".into());
    users[2].email = Field::Value("c@acme.com".into());
    assert_eq!(tally(&policy, &users[..2]), Tally::default());
    assert_eq!(verdict(&policy, &users[..2], 0), Verdict::Ok);
    assert_eq!(verdict(&policy, &users, 0), Verdict::Violated);
    users[2].email = Field::Absent;
    assert_eq!(verdict(&policy, &users, 0), Verdict::Unknown, "the address is not told");
    let concerned = |user: &User<'_>| policy.concerned(user, &Reading::of(user, NOW));
    assert_eq!([&users[0], &users[1], &users[2]].map(concerned), [vec![0, 1], vec![1], vec![1]]);
    let both = User { email: Field::Value("b@acme.com".into()), ..users[0].clone() };
    assert_eq!(concerned(&both), [0, 1], "by the id and by the address");
    users[2].user =
        Field::Value(Account { email: Field::Value("c@login.acme.com".into()), ..Account::default() });
    assert_eq!(verdict(&policy, &users, 0), Verdict::Unknown, "its own address may be another");
    users[2].email = Field::Null;
    assert_eq!(verdict(&policy, &users, 0), Verdict::Violated, "it has no address of its own");
}

#[test]
fn an_exception_that_has_ended_excepts_nobody_and_is_a_violation() {
    let mut terms = terms(r#"{role="owner"}"#, Bound::Max(5));
    terms.exceptions = vec![exception(Whom::User("user-0".into()), "2026-10-01")];
    let policy = Policy::new(terms);
    let tally = tally(&policy, &owners(1, 0));
    assert_eq!(tally.part, 1);
    let judgement = policy.judge(&tally, 0, NOW);
    assert_eq!((judgement.verdict, judgement.is_exceeded), (Verdict::Violated, false));
    assert_eq!(judgement.ended[0].0, 0);
    let before = policy.judge(&tally, 0, NOW - 365 * 86_400);
    assert_eq!((before.verdict, before.ended.len()), (Verdict::Ok, 0));
}

#[test]
fn tallies_are_found_by_what_they_count_and_not_by_what_it_is_held_to() {
    let tallied = tallies(&Policy::new(terms(r#"{role="owner"}"#, Bound::Max(1)))).finish();
    let lax = terms(r#"{role="owner"}"#, Bound::Min(9));
    let lax = Terms { name: "other".into(), severity: "info".into(), ..lax };
    assert!(tallied.of(&Policy::new(lax.clone())).is_some());
    let with_of = Terms { of: Some(parse_selector("openai_org_users").unwrap()), ..lax.clone() };
    let excepting = |until| vec![exception(Whom::User("a".into()), until)];
    let excepted = Terms { exceptions: excepting("never"), ..lax.clone() };
    let tallied_excepted = tallies(&Policy::new(excepted.clone())).finish();
    let longer = Policy::new(Terms { exceptions: excepting("2030-01-01"), ..lax });
    assert_eq!(tallied_excepted.of(&longer), None);
    for other in [terms(r#"{role="reader"}"#, Bound::Max(1)), with_of, excepted] {
        assert_eq!(tallied.of(&Policy::new(other)), None);
    }
}

#[test]
fn whom_a_verdict_rests_on_is_kept_if_it_is_asked_for() {
    let behind = |bound, keeps_ids| {
        let mut terms = terms(r#"{role="owner"}"#, bound);
        terms.exceptions = [("user-0", "never"), ("user-9", "never")]
            .map(|(id, until)| exception(Whom::User(id.into()), until))
            .into();
        let policies = Arc::new(Policies::new(vec![Arc::new(Policy::new(terms))]));
        let mut audit = Audit::new(policies, options(), NOW, keeps_ids);
        let reader = User { id: "reader".into(), role: Field::Value("reader".into()), ..User::default() };
        owners(2, 1).iter().chain([&reader]).for_each(|user| audit.add(user));
        let found = audit.finish(&composition::Folds::default(), 0).remove(0);
        assert_eq!(found.excepts, [true, false]);
        found.behind.into_iter().map(|behind| (behind.id.into_string(), behind.is_sure)).collect::<Vec<_>>()
    };
    let is = |id: &str, sure| (id.to_owned(), sure);
    assert_eq!(behind(Bound::Max(0), true), [is("user-1", true), is("user-2", false)]);
    assert_eq!(behind(Bound::MinShare(1.0), true), [is("user-2", false), is("reader", true)]);
    assert_eq!(behind(Bound::Min(9), true), [is("user-2", false)]);
    assert_eq!(behind(Bound::Max(0), false), []);
}

#[test]
fn what_leaves_a_verdict_open_is_named_by_its_field_and_names_that_nobody_has_are_remarked() {
    let found = |select: &str, of: Option<&str>, bound, except: Option<Exception>, user: User<'static>| {
        let terms = Terms {
            of: of.map(|of| parse_selector(of).unwrap()),
            exceptions: except.into_iter().collect(),
            ..terms(select, bound)
        };
        let policies = Arc::new(Policies::new(vec![Arc::new(Policy::new(terms))]));
        let mut audit = Audit::new(policies, options(), NOW, false);
        audit.add(&user);
        let folds = composition::Folds { roles: ["reader".to_owned()].into(), ..Default::default() };
        let found = audit.finish(&folds, 0).remove(0);
        (found.missing.into_iter().collect::<Vec<_>>(), found.unseen)
    };
    let nobody = User::default;
    let reader = || User { role: Field::Value("reader".into()), ..User::default() };
    let missing = |select, user| found(select, None, Bound::Max(0), None, user).0;
    assert_eq!(
        missing(r#"{role="owner",scim_managed="false"}"#, nobody()),
        [("is_scim_managed", 1), ("role", 1)]
    );
    assert_eq!(missing(r#"{role="owner",scim_managed="false"}"#, reader()), []);
    assert_eq!(
        missing(r#"{role="reader",status!="active"}"#, reader()),
        [("user.banned", 1), ("user.enabled", 1)]
    );
    assert_eq!(missing(r#"{older_than="90d"}"#, nobody()), [("api_key_last_used_at", 1)]);
    let never = User { api_key_last_used_at: Field::Null, ..User::default() };
    assert_eq!(missing(r#"{older_than="90d"}"#, never), [("added_at", 1)]);
    assert_eq!(missing(r#"{project_id="p"}"#, nobody()), [("projects", 1)]);
    let share = |user| {
        found(r#"{role="owner"}"#, Some(r#"{account_type="user"}"#), Bound::MinShare(0.5), None, user).0
    };
    assert_eq!(share(reader()), [("is_service_account", 1)]);
    let except = exception(Whom::email("a@acme.com"), "never");
    assert_eq!(found(r#"{role="reader"}"#, None, Bound::Max(0), Some(except), reader()).0, [("email", 1)]);
    let unseen = found(r#"{role="Reader",scim_managed="false"}"#, None, Bound::Max(0), None, reader()).1;
    assert_eq!(unseen, [r#"nobody has role="Reader"; there are "reader""#]);
}

const SELECTORS: [&str; 9] = [
    r#"{role="owner"}"#,
    r#"{role!="owner",scim_managed="false"}"#,
    r#"{scim_managed!="true",account_type="user"}"#,
    r#"openai_org_users_api_key_stale{account_type="service_account",older_than="180d"}"#,
    r#"{status=~"banned|disabled"}"#,
    r#"{email_domain!="acme.com"}"#,
    r#"openai_org_users_without_project"#,
    r#"openai_org_project_users{project_role="owner"}"#,
    r#"{within="7d",use="never"}"#,
];

prop_compose! {
    /// Any policy, with an exception by id and one by address sometimes.
    fn policy()(
        (text, of) in (select(SELECTORS.to_vec()), proptest::option::of(select(SELECTORS.to_vec()))),
        (kind, users, share) in (0..5, 0u64..12, select(vec![0.0, 0.25, 0.5, 0.75, 0.9, 1.0])),
        (by_id, by_email) in any::<(bool, bool)>(),
        until in select(vec!["never", "2030-01-01", "2020-01-01"]),
    ) -> Policy {
        let bound = match kind {
            0 => Bound::Max(users),
            1 => Bound::Min(users),
            2 => Bound::Exactly(users),
            3 => Bound::MaxShare(share),
            _ => Bound::MinShare(share),
        };
        let exceptions = [(by_id, Whom::User("user-0".into())), (by_email, Whom::email("a@acme.com"))];
        let exceptions = exceptions.into_iter().filter(|(is_there, _)| *is_there);
        Policy::new(Terms {
            of: of.filter(|_| bound.is_share()).map(|of| parse_selector(of).unwrap()),
            exceptions: exceptions.map(|(_, whom)| exception(whom, until)).collect(),
            ..terms(text, bound)
        })
    }
}

/// Users with ids.
fn numbered(users: Vec<User<'static>>) -> Vec<User<'static>> {
    let with_id = |(number, user)| User { id: format!("user-{number}").into(), ..user };
    users.into_iter().enumerate().map(with_id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_verdict_changes_when_the_api_says_what_it_did_not(
        policy in policy(),
        users in prop::collection::vec(user(), 0..12),
        others in prop::collection::vec(user(), 12..24),
        unreadable in 0usize..3,
    ) {
        let users = numbered(users);
        let told = verdict(&policy, &users, unreadable as u64);
        for turn in 0..others.len() {
            let mut others = others.clone();
            others.rotate_left(turn);
            let complete = |(user, other): (&User<'static>, &User<'static>)| {
                User { id: user.id.clone(), ..completed(user, other) }
            };
            let complete = users.iter().zip(&others).map(complete);
            let found = numbered(others.clone()).into_iter().rev().take(unreadable);
            let so = verdict(&policy, &complete.chain(found).collect::<Vec<_>>(), 0);
            prop_assert!(told == Verdict::Unknown || so == Verdict::Unknown || told == so, "{told:?}, and {so:?}");
        }
    }

    #[test]
    fn the_value_lies_in_its_range(
        policy in policy(),
        users in prop::collection::vec(user(), 0..12),
        unreadable in 0u64..3,
    ) {
        let tally = tally(&policy, &numbered(users));
        let judgement = policy.judge(&tally, unreadable, NOW);
        if let (Some(value), Some((least, most))) = (judgement.value, judgement.range) {
            prop_assert!((least..=most).contains(&value.number()), "{judgement:?}");
        }
        prop_assert!(judgement.verdict == Verdict::Violated || judgement.ended.is_empty());
    }

    #[test]
    fn tallies_of_pieces_are_those_of_the_whole(
        policies in prop::collection::vec(policy(), 0..4),
        users in prop::collection::vec(user(), 0..30),
        at in any::<prop::sample::Index>(),
    ) {
        let users = numbered(users);
        let policies = Arc::new(Policies::new(policies.into_iter().map(Arc::new).collect()));
        let nobody = Tallies::new(policies, options(), NOW);
        let of = |users: &[User<'static>]| {
            let mut tallies = nobody.clone();
            users.iter().for_each(|user| tallies.add(user));
            tallies
        };
        let (first, second) = users.split_at(at.index(users.len() + 1));
        let mut merged = of(first);
        merged.merge(&of(second));
        prop_assert_eq!(merged.finish(), of(&users).finish());
    }
}
