use proptest::prelude::*;

use super::*;

/// What a walk over so many users in pieces of these lengths leaves.
fn left_by(pieces: &[u64]) -> Boundaries {
    let mut number = 0;
    let samplers = pieces.iter().map(|users| {
        let mut sampler = Sampler::default();
        for _ in 0..*users {
            number += 1;
            sampler.see(&number.to_string());
        }
        sampler
    });
    let samplers: Vec<Sampler> = samplers.collect();
    Boundaries::of(samplers)
}

fn places(boundaries: &Boundaries) -> Vec<u64> {
    boundaries.ids().iter().map(|id| id.parse().unwrap()).collect()
}

#[test]
fn they_stand_at_even_distances_so_that_the_next_walk_meets_them_in_the_middle_of_a_page() {
    for (users, distance) in [(1_000, 50), (50_000, 150), (100_000, 450), (1_000_000, 4_050)] {
        let places = places(&left_by(&[users]));
        let distances: Vec<u64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(distances.iter().all(|other| *other == distance), "{users}: {distances:?}");
        assert_eq!(distance % 100, 50);
        assert!(places.len() <= MOST && *places.last().unwrap() + 2 * distance > users, "{users}");
    }
}

#[test]
fn small_organizations_and_single_walkers_have_no_segments() {
    assert!(left_by(&[900]).chain(16).is_none());
    assert!(left_by(&[901]).chain(16).is_some());
    assert!(left_by(&[50_000]).chain(1).is_none());
    assert!(Boundaries::default().chain(16).is_none());
    assert!(Boundaries::new([], 10_000).chain(16).is_none());
}

#[test]
fn there_are_more_segments_than_walkers() {
    for (users, walkers) in [(50_000, 16), (50_000, 4), (1_000_000, 64), (5_000, 2), (100_000, 16)] {
        let boundaries = left_by(&[users]);
        let segments = boundaries.chain(walkers).unwrap().open().count();
        assert!(
            segments >= (3 * walkers).min(usize::try_from(users).unwrap() / 400),
            "{users} users, {walkers} walkers, {segments} segments"
        );
        let rounds = segments.div_ceil(walkers) as u64;
        let pages = boundaries.pages() / segments as u64 + 1;
        let ideal = boundaries.pages() as f64 / walkers as f64;
        assert!(
            (rounds * pages) as f64 <= 1.25 * ideal,
            "{users} users, {walkers} walkers: {rounds} x {pages}"
        );
    }
}

#[test]
fn segments_end_in_the_middle_of_a_page() {
    for (users, walkers) in [(1_000, 4), (3_000, 8), (50_000, 16), (50_000, 4), (1_000_000, 64)] {
        let boundaries = left_by(&[users]);
        let chain = boundaries.chain(walkers).unwrap();
        let places = (1..chain.len()).map(|number| chain.boundary(number).unwrap().parse::<u64>().unwrap());
        let places: Vec<u64> = std::iter::once(0).chain(places).collect();
        assert!(places.len() > 2);
        assert!(places.windows(2).all(|pair| (pair[1] - pair[0]) % 100 == 50), "{users}: {places:?}");
    }
}

#[test]
fn what_could_be_no_boundary_is_left_out() {
    let ids = ["a", "", " ", &"x".repeat(257), "b"].map(Box::from);
    assert_eq!(Boundaries::new(ids, 20).ids(), ["a".into(), "b".into()]);
    assert_eq!(Boundaries::new((0..1_000).map(|id| id.to_string().into()), 20).ids().len(), MOST);
}

proptest! {
    #[test]
    fn they_rise_wherever_pieces_begin(pieces in prop::collection::vec(0u64..3_000, 1..40)) {
        let boundaries = left_by(&pieces);
        let users: u64 = pieces.iter().sum();
        let places = places(&boundaries);
        prop_assert!(places.is_sorted_by(|a, b| a < b));
        prop_assert!(places.len() <= MOST);
        prop_assert!(places.last().is_none_or(|last| *last <= users));
        let least = users / (MOST as u64 + 1);
        prop_assert!(places.windows(2).all(|pair| pair[1] - pair[0] + HALF_PAGE >= least));
    }

    #[test]
    fn they_are_not_far_apart(pieces in prop::collection::vec(200u64..3_000, 1..40)) {
        let boundaries = left_by(&pieces);
        let least = pieces.iter().sum::<u64>() / (MOST as u64 + 1);
        let places = places(&boundaries);
        prop_assert!(!places.is_empty());
        prop_assert!(places.windows(2).all(|pair| pair[1] - pair[0] <= least + 4 * HALF_PAGE), "{:?}", places);
    }
}
