#!/usr/bin/env bash
# Prints the figures of docs/performance.md that take long: floods, a million
# grants, several nodes. It needs Linux, redis-server, some 40 minutes and 10 GB
# of $TMPDIR. An argument is one of Flood, Grants and Nodes; MCPDISCORD_SCALE=50
# does a fiftieth.
set -euo pipefail
cd "$(dirname "$0")/.."
make -s build
MCPDISCORD_BENCH=$PWD/bin/mcpdiscord go test -run '^$' -bench "Scale${1:-}" -benchtime 1x -timeout 3h ./cmd/mcpdiscord
