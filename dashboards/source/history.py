"""What changed, in panels that more than one dashboard shows."""

from source.look import CHANGES, ORANGE, VERMILION, Json, override
from source.parts import Query, stat, table, trend
from source.promql import best, changed, highest
from source.whole import last_change

# Drawn across all panels.
MARKS = (last_change("Owner granted", "owner_granted", ORANGE), last_change("User banned", "banned", VERMILION))


def changes_over_time(size: tuple[int, int]) -> Json:
    return trend(
        "Changes",
        "Users who changed from one walk to the next, all chosen organizations together. The marks across all panels are"
        " owners granted and users banned.",
        Query(f"sum by (change) ({changed('$__rate_interval')})", "{{change}}"),
        stacked=True,
        columns=True,
        size=size,
        unit="none",
        decimals=0,
        legend="right",
        calcs=(),
        overrides=CHANGES,
    )


def latest_changes(size: tuple[int, int]) -> Json:
    return table(
        "Latest change of each kind",
        "When the walk ended that found it, per organization: the moment from which it could be known. Kinds that never"
        " happened are absent.",
        Query(f"{best('openai_org_last_change_timestamp_seconds', by='organization, change')} * 1000"),
        columns={"change": "Change", "organization": "Organization", "Value": "Found"},
        sort="Found",
        size=size,
        unit="none",
        overrides=[override("byName", "Found", unit="dateTimeFromNow")],
        alerts=("OpenAIOrgOwnerGranted", "OpenAIOrgUserBanned"),
    )


def watched_since(size: tuple[int, int]) -> Json:
    since = highest(best("openai_org_changes_since_timestamp_seconds"))
    return stat(
        "Watched since",
        "The start of the walk since which no change can have been missed: sums over a longer time do not reach back"
        " beyond it.",
        Query(f"{since} * 1000", "{{organization}}", "instant"),
        names=True,
        size=size,
        unit="dateTimeFromNow",
    )
