use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::admin_api::Account;

/// A user with a role, SCIM management, and the nested flags.
fn user<'a>(
    id: &'a str,
    role: Field<&'a str>,
    scim: Field<bool>,
    account: Field<(Field<bool>, Field<bool>)>,
) -> User<'a> {
    let account = match account {
        Field::Value((banned, enabled)) => Field::Value(Account { banned, enabled, ..Account::default() }),
        _ => Field::Absent,
    };
    let role = match role {
        Field::Value(role) => Field::Value(role.into()),
        Field::Null => Field::Null,
        Field::Absent => Field::Absent,
    };
    User { id: id.into(), role, is_scim_managed: scim, user: account, ..User::default() }
}

fn with_role<'a>(id: &'a str, role: &'a str) -> User<'a> {
    user(id, Field::Value(role), Field::Absent, Field::Absent)
}

fn roster(before: Option<&Arc<Roster>>, users: &[User<'_>]) -> (Arc<Roster>, Option<Changes>) {
    let mut builder = Builder::new(before.cloned());
    for user in users {
        builder.meet(user);
    }
    let (roster, changes) = builder.finish();
    (Arc::new(roster), changes)
}

/// What changes from one list of users to another: kinds with their numbers, grants with theirs.
fn changes(before: &[User<'_>], now: &[User<'_>]) -> BTreeMap<&'static str, u64> {
    let (before, none) = roster(None, before);
    assert_eq!(none, None, "a first roster has nothing to be compared with");
    named(&roster(Some(&before), now).1.unwrap())
}

fn named(changes: &Changes) -> BTreeMap<&'static str, u64> {
    let granted = ["granted owner", "granted reader", "granted other"];
    let kinds = Change::ALL.iter().map(|change| (change.label(), changes.of(*change)));
    let grants = Grant::ALL.iter().map(|grant| (granted[*grant as usize], changes.granted(*grant)));
    kinds.chain(grants).filter(|(_, users)| *users > 0).collect()
}

#[test]
fn each_user_is_new_once() {
    let mut builder = Builder::new(None);
    assert!(builder.is_empty());
    assert!(builder.meet(&with_role("a", "owner")) && builder.meet(&with_role("b", "owner")));
    assert!(!builder.meet(&with_role("a", "reader")));
    assert_eq!(builder.len(), 2);
    let (roster, _) = builder.finish();
    let owners = roster.entries().filter(|(_, attributes)| roster.role(*attributes) == "owner").count();
    assert_eq!(owners, 2, "the first record counts");
}

#[test]
fn who_comes_is_granted_a_role_and_who_goes_is_a_number() {
    let before = [with_role("a", "owner"), with_role("b", "reader"), with_role("c", "reader")];
    let now = [
        with_role("a", "owner"),
        with_role("d", "owner"),
        user("e", Field::Null, Field::Absent, Field::Absent),
    ];
    let (before, _) = roster(None, &before);
    let found = roster(Some(&before), &now).1.unwrap();
    assert_eq!(named(&found), BTreeMap::from([("added", 2), ("removed", 2), ("granted owner", 1)]));
    let removal =
        Removal { role: "reader".into(), account_type: crate::composition::AccountType::Unknown, users: 2 };
    assert_eq!(found.removals(), [removal]);
    let seen: Vec<_> =
        found.sightings().iter().map(|seen| (&*seen.user_id, seen.from.as_deref(), &*seen.to)).collect();
    assert_eq!(seen, [("d", None, "owner"), ("e", None, "unknown")]);
}

#[test]
fn users_of_two_rosters_are_found_by_id() {
    let (before, _) =
        roster(None, &[with_role("a", "owner"), with_role("b", "reader"), with_role("c", "reader")]);
    let (now, _) =
        roster(Some(&before), &[with_role("d", "owner"), with_role("b", "owner"), with_role("a", "owner")]);
    assert_eq!((before.shared_with(&now), now.shared_with(&before), now.shared_with(&now)), (2, 2, 3));
    let (stranger, _) = roster(None, &[with_role("a", "owner")]);
    assert_eq!(stranger.shared_with(&now), 0, "hashes under another key");
}

#[test]
fn another_known_role_is_a_change_and_a_grant() {
    let change = |before, now| {
        changes(
            &[user("a", before, Field::Absent, Field::Absent)],
            &[user("a", now, Field::Absent, Field::Absent)],
        )
    };
    let (owner, reader, admin) = (Field::Value("owner"), Field::Value("reader"), Field::Value("admin"));
    assert_eq!(change(reader, owner), BTreeMap::from([("role_changed", 1), ("granted owner", 1)]));
    assert_eq!(change(owner, reader), BTreeMap::from([("role_changed", 1), ("granted reader", 1)]));
    assert_eq!(change(owner, admin), BTreeMap::from([("role_changed", 1), ("granted other", 1)]));
    assert_eq!(change(owner, Field::Value(" owner ")), BTreeMap::new(), "roles are trimmed, as in figures");
    for unknown in [Field::Absent, Field::Null, Field::Value(""), Field::Value("unknown")] {
        assert_eq!(change(unknown, owner), BTreeMap::new(), "news about the API, not about the user");
        assert_eq!(change(owner, unknown), BTreeMap::new());
    }
}

#[test]
fn flags_change_between_known_values_only_and_null_is_one_of_them() {
    use Field::{Absent, Null, Value};
    let scim = |before, now| changes(&[user("a", Absent, before, Absent)], &[user("a", Absent, now, Absent)]);
    assert_eq!(scim(Value(false), Value(true)), BTreeMap::from([("scim_linked", 1)]));
    assert_eq!(scim(Value(true), Value(false)), BTreeMap::from([("scim_unlinked", 1)]));
    assert_eq!((scim(Absent, Value(true)), scim(Value(true), Absent)), (BTreeMap::new(), BTreeMap::new()));

    let banned = |before, now| {
        changes(
            &[user("a", Absent, Absent, Value((before, Absent)))],
            &[user("a", Absent, Absent, Value((now, Absent)))],
        )
    };
    assert_eq!(banned(Value(false), Value(true)), BTreeMap::from([("banned", 1)]));
    assert_eq!(banned(Null, Value(true)), BTreeMap::from([("banned", 1)]));
    assert_eq!(banned(Value(true), Null), BTreeMap::from([("unbanned", 1)]));
    assert_eq!(banned(Null, Value(false)), BTreeMap::new());
    assert_eq!(
        (banned(Absent, Value(true)), banned(Value(true), Absent)),
        (BTreeMap::new(), BTreeMap::new())
    );

    let enabled = |before, now| {
        changes(
            &[user("a", Absent, Absent, Value((Absent, before)))],
            &[user("a", Absent, Absent, Value((Absent, now)))],
        )
    };
    assert_eq!(enabled(Value(true), Value(false)), BTreeMap::from([("disabled", 1)]));
    assert_eq!(enabled(Null, Value(false)), BTreeMap::from([("disabled", 1)]));
    assert_eq!(enabled(Value(false), Null), BTreeMap::from([("enabled", 1)]));
    assert_eq!(
        (enabled(Absent, Value(false)), enabled(Value(false), Absent)),
        (BTreeMap::new(), BTreeMap::new())
    );
    let whole = Value((Value(true), Value(false)));
    assert_eq!(
        changes(&[user("a", Absent, Absent, whole)], &[user("a", Absent, Absent, Absent)]),
        BTreeMap::new()
    );
}

#[test]
fn sightings_of_each_kind_are_limited_and_numbers_are_not() {
    let ids: Vec<String> = (0..500).map(|number| format!("u{number}")).collect();
    let now: Vec<User<'_>> = ids.iter().map(|id| with_role(id, "reader")).collect();
    let (before, _) = roster(None, &[with_role("a", "reader")]);
    let found = roster(Some(&before), &[now, vec![with_role("a", "owner")]].concat()).1.unwrap();
    assert_eq!((found.of(Change::Added), found.of(Change::RoleChanged)), (500, 1));
    let seen = |change| found.sightings().iter().filter(|seen| seen.change == change).count();
    assert_eq!((seen(Change::Added), seen(Change::RoleChanged)), (200, 1));
}

#[test]
fn removals_are_told_apart_by_their_most_frequent_kinds() {
    let names: Vec<(String, String)> = (0..40u32)
        .flat_map(|role| (0..=role).map(move |user| (format!("u{role}-{user}"), format!("role-{role:02}"))))
        .collect();
    let users: Vec<User<'_>> = names.iter().map(|(id, role)| with_role(id, role)).collect();
    let found = roster(Some(&roster(None, &users).0), &[]).1.unwrap();
    assert_eq!(found.of(Change::Removed), users.len() as u64);
    let kinds: Vec<(&str, u64)> =
        found.removals().iter().map(|removal| (&*removal.role, removal.users)).collect();
    assert_eq!((kinds.len(), kinds[0], kinds[19]), (20, ("role-39", 40), ("role-20", 21)));
}

#[test]
fn roles_keep_their_numbers_while_others_come_and_go() {
    let (first, _) = roster(None, &[with_role("a", "admin"), with_role("b", "auditor")]);
    let (second, found) = roster(Some(&first), &[with_role("b", "auditor"), with_role("c", "billing")]);
    assert_eq!(named(&found.unwrap()), BTreeMap::from([("added", 1), ("removed", 1), ("granted other", 1)]));
    assert_eq!(second.roles().collect::<Vec<_>>(), ["owner", "reader", "admin", "auditor", "billing"]);
    let (_, found) = roster(Some(&second), &[with_role("c", "billing"), with_role("b", "auditor")]);
    assert_eq!(named(&found.unwrap()), BTreeMap::new());
}

#[test]
fn entries_that_no_roster_wrote_are_refused() {
    let (good, _) = roster(None, &[with_role("a", "owner"), with_role("b", "reader")]);
    let packed: Vec<(u64, u32)> =
        good.entries().map(|(hash, attributes)| (hash, attributes.bits())).collect();
    let read = |packed: Vec<(u64, u32)>| {
        let mut roster = Roster::with_key(good.key(), good.roles());
        roster.extend_packed(packed).map(|()| roster.with_fingerprint(good.fingerprint()))
    };
    assert_eq!(read(packed.clone()).unwrap(), *good);
    assert_eq!(read(vec![packed[1], packed[0]]), Err(BadEntry::OutOfOrder));
    assert_eq!(read(vec![packed[0], packed[0]]), Err(BadEntry::OutOfOrder));
    for bits in [4, 3 << 16, 3 << 18, 3 << 20, 3 << 22, 1 << 24, u32::MAX] {
        assert_eq!(read(vec![(0, bits)]), Err(BadEntry::Attributes), "{bits:x}");
    }
}

#[test]
fn hashes_and_fingerprints_are_those_of_every_version() {
    use std::hash::Hasher as _;
    for id in ["", "a", "user-1234", "user-00112233445566778899AABB", &"é".repeat(200)] {
        let known = user(id, Field::Value(" owner "), Field::Value(true), Field::Absent);
        let mut hasher = SipHasher24::new();
        hasher.write(id.as_bytes());
        hasher.write(b"\xffowner\xffunknown\xfftrue\xff");
        assert_eq!(mark(&known, Attributes::of(&known, 2)), hasher.finish() % FINGERPRINT_MODULUS, "{id}");
        let mut hasher = SipHasher24::new_with_keys(1, 2);
        hasher.write(id.as_bytes());
        assert_eq!(hash((1, 2), id.as_bytes()), hasher.finish(), "{id}");
    }
    // The example of the authors: the bytes 0 to 14 under the key of the bytes 0 to 15.
    let key = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
    let bytes: Vec<u8> = (0..15).collect();
    assert_eq!(hash(key, &bytes), 0xa129_ca61_49be_45e5);
}

#[test]
fn the_fingerprint_moves_with_each_part_of_a_user_and_with_nothing_else() {
    let of = |user: User<'_>| roster(None, &[user]).0.fingerprint();
    let banned = Field::Value((Field::Value(true), Field::Absent));
    let base = user("a", Field::Value("owner"), Field::Value(true), banned);
    let others = [
        User { id: "b".into(), ..base.clone() },
        User { role: Field::Value("reader".into()), ..base.clone() },
        User { role: Field::Absent, ..base.clone() },
        User { is_scim_managed: Field::Absent, ..base.clone() },
        User { user: Field::Absent, ..base.clone() },
    ];
    let mut seen = vec![of(base.clone())];
    seen.extend(others.map(of));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 6);
    let elsewhere =
        User { email: Field::Value("jo@example.com".into()), is_default: Field::Value(true), ..base.clone() };
    assert_eq!(of(elsewhere), of(base));
}

/// One of few users in one of few shapes, so that lists overlap.
fn any_user() -> impl Strategy<Value = (u8, User<'static>)> {
    let flag = || prop_oneof![Just(Field::Absent), Just(Field::Null), any::<bool>().prop_map(Field::Value)];
    let role = prop_oneof![
        Just(Field::Absent),
        "owner|reader|admin|other".prop_map(|role| Field::Value(role.into()))
    ];
    let account = prop_oneof![
        Just(Field::Absent),
        (flag(), flag()).prop_map(|(banned, enabled)| {
            Field::Value(Account { banned, enabled, ..Account::default() })
        })
    ];
    let scim = prop_oneof![Just(Field::Absent), any::<bool>().prop_map(Field::Value)];
    (0u8..40, role, scim, account).prop_map(|(number, role, is_scim_managed, account)| {
        let id = format!("user-{number}").into();
        (number, User { id, role, is_scim_managed, user: account, ..User::default() })
    })
}

fn any_users() -> impl Strategy<Value = BTreeMap<u8, User<'static>>> {
    prop::collection::vec(any_user(), 0..60).prop_map(|users| users.into_iter().collect())
}

/// What the contract says, from the records themselves.
fn expected(before: &BTreeMap<u8, User<'_>>, now: &BTreeMap<u8, User<'_>>) -> BTreeMap<&'static str, u64> {
    let mut found = BTreeMap::new();
    let mut count = |name| *found.entry(name).or_insert(0) += 1;
    let role = |user: &User<'_>| user.role.value().map(ToString::to_string);
    let flag = |user: &User<'_>, of: fn(&Account<'_>) -> Field<bool>, null| match user.user.value().map(of) {
        Some(Field::Value(flag)) => Some(flag),
        Some(Field::Null) => Some(null),
        _ => None,
    };
    let grant = |role: &str| match role {
        "owner" => "granted owner",
        "reader" => "granted reader",
        _ => "granted other",
    };
    for (number, user) in now {
        let Some(known) = before.get(number) else {
            count("added");
            role(user).iter().for_each(|role| count(grant(role)));
            continue;
        };
        if let (Some(was), Some(is)) = (role(known), role(user))
            && was != is
        {
            count("role_changed");
            count(grant(&is));
        }
        let scim = |user: &User<'_>| user.is_scim_managed.value().copied();
        let banned = |user: &User<'_>| flag(user, |account| account.banned, false);
        let enabled = |user: &User<'_>| flag(user, |account| account.enabled, true);
        for (was, is, on, off) in [
            (scim(known), scim(user), "scim_linked", "scim_unlinked"),
            (banned(known), banned(user), "banned", "unbanned"),
            (enabled(known), enabled(user), "enabled", "disabled"),
        ] {
            match (was, is) {
                (Some(false), Some(true)) => count(on),
                (Some(true), Some(false)) => count(off),
                _ => {}
            }
        }
    }
    before.keys().filter(|number| !now.contains_key(number)).for_each(|_| count("removed"));
    found
}

#[test]
fn rosters_under_different_keys_are_not_put_together() {
    let (mut one, mut other) = (Builder::new(None), Builder::new(None));
    assert!(one.meet(&with_role("a", "owner")) && other.meet(&with_role("b", "owner")));
    assert!(!one.absorb(other));
}

proptest! {
    #[test]
    fn changes_are_what_the_records_say(before in any_users(), now in any_users()) {
        let list = |users: &BTreeMap<u8, User<'static>>| users.values().cloned().collect::<Vec<_>>();
        prop_assert_eq!(changes(&list(&before), &list(&now)), expected(&before, &now));
    }

    #[test]
    fn the_fingerprint_follows_from_the_users_alone(users in any_users(), other in any_users()) {
        let list: Vec<User<'_>> = users.values().cloned().collect();
        let reversed: Vec<User<'_>> = list.iter().rev().cloned().collect();
        let (one, _) = roster(None, &list);
        let (two, _) = roster(Some(&roster(None, &reversed[..reversed.len() / 2]).0), &reversed);
        prop_assert_eq!(one.fingerprint(), two.fingerprint());
        prop_assert!(one.fingerprint() < 1 << 53);
        let marks = |users: &BTreeMap<u8, User<'_>>| users.values().map(|user| {
            (user.id.to_string(), user.role.clone().value().map(ToString::to_string), Status::of(user), user.is_scim_managed)
        }).map(|mark| format!("{mark:?}")).collect::<Vec<_>>();
        let (third, _) = roster(None, &other.values().cloned().collect::<Vec<_>>());
        prop_assert_eq!(marks(&users) == marks(&other), one.fingerprint() == third.fingerprint());
    }

    /// In whatever parts a list is met, with roles that come up in them in different orders.
    #[test]
    fn parts_put_together_are_the_whole(
        before in any_users(),
        now in any_users(),
        parts in prop::collection::vec(0usize..4, 256),
    ) {
        let before = roster(None, &before.into_values().collect::<Vec<_>>()).0;
        let users: Vec<User<'_>> = now.into_values().collect();
        let nobody = Builder::new(Some(before.clone()));
        let mut pieces = vec![nobody.clone(); 4];
        for (number, user) in users.iter().enumerate() {
            pieces[parts[number]].meet(user);
        }
        let mut whole = nobody.clone();
        for piece in pieces {
            prop_assert!(whole.absorb(piece));
        }
        let (whole, changes) = whole.finish();
        let (expected, expected_changes) = roster(Some(&before), &users);
        let described = |roster: &Roster| {
            let entries: Vec<(u64, String, u32)> = roster
                .entries()
                .map(|(hash, attributes)| (hash, roster.role(attributes).to_owned(), attributes.with_role(0).bits()))
                .collect();
            (entries, roster.fingerprint(), roster.len())
        };
        prop_assert_eq!(described(&whole), described(&expected));
        prop_assert_eq!(named(&changes.unwrap()), named(&expected_changes.unwrap()));
        // Somebody in two parts is found.
        if let Some(user) = users.first() {
            let mut twice = (nobody.clone(), nobody);
            prop_assert!(twice.0.meet(user) && twice.1.meet(user));
            prop_assert!(!twice.0.absorb(twice.1));
        }
    }
}
