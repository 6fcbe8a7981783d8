# What tests/run.sh and the benches have in common; to be sourced in the root of the repository. Everything goes into
# .tools, and nothing is installed, but for Debian's python3-venv where Python comes without it.
TOOLS=$PWD/.tools
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export PATH=$TOOLS/bin:$TOOLS/debian/usr/bin:$TOOLS/debian/usr/sbin:$PATH
export PYTHONDONTWRITEBYTECODE=1

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian's packages, unpacked and not installed: no service starts, and nothing else on the machine changes.
unpack_debian() {
  local package=$1
  if ! command -v apt-get >/dev/null; then
    echo "Debian's $package is missing, and there is no apt here to fetch it: put its programs into PATH" >&2
    return 1
  fi
  echo "    fetching Debian's $package"
  as_root apt-get update -qq
  mkdir -p "$TOOLS/debian"
  (cd "$TOOLS/debian" && apt-get download -qq -o APT::Sandbox::User=root "$package" && dpkg -x "$package"_*.deb . && rm "$package"_*.deb)
}

need_debian() {
  local command=$1 package=$2
  if command -v "$command" >/dev/null; then return; fi
  unpack_debian "$package"
}

need_python_packages() {
  local wanted=tests/e2e/requirements.txt installed=$TOOLS/venv/requirements.txt
  if cmp -s "$wanted" "$installed"; then return; fi
  echo "    installing $wanted"
  if ! python3 -c 'import ensurepip' 2>/dev/null; then
    as_root apt-get update -qq
    as_root apt-get install -qq -y python3-venv
  fi
  python3 -m venv --clear "$TOOLS/venv"
  "$TOOLS/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$installed"
}
