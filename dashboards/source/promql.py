"""The forms that most expressions have."""

CHOSEN = 'organization=~"$organization"'
PROCESS = 'job=~"$job", instance=~"$instance"'
WATCHED = f"{PROCESS}, {CHOSEN}"
# Organizations that a panel shows at most.
MOST = 20
# What tells one exporter from another: the usual labels of targets; those that there are not are equal.
ONE_EXPORTER = "job, instance, namespace, pod, cluster, organization"


def selector(family: str, *matchers: str) -> str:
    """A family, of the chosen organizations only."""
    return f"{family}{{{', '.join((CHOSEN, *matchers))}}}"


def figures(family: str, *matchers: str) -> str:
    """Figures of composition, from the exporter with the newest snapshot alone."""
    return f"{selector(family, *matchers)} and on ({ONE_EXPORTER}) ($newest)"


def added(by: str) -> str:
    return f"sum by ({by})" if by else "sum"


def of_all(expression: str) -> str:
    """What is over several organizations: absent while a chosen one has no figures, or it would be too low."""
    withdrawn = best("openai_org_snapshot_available")
    return f"({expression} unless on () ({withdrawn} == 0))"


def whole(by: str, expression: str) -> str:
    return expression if "organization" in by.split(", ") else of_all(expression)


def total(by: str, *matchers: str, family: str = "openai_org_users") -> str:
    """Figures of composition, added up by the labels `by`."""
    return whole(by, f"{added(by)} ({figures(family, *matchers)})")


def some(by: str, *part: str, family: str = "openai_org_users") -> str:
    """The users whom `part` selects, 0 where there is nobody among users that are known; for rare values."""
    return whole(by, f"{added(by)} (({figures(family, *part)}) or ({figures(family)}) * 0)")


def share(by: str, part: str, among: str = "") -> str:
    """The part of the users that `part` selects: 0 where there is nobody, and no series where there are no users."""
    everybody = figures("openai_org_users", *([among] if among else []))
    some = figures("openai_org_users", part, *([among] if among else []))
    return whole(by, f"{added(by)} (({some}) or ({everybody}) * 0) / ({added(by)} ({everybody}) > 0)")


def best(family: str, *matchers: str, by: str = "organization") -> str:
    """Of what the exporters of one organization say, the largest."""
    return f"max by ({by}) ({selector(family, *matchers)})"


def highest(expression: str) -> str:
    """Those of the organizations that want a look the most: a panel cannot show hundreds."""
    return f"topk({MOST}, {expression})"


def lowest(expression: str) -> str:
    """The same where little is bad."""
    return f"bottomk({MOST}, {expression})"


def threshold(name: str, shown: str) -> str:
    """What the alerts compare with, of the organizations shown; only where the recording rules are loaded."""
    effective = best("organization_threshold:openai_org_threshold:effective", f'threshold="{name}"')
    return f"{effective} and on (organization) {shown}"


def changed(window: str, *matchers: str, family: str = "openai_org_user_changes_total", label: str = "change") -> str:
    """How many changes there were within the window; replicas count the same ones, so the largest number holds."""
    return f"max by (organization, {label}) (increase({selector(family, *matchers)}[{window}]))"


SCIM_NAMES = {"true": "managed by SCIM", "false": "outside SCIM"}


def named(expression: str) -> str:
    """SCIM management in words."""
    for value, words in SCIM_NAMES.items():
        expression = f'label_replace({expression}, "scim_managed", "{words}", "scim_managed", "{value}")'
    return expression


def per(by: str, family: str, selected: str = WATCHED) -> str:
    """How often it happens in a second, in the chosen processes."""
    return f"sum by ({by}) (rate({family}{{{selected}}}[$__rate_interval]))"


def happened(by: str, family: str, selected: str = WATCHED) -> str:
    """How often it happened since the column before, in the chosen processes."""
    return f"sum by ({by}) (increase({family}{{{selected}}}[$__rate_interval]))"
