//! A state file of any bytes is refused, or is one that can be written and read again as the same.
//!
//! An input is read as it is, and as the content of a file: with the title before it and the checksum behind it.

#![no_main]

use std::hash::Hasher as _;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use openai_org_exporter::clock::{Clock, Moment};
use openai_org_exporter::state::{Damage, Kept, read, write};
use siphasher::sip::SipHasher24;

const TITLE: &[u8] = b"openai-org-exporter state 1\n";

static NOW: LazyLock<Moment> = LazyLock::new(|| Clock::starting_at(1_800_000_000).now());

fuzz_target!(|bytes: &[u8]| {
    check(read(bytes, &NOW));
    let mut file = [TITLE, bytes].concat();
    let mut sum = SipHasher24::new();
    sum.write(&file);
    file.extend_from_slice(&sum.finish().to_le_bytes());
    check(read(&file, &NOW));
});

fn check(outcome: Result<Vec<Kept>, Damage>) {
    let kept = match outcome {
        Ok(kept) => kept,
        Err(damage) => {
            let said = damage.to_string();
            assert!(!said.chars().any(char::is_control), "more than one line: {said:?}");
            return;
        }
    };
    let mut written = Vec::new();
    write(&kept, &NOW, &mut written).expect("memory can be written");
    assert_eq!(read(&written, &NOW).as_ref(), Ok(&kept), "read again it is another");
    for kept in kept {
        if let Some(roster) = &kept.state.roster {
            assert_eq!(roster.entries().count(), roster.len());
            assert_eq!(roster.shared_with(roster), roster.len() as u64);
            for (_, attributes) in roster.entries() {
                let _ = (roster.role(attributes), attributes.account_type(), attributes.scim_managed());
                let _ = (attributes.banned(), attributes.enabled());
            }
        }
    }
}
