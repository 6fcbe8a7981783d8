"""Whole dashboards: rows, variables, links and marks, as Grafana's JSON."""

from source.look import Json
from source.parts import DATASOURCE

SCHEMA = 42
COLUMNS = 24
TAG = "openai-org"
# Of several exporters of one organization, the one with the newest snapshot: what the recording rule says, or, where
# the rules are not loaded, the same found on the spot. After a restart of Prometheus the last pick before it may stand
# beside the first one after it for five minutes: one of them counts. Grafana escapes quotes in variables: there must be
# none here.
NEWEST = (
    "topk by (organization) (1, organization:openai_org_snapshot_timestamp_seconds:newest"
    " or on (organization) topk by (organization) (1, openai_org_snapshot_timestamp_seconds))"
)
# The same address as in rules/alerts.yaml.
RUNBOOKS = "https://runbooks.example/openai-org"


def choice(name: str, label: str, query: str, every: Json | None = None) -> Json:
    """A variable of which several values can be chosen, all of them at first.

    All are those that were found, or, where the variable says so, `every` that there may be.
    """
    return (every or {}) | {
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": DATASOURCE,
        "definition": query,
        "hide": 0,
        "includeAll": True,
        "label": label,
        "multi": True,
        "name": name,
        "options": [],
        "query": {"qryType": 5, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
        "type": "query",
    }


def constant(name: str, text: str) -> Json:
    """A variable that nobody sees, to write the same once."""
    shown = {"selected": True, "text": text, "value": text}
    return {
        "current": shown,
        "hide": 2,
        "name": name,
        "options": [shown],
        "query": text,
        "skipUrlSync": True,
        "type": "constant",
    }


# Only series of the exporter have the label organization: all of them need no list, which may be long.
ORGANIZATION = choice(
    "organization",
    "Organization",
    "label_values(openai_org_poll_interval_seconds, organization)",
    every={"allValue": ".+"},
)
CHOSEN_DATASOURCE = {
    "current": {},
    "hide": 0,
    "includeAll": False,
    "label": "Data source",
    "multi": False,
    "name": "datasource",
    "options": [],
    "query": "prometheus",
    "refresh": 1,
    "regex": "",
    "skipUrlSync": False,
    "type": "datasource",
}


def last_change(name: str, change: str, colour: str) -> Json:
    """A mark at each moment at which a change of this kind was found."""
    newest = (
        f'max by (organization) (openai_org_last_change_timestamp_seconds{{change="{change}",'
        ' organization=~"$organization"})'
    )
    return {
        "datasource": DATASOURCE,
        "enable": True,
        "expr": f"{newest} * 1000",
        "hide": False,
        "iconColor": colour,
        "name": name,
        "step": "30s",
        "tagKeys": "organization",
        "textFormat": "{{organization}}",
        "titleFormat": name,
        "useValueForTime": True,
    }


def placed(rows: list[tuple[str, list[Json | list[Json]]]]) -> list[Json]:
    """The panels of all rows, from left to right and from top to bottom; a list stands one below the other."""
    found: list[Json] = []
    top = 0
    for title, members in rows:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        found.append({"collapsed": False, "gridPos": place, "panels": [], "title": title, "type": "row"})
        top, left, height = top + 1, 0, 0
        for member in members:
            column = member if isinstance(member, list) else [member]
            width = max(one["gridPos"]["w"] for one in column)
            if left + width > COLUMNS:
                top, left, height = top + height, 0, 0
            below = top
            for one in column:
                found.append(one | {"gridPos": one["gridPos"] | {"x": left, "y": below}})
                below += one["gridPos"]["h"]
            left, height = left + width, max(height, below - top)
        top += height
    return [member | {"id": number} for number, member in enumerate(found, start=1)]


def dashboard(
    name: str,
    title: str,
    description: str,
    rows: list[tuple[str, list[Json | list[Json]]]],
    *,
    variables: tuple[Json, ...],
    annotations: tuple[Json, ...] = (),
    span: str,
) -> Json:
    """The whole, with the links to the others and to the runbooks."""
    return {
        "annotations": {"list": list(annotations)},
        "description": description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [
            {
                "asDropdown": False,
                "icon": "dashboard",
                "includeVars": True,
                "keepTime": True,
                "tags": [TAG],
                "targetBlank": False,
                "title": "OpenAI organizations",
                "tooltip": "The other dashboards on OpenAI organizations",
                "type": "dashboards",
                "url": "",
            },
            {
                "asDropdown": False,
                "icon": "doc",
                "includeVars": False,
                "keepTime": False,
                "tags": [],
                "targetBlank": True,
                "title": "Runbooks",
                "tooltip": "What to do about each alert",
                "type": "link",
                "url": "${runbooks}",
            },
        ],
        "liveNow": False,
        "panels": placed(rows),
        "refresh": "1m",
        "schemaVersion": SCHEMA,
        "tags": [TAG],
        "templating": {
            "list": [CHOSEN_DATASOURCE, *variables, constant("newest", NEWEST), constant("runbooks", RUNBOOKS)]
        },
        "time": {"from": f"now-{span}", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": title,
        "uid": f"openai-org-{name}",
        "version": 1,
        "weekStart": "",
    }
