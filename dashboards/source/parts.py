"""Panels, rows and whole dashboards, as Grafana's JSON."""

from typing import Any, NamedTuple

from source.look import PLAIN, VERMILION, Json, steps

SCHEMA = 41
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
TAG = "openai-org"
# Of several exporters of one organization, the one with the newest snapshot: what the recording rule says, or, where
# the rules are not loaded, the same found on the spot. Grafana escapes quotes in variables: there must be none here.
NEWEST = (
    "organization:openai_org_snapshot_timestamp_seconds:newest"
    " or on (organization) topk by (organization) (1, openai_org_snapshot_timestamp_seconds)"
)
# The same address as in rules/alerts.yaml.
RUNBOOKS = "https://runbooks.example/openai-org"


class Query(NamedTuple):
    """An expression and how its series are called. `kind` is range, instant, table (also instant) or heatmap."""

    expression: str
    legend: str = "__auto"
    kind: str = "range"


def targets(queries: tuple[Query, ...]) -> list[Json]:
    return [
        {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expression,
            "format": {"table": "table", "heatmap": "heatmap"}.get(query.kind, "time_series"),
            "instant": query.kind in ("instant", "table"),
            "legendFormat": query.legend,
            "range": query.kind in ("range", "heatmap"),
            "refId": chr(ord("A") + index),
        }
        for index, query in enumerate(queries)
    ]


def panel(
    kind: str,
    title: str,
    description: str,
    queries: tuple[Query, ...],
    *,
    size: tuple[int, int],
    unit: str,
    options: Json,
    decimals: int | None = None,
    thresholds: Json = PLAIN,
    colour: Json | None = None,
    mappings: list[Json] | None = None,
    custom: Json | None = None,
    overrides: list[Json] | None = None,
    low: float | None = None,
    high: float | None = None,
    nothing: str | None = None,
    no_data: str | None = None,
    alerts: tuple[str, ...] = (),
    transformations: list[Json] | None = None,
    interval: str | None = None,
) -> Json:
    """A panel without its place.

    `nothing` is what it shows in place of "No data"; `no_data` says why the demo, where all is well, has none: it
    becomes a sentence of the description, and a test holds that it is true. `alerts` are those that watch the same.
    """
    defaults = {
        "color": colour or {"mode": "thresholds"},
        "custom": custom,
        "decimals": decimals,
        "mappings": mappings or [],
        "max": high,
        "min": low,
        "noValue": nothing,
        "thresholds": thresholds,
        "unit": unit,
    }
    found = {
        "datasource": DATASOURCE,
        "description": description if no_data is None else f"{description} No data: {no_data}",
        "fieldConfig": {
            "defaults": {key: value for key, value in defaults.items() if value is not None},
            "overrides": overrides or [],
        },
        "gridPos": {"h": size[1], "w": size[0]},
        "links": [
            {"targetBlank": True, "title": f"Runbook of {alert}", "url": f"${{runbooks}}#{alert.lower()}"}
            for alert in alerts
        ],
        "options": options,
        "targets": targets(queries),
        "title": title,
        "transformations": transformations or [],
        "type": kind,
    }
    return found if interval is None else found | {"interval": interval}


def stat(title: str, description: str, *queries: Query, names: bool = False, text: str = "", **rest: Any) -> Json:
    """A number, or one for each organization with its name."""
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["last"], "fields": "", "values": False},
        "showPercentChange": False,
        "text": {"titleSize": 14, "valueSize": 22 if names else 36},
        "textMode": text or ("value_and_name" if names else "value"),
        "wideLayout": True,
    }
    return panel("stat", title, description, queries, options=options, **({"decimals": 0} | rest))


def bars(title: str, description: str, *queries: Query, **rest: Any) -> Json:
    """Horizontal bars that are compared with each other."""
    options = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 300,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "left",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["last"], "fields": "", "values": False},
        "showUnfilled": True,
        "sizing": "auto",
        "text": {"titleSize": 13, "valueSize": 15},
        "valueMode": "text",
    }
    return panel("bargauge", title, description, queries, options=options, **({"decimals": 0, "low": 0} | rest))


def trend(
    title: str,
    description: str,
    *queries: Query,
    stacked: bool = False,
    columns: bool = False,
    legend: str = "bottom",
    calcs: tuple[str, ...] = ("lastNotNull",),
    fill: int | None = None,
    soft: float | None = None,
    interpolation: str = "stepAfter",
    **rest: Any,
) -> Json:
    """Lines over time, or areas that add up, or columns for what happens now and then.

    Columns without a unit count what happened since the one before, five minutes at least. The axis reaches up to `soft` at least,
    so that zeros lie on the ground of an axis that makes sense.
    """
    custom = {
        "axisBorderShow": False,
        "axisLabel": "",
        "axisPlacement": "auto",
        "barAlignment": 0,
        "drawStyle": "bars" if columns else "line",
        "fillOpacity": fill if fill is not None else 80 if columns else 55 if stacked else 8,
        "gradientMode": "none",
        "lineInterpolation": interpolation,
        "lineWidth": 0 if columns else 1 if stacked else 2,
        "pointSize": 4,
        "scaleDistribution": {"type": "linear"},
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "off"},
    }
    if soft is not None:
        custom["axisSoftMax"] = soft
    options = {
        "legend": {"calcs": list(calcs), "displayMode": "list", "placement": legend, "showLegend": True},
        "tooltip": {"hideZeros": False, "mode": "multi", "sort": "desc"},
    }
    if legend == "right" and calcs:
        options["legend"]["displayMode"] = "table"
    counted = columns and rest["unit"] == "none"
    settings = {"colour": {"mode": "palette-classic"}, "low": 0, "interval": "5m" if counted else None} | rest
    return panel("timeseries", title, description, queries, options=options, custom=custom, **settings)


def heatmap(title: str, description: str, query: Query, *, unit: str, **rest: Any) -> Json:
    """How many of them lay in each bucket, over time."""
    custom = {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}}
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"exponent": 0.5, "fill": "dark-blue", "mode": "scheme", "reverse": False, "scale": "exponential", "scheme": "Viridis", "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    return panel("heatmap", title, description, (query,), unit=unit, options=options, custom=custom, **rest)


def table(
    title: str,
    description: str,
    *queries: Query,
    columns: dict[str, str],
    sort: str | None = None,
    ascending: bool = False,
    transformations: list[Json] | None = None,
    **rest: Any,
) -> Json:
    """A table of the named columns, in their order, with the names they are shown under."""
    merged = [{"id": "merge", "options": {}}] if len(queries) > 1 else []
    order = {name: index for index, name in enumerate(columns)}
    organize = {
        "excludeByName": {},
        "includeByName": {name: True for name in columns},
        "indexByName": order,
        "renameByName": {name: shown for name, shown in columns.items() if name != shown},
    }
    options = {
        "cellHeight": "sm",
        "showHeader": True,
        "sortBy": [] if sort is None else [{"desc": not ascending, "displayName": sort}],
    }
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False, "minWidth": 60}
    asked = tuple(query._replace(kind="table") for query in queries)
    steps_of_it = [*merged, *(transformations or []), {"id": "organize", "options": organize}]
    settings = {"decimals": 0} | rest
    return panel("table", title, description, asked, options=options, custom=custom, transformations=steps_of_it, **settings)


def choice(name: str, label: str, query: str) -> Json:
    """A variable of which several values can be chosen, all of them at first."""
    return {
        "allValue": ".+",
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


ORGANIZATION = choice("organization", "Organization", "label_values(openai_org_poll_interval_seconds, organization)")
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
    newest = f'max by (organization) (openai_org_last_change_timestamp_seconds{{change="{change}", organization=~"$organization"}})'
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
        "templating": {"list": [CHOSEN_DATASOURCE, *variables, constant("newest", NEWEST), constant("runbooks", RUNBOOKS)]},
        "time": {"from": f"now-{span}", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": title,
        "uid": f"openai-org-{name}",
        "version": 1,
        "weekStart": "",
    }
