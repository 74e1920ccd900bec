package main

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// headerExample is how a header with a secret is written.
const headerExample = `--header 'X-Api-Key: ${API_KEY}', in single quotes`

var headerVariable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// credentialHeaders hold nothing but secrets.
var credentialHeaders = []string{"Authorization", "Cookie", "Proxy-Authorization"}

// headers are the additional headers of --header. MCPDISCORD_HEADER has one in
// each line. No error contains a value: it may be a secret.
func (p *program) headers(lines []string) (http.Header, error) {
	if variable := p.getenv("MCPDISCORD_HEADER"); len(lines) == 1 && lines[0] == variable {
		lines = strings.FieldsFunc(variable, func(r rune) bool { return r == '\n' || r == '\r' })
	}
	all := http.Header{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if !found {
			return nil, usageError("a header is 'Name: value'", "for example "+headerExample, nil)
		}
		name = http.CanonicalHeaderKey(name)
		if err := client.CheckHeader(name, ""); err != nil {
			return nil, err
		}
		value, err := p.expand(name, strings.Trim(value, " \t"))
		if err != nil {
			return nil, err
		}
		if err := client.CheckHeader(name, value); err != nil {
			return nil, err
		}
		all.Add(name, value)
	}
	if all.Get("Authorization") != "" && strings.TrimSpace(p.getenv("MCPDISCORD_TOKEN")) != "" {
		return nil, usageError("there are both MCPDISCORD_TOKEN and an Authorization header", "unset the one, or leave out the other", nil)
	}
	return all, nil
}

// expand puts the environment's variables into a header's value. What they hold
// is taken as it is.
func (p *program) expand(name, value string) (string, error) {
	named := headerVariable.FindAllStringSubmatch(value, -1)
	if strings.Count(value, "${") != len(named) {
		return "", usageError("the header "+name+" has a ${ that begins no variable", "for example "+headerExample, nil)
	}
	if value == "" {
		return "", usageError("the header "+name+" has no value", "for example "+headerExample, nil)
	}
	if len(named) == 0 && slices.Contains(credentialHeaders, name) {
		hint := "put it into a variable, and write --header '" + name + ": ${VARIABLE}', in single quotes"
		if name == "Authorization" {
			hint = "set MCPDISCORD_TOKEN, or write --header 'Authorization: Bearer ${VARIABLE}', in single quotes"
		}
		return "", usageError("the header "+name+" is a secret, which other users see in a flag", hint, nil)
	}
	for _, variable := range named {
		if p.getenv(variable[1]) == "" {
			return "", usageError("the header "+name+" needs the variable "+variable[1]+", which is not set", "", nil)
		}
	}
	return headerVariable.ReplaceAllStringFunc(value, func(variable string) string {
		return p.getenv(strings.Trim(variable, "${}"))
	}), nil
}
