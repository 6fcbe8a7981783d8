#!/usr/bin/env bash
# Builds the release binary and measures what one process carries, with a Prometheus that scrapes it. About eight minutes.
# Arguments go to scale.py: --users 0 leaves out the large organization, --organizations 10 100 makes it shorter.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh

need_debian prometheus prometheus
cargo build --quiet --release --locked
exec python3 benches/scale.py --binary "$CARGO_TARGET_DIR/release/openai-org-exporter" \
  --prometheus "$(command -v prometheus)" "$@"
