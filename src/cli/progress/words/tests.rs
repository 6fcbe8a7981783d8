use super::*;

fn walk(milliseconds: u64, pages: u64, users: u64, per_second: Option<f64>, before: Option<u64>) -> Watched {
    let elapsed = Duration::from_millis(milliseconds);
    Watched { doing: Doing::Walking { elapsed, pages, users, per_second }, last_walk: None, users: before }
}

fn wait(next: Option<u64>, ended: Option<(u64, u64, bool)>, users: u64) -> Watched {
    let last_walk = ended.map(|(milliseconds, pages, failed)| LastWalk {
        ago: Duration::from_millis(milliseconds),
        pages,
        failed,
    });
    Watched { doing: Doing::Waiting { next: next.map(Duration::from_millis) }, last_walk, users: Some(users) }
}

fn said(all: &[Watched]) -> String {
    line(all).concat()
}

#[test]
fn a_walk_tells_pages_users_rate_and_the_time_left_where_it_is_known() {
    let table = [
        (walk(600, 0, 0, None, None), "walking: no page yet"),
        (walk(600, 1, 1, None, None), "walking: 1 page, 1 user"),
        (walk(9_000, 12, 1_200, Some(412.4), None), "walking: 12 pages, 1,200 users, 412 users/s"),
        (
            walk(9_000, 12, 1_200, Some(100.0), Some(2_000)),
            "walking: 12 pages, 1,200 users, 100 users/s, 8 s left",
        ),
        (walk(9_000, 12, 1_200, None, Some(2_000)), "walking: 12 pages, 1,200 users"),
        (walk(9_000, 12, 1_200, Some(0.0), Some(2_000)), "walking: 12 pages, 1,200 users, 0 users/s"),
        (walk(9_000, 12, 2_000, Some(9.94), Some(2_000)), "walking: 12 pages, 2,000 users, 9.9 users/s"),
        (walk(9_000, 12, 2_100, Some(9.95), Some(2_000)), "walking: 12 pages, 2,100 users, 10 users/s"),
        (
            walk(9_000, 1_200, 120_000, Some(2_000.0), Some(1_000_000)),
            "walking: 1,200 pages, 120,000 users, 2,000 users/s, 8 min left",
        ),
    ];
    for (watched, expected) in table {
        assert_eq!(said(&[watched]), expected);
    }
}

#[test]
fn of_several_walks_the_sums_are_told_and_the_longest_time_left() {
    let done = wait(None, Some((900, 3, false)), 300);
    let first = walk(9_000, 10, 1_000, Some(100.0), Some(2_000));
    let second = walk(9_000, 20, 2_000, Some(50.5), Some(3_000));
    let unknown = walk(9_000, 1, 100, None, None);
    assert_eq!(
        said(&[done.clone(), first.clone(), second.clone()]),
        "walking 2 of 3: 30 pages, 3,000 users, 151 users/s, 20 s left"
    );
    assert_eq!(said(&[first, second, unknown]), "walking 3 of 3: 31 pages, 3,100 users");
    assert_eq!(said(&[done.clone(), done]), "");
}

#[test]
fn between_walks_the_last_ones_are_told_and_the_next() {
    let table = [
        (vec![], ""),
        (vec![wait(None, None, 0)], ""),
        (vec![wait(None, Some((2_900, 5, false)), 500)], ""),
        (
            vec![wait(Some(7_100), Some((2_900, 5, false)), 500)],
            "walked 2 s ago: 500 users, 5 pages; next in 8 s",
        ),
        (vec![wait(Some(0), Some((0, 1, false)), 1)], "walked 0 s ago: 1 user, 1 page; next in 0 s"),
        (vec![wait(Some(7_100), Some((2_900, 1, true)), 500)], "walk failed 2 s ago; next in 8 s"),
        (
            vec![
                wait(Some(9_000), Some((2_900, 5, false)), 500),
                wait(Some(8_000), Some((3_900, 6, false)), 600),
            ],
            "walked 2 s ago: 2 organizations, 1,100 users, 11 pages; next in 8 s",
        ),
        (
            vec![
                wait(Some(9_000), Some((2_900, 5, false)), 500),
                wait(Some(8_000), Some((3_900, 0, true)), 600),
            ],
            "1 of 2 walks failed; next in 8 s",
        ),
        (
            vec![wait(Some(9_000), Some((2_900, 5, false)), 500), wait(Some(8_000), None, 600)],
            "walked 2 s ago: 1 of 2 organizations; next in 8 s",
        ),
        (
            vec![
                wait(Some(9_000), Some((2_900, 1, true)), 500),
                wait(Some(8_000), Some((3_900, 6, false)), 600),
                wait(Some(8_000), None, 600),
            ],
            "1 of 2 walks failed; next in 8 s",
        ),
    ];
    for (all, expected) in table {
        assert_eq!(said(&all), expected);
    }
}

#[test]
fn a_walk_of_some_milliseconds_is_not_spoken_of() {
    let walks = Watched {
        last_walk: Some(LastWalk { ago: Duration::from_secs(5), pages: 5, failed: false }),
        ..walk(499, 3, 300, None, Some(500))
    };
    let waits = wait(Some(3_000), Some((1_000, 5, false)), 500);
    assert_eq!(said(std::slice::from_ref(&walks)), "walked 5 s ago: 500 users, 5 pages");
    assert_eq!(said(&[walks, waits]), "walked 1 s ago: 2 organizations, 1,000 users, 10 pages; next in 3 s");
    assert_eq!(said(&[walk(499, 3, 300, None, None)]), "");
    let done = wait(None, Some((100, 3, false)), 300);
    assert_eq!(said(&[walk(499, 3, 300, None, None), done]), "");
    assert_eq!(said(&[walk(500, 3, 300, None, None)]), "walking: 3 pages, 300 users");
}

#[test]
fn a_narrow_terminal_gets_whole_parts() {
    let parts = line(&[walk(9_000, 12, 1_200, Some(100.0), Some(2_000))]);
    for (columns, expected) in [
        (79, "walking: 12 pages, 1,200 users, 100 users/s, 8 s left"),
        (53, "walking: 12 pages, 1,200 users, 100 users/s, 8 s left"),
        (52, "walking: 12 pages, 1,200 users, 100 users/s"),
        (19, "walking: 12 pages"),
        (16, "walking"),
        (7, "walking"),
        (3, "wal"),
        (0, ""),
    ] {
        assert_eq!(fit(&parts, columns), expected, "{columns}");
    }
}

#[test]
fn time_past_is_rounded_down_and_time_to_come_up() {
    for (milliseconds, down, up) in [
        (0, "0 s", "0 s"),
        (1, "0 s", "1 s"),
        (2_000, "2 s", "2 s"),
        (119_001, "119 s", "2 min"),
        (121_000, "2 min", "3 min"),
        (7_199_001, "119 min", "2 h"),
        (7_201_000, "2 h", "3 h"),
    ] {
        let duration = Duration::from_millis(milliseconds);
        assert_eq!((rounded_down(duration).as_str(), rounded_up(duration).as_str()), (down, up));
    }
}
