#!/usr/bin/env bash
# Builds the release binary and compares it with what it could be instead. About twenty minutes; arguments go to
# compare.py: --only walk,warm,scrape,sizes,many for some parts, --write for docs/performance.md, --short for CI.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh

for needed in cargo python3; do
  if ! command -v $needed >/dev/null; then
    echo "benches/compare.sh: $needed is missing: the benches need Rust, and Python 3.11 or later" >&2
    exit 1
  fi
done
if ! python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "benches/compare.sh: this Python is too old or has no venv: apt-get install python3-venv on Debian 12" >&2
  exit 1
fi

need_debian wrk wrk
need_debian prometheus-pushgateway prometheus-pushgateway
# Debian's wrk, unpacked, looks for this library among those that are installed.
if ldd "$(command -v wrk)" | grep --quiet 'libluajit.*not found'; then
  libraries=$TOOLS/debian/usr/lib/$(uname -m)-linux-gnu
  if [ ! -e "$libraries/libluajit-5.1.so.2" ]; then unpack_debian libluajit-5.1-2; fi
  export LD_LIBRARY_PATH=$libraries
fi
need_python_packages # the official SDK and prometheus_client

cargo build --quiet --release --locked
cargo build --quiet --release --locked --manifest-path benches/bare/Cargo.toml
exec .tools/venv/bin/python benches/compare.py \
  --binary "$CARGO_TARGET_DIR/release/openai-org-exporter" --bare "$CARGO_TARGET_DIR/release/bare-hyper" \
  --wrk "$(command -v wrk)" --pushgateway "$(command -v prometheus-pushgateway)" "$@"
