#!/usr/bin/env bash
# Builds the release binary and soaks it: ten minutes of walks every second over an organization that changes, behind an
# API that fails, with scrapes all the while. Arguments go to soak.py: --seconds N for another duration.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh

cargo build --quiet --release --locked
exec python3 benches/soak.py --binary "$CARGO_TARGET_DIR/release/openai-org-exporter" "$@"
