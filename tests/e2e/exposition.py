"""Reads the text format with the reference parser, and knows the names of the contract."""

from prometheus_client.parser import text_string_to_metric_families

from oracle import Samples

COMPOSITION = {
    "openai_org_users",
    "openai_org_users_by_api_key_use",
    "openai_org_users_api_key_stale",
    "openai_org_users_recently_added",
    "openai_org_user_last_added_timestamp_seconds",
    "openai_org_user_last_banned_timestamp_seconds",
    "openai_org_users_by_developer_persona",
    "openai_org_users_by_technical_level",
    "openai_org_users_by_email_domain",
    "openai_org_project_users",
    "openai_org_project_info",
    "openai_org_users_without_project",
    "openai_org_users_default",
    "openai_org_users_scale_tier_purchasers",
    "openai_org_users_with_field",
    "openai_org_users_unreadable",
}
FRESHNESS = {
    "openai_org_snapshot_available",
    "openai_org_snapshot_timestamp_seconds",
    "openai_org_snapshot_anomalies",
    "openai_org_last_success_timestamp_seconds",
    "openai_org_up",
    "openai_org_last_walk_result",
    "openai_org_last_walk_duration_seconds",
    "openai_org_last_walk_pages",
    "openai_org_poll_interval_seconds",
    "openai_org_snapshot_max_age_seconds",
}
CHANGES = {
    "openai_org_user_changes_total",
    "openai_org_user_role_grants_total",
    "openai_org_last_change_timestamp_seconds",
    "openai_org_changes_since_timestamp_seconds",
    "openai_org_roster_fingerprint",
}
EXPORTER = {
    "openai_org_exporter_walks_total",
    "openai_org_exporter_api_requests_total",
    "openai_org_exporter_api_request_duration_seconds",
    "openai_org_exporter_api_retries_total",
    "openai_org_exporter_api_response_bytes_total",
    "openai_org_exporter_api_rate_limit_remaining_requests",
    "openai_org_exporter_walk_anomalies_total",
    "openai_org_exporter_http_requests_total",
    "openai_org_exporter_http_request_duration_seconds",
    "openai_org_exporter_http_connections",
    "openai_org_exporter_http_connections_closed_early_total",
    "openai_org_exporter_state_writes_total",
    "openai_org_exporter_config_last_reload_successful",
    "openai_org_exporter_config_last_reload_success_timestamp_seconds",
    "openai_org_exporter_build_info",
}
CONTRACT = COMPOSITION | FRESHNESS | CHANGES | EXPORTER
# There only with a web configuration.
GUARD = {
    "openai_org_exporter_tls_handshake_errors_total",
    "openai_org_exporter_web_config_last_reload_successful",
    "openai_org_exporter_web_config_last_reload_success_timestamp_seconds",
}
# There only with policies.
POLICIES = {
    "openai_org_policy_violation",
    "openai_org_policy_value",
    "openai_org_policy_limit",
}
ORGANIZATION = "default"


def parse(text: str) -> Samples:
    """All samples; a series that stands twice, or carries a time of its own, is an error."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series = sample.name, frozenset(sample.labels.items())
            if series in samples:
                raise AssertionError(f"twice: {show(series)}")
            if sample.timestamp is not None:
                raise AssertionError(f"with a timestamp: {show(series)}")
            samples[series] = sample.value
    return samples


def composition(samples: Samples) -> Samples:
    return {series: value for series, value in samples.items() if series[0] in COMPOSITION}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """One sample of the organization, or None where there is none."""
    labels.setdefault("organization", ORGANIZATION)
    return samples.get((name, frozenset(labels.items())))


def total(samples: Samples, name: str) -> float | None:
    """The sum of a family, or None where it is absent."""
    values = [value for (family, _), value in samples.items() if family == name]
    return sum(values) if values else None


def show(series: tuple[str, frozenset[tuple[str, str]]]) -> str:
    name, labels = series
    return f"{name}{{{', '.join(f'{key}={text!r}' for key, text in sorted(labels))}}}"


def differences(expected: Samples, got: Samples) -> list[str]:
    """One line for each series that is missing, extra, or has another value."""
    return [
        f"{show(series)}: expected {expected.get(series)}, got {got.get(series)}"
        for series in sorted({*expected, *got}, key=show)
        if expected.get(series) != got.get(series)
    ]
