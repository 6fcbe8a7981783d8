# syntax=docker/dockerfile:1

FROM rust:1-bookworm AS builder
WORKDIR /src
COPY . .
# The commit that `--version` and openai_org_exporter_build_info name.
ARG REVISION=unknown
ENV REVISION=$REVISION
# Dependencies are downloaded and compiled once, and kept between builds.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked \
    && cp target/release/openai-org-exporter /openai-org-exporter

FROM debian:12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=builder /openai-org-exporter /usr/local/bin/openai-org-exporter
USER 65532:65532
EXPOSE 10195
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["openai-org-exporter", "healthcheck"]
ENTRYPOINT ["openai-org-exporter"]
