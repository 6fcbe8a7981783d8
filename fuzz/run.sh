#!/usr/bin/env bash
# Feeds the parsers with what nobody would write, and stops at the first input that breaks a promise.
#
#   fuzz/run.sh                            every target, 20 s each
#   fuzz/run.sh --seconds 180 page         the named targets, longer
#   fuzz/run.sh --keep page                adds to the committed corpus what reaches code that it did not reach
#   fuzz/run.sh --input FILE page          one input, once
#   fuzz/run.sh --build                    builds the targets and runs none
#
# It needs stable Rust and a C++ compiler. What is found goes to target/fuzz/, and is where the next run goes on from.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
HOST=$(rustc -vV | sed -n 's/^host: //p')
FOUND=$CARGO_TARGET_DIR/fuzz
ALL=$(sed -n 's/^path = "targets\/\(.*\)\.rs"$/\1/p' fuzz/Cargo.toml)

# Coverage as libFuzzer reads it. These options are stable ones; `--target` keeps them from build scripts.
export RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"

# The largest input and the options of a target. Memory is bounded, and so is the time that one input takes.
options() {
  case $1 in
    page | state_file) echo "-max_len=16384" ;;
    *) echo "-max_len=4096" ;;
  esac
  echo "-rss_limit_mb=1024 -timeout=10 -print_final_stats=1"
  if [ -f "fuzz/dictionaries/$1.dict" ]; then echo "-dict=fuzz/dictionaries/$1.dict"; fi
}

usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' "fuzz/run.sh" >&2
  exit 2
}

# Runs a command that ends with this script, however that ends.
child=
trap 'if [ -n "$child" ]; then kill "$child" 2>/dev/null || true; fi' EXIT
trap 'exit 130' INT TERM
run() {
  "$@" </dev/null &
  child=$!
  local code=0
  wait "$child" || code=$?
  child=
  return "$code"
}

fuzz() {
  local target=$1 seconds=$2 binary=$CARGO_TARGET_DIR/$HOST/release/$1
  local found=$FOUND/$target/corpus log=$FOUND/$target/log
  mkdir -p "$found" "$FOUND/$target/crashes"
  # shellcheck disable=SC2046 # options are words
  if run "$binary" $(options "$target") "-max_total_time=$seconds" "-artifact_prefix=$FOUND/$target/crashes/" \
    "$found" "fuzz/corpus/$target" >"$log" 2>&1; then
    awk -v target="$target" '
      /\tDONE /{ for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
      /^stat::number_of_executed_units/ { runs = $2 }
      /^stat::average_exec_per_sec/ { rate = $2 }
      /^stat::peak_rss_mb/ { rss = $2 }
      END { printf "    %-14s %9d inputs, %6d a second, %5d places reached, %4d MB\n", target, runs, rate, cov, rss }
    ' "$log"
    return
  fi
  tail -n 40 "$log"
  local input
  input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  echo "fuzz/run.sh: target $target failed${input:+ on $input}; the whole log is $log"
  if [ -n "$input" ]; then echo "again: fuzz/run.sh --input $input $target"; fi
  return 1
}

main() {
  local seconds=20 keep="" input="" build_only="" targets=""
  while [ $# -gt 0 ]; do
    case $1 in
      --seconds) seconds=${2:?a number of seconds}; shift ;;
      --input) input=$(realpath "${2:?a file}"); shift ;;
      --keep) keep=1 ;;
      --build) build_only=1 ;;
      -*) usage ;;
      *)
        if ! grep -qx "$1" <<<"$ALL"; then
          echo "fuzz/run.sh: no target '$1'; there are:" $ALL >&2
          exit 2
        fi
        targets+=" $1"
        ;;
    esac
    shift
  done
  targets=${targets:-$ALL}

  if ! run cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml --target "$HOST"; then
    echo "fuzz/run.sh: the targets do not build; if Cargo.lock is what is wrong, run" \
      "'cargo update --workspace --manifest-path fuzz/Cargo.toml'" >&2
    exit 1
  fi
  if [ -n "$build_only" ]; then return; fi
  for target in $targets; do
    if [ -n "$input" ]; then
      run "$CARGO_TARGET_DIR/$HOST/release/$target" "$input"
      continue
    fi
    fuzz "$target" "$seconds"
    if [ -n "$keep" ]; then
      # shellcheck disable=SC2046 # options are words
      run "$CARGO_TARGET_DIR/$HOST/release/$target" $(options "$target") -merge=1 "fuzz/corpus/$target" \
        "$FOUND/$target/corpus" >"$FOUND/$target/log" 2>&1
    fi
  done
}

main "$@"
