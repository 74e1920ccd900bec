#!/usr/bin/env bash
# Prints the figures of docs/performance.md. Run it on a machine that does
# nothing else; quote ratios within one run.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh bench
conformance/install.sh
make -s build

echo "== requests over loopback: the whole server, a bare handler, the SDK as it is, proxies"
go test -run '^$' -bench 'ToolsCall|Proxy' -benchtime "${ROUNDS:-40}x" ./internal/server
echo "== verifying a token; reading and writing a record"
go test -run '^$' -bench 'Verify' -benchmem ./internal/authserver
go test -run '^$' -bench 'Get|Update' ./internal/store
echo "== the program: whole processes"
export MCPDISCORD_BENCH=$PWD/bin/mcpdiscord MCPDISCORD_NEIGHBORS=$PWD/conformance/node_modules
go test -run '^$' -bench 'Process|FirstPaint' -benchtime 50x ./cmd/mcpdiscord
echo "== a call beside mcporter, the MCP Inspector's CLI, and a bare Go program"
go test -run '^$' -bench Neighbors -benchtime "${ROUNDS:-40}x" ./cmd/mcpdiscord
echo "== its size"
wc -c bin/mcpdiscord
