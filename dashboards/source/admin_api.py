"""What the exporter asks of the Admin API, and how that answers."""

from source.look import COUNT, GREEN, ORANGE, OUTCOMES, SKY, VERMILION, Json, coloured, fixed, limit_line, override
from source.parts import COUNTED_OVER, Query, heatmap, trend
from source.promql import WATCHED, happened, highest, lowest, per

OWN = "openai_org_exporter"
ASKED = f"{OWN}_api_requests_total"
REFUSED = f'{WATCHED}, code="429"'
LEFT = f"{OWN}_api_rate_limit_remaining_requests"
LATENCY = f"{OWN}_api_request_duration_seconds_bucket{{{WATCHED}}}"

# Requests come in bursts, one for each walk: a shorter interval would show teeth.
OF_WALKS = COUNTED_OVER


def api() -> list[Json]:
    return [
        trend(
            "Requests by answer",
            "Requests to the Admin API by status code, retries included; none means that no answer came. Codes that did"
            " not occur are left out.",
            Query(f"{per('code', ASKED)} > 0", "{{code}}"),
            columns=True,
            stacked=True,
            size=(8, 8),
            unit="reqps",
            interval=OF_WALKS,
            decimals=2,
            overrides=[
                *coloured("200", "429", "none"),
                override("byRegexp", "/^(401|403|5..)$/", color=fixed(VERMILION)),
            ],
        ),
        heatmap(
            "Latency",
            "How long requests to the Admin API took, one attempt each, to the last byte of the answer. The brighter a"
            " cell, the more requests lay in it.",
            Query(f"sum by (le) (rate({LATENCY}[$__rate_interval]))", "{{le}}", "heatmap"),
            size=(8, 8),
            unit="s",
            interval=OF_WALKS,
        ),
        trend(
            "Latency, quantiles",
            "Half, 95 % and 99 % of the requests were answered within this time, estimated within the buckets of the"
            " histogram.",
            *(
                Query(f"histogram_quantile({part}, sum by (le) (rate({LATENCY}[$__rate_interval])))", name)
                for part, name in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
            ),
            size=(8, 8),
            unit="s",
            calcs=("mean", "lastNotNull"),
            interval=OF_WALKS,
            overrides=[
                override("byName", "half", color=fixed(GREEN)),
                override("byName", "95 %", color=fixed(SKY)),
                override("byName", "99 %", color=fixed(ORANGE)),
            ],
        ),
        trend(
            "Retries",
            "Requests that were sent again, by reason. The walk goes on; that many are needed is news about the API or"
            " the network.",
            Query(happened("reason", f"{OWN}_api_retries_total"), "{{reason}}"),
            columns=True,
            stacked=True,
            size=(8, 8),
            unit="none",
            decimals=0,
            calcs=(),
            soft=5,
            overrides=OUTCOMES,
        ),
        trend(
            "Answered with 429",
            "The part of the requests that the API refused because of its rate limit, with the threshold"
            " rate_limited_ratio_max; the line needs the rules. The alert looks at two hours.",
            Query(
                highest(f"{per('organization', ASKED, REFUSED)} / ({per('organization', ASKED)} > 0)"),
                "{{organization}}",
            ),
            Query(
                'max (organization_threshold:openai_org_threshold:effective{organization=~"$organization",'
                ' threshold="rate_limited_ratio_max"})',
                "at most",
            ),
            size=(8, 8),
            unit="percentunit",
            decimals=1,
            calcs=("mean", "max"),
            soft=0.2,
            interval=OF_WALKS,
            overrides=[limit_line("at most")],
            alerts=("OpenAIOrgRateLimited",),
        ),
        trend(
            "Rate limit left",
            "Requests left in the current window, as the latest answer said; absent where no answer says it. Near 0 the"
            " exporter asks for less at a time.",
            Query(lowest(f"min by (organization) ({LEFT}{{{WATCHED}}})"), "{{organization}}"),
            size=(8, 8),
            unit=COUNT,
            decimals=0,
            calcs=("min", "lastNotNull"),
        ),
        trend(
            "Anomalies",
            "What walks met that a list in order has not, failed walks included: users sent twice, cursors gone or"
            " repeated, users missing in masses, the users of another organization.",
            Query(happened("kind", f"{OWN}_walk_anomalies_total"), "{{kind}}"),
            columns=True,
            stacked=True,
            size=(12, 8),
            unit="none",
            decimals=0,
            legend="right",
            calcs=(),
            soft=5,
            alerts=("OpenAIOrgImplausibleDrop",),
        ),
        trend(
            "Bytes received",
            "Bodies from the Admin API, after decompression.",
            Query(highest(per("organization", f"{OWN}_api_response_bytes_total")), "{{organization}}"),
            size=(12, 8),
            unit="Bps",
            interval=OF_WALKS,
            legend="right",
            calcs=("mean", "max"),
        ),
    ]
