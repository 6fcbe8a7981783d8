"""Colours and units: the same thing looks the same in every panel.

The colours are told apart by people who see red and green alike. Green is in order, yellow wants a look, vermilion is
bad and stands for nothing else, grey is what the API does not say. Orange and sky blue are names, not judgements.
"""

from typing import Any

Json = dict[str, Any]

GREEN = "#009E73"
YELLOW = "#F0E442"
VERMILION = "#D55E00"
GREY = "#8E8E8E"
SLATE = "#5F6B7A"
ORANGE = "#E69F00"
SKY = "#56B4E9"
BLUE = "#3F7FCF"
PURPLE = "#CC79A7"
TEXT = "text"

COLOURS = {
    # Roles.
    "owner": ORANGE,
    "reader": SKY,
    "member": SKY,
    # Account types.
    "user": BLUE,
    "service_account": PURPLE,
    # SCIM, status, use of API keys.
    "managed by SCIM": GREEN,
    "outside SCIM": YELLOW,
    "active": GREEN,
    "disabled": YELLOW,
    "banned": VERMILION,
    "used": GREEN,
    "never": YELLOW,
    # What the API does not say, or what is no value of its own.
    "unknown": GREY,
    "other": "#B9A6D3",
    "none": SLATE,
    # Changes.
    "added": GREEN,
    "removed": BLUE,
    "role_changed": ORANGE,
    "unbanned": "#9FD8C4",
    "enabled": "#C8E6A0",
    "scim_linked": SKY,
    "scim_unlinked": PURPLE,
    # Results of walks, reasons of retries, and codes of answers.
    "success": GREEN,
    "cancelled": SLATE,
    "rate_limited": YELLOW,
    "server_error": VERMILION,
    "client_error": "#B8442B",
    "unauthorized": "#A33B00",
    "forbidden": "#7A2C00",
    "timeout": ORANGE,
    "connect": "#C98F5A",
    "tls": "#8A5A2B",
    "invalid_response": PURPLE,
    "implausible": SKY,
    "failure": VERMILION,
    "200": GREEN,
    "429": YELLOW,
    "500": VERMILION,
}

# People, accounts, records: whole numbers, in full.
COUNT = "locale"


def override(matcher: str, options: str, **properties: Any) -> Json:
    """Other settings for some fields; in the names of properties a double underscore stands for a dot."""
    return {
        "matcher": {"id": matcher, "options": options},
        "properties": [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()],
    }


def fixed(colour: str) -> Json:
    return {"mode": "fixed", "fixedColor": colour}


def coloured(*names: str) -> list[Json]:
    """Gives each of the names its colour, wherever it is drawn."""
    return [override("byName", name, color=fixed(COLOURS[name])) for name in names]


# The kinds of change, in their colours.
CHANGES = coloured(
    "added", "removed", "role_changed", "banned", "unbanned", "disabled", "enabled", "scim_linked", "scim_unlinked"
)

# The results of walks and the reasons of retries.
OUTCOMES = coloured(
    "success",
    "cancelled",
    "rate_limited",
    "server_error",
    "client_error",
    "unauthorized",
    "forbidden",
    "timeout",
    "connect",
    "tls",
    "invalid_response",
    "implausible",
)
# A table cell with a bar behind its number.
GAUGE = {"mode": "basic", "type": "gauge", "valueDisplayMode": "text"}


def limit_line(name: str, colour: str = VERMILION) -> Json:
    """A dashed line that the figures should stay on one side of, one for each organization: in no legend."""
    return override(
        "byRegexp",
        f"/{name}$/",
        color=fixed(colour),
        custom__lineStyle={"fill": "dash", "dash": [8, 6]},
        custom__lineWidth=1,
        custom__fillOpacity=0,
        custom__hideFrom={"legend": True, "tooltip": False, "viz": False},
    )


def steps(base: str, *others: tuple[float, str]) -> Json:
    """Thresholds: the colour below all of them, then each with the value from which on it holds."""
    found = [{"color": base, "value": None}, *({"color": colour, "value": value} for value, colour in others)]
    return {"mode": "absolute", "steps": found}


PLAIN = steps(TEXT)
# Good at none, bad from the first one on.
NONE_WANTED = steps(GREEN, (1, VERMILION))
# Good at none, worth a look from the first one on.
FEW_WANTED = steps(GREEN, (1, YELLOW))
# The same where there may be unknown ones beside it: then none is not known to be good.
NONE_WANTED_OF_KNOWN = steps(TEXT, (1, VERMILION))
FEW_WANTED_OF_KNOWN = steps(TEXT, (1, YELLOW))


def mapping(**texts: tuple[str, str]) -> list[Json]:
    """Words in place of values: `_1=("yes", GREEN)`."""
    options = {
        value.removeprefix("_"): {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]
