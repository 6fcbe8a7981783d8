//! What is said of an error: whatever the answer holds, no key, no address, and one line.
//!
//! The input is `x-request-id`, what the transport says, and the body, with line feeds between.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openai_org_exporter::admin_api::AdminKey;
use openai_org_exporter::admin_api::fuzzing::error_of;

/// Keys without the usual prefix, so that only their redaction can take them out. One begins the other.
const KEYS: [&str; 2] = ["Zq7", "Zq7.wX-9"];

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (id, cause) = (text(), text());
    let body = parts.next().unwrap_or_default();
    let keys = KEYS.map(|key| AdminKey::parse(key).expect("it is a key"));
    for status in [401, 404, 429, 500] {
        let error = error_of(status, &id, &cause, body, &keys);
        let said = error.to_string();
        for key in KEYS {
            assert!(!said.contains(key), "a key is in {said:?}");
        }
        assert!(!said.contains("sk-"), "what looks like a key is in {said:?}");
        for mark in ["@", "\u{ff20}", "\u{fe6b}", "%40"] {
            assert!(!said.contains(mark), "an address is in {said:?}");
        }
        assert!(!said.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')), "{said:?}");
        assert!(said.len() < 4096, "{} bytes are said", said.len());
    }
});
