#!/usr/bin/env bash
# Makes docs/connect.svg, the picture in the README, from the program itself: a
# sign-in and some calls in tmux. The server takes port 8000.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v tmux >/dev/null || scripts/setup.sh
go test -tags tmux -run TmuxCast -count=1 ./cmd/mcpdiscord -update
wc -c docs/connect.svg
