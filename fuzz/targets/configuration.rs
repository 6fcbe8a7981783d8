//! The text of a configuration file becomes a configuration or an error in one line, which holds no key.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use openai_org_exporter::config::{Config, Environment, Layers, User};

const KEYS: [&str; 2] = ["sk-admin-fuzzed-one", "sk-admin-fuzzed-two"];

/// The file, in a place of its own: targets can run side by side.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("openai-org-exporter-fuzz-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("the temporary directory can be written");
    directory.join("c.yaml")
});

static ENVIRONMENT: LazyLock<Arc<Environment>> = LazyLock::new(|| {
    let variables = [("OPENAI_ADMIN_KEY", KEYS[0]), ("ACME", KEYS[0]), ("GLOBEX", KEYS[1])];
    Arc::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
});

fuzz_target!(|text: &str| {
    let Some(config) = read(text) else { return };
    for warning in &config.warnings {
        is_harmless(warning);
    }
    let printed = config.to_yaml();
    assert!(!KEYS.iter().any(|key| printed.contains(key)), "a key is in {printed:?}");
    let again = read(&printed).unwrap_or_else(|| panic!("what is printed is no configuration:\n{printed}"));
    assert_eq!(again.to_yaml(), printed);
    assert_eq!(Config { file: None, ..again }, Config { file: None, ..config });
});

fn read(text: &str) -> Option<Config> {
    fs::write(&*FILE, text).expect("the temporary directory can be written");
    let path = FILE.to_str().expect("the path is text").to_owned();
    let flags = [("config.file".to_owned(), vec![path])].into();
    let config =
        Layers::read(User::Serve, flags, ENVIRONMENT.clone()).and_then(|layers| Config::from_layers(&layers));
    config.map_err(|error| is_harmless(&error.to_string())).ok()
}

fn is_harmless(line: &str) {
    assert!(
        !line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')),
        "more than one line: {line:?}"
    );
    for key in KEYS {
        assert!(!line.contains(key), "a key is in {line:?}");
    }
    assert!(line.len() < 16 << 10, "{} bytes are said", line.len());
}
