package emulator

// Help documents the emulator for people: what it serves, and its switches.
const Help = `The emulator serves the part of Discord's HTTP that a sign-in needs, with
Discord's own paths below its address:

  GET  /oauth2/authorize                            a sign-in page with ready users
  POST /api/v10/oauth2/token                        codes, refreshes, client_credentials
  POST /api/v10/oauth2/token/revoke                 ends all tokens of the user
  GET  /api/v10/oauth2/@me                          needs no scope; the user with identify
  GET  /api/v10/users/@me                           identify, email
  GET  /api/v10/users/@me/guilds                    guilds
  GET  /api/v10/users/@me/guilds/{guild}/member     guilds.members.read
  GET  /api/v10/users/@me/connections               connections
  PUT  /api/v10/guilds/{guild}/members/{user}       the bot token; guilds.join in the body

Its application has the client id ` + DefaultClientID + ` and the secret
` + DefaultClientSecret + `, and its bot, who is in every server, the token
` + DefaultBotToken + `, unless it was started with others. Any
loopback redirect URI is registered. Access tokens live 7 days, codes 10
minutes. Refresh tokens are single-use. A refresh without a scope returns every
scope that the user ever granted. Everything is in memory, but an emulator that
is started anew goes on with the tokens of the one before: it does not know
which of them that one had ended, and takes refresh tokens for 90 days.

It is not Discord and answers on loopback only. Nothing here is secret.

Switches, JSON in and out:

  GET    /emulator/                                 this text
  GET    /emulator/counters                         calls by endpoint, result and grant type
  DELETE /emulator/counters                         back to zero
  GET    /emulator/faults                           what is left of the faults
  POST   /emulator/faults                           add a fault
  DELETE /emulator/faults                           remove them all
  GET    /emulator/users                            the users, their scopes and tokens
  POST   /emulator/users/{user}/deauthorize         as in Discord's Authorized Apps; tells the webhook
  POST   /emulator/users/{user}/expire              the user's access tokens expire now
  PUT    /emulator/users/{user}/guilds/{guild}/roles   {"roles": ["123"]}
  PUT    /emulator/users/{user}/guilds/{guild}/pending {"pending": true}
  DELETE /emulator/users/{user}/guilds/{guild}      the user leaves it
  PUT    /emulator/settings                         {"kill_earlier": true}: a sign-in ends the user's
                                                    earlier tokens, a refresh the access token
                                                    that it replaces
  PUT    /emulator/settings                         {"webhook_url": "http://localhost:8000/events"}:
                                                    where events go to, "" for nowhere
  PUT    /emulator/settings                         {"limit": {"calls": 5, "window": 1.5}}: 429 to more
                                                    calls of one endpoint, token and guild in so
                                                    many seconds; 0 calls for never
  GET    /emulator/webhook                          its URL, the public key, what became of the events

The webhook, on loopback only, is told APPLICATION_DEAUTHORIZED as by Discord:
an Ed25519 signature of timestamp and body in X-Signature-Ed25519, the timestamp
in X-Signature-Timestamp, 204 wanted, but tried only once, for 3 seconds. When
the URL is set, a PING (type 0) must be answered with 204, and one with a wrong
signature with 401.

A fault:

  {"endpoint": "token", "kind": "rate_limit", "retry_after": 2.5, "count": 3}

  endpoint     token, revoke, @me (of oauth2), users/@me, guilds, member, connections, join,
               authorize (the sign-in page), or any (all but the sign-in page)
  kind         rate_limit     429 with Retry-After and a JSON body
               error          "status", 500 unless given
               html           Cloudflare's page "error 1015" with 429, or "status"
               hang           no answer until the caller gives up
               truncate       200 with half a JSON text; the work is not done
               lost           the work is done, then the connection is cut
               unauthorized   401
  count        answers until it is over; without it, until it is removed
  retry_after  seconds; rate_limit takes 1 unless given
  global       true: the rate limit of all calls
  grant        for token: authorization_code, refresh_token or client_credentials only

Example: the next refresh happens, but its answer is lost:

  curl -d '{"endpoint":"token","kind":"lost","grant":"refresh_token","count":1}' \
    http://127.0.0.1:8001/emulator/faults
`
