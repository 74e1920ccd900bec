#!/usr/bin/env bash
# Runs a command beside a Secret Service of its own, on a session bus of its own,
# without a desktop:
#
#     scripts/with-keyring.sh go test -tags keychain ./internal/tokencache/...
#
# Needs dbus-daemon and gnome-keyring-daemon. The keyring is empty and unlocked.
# The exit code is the command's; 97 means that the bus or the keyring did not
# start. Whatever was started here is gone when the script ends.
set -uo pipefail

if [ $# -eq 0 ]; then
	echo "usage: $0 COMMAND [ARG...]" >&2
	exit 2
fi
for tool in dbus-daemon dbus-send gnome-keyring-daemon; do
	if ! command -v "$tool" >/dev/null; then
		echo "$0: $tool is missing (Debian: apt-get install dbus gnome-keyring)" >&2
		exit 97
	fi
done

dir=$(mktemp -d)
bus='' keyring='' command=''

stop() {
	for pid in "$keyring" "$bus"; do
		[ -z "$pid" ] || kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap stop EXIT
trap '[ -z "$command" ] || kill -TERM "$command" 2>/dev/null' INT TERM HUP

fail() {
	echo "$0: $1" >&2
	cat "$dir/log" >&2
	exit 97
}

# No service directories: the bus starts nothing by itself, so nothing of it can
# outlive us.
cat >"$dir/bus.conf" <<CONF
<busconfig>
  <type>session</type>
  <listen>unix:path=$dir/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
CONF
mkdir -m 700 "$dir/data" "$dir/run"

dbus-daemon --config-file="$dir/bus.conf" --nofork --nopidfile >"$dir/log" 2>&1 &
bus=$!
export DBUS_SESSION_BUS_ADDRESS="unix:path=$dir/bus" XDG_RUNTIME_DIR="$dir/run"
unset DISPLAY WAYLAND_DISPLAY

until_ready() { # COMMAND...: for at most ten seconds
	for _ in $(seq 200); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
has_service() {
	dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
		org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q 'boolean true'
}
until_ready test -S "$dir/bus" || fail "no session bus"

# The password comes from a file, so that the daemon is our own child.
printf 'test\n' >"$dir/password"
XDG_DATA_HOME="$dir/data" gnome-keyring-daemon --foreground --unlock --components=secrets \
	<"$dir/password" >>"$dir/log" 2>&1 &
keyring=$!
until_ready has_service || fail "no Secret Service"

"$@" <&0 &
command=$!
code=0
wait "$command" || code=$?
while kill -0 "$command" 2>/dev/null; do # a signal ended the wait, not the command
	wait "$command"
	code=$?
done
exit "$code"
