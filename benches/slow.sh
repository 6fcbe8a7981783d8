#!/usr/bin/env bash
# Builds the release binary and measures scrapes while a thousand connections are slow. About four minutes. Arguments go
# to slow.py: --connections 200 --runs 1 makes it shorter.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh

cargo build --quiet --release --locked
exec python3 benches/slow.py --binary "$CARGO_TARGET_DIR/release/openai-org-exporter" "$@"
