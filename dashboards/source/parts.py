"""Panels, as Grafana's JSON."""

from typing import Any, NamedTuple

from source.look import COUNT, PLAIN, Json, coloured
from source.promql import MOST, highest, lowest

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# What happens in walks is counted over the default interval of them at least.
COUNTED_OVER = "5m"


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
    Which organizations are shown of many, and why a total of several is absent, follows from the queries.
    """
    for chosen, which in ((highest(""), "highest"), (lowest(""), "lowest")):
        if any(chosen[:-1] in query.expression for query in queries):
            description += f" Of more than {MOST} organizations it shows those with the {MOST} {which} values."
    if any("unless on ()" in query.expression for query in queries):
        description += " Absent while a chosen organization has no figures: the total would be too low."
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
    ago = rest["unit"] == "dateTimeFromNow"
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["last"], "fields": "", "values": False},
        "showPercentChange": False,
        "text": {"titleSize": 14, "valueSize": (18 if names else 24) if ago else (22 if names else 36)},
        "textMode": text or ("value_and_name" if names else "value"),
        "wideLayout": True,
    }
    return panel("stat", title, description, queries, options=options, **({"decimals": 0} | rest))


def known_and_unknown(
    title: str, description: str, known: tuple[str, str], unknown: str, thresholds: Json, **rest: Any
) -> Json:
    """A number with its name, and beside it, grey, how many may belong to it or not."""
    name, expression = known
    return stat(
        title,
        description,
        Query(expression, name, "instant"),
        Query(unknown, "unknown", "instant"),
        names=True,
        unit=COUNT,
        thresholds=thresholds,
        overrides=coloured("unknown"),
        **rest,
    )


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
        "text": {"titleSize": 12, "valueSize": 15},
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

    Columns without a unit count what happened since the one before, five minutes at least. The axis reaches up to
    `soft` at least, so that zeros lie on the ground of an axis that makes sense.
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
    settings = {"colour": {"mode": "palette-classic"}, "low": 0, "interval": COUNTED_OVER if counted else None} | rest
    return panel("timeseries", title, description, queries, options=options, custom=custom, **settings)


def heatmap(title: str, description: str, query: Query, *, unit: str, **rest: Any) -> Json:
    """How many of them lay in each bucket, over time."""
    custom = {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}}
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "exponent": 0.5,
            "fill": "dark-blue",
            "mode": "scheme",
            "reverse": False,
            "scale": "exponential",
            "scheme": "Viridis",
            "steps": 64,
        },
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
    return panel(
        "table", title, description, asked, options=options, custom=custom, transformations=steps_of_it, **settings
    )
