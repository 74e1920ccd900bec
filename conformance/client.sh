#!/usr/bin/env bash
# The suite runs it as: client.sh URL, with MCP_CONFORMANCE_SCENARIO and
# MCP_CONFORMANCE_CONTEXT set. MCPDISCORD is the program.
set -uo pipefail
scenario=$MCP_CONFORMANCE_SCENARIO context=${MCP_CONFORMANCE_CONTEXT:-null} each=()
from() { jq -r "$1 // empty" <<<"$context"; }
export MCPDISCORD_SERVER=$1 MCPDISCORD_TOKEN_STORE=memory MCPDISCORD_TIMEOUT=20s MCPDISCORD_LOGIN_TIMEOUT=20s
export MCPDISCORD_OAUTH_CLIENT_ID=$(from .client_id) MCPDISCORD_OAUTH_CLIENT_SECRET=$(from .client_secret)
export BROWSER='curl -sL -o /dev/null' # it follows the redirects to the loopback callback
m() { "$MCPDISCORD" "$@" || exit; }
case $scenario in
initialize | request-metadata | json-schema-ref-no-deref) m tools ;;
tools_call) m call add_numbers a=5 b=3 ;;
elicitation-sep1034-client-defaults) m call test_client_elicitation_defaults --elicit '{}' ;;
sse-retry) m call test_reconnection ;;
sep-2322-client-request-state) for t in echo_state no_state unrelated no_result_type; do m call "test_mrtr_$t" --elicit confirmed=true; done ;;
http-standard-headers) m call "$(m tools --jq '.[0].name')"
  m read "$(m resources --jq '.resources[0].uri')"; m prompt "$(m prompts --jq '.[0].name')" ;;
http-custom-headers) mapfile -t each < <(from '.toolCalls[] | .name, (.arguments | del(.[] | nulls) | tojson)')
  for ((i = 0; i < ${#each[@]}; i += 2)); do m call "${each[i]}" "${each[i + 1]}"; done ;;
http-invalid-tool-headers) mapfile -t each < <(m tools --jq '.[].name'); for t in "${each[@]}"; do m call "$t" region=us-west1; done ;;
json-schema-2020-12-preservation) m call json_schema_echo \
  "$(m tools --jq '{schema: .[] | select(.name == "json_schema_2020_12_tool").inputSchema}')" ;;
auth/basic-cimd) m call test-tool --login --client-metadata-url https://conformance-test.local/client-metadata.json ;;
auth/client-credentials-basic) m call test-tool --grant client_credentials ;;
auth/*) m call test-tool --login ;;
*) echo "there is no scenario $scenario" >&2; exit 2 ;;
esac
