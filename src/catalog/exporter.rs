//! The families of the exporter itself, and the label values they show from the start.

use super::{Family, Kind, Part};

/// The families of this file, in the order of the documentation.
pub(super) const FAMILIES: &[&Family] = &[
    &WALKS,
    &API_REQUESTS,
    &API_REQUEST_DURATION,
    &API_RETRIES,
    &API_RESPONSE_BYTES,
    &API_RATE_LIMIT_REMAINING,
    &WALK_ANOMALIES,
    &HTTP_REQUESTS,
    &HTTP_REQUEST_DURATION,
    &TLS_HANDSHAKE_ERRORS,
    &HTTP_CONNECTIONS,
    &HTTP_CONNECTIONS_CLOSED_EARLY,
    &STATE_WRITES,
    &CONFIG_RELOAD_SUCCESSFUL,
    &CONFIG_RELOAD_SUCCESS_TIMESTAMP,
    &WEB_CONFIG_RELOAD_SUCCESSFUL,
    &WEB_CONFIG_RELOAD_SUCCESS_TIMESTAMP,
    &BUILD_INFO,
];

/// The values of `result` in [`WALKS`].
pub const WALK_RESULTS: &[&str] = &[
    "success",
    "unauthorized",
    "forbidden",
    "rate_limited",
    "server_error",
    "client_error",
    "timeout",
    "connect",
    "tls",
    "invalid_response",
    "implausible",
    "cancelled",
];

/// The values of `code` in [`API_REQUESTS`] that are there from the start.
pub const API_CODES: &[&str] = &["200", "401", "403", "429", "500", "502", "503", "none"];

/// The values of `reason` in [`API_RETRIES`].
pub const RETRY_REASONS: &[&str] = &[
    "rate_limited",
    "server_error",
    "client_error",
    "timeout",
    "connect",
    "unauthorized",
    "forbidden",
    "invalid_response",
];

/// The values of `kind` in [`WALK_ANOMALIES`].
pub const ANOMALY_KINDS: &[&str] = &[
    "duplicate",
    "missing_cursor",
    "repeated_cursor",
    "cursor_gone",
    "implausible_drop",
    "different_organization",
    "segment_mismatch",
];

/// The values of `reason` in [`TLS_HANDSHAKE_ERRORS`].
pub const TLS_HANDSHAKE_REASONS: &[&str] = &[
    "not_tls",
    "timeout",
    "closed",
    "version_or_cipher",
    "no_certificate",
    "expired_certificate",
    "unknown_authority",
    "name_not_allowed",
    "bad_certificate",
    "refused_by_client",
    "other",
];

/// The values of `reason` in [`HTTP_CONNECTIONS_CLOSED_EARLY`].
pub const CLOSED_EARLY_REASONS: &[&str] =
    &["header_timeout", "body_timeout", "write_timeout", "made_room", "bad_request", "too_large"];

/// The values of `result` in [`STATE_WRITES`]: how it went well, and how not.
pub const STATE_WRITE_RESULTS: [&str; 2] = ["success", "failure"];

/// Walks by result.
pub const WALKS: Family = Family {
    name: "openai_org_exporter_walks_total",
    help: "Finished walks by result.",
    kind: Kind::Counter,
    labels: &["organization", "result"],
    part: Part::Exporter,
};

/// Requests to the API by code.
pub const API_REQUESTS: Family = Family {
    name: "openai_org_exporter_api_requests_total",
    help: "Requests to the Admin API by status code, retries included; code is none where no answer came.",
    kind: Kind::Counter,
    labels: &["code", "organization"],
    part: Part::Exporter,
};

/// Duration of requests to the API.
pub const API_REQUEST_DURATION: Family = Family {
    name: "openai_org_exporter_api_request_duration_seconds",
    help: "Duration of one attempt at a request to the Admin API, to the last byte of the body.",
    kind: Kind::Histogram(&[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0]),
    labels: &["organization"],
    part: Part::Exporter,
};

/// Retries by reason.
pub const API_RETRIES: Family = Family {
    name: "openai_org_exporter_api_retries_total",
    help: "Requests to the Admin API that were sent again, by the reason why.",
    kind: Kind::Counter,
    labels: &["organization", "reason"],
    part: Part::Exporter,
};

/// Bytes received.
pub const API_RESPONSE_BYTES: Family = Family {
    name: "openai_org_exporter_api_response_bytes_total",
    help: "Bytes of bodies received from the Admin API, after decompression.",
    kind: Kind::Counter,
    labels: &["organization"],
    part: Part::Exporter,
};

/// The budget the API still grants.
pub const API_RATE_LIMIT_REMAINING: Family = Family {
    name: "openai_org_exporter_api_rate_limit_remaining_requests",
    help: "Requests left in the current rate limit window as the latest answer of the Admin API that named them said; absent where none did.",
    kind: Kind::Gauge,
    labels: &["organization"],
    part: Part::Exporter,
};

/// Anomalies by kind.
pub const WALK_ANOMALIES: Family = Family {
    name: "openai_org_exporter_walk_anomalies_total",
    help: "Anomalies met by walks, failed ones included, by kind.",
    kind: Kind::Counter,
    labels: &["kind", "organization"],
    part: Part::Exporter,
};

/// Requests served.
pub const HTTP_REQUESTS: Family = Family {
    name: "openai_org_exporter_http_requests_total",
    help: "HTTP requests served, by handler (a route's name, or other) and status code.",
    kind: Kind::Counter,
    labels: &["code", "handler"],
    part: Part::Exporter,
};

/// Duration of requests served.
pub const HTTP_REQUEST_DURATION: Family = Family {
    name: "openai_org_exporter_http_request_duration_seconds",
    help: "Time to make the answer to an HTTP request, by handler.",
    kind: Kind::Histogram(&[0.001, 0.005, 0.025, 0.1, 0.5, 2.5]),
    labels: &["handler"],
    part: Part::Exporter,
};

/// Handshakes of TLS that failed.
pub const TLS_HANDSHAKE_ERRORS: Family = Family {
    name: "openai_org_exporter_tls_handshake_errors_total",
    help: "Connections to the exporter whose TLS handshake failed, by reason; absent where no TLS is served.",
    kind: Kind::Counter,
    labels: &["reason"],
    part: Part::Exporter,
};

/// Connections that are open.
pub const HTTP_CONNECTIONS: Family = Family {
    name: "openai_org_exporter_http_connections",
    help: "HTTP connections that are open, idle ones included.",
    kind: Kind::Gauge,
    labels: &[],
    part: Part::Exporter,
};

/// Connections that the exporter ended before their time.
pub const HTTP_CONNECTIONS_CLOSED_EARLY: Family = Family {
    name: "openai_org_exporter_http_connections_closed_early_total",
    help: "HTTP connections closed by the exporter: the client did not send a header or body in time, did not take the answer in time, kept it waiting when others needed the place, or sent what is no request or too large a one. Idle connections that are closed are not counted.",
    kind: Kind::Counter,
    labels: &["reason"],
    part: Part::Exporter,
};

/// Writes of the state file.
pub const STATE_WRITES: Family = Family {
    name: "openai_org_exporter_state_writes_total",
    help: "Attempts to write the state file by result; a failed one leaves the file as it was.",
    kind: Kind::Counter,
    labels: &["result"],
    part: Part::Exporter,
};

/// Whether the configuration is the one on disk.
pub const CONFIG_RELOAD_SUCCESSFUL: Family = Family {
    name: "openai_org_exporter_config_last_reload_successful",
    help: "1 if the latest attempt to load the configuration succeeded.",
    kind: Kind::Gauge,
    labels: &[],
    part: Part::Exporter,
};

/// When the configuration was loaded.
pub const CONFIG_RELOAD_SUCCESS_TIMESTAMP: Family = Family {
    name: "openai_org_exporter_config_last_reload_success_timestamp_seconds",
    help: "Time of the latest successful load of the configuration, in Unix seconds.",
    kind: Kind::Gauge,
    labels: &[],
    part: Part::Exporter,
};

/// Whether the web configuration is the one on disk.
pub const WEB_CONFIG_RELOAD_SUCCESSFUL: Family = Family {
    name: "openai_org_exporter_web_config_last_reload_successful",
    help: "1 if the web configuration and the files it names are in force as they were last read; absent without --web.config.file.",
    kind: Kind::Gauge,
    labels: &[],
    part: Part::Exporter,
};

/// When the web configuration was put in force.
pub const WEB_CONFIG_RELOAD_SUCCESS_TIMESTAMP: Family = Family {
    name: "openai_org_exporter_web_config_last_reload_success_timestamp_seconds",
    help: "Time when the web configuration in force was read, in Unix seconds; absent without --web.config.file.",
    kind: Kind::Gauge,
    labels: &[],
    part: Part::Exporter,
};

/// What was built.
pub const BUILD_INFO: Family = Family {
    name: "openai_org_exporter_build_info",
    help: "1, with the version, the source revision and the compiler of this build.",
    kind: Kind::Gauge,
    labels: &["revision", "rustc", "version"],
    part: Part::Exporter,
};
