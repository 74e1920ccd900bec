package tui

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// fact is one line that is known, printable. A heading has no value.
type fact struct {
	label, value string
	warn         bool
	json         json.RawMessage      // what the value is short for; nil: nothing
	exchange     *client.HTTPExchange // nil: it is none
}

// facts is all that is known, in order.
func (m *model) facts() []fact {
	var facts []fact
	add := func(label, value string) {
		if value = oneLine(value, 8<<10); value != "" {
			facts = append(facts, fact{label: label, value: value})
		}
	}
	id, about := m.identity, &m.inspector.about
	facts = append(facts, fact{label: "Sign-in"}, fact{label: "user", value: who(id)})
	add("Discord ID", id.UserID)
	add("scopes", strings.Join(id.Scopes, " "))
	add("client ID", id.ClientID)
	add("grant", id.Grant)
	add("issuer", id.Issuer)
	facts = append(facts, m.tokenFacts()...)
	facts = append(facts, claimFacts(about.Claims, m.clock.Location())...)
	facts = append(facts, fact{label: "Server"})
	add("name", strings.TrimSpace(orElse(about.Title, about.Name)+" "+about.Version))
	add("address", id.Server)
	add("MCP", id.ProtocolVersion)
	facts = append(facts, m.inspector.declared...)
	if about.Resource != "" {
		facts = append(facts, fact{label: "OAuth"})
		add("resource", about.Resource)
		add("authorize", about.AuthorizationEndpoint)
		add("tokens", about.TokenEndpoint)
		add("register", about.RegistrationEndpoint)
		add("revoke", about.RevocationEndpoint)
	}
	if len(m.inspector.exchanges) > 0 {
		facts = append(facts, fact{label: "HTTP exchanges"})
	}
	for i := len(m.inspector.exchanges) - 1; i >= 0; i-- {
		facts = append(facts, fact{value: " ", exchange: &m.inspector.exchanges[i]})
	}
	return facts
}

// declaredFacts are what a server says of itself.
func declaredFacts(about *client.About) []fact {
	var facts []fact
	if len(about.Capabilities) > 0 {
		facts = append(facts, fact{label: "can do", value: capabilityWords(about.Capabilities), json: about.Capabilities})
	}
	if about.Instructions != "" {
		raw, _ := json.Marshal(about.Instructions)
		facts = append(facts, fact{label: "says", value: oneLine(strings.Join(strings.Fields(about.Instructions), " "), 8<<10), json: raw})
	}
	return facts
}

func (m *model) tokenFacts() []fact {
	id := m.identity
	var facts []fact
	if left, known := m.tokenLeft(); known {
		until := id.Expiry.In(m.clock.Location()).Format(time.DateTime)
		facts = append(facts, fact{label: "token", value: strings.TrimPrefix(left, "token ") + ", until " + until, warn: !id.Expiry.After(m.clock)})
	}
	switch {
	case id.Given:
		facts = append(facts, fact{label: "renewal", value: "none: the token was brought by you"})
	case m.inspector.about.Renewable:
		facts = append(facts, fact{label: "renewal", value: "without you"})
	}
	return facts
}

// claimFacts are the claims of an access token, which nobody has verified here.
func claimFacts(claims json.RawMessage, zone *time.Location) []fact {
	names, values := members(claims)
	if len(names) == 0 {
		return nil
	}
	facts := []fact{{label: "Claims of the access token, not verified"}}
	for i, name := range names[:min(len(names), 50)] {
		var text string
		if json.Unmarshal(values[i], &text) != nil {
			text = string(values[i])
		}
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && (name == "exp" || name == "iat" || name == "nbf" || name == "auth_time") {
			text += " (" + time.Unix(seconds, 0).In(zone).Format(time.DateTime) + ")"
		}
		facts = append(facts, fact{label: oneLine(name, 40), value: orElse(oneLine(text, 8<<10), `""`), json: values[i]})
	}
	return facts
}

// capabilityWords names what a server declares.
func capabilityWords(raw json.RawMessage) string {
	names, _ := members(raw)
	return orElse(oneLine(strings.Join(names, ", "), 500), "nothing")
}

// picks are the facts that can be selected.
func (m *model) picks() []fact {
	var picks []fact
	for _, f := range m.facts() {
		if f.value != "" {
			picks = append(picks, f)
		}
	}
	return picks
}
