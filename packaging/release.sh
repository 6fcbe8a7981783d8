#!/usr/bin/env bash
# Makes what a release is made of, in target/dist: for each target a tarball and an SBOM, for those with glibc a Debian
# package, and SHA256SUMS of all. The same commit and compiler give the same bytes.
#
#   packaging/release.sh                      every target that can be built here; the others are named
#   packaging/release.sh TARGET...            these targets; it fails where one of them cannot be built
#   packaging/release.sh --no-build           of the binary that `cargo build --release` has made
#
# It needs cargo-deb, cargo-cyclonedx and dpkg. Musl takes Debian's musl-tools, arm64 its gcc-aarch64-linux-gnu, and each
# target other than the machine's own the standard library for it (rustup target add).
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C TZ=UTC
umask 022

NAME=openai-org-exporter
TARGETS=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-musl)
HOST=$(rustc --version --verbose | sed -n 's/^host: //p')
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
STAGE=target/package
DIST=target/dist
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
# The time of the commit stands for the time of the release.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.toml)}
export SOURCE_DATE_EPOCH

# The C compiler for a target, which links too.
compiler() {
  case $1 in
    "$HOST") echo cc ;;
    x86_64-unknown-linux-gnu) echo x86_64-linux-gnu-gcc ;;
    x86_64-unknown-linux-musl) echo musl-gcc ;;
    aarch64-*) echo aarch64-linux-gnu-gcc ;;
  esac
}

# Why a target cannot be built here; nothing where it can.
obstacle() {
  local target=$1 compiler
  compiler=$(compiler "$target")
  if [ ! -d "$(rustc --print target-libdir --target "$target")" ]; then
    echo "the standard library is missing: rustup target add $target"
  elif ! command -v "$compiler" >/dev/null; then
    echo "$compiler is missing: apt-get install $([ "$compiler" = musl-gcc ] && echo musl-tools || echo gcc-aarch64-linux-gnu)"
  fi
}

# Where cargo puts the program for a target.
directory() {
  if [ "$1" = "$HOST" ]; then echo "$CARGO_TARGET_DIR/release"; else echo "$CARGO_TARGET_DIR/$1/release"; fi
}

build() {
  local target=$1 variable
  if [ "$target" = "$HOST" ]; then
    cargo build --quiet --release --locked
    return
  fi
  variable=${target//-/_}
  env "CC_$variable=$(compiler "$target")" "CARGO_TARGET_${variable^^}_LINKER=$(compiler "$target")" \
    cargo build --quiet --release --locked --target "$target"
}

# What is the same for all targets, written by the program of this machine.
stage() {
  local program unit shell
  program=$(directory "$HOST")/$NAME
  rm -rf $STAGE
  mkdir -p $STAGE/completions $STAGE/units $STAGE/share $STAGE/doc/examples
  "$program" docs man $STAGE/man
  for shell in bash:$NAME.bash zsh:_$NAME fish:$NAME.fish; do
    "$program" completions "${shell%%:*}" >"$STAGE/completions/${shell#*:}"
  done
  for unit in deploy/systemd/*; do
    sed -e "s|/usr/local/bin/|/usr/bin/|" -e "/^Description=/a Documentation=man:$NAME(1)" "$unit" >"$STAGE/units/${unit##*/}"
  done
  mv $STAGE/units/openai-org-textfile.* $STAGE/doc/examples/
  # Rules, dashboards and policies, as far as there are any.
  for directory in rules dashboards policies; do
    if [ -d $directory ]; then
      mkdir $STAGE/share/$directory
      find $directory -maxdepth 1 \( -name '*.yaml' -o -name '*.json' \) -exec cp -t $STAGE/share/$directory {} +
    fi
  done
  mkdir $STAGE/doc/docs
  cp README.md SECURITY.md $STAGE/doc/
  cp docs/*.md docs/status.schema.json $STAGE/doc/docs/
  gzip -9n <CHANGELOG.md >$STAGE/doc/changelog.gz
  printf '%s (%s-1) unstable; urgency=medium\n\n  * Version %s; changelog.gz says what is new.\n\n -- %s  %s\n' \
    $NAME "$VERSION" "$VERSION" "$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)" \
    "$(date -R --date="@$SOURCE_DATE_EPOCH")" >$STAGE/debian-changelog
}

# The crates that are linked into the program for a target, as CycloneDX 1.5. The tool names the sources by their path here.
sbom() {
  local target=$1 name=$NAME-$VERSION-$1.cdx
  cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --no-build-deps \
    --override-filename "$name"
  sed "s|path+file://$PWD|path+file:///$NAME|g" "$name.json" >"$DIST/$name.json"
  rm "$name.json"
  cp "$DIST/$name.json" $STAGE/doc/sbom.cdx.json
}

tarball() {
  local target=$1 root
  root=$NAME-$VERSION-$target
  rm -rf "$STAGE/tarball"
  mkdir -p "$STAGE/tarball/$root"
  cp "$(directory "$target")/$NAME" LICENSE README.md CHANGELOG.md "$STAGE/tarball/$root/"
  cp -R $STAGE/man $STAGE/completions $STAGE/share/* deploy/systemd docs "$STAGE/tarball/$root/"
  rm -rf "$STAGE/tarball/$root/docs/pictures"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    -C "$STAGE/tarball" -c "$root" | gzip -9n >"$DIST/$root.tar.gz"
}

package() {
  local flags=(--quiet --locked --no-build --no-strip --no-dbgsym)
  if [ "$1" != "$HOST" ]; then flags+=(--target "$1"); fi
  case $1 in
    *-gnu) cargo deb "${flags[@]}" --output "$DIST/" ;;
  esac
}

main() {
  local building=yes named=yes targets=() made=() missing=() target why
  if [ "${1:-}" = --no-build ]; then
    building=no
    shift
    set -- "$HOST"
  fi
  if [ $# -eq 0 ]; then
    named=no
    set -- "${TARGETS[@]}"
  fi
  for target in "$@"; do
    if [[ " $HOST ${TARGETS[*]} " != *" $target "* ]]; then
      echo "packaging/release.sh: no target '$target'; there are: ${TARGETS[*]}" >&2
      exit 2
    fi
    why=$(obstacle "$target")
    if [ -z "$why" ]; then targets+=("$target"); continue; fi
    echo "packaging/release.sh: $target cannot be built here: $why" >&2
    missing+=("$target")
  done
  if [ ${#targets[@]} -eq 0 ]; then exit 1; fi
  if [ $building = yes ]; then build "$HOST"; fi
  stage
  rm -rf $DIST
  mkdir -p $DIST
  for target in "${targets[@]}"; do
    if [ $building = yes ]; then build "$target"; fi
    sbom "$target"
    tarball "$target"
    package "$target"
    made+=("$target")
  done
  (cd $DIST && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs -r sha256sum >SHA256SUMS)
  echo "made for: ${made[*]}"
  if [ ${#missing[@]} -gt 0 ]; then
    echo "left out: ${missing[*]}"
    if [ $named = yes ]; then exit 1; fi
  fi
}

main "$@"
