//! The effective configuration, written as the file would say it, without secrets.

use std::fmt::Write as _;

use super::{Config, KeySource, Place, PolicyEntry};
use crate::duration::show as show_duration;
use crate::policy::Terms;

/// YAML that reads back as the same configuration where keys come from files or the environment.
pub(super) fn yaml(config: &Config) -> String {
    let mut text = String::new();
    let listen: Vec<String> =
        config.listen_addresses.iter().map(|address| quoted(&address.to_string())).collect();
    let thresholds: Vec<String> =
        config.stale_after.iter().map(|threshold| quoted(&threshold.label)).collect();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line("web:".into());
    line(format!("  listen_address: [{}]", listen.join(", ")));
    line(format!("  systemd_socket: {}", config.systemd_socket));
    line(format!("  telemetry_path: {}", quoted(&config.telemetry_path)));
    if let Some(url) = &config.external_url {
        line(format!("  external_url: {}", quoted(&url.to_string())));
    }
    if let Some(prefix) = &config.route_prefix {
        line(format!("  route_prefix: {}", quoted(&prefix.to_string())));
    }
    line(format!("  enable_lifecycle: {}", config.enable_lifecycle));
    if let Some(web) = &config.web_config {
        line(format!("  config_file: {} # {}", quoted(&web.path), web.summary()));
    }
    line(format!("  max_connections: {}", config.max_connections));
    line("openai:".into());
    if let Some((path, _)) = &config.ca_file {
        line(format!("  ca_file: {}", quoted(path)));
    }
    line(format!("  allow_http: {}", config.allow_http));
    line("poll:".into());
    line(format!("  timeout: {}", show_duration(config.timeout)));
    line(format!("  stall_timeout: {}", show_duration(config.stall_timeout)));
    line(format!("  request_timeout: {}", show_duration(config.request_timeout)));
    line(format!("  concurrency: {}", config.concurrency));
    line(format!("  max_drop: {}", config.max_drop));
    line("api_key:".into());
    line(format!("  stale_after: [{}]", thresholds.join(", ")));
    line("projects:".into());
    line(format!("  limit: {}", config.projects_limit));
    line(format!("  names: {}", config.projects_names));
    if let Some(path) = &config.state_file {
        line("state:".into());
        line(format!("  file: {}", quoted(&path.to_string_lossy())));
    }
    line("log:".into());
    line(format!("  level: {}", config.log.level.name()));
    line(format!("  format: {}", config.log.format.name()));
    if let Some(path) = &config.policy_file {
        line("policy:".into());
        line(format!("  file: {}", quoted(&path.to_string_lossy())));
    }
    policies(config, &mut line);
    line("organizations:".into());
    for organization in &config.organizations {
        let domains: Vec<String> =
            organization.email_domains.iter().map(|domain| quoted(domain.as_str())).collect();
        line(format!("  - name: {}", quoted(&organization.name)));
        line(match &organization.admin_key_source {
            KeySource::File(path) => {
                format!("    admin_key_file: {} # <secret>", quoted(&path.to_string_lossy()))
            }
            KeySource::Variable(name) => format!("    admin_key_env: {} # <secret>", quoted(name)),
            KeySource::BuiltIn => "    # admin_key: <secret>".into(),
        });
        line(format!("    base_url: {}", quoted(&organization.base_url.to_string())));
        line(format!("    email_domains: [{}]", domains.join(", ")));
        line("    poll:".into());
        line(format!("      interval: {}", show_duration(organization.interval)));
        line(format!("      max_age: {}", show_duration(organization.max_age)));
    }
    text
}

/// The policies that stand in the configuration itself. Whom they except is not shown.
fn policies(config: &Config, line: &mut impl FnMut(String)) {
    let own = config.policy_file.as_ref().map(|path| path.to_string_lossy());
    let is_inline = |entry: &&PolicyEntry| match &entry.place {
        Place::File { path, .. } => own.as_ref().is_none_or(|own| *own != *path),
        _ => true,
    };
    let mut entries = config.policies.iter().filter(is_inline).peekable();
    if entries.peek().is_some() {
        line("policies:".into());
    }
    for PolicyEntry { policy, organizations, .. } in entries {
        let Terms { name, select, of, bound, severity, description, exceptions } = policy.terms();
        line(format!("  - name: {}", quoted(name)));
        if let Some(description) = description {
            line(format!("    description: {}", quoted(description)));
        }
        line(format!("    select: {}", quoted(&select.to_string())));
        if let Some(of) = of {
            line(format!("    of: {}", quoted(&of.to_string())));
        }
        line(format!("    {}: {}", bound.name(), bound.limit()));
        line(format!("    severity: {}", quoted(severity)));
        if !organizations.is_empty() {
            let names: Vec<String> = organizations.iter().map(|name| quoted(name)).collect();
            line(format!("    organizations: [{}]", names.join(", ")));
        }
        if !exceptions.is_empty() {
            line(format!("    # except: {} <not shown>", exceptions.len()));
        }
    }
}

/// A text in double quotes; JSON's are YAML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
