"""Can the figures of an organization be trusted? How old they are, what the API sends, what went wrong."""

from source.look import COUNT, GREEN, GREY, VERMILION, YELLOW, Json, mapping, override, steps
from source.parts import Query, bars, stat, table, trend
from source.promql import best, highest, lowest, selector, total

AGE = f"time() - {best('openai_org_snapshot_timestamp_seconds')}"
FAILED = selector("openai_org_last_walk_result", 'result!="success"')
FAILURES = selector("openai_org_exporter_walks_total", 'result!="success"')


def trusted() -> list[Json | list[Json]]:
    return [
        stat(
            "Latest walk",
            "Whether the latest finished walk succeeded; of several exporters of one organization, the best. A failed"
            " walk publishes nothing: the figures stay those of the last good one until they reach their maximum age."
            " 0 is a failed walk: those come first.",
            Query(lowest(best("openai_org_up")), "{{organization}}", "instant"),
            names=True,
            size=(5, 4),
            unit="none",
            mappings=mapping(_1=("good", GREEN), _0=("failed", VERMILION)),
            thresholds=steps(VERMILION, (1, GREEN)),
            alerts=("OpenAIOrgWalksFailing", "OpenAIOrgKeyRejected"),
        ),
        stat(
            "Age of the figures",
            "How long ago the walk began that everything on this page comes from. No figure is younger than this,"
            " whatever the scrape interval is.",
            Query(highest(AGE), "{{organization}}", "instant"),
            names=True,
            size=(5, 4),
            unit="s",
            alerts=("OpenAIOrgSnapshotStale", "OpenAIOrgSnapshotMissing"),
        ),
        bars(
            "Age, of what is allowed",
            "The age of the figures as a part of their maximum age (poll.max-age). At 100 % they are withdrawn, and the"
            " panels below are empty. With default settings a healthy organization stays around 10 % or below.",
            Query(
                highest(f"({AGE}) / on (organization) {best('openai_org_snapshot_max_age_seconds')}"),
                "{{organization}}",
                "instant",
            ),
            size=(5, 4),
            unit="percentunit",
            high=1,
            thresholds=steps(GREEN, (0.5, YELLOW), (0.9, VERMILION)),
        ),
        table(
            "Last errors",
            "Why walks failed within the last hour, by organization, all exporters together; and why the latest one did,"
            " whenever that was.",
            Query(
                f"sum by (organization, result) (increase({FAILURES}[1h])) > 0"
                f" or count by (organization, result) ({FAILED})"
            ),
            columns={"organization": "Organization", "result": "Result", "Value": "Walks"},
            sort="Walks",
            overrides=[override("byName", "Walks", custom__width=70)],
            size=(5, 4),
            unit=COUNT,
            nothing="none within an hour",
            no_data="no walk failed.",
            alerts=("OpenAIOrgWalksFailing",),
        ),
        stat(
            "Rules",
            "Whether recording.yaml is loaded into this Prometheus. Without it there are no alerts and no threshold"
            " lines; every other panel works.",
            Query("count(organization:openai_org_snapshot_timestamp_seconds:newest)", "", "instant"),
            size=(4, 4),
            unit="none",
            mappings=[
                {
                    "type": "range",
                    "options": {"from": 1, "to": None, "result": {"text": "loaded", "color": GREEN, "index": 0}},
                }
            ],
            nothing="not loaded",
        ),
        bars(
            "Fields carried",
            "The part of the users whose record carries the field. A bar that was long and is short is news about the"
            " API, not about the organization: what rests on that field is unknown from then on.",
            Query(
                f"{total('field', family='openai_org_users_with_field')} / scalar({total('')} > 0)",
                "{{field}}",
                "instant",
            ),
            size=(8, 12),
            unit="percentunit",
            high=1,
            thresholds=steps(GREY, (0.001, YELLOW), (0.5, GREEN)),
            alerts=("OpenAIOrgFieldLost",),
        ),
        [
            trend(
                "Age over time",
                "Each walk that is published brings the age down. A slope that goes on is an exporter that gets no"
                " figures.",
                Query(highest(AGE), "{{organization}}"),
                size=(8, 6),
                unit="s",
                calcs=("max", "lastNotNull"),
                interpolation="linear",
            ),
            trend(
                "Anomalies of the walks shown",
                "Users sent twice, cursors that were missing or gone in the walk that the figures come from. Each was"
                " dealt with; many mean that the API's pages are out of order.",
                Query(total("kind", family="openai_org_snapshot_anomalies"), "{{kind}}"),
                soft=5,
                size=(8, 6),
                unit=COUNT,
                decimals=0,
                calcs=(),
            ),
        ],
        table(
            "Alerts",
            "Alerts on the chosen organizations and on their exporters that fire or are about to. It needs the rules.",
            Query(
                'sum by (alertname, alertstate, severity, organization) (ALERTS{alertname=~"OpenAIOrg.*",'
                ' organization=~"$organization|"})'
            ),
            columns={
                "alertstate": "State",
                "severity": "Severity",
                "alertname": "Alert",
                "organization": "Organization",
            },
            sort="State",
            ascending=True,
            size=(8, 12),
            unit="none",
            nothing="none, or the rules are not loaded",
            overrides=[
                override(
                    "byName",
                    "State",
                    custom__width=80,
                    mappings=mapping(firing=("firing", VERMILION), pending=("pending", YELLOW)),
                    custom__cellOptions={"type": "color-text"},
                ),
                override("byName", "Severity", custom__width=90),
                override("byName", "Organization", custom__width=110),
            ],
        ),
    ]
