#!/usr/bin/env bash
# Builds the release binary and compares it with the program one would otherwise write; arguments go to compare.py.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/run.sh build e2e test_oracle >/dev/null # brings the pinned Python packages as well
exec .tools/venv/bin/python benches/compare.py \
  --binary "${CARGO_TARGET_DIR:-target}/release/openai-org-exporter" "$@"
