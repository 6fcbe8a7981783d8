#!/usr/bin/env python3
"""Writes the rules as PrometheusRule manifests, for clusters with the Prometheus operator.

    rules/manifest.py            writes deploy/kubernetes/prometheusrule.yaml
    rules/manifest.py --check    says whether the file is what would be written; exit 1 if not

The text of the rule files is taken as it stands, comments included, and moved to the right.
"""

import sys
from pathlib import Path

RULES = Path(__file__).resolve().parent
MANIFEST = RULES.parent / "deploy" / "kubernetes" / "prometheusrule.yaml"
HEAD = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: openai-org-{name}
  labels:
    app.kubernetes.io/name: openai-org-exporter
spec:
"""


def manifest() -> str:
    documents = ["# Written by rules/manifest.py from rules/*.yaml; a test keeps it true.\n"]
    for path in sorted(RULES.glob("*.yaml")):
        lines = path.read_text().splitlines()
        moved = "".join(f"  {line}\n" if line else "\n" for line in lines)
        documents.append(HEAD.format(name=path.stem) + moved)
    return "---\n".join(documents)


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        return 0 if MANIFEST.exists() and MANIFEST.read_text() == manifest() else 1
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    MANIFEST.parent.mkdir(parents=True, exist_ok=True)
    MANIFEST.write_text(manifest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
