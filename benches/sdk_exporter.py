"""The exporter one would otherwise write: the official SDK pages, prometheus_client counts, one exposition comes out.

Usage: OPENAI_ADMIN_KEY=... sdk_exporter.py BASE_URL
"""

import sys

from openai import OpenAI
from prometheus_client import CollectorRegistry, Gauge, generate_latest


def status(user) -> str:
    nested = user.user
    if nested is None or (nested.banned is None and nested.enabled is None):
        return "unknown"
    return "banned" if nested.banned else "disabled" if nested.enabled is False else "active"


def main() -> None:
    registry = CollectorRegistry()
    users = Gauge(
        "openai_org_users",
        "Users of the organization.",
        ["role", "account_type", "scim_managed", "status"],
        registry=registry,
    )
    client = OpenAI(base_url=sys.argv[1])
    for user in client.admin.organization.users.list(limit=100):
        users.labels(
            role=user.role or "unknown",
            account_type={True: "service_account", False: "user"}.get(user.is_service_account, "unknown"),
            scim_managed={True: "true", False: "false"}.get(user.is_scim_managed, "unknown"),
            status=status(user),
        ).inc()
    sys.stdout.write(generate_latest(registry).decode())


if __name__ == "__main__":
    main()
