#!/usr/bin/env bash
# Installs what the tests need beside Go: as root with apt, else it names what
# is missing and fails.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("${@:2}"); }
need gcc gcc libc6-dev
need dbus-run-session dbus dbus-daemon
need gnome-keyring-daemon gnome-keyring
need secret-tool libsecret-tools
need chromium chromium
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "These packages are missing: ${missing[*]}" >&2
  echo "hint: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
