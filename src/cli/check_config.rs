//! `check-config`: everything that `serve` would read, checked and printed.

use super::{DONE, Failure, complain, say};
use crate::app::estimated_series;
use crate::config::{Config, Layers};

pub(super) fn run(layers: &Layers) -> Result<u8, Failure> {
    let config = Config::from_layers(layers)?;
    for warning in &config.warnings {
        complain(&format!("warning: {warning}"));
    }
    let mut text = config.to_yaml();
    text.push_str(
        "# The configuration is good. Series of composition and freshness to expect, with owners and readers only, all\n\
         # projects taken and nothing unknown:\n",
    );
    for organization in &config.organizations {
        text.push_str(&format!(
            "#   {}: about {}\n",
            organization.name,
            estimated_series(&config, organization)
        ));
    }
    if !config.policies.is_empty() {
        text.push_str("# Policies that each organization is held to:\n");
    }
    for organization in config.organizations.iter().filter(|organization| !organization.policies.is_empty()) {
        let names: Vec<&str> = organization.policies.iter().map(|policy| policy.name()).collect();
        text.push_str(&format!("#   {}: {}\n", organization.name, names.join(", ")));
    }
    say(&text)?;
    Ok(DONE)
}
