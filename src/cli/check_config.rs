//! `check-config`: everything that `serve` would read, checked and printed.

use super::{DONE, Failure};
use crate::app::estimated_series;
use crate::config::{Config, Layers};

pub(super) fn run(layers: &Layers<'_>) -> Result<u8, Failure> {
    let config = Config::from_layers(layers)?;
    for warning in &config.warnings {
        eprintln!("openai-org-exporter: warning: {warning}");
    }
    print!("{}", config.to_yaml());
    println!("# The configuration is good. Series to expect, with two roles and every project taken:");
    for organization in &config.organizations {
        println!("#   {}: about {}", organization.name, estimated_series(&config, organization));
    }
    Ok(DONE)
}
