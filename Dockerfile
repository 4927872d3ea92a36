# The three services, one target each: gateway, mailer, notifier.
#
#   docker build --target gateway -t distotp-gateway .
#
# BuildKit only (the default since Docker 23), for the cache mounts. There is no `# syntax=` line, so nothing but the
# two base images is fetched.

# --- build: all programs at once, so that three images cost one compilation -----------------------------------------
# The version that rust-toolchain.toml pins.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY nats nats
COPY gateway gateway
COPY mailer mailer
COPY notifier notifier
COPY web web
# The workspace lists it, so cargo wants it to be there; nothing of it is built.
COPY dev dev
# Crates and what was compiled stay on the builder between builds: after a change only our own crates are compiled.
# Those always are: cargo goes by the files' times, and a layer from the cache brings back the times of an older
# checkout next to artefacts of a newer one.
RUN --mount=type=cache,id=distotp-cargo,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=distotp-target,target=/target,sharing=locked \
    find . -type f -exec touch {} + \
    && CARGO_TARGET_DIR=/target cargo build --release --locked -p otp-gateway -p otp-mailer -p otp-notifier \
    && mkdir /out \
    && cp /target/release/otp-gateway /target/release/otp-mailer /target/release/otp-notifier /out/

# --- base: what the three have in common ----------------------------------------------------------------------------
# glibc and nothing else that we need; no package is installed, so no mirror is asked.
FROM debian:bookworm-slim AS base
# Relays, NATS and Redis are spoken to by TLS; the slim image has no authorities.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# A number, so that it can be checked to be other than root without looking into the image; no name and no home.
USER 10001:10001
WORKDIR /
# SIGTERM drains.
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.vendor="DistOTP" \
      org.opencontainers.image.licenses="MIT"

FROM base AS mailer
COPY --from=build /out/otp-mailer /usr/local/bin/otp-mailer
EXPOSE 9501
ENTRYPOINT ["otp-mailer"]
LABEL org.opencontainers.image.title="otp-mailer" \
      org.opencontainers.image.description="Takes requests for codes off NATS and mails them"

FROM base AS notifier
COPY --from=build /out/otp-notifier /usr/local/bin/otp-notifier
EXPOSE 5001 9502
ENTRYPOINT ["otp-notifier"]
LABEL org.opencontainers.image.title="otp-notifier" \
      org.opencontainers.image.description="Verification events to WebSocket clients"

# `setup` in compose.yaml: the gateway, for its `keys --write`, with an empty folder for each volume. An empty named
# volume takes over owner and mode of the folder that it is first mounted on, so no container needs root to make its
# volume writable.
FROM base AS setup
COPY --from=build /out/otp-gateway /usr/local/bin/otp-gateway
USER 0:0
RUN install -d -m 0700 -o 10001 -g 10001 \
    /volumes /volumes/seal /volumes/ticket /volumes/hash /volumes/signing /volumes/nats /volumes/redis \
    /volumes/nats-1 /volumes/nats-2 /volumes/nats-3 \
    /volumes/nats-gateway /volumes/nats-mailer /volumes/nats-notifier /volumes/nats-operator /volumes/nats-server \
    /volumes/redis-gateway /volumes/redis-operator /volumes/redis-server
USER 10001:10001
ENTRYPOINT ["otp-gateway"]
CMD ["keys", "--write", "/volumes"]
LABEL org.opencontainers.image.title="distotp-setup" \
      org.opencontainers.image.description="Makes the keys and passwords of a DistOTP in containers, once"

# `certificates` in compose.tls.yaml: the image that builds has openssl, so nothing more is fetched.
FROM rust:1.95-bookworm AS certificates
RUN install -d -m 0700 -o 10001 -g 10001 \
    /volumes /volumes/tls /volumes/tls/nats /volumes/tls/redis \
    /volumes/tls/gateway /volumes/tls/mailer /volumes/tls/notifier /volumes/tls/operator
COPY nats/server/certificates.sh /usr/local/bin/certificates
USER 10001:10001
ENTRYPOINT ["sh", "/usr/local/bin/certificates"]
LABEL org.opencontainers.image.title="distotp-certificates" \
      org.opencontainers.image.description="Makes certificates for the servers and services of a DistOTP in containers, once"

# The last one is what a build without --target makes.
FROM base AS gateway
COPY --from=build /out/otp-gateway /usr/local/bin/otp-gateway
EXPOSE 5000 9500
ENTRYPOINT ["otp-gateway"]
LABEL org.opencontainers.image.title="otp-gateway" \
      org.opencontainers.image.description="HTTP API and page of DistOTP"
