#!/usr/bin/env bash
# Makes docs/pictures/*.png anew: starts three simulated organizations, the exporter and a Prometheus with the rules,
# waits until there is something to see, and draws the dashboards with Grafana's own components.
#
#   dashboards/preview/preview.sh           waits 15 minutes, writes docs/pictures
#   MINUTES=5 dashboards/preview/preview.sh DIRECTORY
#
# It needs the release binary (or EXPORTER_BINARY), prometheus, Chromium (or CHROMIUM), and Node.js 18 or later; the
# first run installs what package.json pins, about 500 MB. It listens on loopback, PORT (21100) and the four above.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
export PATH=$ROOT/.tools/debian/usr/bin:$PATH

MINUTES=${MINUTES:-15}
PORT=${PORT:-21100}
SCRAPE=5
EXPORTER=${EXPORTER_BINARY:-${CARGO_TARGET_DIR:-$ROOT/target}/release/openai-org-exporter}
OUT=${1:-$ROOT/docs/pictures}

WORK=$(mktemp -d)
children=()
conclude() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait
  rm -rf "$WORK"
}
trap conclude EXIT

start() {
  local name=$1
  shift
  "$@" >"$WORK/$name.log" 2>&1 &
  children+=($!)
}

simulate() {
  local name=$1 port=$2
  shift 2
  start "$name" "$EXPORTER" simulate "--listen-address=127.0.0.1:$port" "--admin-key=sk-admin-$name" "$@"
}

command -v prometheus >/dev/null || { echo "prometheus is missing: tests/run.sh e2e fetches it" >&2; exit 1; }
if ! cmp -s "$HERE/package.json" "$HERE/node_modules/.installed"; then
  npm --prefix "$HERE" install --no-audit --no-fund --no-package-lock --legacy-peer-deps --loglevel=error
  cp "$HERE/package.json" "$HERE/node_modules/.installed"
fi

# One large and busy, one whose API is in trouble, one small and quiet.
simulate acme $((PORT + 1)) --users=840 --seed=7 --churn=4 --latency=60ms --fault=status-429:0.04 --fault=slow:0.02
simulate globex $((PORT + 2)) --users=260 --seed=5 --churn=2 --latency=35ms --fault=status-500:0.03 \
  --fault=repeat-cursor:0.01
simulate initech $((PORT + 3)) --users=95 --seed=9 --churn=1 --latency=20ms --fault=duplicate:0.05

cat >"$WORK/exporter.yaml" <<END
web: { listen_address: ["127.0.0.1:$PORT"] }
poll: { interval: 10s, max_age: 1m }
state: { file: $WORK/state }
policy: { file: $ROOT/policies/baseline.yaml }
email_domains: [example.com, example.org]
organizations:
  - { name: acme, admin_key_env: KEY_ACME, base_url: "http://127.0.0.1:$((PORT + 1))/v1" }
  - { name: globex, admin_key_env: KEY_GLOBEX, base_url: "http://127.0.0.1:$((PORT + 2))/v1" }
  - { name: initech, admin_key_env: KEY_INITECH, base_url: "http://127.0.0.1:$((PORT + 3))/v1" }
END
cat >"$WORK/prometheus.yml" <<END
global: { scrape_interval: ${SCRAPE}s, scrape_timeout: ${SCRAPE}s, evaluation_interval: ${SCRAPE}s }
rule_files: ["$ROOT/rules/recording.yaml", "$ROOT/rules/alerts.yaml"]
scrape_configs:
  - job_name: openai-org
    static_configs: [{ targets: ["127.0.0.1:$PORT"] }]
END
export KEY_ACME=sk-admin-acme KEY_GLOBEX=sk-admin-globex KEY_INITECH=sk-admin-initech
start exporter "$EXPORTER" serve "--config.file=$WORK/exporter.yaml"
start prometheus prometheus "--config.file=$WORK/prometheus.yml" "--storage.tsdb.path=$WORK/data" \
  "--web.listen-address=127.0.0.1:$((PORT + 4))"

all_run() {
  for child in "${children[@]}"; do
    kill -0 "$child" 2>/dev/null || { tail -n 5 "$WORK"/*.log >&2; exit 1; }
  done
}

# Five minutes more than are drawn, so that the picture begins and ends where the axis has no number at its edge.
echo "collecting $((MINUTES + 6)) minutes of data"
for ((minute = 0; minute < MINUTES + 6; minute++)); do
  sleep 5
  all_run
  sleep 55
done
node "$HERE/draw.mjs" "http://127.0.0.1:$((PORT + 4))" "$MINUTES" "$SCRAPE" "$OUT"
