#!/usr/bin/env bash
# Builds the release binary and measures what one process carries, with a Prometheus that scrapes it. About eight minutes.
# Arguments go to scale.py: --users 0 leaves out the large organization, --organizations 10 100 makes it shorter.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/run.sh build e2e test_scaling_docs >/dev/null # brings Debian's Prometheus as well
exec python3 benches/scale.py --binary "${CARGO_TARGET_DIR:-target}/release/openai-org-exporter" \
  --prometheus "$(PATH=$PWD/.tools/debian/usr/bin:$PATH command -v prometheus)" "$@"
