"""Does the exporter do its work? For those who run it."""

from source.admin_api import api
from source.look import COUNT, GREEN, NONE_WANTED, OUTCOMES, VERMILION, Json, coloured, mapping, override, steps
from source.parts import Query, stat, table, trend
from source.promql import PROCESS, WATCHED, happened, highest, per
from source.whole import ORGANIZATION, choice, dashboard

# Every target of a Prometheus has a job and an instance: all of them must be those found, of this exporter.
JOB = choice("job", "Job", "label_values(openai_org_exporter_build_info, job)")
INSTANCE = choice("instance", "Instance", 'label_values(openai_org_exporter_build_info{job=~"$job"}, instance)')
OWN = "openai_org_exporter"
TOOK = "openai_org_last_walk_duration_seconds"


def process() -> list[Json]:
    available = f"openai_org_snapshot_available{{{WATCHED}}}"
    return [
        stat(
            "Reachable",
            "Whether Prometheus can scrape the exporter. One that was down for all of the time shown is not in the list"
            " of instances, and so not here.",
            Query(f"up{{{PROCESS}}}", "{{instance}}", "instant"),
            names=True,
            size=(4, 4),
            unit="none",
            mappings=mapping(_1=("up", GREEN), _0=("down", VERMILION)),
            thresholds=steps(VERMILION, (1, GREEN)),
            alerts=("OpenAIOrgExporterDown",),
        ),
        stat(
            "Version",
            "The version that runs, once for each that does.",
            Query(f"count by (version) ({OWN}_build_info{{{PROCESS}}})", "{{version}}", "instant"),
            text="name",
            size=(4, 4),
            unit="none",
        ),
        stat(
            "Running for",
            "Time since the process started. Counters began at 0 then.",
            Query(f"time() - process_start_time_seconds{{{PROCESS}}}", "{{instance}}", "instant"),
            size=(4, 4),
            unit="s",
        ),
        stat(
            "Organizations with figures",
            "How many of the configured organizations have figures that are young enough.",
            Query(f"sum (max by (organization) ({available}))", "with figures", "instant"),
            Query(f"count (max by (organization) ({available}))", "configured", "instant"),
            names=True,
            size=(4, 4),
            unit=COUNT,
            alerts=("OpenAIOrgSnapshotMissing",),
        ),
        stat(
            "Configuration",
            "Whether the latest attempt to load the configuration succeeded. After a failed one the exporter goes on"
            " with the one before.",
            Query(f"{OWN}_config_last_reload_successful{{{PROCESS}}}", "{{instance}}", "instant"),
            size=(4, 4),
            unit="none",
            mappings=mapping(_1=("loaded", GREEN), _0=("refused", VERMILION)),
            thresholds=steps(VERMILION, (1, GREEN)),
            alerts=("OpenAIOrgReloadFailed",),
        ),
        stat(
            "State not written",
            "Failed attempts to write the state file within a day. After a restart the exporter would know neither its"
            " last figures nor what changed meanwhile. Stays at 0 without a state file.",
            Query(f'sum(increase({OWN}_state_writes_total{{{PROCESS}, result="failure"}}[1d]))', "", "instant"),
            size=(4, 4),
            unit=COUNT,
            thresholds=NONE_WANTED,
            alerts=("OpenAIOrgStateNotWritten",),
        ),
    ]


def walks() -> list[Json]:
    return [
        trend(
            "Walks by result",
            "Finished walks of the chosen organizations. Results that did not occur are left out.",
            Query(f"{happened('result', f'{OWN}_walks_total')} > 0", "{{result}}"),
            stacked=True,
            columns=True,
            size=(8, 8),
            unit="none",
            decimals=0,
            overrides=OUTCOMES,
            alerts=("OpenAIOrgWalksFailing", "OpenAIOrgKeyRejected"),
        ),
        trend(
            "Duration of walks",
            "How long the latest finished walk took, failed ones included. It should stay far below the interval.",
            Query(highest(f"max by (organization) ({TOOK}{{{WATCHED}}})"), "{{organization}}"),
            size=(8, 8),
            unit="s",
            calcs=("mean", "max", "lastNotNull"),
        ),
        table(
            "Organizations",
            "The latest finished walk of each organization, and its schedule.",
            Query(f"max by (organization) (openai_org_up{{{WATCHED}}})"),
            Query(f"time() - max by (organization) (openai_org_last_success_timestamp_seconds{{{WATCHED}}})"),
            Query(f"max by (organization) (openai_org_poll_interval_seconds{{{WATCHED}}})"),
            Query(f"max by (organization) (openai_org_last_walk_pages{{{WATCHED}}})"),
            columns={
                "organization": "Organization",
                "Value #A": "Latest walk",
                "Value #B": "Last success",
                "Value #C": "Interval",
                "Value #D": "Pages",
            },
            sort="Organization",
            ascending=True,
            size=(8, 8),
            unit="s",
            overrides=[
                override(
                    "byName",
                    "Latest walk",
                    unit="none",
                    mappings=mapping(_1=("good", GREEN), _0=("failed", VERMILION)),
                    custom__cellOptions={"type": "color-text"},
                ),
                override("byName", "Pages", unit=COUNT),
            ],
            alerts=("OpenAIOrgSnapshotStale",),
        ),
    ]


def resources() -> list[Json]:
    return [
        trend(
            "Memory",
            "Resident memory of the process. It grows with the largest organization while that is walked, and stays"
            " flat over days.",
            Query(f"process_resident_memory_bytes{{{PROCESS}}}", "{{instance}}"),
            size=(8, 7),
            unit="bytes",
            calcs=("max", "lastNotNull"),
            fill=20,
        ),
        trend(
            "Processor",
            "Processor time per second: 100 % is one core.",
            Query(f"rate(process_cpu_seconds_total{{{PROCESS}}}[$__rate_interval])", "{{instance}}"),
            size=(8, 7),
            unit="percentunit",
            decimals=1,
            calcs=("mean", "max"),
            soft=0.05,
            fill=20,
        ),
        trend(
            "Open files",
            "Open file descriptors, sockets included, and how many there may be.",
            Query(f"process_open_fds{{{PROCESS}}}", "{{instance}}"),
            size=(8, 7),
            unit=COUNT,
            decimals=0,
            calcs=("max", "lastNotNull"),
            fill=20,
        ),
    ]


def scrapes() -> list[Json]:
    return [
        trend(
            "Duration of scrapes",
            "How long a scrape took, as Prometheus saw it. A scrape never waits for the API.",
            Query(f"scrape_duration_seconds{{{PROCESS}}}", "{{instance}}"),
            size=(6, 8),
            unit="s",
            calcs=("mean", "max"),
        ),
        trend(
            "Samples of a scrape",
            "How many series the exporter shows. It steps when an organization comes or goes, or its figures are"
            " withdrawn.",
            Query(f"scrape_samples_scraped{{{PROCESS}}}", "{{instance}}"),
            size=(6, 8),
            unit=COUNT,
            decimals=0,
            calcs=("min", "lastNotNull"),
        ),
        trend(
            "Requests served",
            "HTTP requests that the exporter answered, by handler and code. Those that did not occur are left out.",
            Query(f"{per('handler, code', f'{OWN}_http_requests_total', PROCESS)} > 0", "{{handler}} {{code}}"),
            size=(6, 8),
            unit="reqps",
            decimals=2,
            calcs=("mean",),
        ),
        trend(
            "Time to answer",
            "Within this time 99 % of the answers were made, by handler; handlers that nobody asked are absent.",
            Query(
                "histogram_quantile(0.99,"
                f" {per('handler, le', f'{OWN}_http_request_duration_seconds_bucket', PROCESS)}) > 0",
                "{{handler}}",
            ),
            size=(6, 8),
            unit="s",
            calcs=("max", "lastNotNull"),
        ),
        trend(
            "Configuration over time",
            "Yes while the latest attempt to load it succeeded, no from a refused one to the next good one.",
            Query(f"{OWN}_config_last_reload_successful{{{PROCESS}}}", "{{instance}}"),
            size=(8, 6),
            unit="bool_yes_no",
            high=1,
            calcs=(),
            fill=30,
            alerts=("OpenAIOrgReloadFailed",),
        ),
        stat(
            "Configuration loaded",
            "When the configuration in force was loaded.",
            Query(f"{OWN}_config_last_reload_success_timestamp_seconds{{{PROCESS}}} * 1000", "{{instance}}", "instant"),
            names=True,
            size=(8, 6),
            unit="dateTimeFromNow",
        ),
        trend(
            "Writes of the state file",
            "By result. None without a state file; failed ones leave the file as it was.",
            Query(happened("result", f"{OWN}_state_writes_total", PROCESS), "{{result}}"),
            stacked=True,
            columns=True,
            size=(8, 6),
            unit="none",
            decimals=0,
            calcs=(),
            overrides=coloured("success", "failure"),
            alerts=("OpenAIOrgStateNotWritten",),
        ),
    ]


def build() -> Json:
    return dashboard(
        "exporter",
        "OpenAI organization exporter",
        "Whether the exporter of OpenAI organizations does its work: walks, requests, memory, scrapes, reloads.",
        [
            ("The process", process()),
            ("Walks", walks()),
            ("The Admin API", api()),
            ("Resources", resources()),
            ("Scrapes, configuration and state", scrapes()),
        ],
        variables=(JOB, INSTANCE, ORGANIZATION),
        span="6h",
    )
