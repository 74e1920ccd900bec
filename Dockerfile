# The server in an image of its own: the program and the CA certificates, no shell.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t mcpdiscord .
#
# docs/deploy.md says how to run it. CI does not build it.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=
ARG COMMIT=
RUN mkdir -p -m 0755 /out && install -d -m 0700 /out/owned/data && \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /out/mcpdiscord ./cmd/mcpdiscord

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/mcpdiscord /mcpdiscord
COPY --from=build --chown=65532:65532 /out/owned/ /
# The store is /data/mcpdiscord/mcpdiscord.db, with its key beside it; the admin
# socket is there, too. Nothing else is written: the root may be read-only.
ENV HOME=/data XDG_DATA_HOME=/data XDG_RUNTIME_DIR=/data MCPDISCORD_ADDR=:8000
VOLUME /data
EXPOSE 8000
USER 65532:65532
# No HEALTHCHECK: there is nothing in here to make a request with. Let whoever
# runs it probe /readyz and /healthz at --metrics-addr.
ENTRYPOINT ["/mcpdiscord"]
CMD ["serve"]
