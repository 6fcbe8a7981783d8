//! Whatever headers answers come with, no wait is longer than is promised, and each ends.
//!
//! The input is lines: `429 1500` is an answer with that status, so many milliseconds after the one before; what
//! follows are its headers, `name: value`.

#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use openai_org_exporter::admin_api::fuzzing::{LONGEST, Pace, wait};
use tokio::time::Instant;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const WALL: Duration = Duration::from_secs(784_111_777);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// An answer.
struct Answer {
    status: u16,
    after: Duration,
    headers: HeaderMap,
}

fuzz_target!(|bytes: &[u8]| {
    let (mut pace, mut now, mut wall) = (Pace::default(), *START, UNIX_EPOCH + WALL);
    for (attempt, Answer { status, after, headers }) in (0u32..).zip(answers(bytes)) {
        (now, wall) = (now + after, wall + after);
        is_bounded(status, &headers, attempt, wall);
        pace.answered(status, &headers, now, wall);
        let turn = turn(&mut pace, now);
        assert!(turn - now <= LONGEST.1, "held back for {:?}", turn - now);
        (now, wall) = (turn, wall + (turn - now));
    }
});

/// When the next request is sent: behind the wait that a 429 asked for the budget may be closed too.
fn turn(pace: &mut Pace, mut now: Instant) -> Instant {
    for _ in 0..3 {
        match pace.take(now) {
            turn if turn <= now => return now,
            turn => now = turn,
        }
    }
    panic!("waited for its turn three times, and it has not come");
}

fn is_bounded(status: u16, headers: &HeaderMap, attempt: u32, wall: SystemTime) {
    let Some(wait) = wait(status, headers, attempt, wall) else { return };
    assert!(wait > Duration::ZERO, "no wait at all");
    assert!(wait <= LONGEST.0, "a wait of {wait:?}");
}

fn answers(bytes: &[u8]) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some((status, after)) = std::str::from_utf8(line).ok().and_then(answer) {
            answers.push(Answer { status, after, headers: HeaderMap::new() });
        } else if let Some(answer) = answers.last_mut()
            && let Some(colon) = line.iter().position(|byte| *byte == b':')
            && let Ok(name) = HeaderName::from_bytes(&line[..colon])
            && let Ok(value) = HeaderValue::from_bytes(line[colon + 1..].trim_ascii())
        {
            answer.headers.append(name, value);
        }
    }
    answers
}

fn answer(line: &str) -> Option<(u16, Duration)> {
    let (status, after) = line.split_once(' ')?;
    let status = status.parse().ok().filter(|status| (100..1000).contains(status))?;
    Some((status, Duration::from_millis(u64::from(after.parse::<u32>().ok()?))))
}
