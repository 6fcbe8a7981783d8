# A static binary, the certificates of public authorities and nothing else; docs/image.md tells more.
#
#   docker build --build-arg REVISION=$(git rev-parse --short=12 HEAD) --tag openai-org-exporter .
#   docker buildx build --platform linux/amd64,linux/arm64 ...

# Any Debian 12 or later with cargo and gcc, from any registry.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm
# As in Cargo.toml: the build fails where they differ.
ARG VERSION=0.1.0
# The commit that `--version` and openai_org_exporter_build_info name.
ARG REVISION=unknown

# The compiler runs on the machine that builds, whatever the image is for: emulated, it would take an hour.
FROM --platform=$BUILDPLATFORM $RUST_IMAGE AS dependencies
WORKDIR /src
ARG TARGETARCH
# Names the target to cargo, and fetches what the base lacks for it. Flags that are set together with a target do not
# concern build scripts and macros, which cannot be static. Symbols are for profilers, which the image has no use for.
RUN set -eu; \
    case $TARGETARCH in \
        amd64) target=x86_64-unknown-linux-gnu gcc=x86_64-linux-gnu-gcc package=gcc-x86-64-linux-gnu ;; \
        arm64) target=aarch64-unknown-linux-gnu gcc=aarch64-linux-gnu-gcc package=gcc-aarch64-linux-gnu ;; \
        *) echo "there is no build for the architecture '$TARGETARCH'" >&2; exit 1 ;; \
    esac; \
    missing=; \
    [ -s /etc/ssl/certs/ca-certificates.crt ] || missing=ca-certificates; \
    command -v $gcc >/dev/null || missing="$missing $package libc6-dev-$TARGETARCH-cross"; \
    if [ -n "$missing" ]; then \
        apt-get update; \
        apt-get install --yes --no-install-recommends $missing; \
        rm -rf /var/lib/apt/lists/*; \
    fi; \
    [ -d "$(rustc --print target-libdir --target $target)" ] || rustup target add $target; \
    mkdir .cargo; \
    printf '%s\n' \
        '[build]' "target = '$target'" "rustflags = ['-C', 'target-feature=+crt-static']" \
        "[target.$target]" "linker = '$gcc'" '[profile.release]' 'strip = true' > .cargo/config.toml
# All dependencies, around an empty program: this layer is built anew when the manifests change, and not for sources.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --release --locked --lib --bins \
    && rm -r src

FROM dependencies AS build
COPY build.rs LICENSE ./
COPY src src
ARG VERSION
ARG REVISION
# Touched, because cargo goes by times and the empty program may be younger than the sources.
RUN grep -qx "version = \"$VERSION\"" Cargo.toml \
    && touch src/lib.rs src/main.rs \
    && REVISION=$REVISION cargo build --release --locked --lib --bins
# What the image holds. No place can be written but the one for the state, should a volume be mounted there.
RUN set -eu; \
    mkdir /image /state; \
    install -D --target-directory=/image/usr/local/bin target/*/release/openai-org-exporter; \
    install -D --mode=644 --target-directory=/image/etc/ssl/certs /etc/ssl/certs/ca-certificates.crt; \
    install -D --mode=644 --target-directory=/image/usr/share/doc/openai-org-exporter LICENSE; \
    echo 'nonroot:x:65532:65532:nonroot:/nonexistent:/nonexistent' > /image/etc/passwd; \
    echo 'nonroot:x:65532:' > /image/etc/group; \
    install --directory /image/var/lib; \
    install --directory --mode=700 /state/openai-org-exporter

FROM scratch AS image
ARG VERSION
ARG REVISION
# A time as in 2026-01-31T12:00:00Z, and the address of the sources, where they are known.
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="openai-org-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the composition of OpenAI organizations" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.source="$SOURCE"
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /state/ /var/lib/
ENV PATH=/usr/local/bin
USER 65532:65532
EXPOSE 10195
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/usr/local/bin/openai-org-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/openai-org-exporter"]
