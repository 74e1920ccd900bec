#!/usr/bin/env bash
# Installs what the tests need beside Go: as root with apt, else it names what
# is missing and fails. "setup.sh conformance" is what make conformance needs,
# "setup.sh bench" what make bench needs.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("${@:2}"); }
if [ "${1:-}" = conformance ]; then
  need npm npm # the suite's own Node.js comes from the npm registry
  need curl curl # the browser of the client scenarios
  need jq jq
elif [ "${1:-}" = bench ]; then
  need npm npm
  need /usr/bin/time time
else
  need gcc gcc libc6-dev
  need dbus-daemon dbus dbus-daemon
  need dbus-send dbus-bin dbus
  need gnome-keyring-daemon gnome-keyring
  need secret-tool libsecret-tools
  need chromium chromium
  need redis-server redis-server
  need tmux tmux
fi
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "These packages are missing: ${missing[*]}" >&2
  echo "hint: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
