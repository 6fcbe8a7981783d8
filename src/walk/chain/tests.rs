use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn chain(boundaries: &[&str]) -> Chain {
    Chain::new(boundaries.iter().copied())
}

fn open(chain: &Chain) -> Vec<usize> {
    chain.open().collect()
}

#[test]
fn segments_that_meet_their_successors_up_to_the_end_are_the_whole_list() {
    let mut chain = chain(&["b", "d"]);
    assert_eq!((0..3).map(|number| chain.boundary(number)).collect::<Vec<_>>(), [None, Some("b"), Some("d")]);
    assert_eq!(chain.read(1, ["c", "d", "e"], true), Extent::Until(2));
    assert_eq!(chain.read(2, ["e", "f"], true), Extent::Whole);
    assert!(chain.ended(2));
    assert_eq!((open(&chain), chain.proved()), (vec![0], None));
    assert_eq!(chain.read(0, ["a", "b"], true), Extent::Until(2));
    assert_eq!((open(&chain), chain.proved()), (vec![], Some(vec![0, 1, 2])));
}

#[test]
fn a_boundary_that_is_passed_over_fails_and_the_next_one_counts() {
    let mut chain = chain(&["gone", "d"]);
    assert_eq!(chain.read(1, ["x", "d"], true), Extent::Until(2), "whatever the server answered behind it");
    assert_eq!(chain.read(0, ["a", "c", "d"], true), Extent::Until(3));
    assert!(!chain.stands(1));
    assert_eq!(chain.read(1, ["y"], true), Extent::Nothing);
    assert!(chain.ended(2));
    assert_eq!(chain.proved(), Some(vec![0, 2]));
}

#[test]
fn whoever_met_a_boundary_that_fails_later_goes_on() {
    let mut chain = chain(&["b", "d"]);
    assert_eq!(chain.read(0, ["a", "b", "c"], true), Extent::Until(2));
    chain.fail(1);
    assert_eq!(open(&chain), [0, 2]);
    assert_eq!(
        chain.read(0, ["a", "b", "c", "d"], true),
        Extent::Until(4),
        "a failed boundary is a user like others"
    );
    assert!(chain.ended(2));
    assert_eq!(chain.proved(), Some(vec![0, 2]));
}

#[test]
fn at_the_end_of_the_list_no_boundary_behind_stands() {
    let mut chain = chain(&["b", "d"]);
    assert!(chain.ended(0));
    assert_eq!((open(&chain), chain.proved()), (vec![], Some(vec![0])));
    assert!(chain.ended(2));
    assert_eq!(chain.proved(), Some(vec![0]), "what fell with it says nothing");
}

#[test]
fn an_end_before_users_who_were_read_contradicts_itself() {
    let mut chain = chain(&["b", "d"]);
    assert!(!chain.has_led_anywhere());
    assert_eq!(chain.read(1, ["c", "d"], true), Extent::Until(2));
    assert!(chain.has_led_anywhere());
    assert!(!chain.ended(0));
    let mut chain = self::chain(&["b", "d"]);
    assert_eq!(chain.read(2, [], true), Extent::Whole);
    assert!(chain.ended(0), "nobody was read");
}

#[test]
fn a_segment_that_begins_with_somebody_else_than_stands_behind_its_boundary_fails() {
    // Whoever comes to the boundary sees it, later or before.
    let mut chain = chain(&["b", "e"]);
    assert_eq!(chain.read(1, ["d"], true), Extent::Whole);
    assert_eq!(chain.read(0, ["a", "b", "c", "d", "e"], true), Extent::Until(5), "and goes on to the next");
    assert!(!chain.stands(1));
    let mut chain = self::chain(&["b", "e"]);
    assert_eq!(chain.read(0, ["a", "b", "c"], true), Extent::Until(2));
    assert_eq!(chain.read(1, ["d"], true), Extent::Nothing);
    assert_eq!((chain.stands(1), open(&chain)), (false, vec![0, 2]));
    // At the end of a page nobody is seen behind it; and only the first page begins the segment.
    let mut chain = self::chain(&["b", "e"]);
    assert_eq!(chain.read(0, ["a", "b"], true), Extent::Until(2));
    assert_eq!(chain.read(1, ["d"], true), Extent::Whole);
    assert_eq!(chain.read(1, ["x", "e"], true), Extent::Until(2));
}

#[test]
fn a_segment_that_comes_to_itself_or_to_one_before_it_fails() {
    for ids in [["x", "b"], ["x", "a"]] {
        let mut chain = chain(&["a", "b"]);
        assert_eq!(chain.read(2, ids, true), Extent::Nothing);
        assert!(!chain.stands(2) && chain.stands(1));
    }
}

#[test]
fn a_boundary_on_a_page_that_cannot_be_divided_fails() {
    let mut chain = chain(&["b", "c"]);
    assert_eq!(chain.read(0, ["a", "b", "c"], false), Extent::Whole);
    assert_eq!((chain.stands(1), chain.stands(2)), (false, false));
}

#[test]
fn a_boundary_given_twice_is_one() {
    let chain = chain(&["b", "b", "c"]);
    assert_eq!((open(&chain), chain.boundary(2)), (vec![0, 1, 2], Some("c")));
}

/// What a server answers to a cursor that it does not know.
#[derive(Debug, Clone)]
enum Unknown {
    Refuses,
    AnswersNothing,
    /// The page from that place on.
    AnswersFrom(usize),
    /// These users, and that so many of them are all.
    MakesUp(Vec<usize>, bool),
}

fn unknown() -> impl Strategy<Value = Unknown> {
    prop_oneof![
        Just(Unknown::Refuses),
        Just(Unknown::AnswersNothing),
        (0usize..40).prop_map(Unknown::AnswersFrom),
        (prop::collection::vec(0usize..40, 0..6), any::<bool>())
            .prop_map(|(ids, end)| Unknown::MakesUp(ids, end)),
    ]
}

fn name(number: usize) -> String {
    format!("u{number}")
}

/// The page behind `after`, and whether it is the last; `None` if it is refused.
fn page(list: &[String], after: Option<&str>, size: usize, unknown: &Unknown) -> Option<(Vec<String>, bool)> {
    let known = after.map_or(Some(0), |after| list.iter().position(|id| id == after).map(|place| place + 1));
    let start = match (known, unknown) {
        (Some(start), _) => start,
        (None, Unknown::Refuses) => return None,
        (None, Unknown::AnswersNothing) => return Some((vec![], true)),
        (None, Unknown::AnswersFrom(start)) => (*start).min(list.len()),
        (None, Unknown::MakesUp(ids, end)) => return Some((ids.iter().map(|id| name(*id)).collect(), *end)),
    };
    let end = (start + size).min(list.len());
    Some((list[start..end].to_vec(), end == list.len()))
}

proptest! {
    /// Any list, any boundaries, in it or not, in whatever order; any server; any order of requests.
    #[test]
    fn what_is_proved_to_be_whole_is_the_list(
        list in prop::collection::btree_set(0usize..40, 0..30).prop_map(Vec::from_iter).prop_shuffle(),
        boundaries in prop::collection::vec(0usize..40, 0..12),
        size in 1usize..8,
        unknown in unknown(),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
    ) {
        let list: Vec<String> = list.into_iter().map(name).collect();
        let boundaries: Vec<String> = boundaries.into_iter().map(name).collect();
        let mut chain = Chain::new(boundaries.iter().map(String::as_str));
        // What was read of each segment, and where it goes on.
        let mut pieces: Vec<(Vec<String>, Option<String>)> = (0..chain.segments.len())
            .map(|number| (vec![], chain.boundary(number).map(str::to_owned)))
            .collect();
        let mut turns = turns.iter().cycle();
        // A server that makes pages up can go on for ever.
        for _ in 0..2_000 {
            let open = open(&chain);
            if open.is_empty() {
                break;
            }
            let number = open[turns.next().unwrap().index(open.len())];
            let (read, cursor) = &mut pieces[number];
            let Some((users, is_last)) = page(&list, cursor.as_deref(), size, &unknown) else {
                chain.fail(number);
                continue;
            };
            if users.is_empty() && number > 0 && read.is_empty() {
                chain.fail(number);
                continue;
            }
            let ids = users.iter().map(String::as_str);
            match chain.read(number, ids, true) {
                Extent::Nothing => continue,
                // It goes on from the same page, if it has to.
                Extent::Until(end) => read.extend_from_slice(&users[..end]),
                Extent::Whole => {
                    read.extend_from_slice(&users);
                    *cursor = users.last().cloned().or(cursor.take());
                    // In a list that stands still only a boundary that the server does not know contradicts it.
                    if is_last && !chain.ended(number) {
                        return Ok(());
                    }
                }
            }
        }
        if let Some(numbers) = chain.proved() {
            let mut whole: Vec<String> = numbers.iter().flat_map(|number| pieces[*number].0.clone()).collect();
            // Where a segment went on from a page that it had read in part, it read some twice.
            let mut seen = BTreeSet::new();
            whole.retain(|id| seen.insert(id.clone()));
            prop_assert_eq!(whole, list);
        } else {
            // Only a server that makes up pages keeps it from being proved.
            prop_assert!(matches!(unknown, Unknown::MakesUp(..)) || !open(&chain).is_empty());
        }
    }
}
