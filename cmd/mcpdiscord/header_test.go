package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		lines []string
		env   map[string]string
		want  http.Header // nil: refused
	}{
		{"none", nil, nil, http.Header{}},
		{"plain", []string{"x-tenant: blue, green", "X-Tenant:red"}, nil, http.Header{"X-Tenant": {"blue, green", "red"}}},
		{"with a colon", []string{"X-A: http://x/"}, nil, http.Header{"X-A": {"http://x/"}}},
		{"variable", []string{"Authorization: Bearer ${T}"}, map[string]string{"T": "sesame"}, http.Header{"Authorization": {"Bearer sesame"}}},
		{"not expanded twice", []string{"X-A: ${T}"}, map[string]string{"T": "${U}", "U": "sesame"}, http.Header{"X-A": {"${U}"}}},
		{"no braces", []string{"X-A: $T"}, map[string]string{"T": "sesame"}, http.Header{"X-A": {"$T"}}},
		{"cookie", []string{"Cookie: a=${T}"}, map[string]string{"T": "sesame"}, http.Header{"Cookie": {"a=sesame"}}},
		{"lines of the variable", []string{"X-A: 1\nX-B: 2\r\n"}, map[string]string{"MCPDISCORD_HEADER": "X-A: 1\nX-B: 2\r\n"}, http.Header{"X-A": {"1"}, "X-B": {"2"}}},
		{"lines of a flag", []string{"X-A: 1\nX-B: sesame"}, nil, nil},
		{"no colon", []string{"sesame"}, nil, nil},
		{"odd name", []string{"sesame sesame: 1"}, nil, nil},
		{"space before the colon", []string{"X-A : sesame"}, nil, nil},
		{"no value", []string{"X-A: "}, nil, nil},
		{"unset", []string{"X-A: ${T}"}, nil, nil},
		{"no variable", []string{"X-A: ${sesame-x}"}, nil, nil},
		{"line break in a variable", []string{"X-A: ${T}"}, map[string]string{"T": "sesame\r\nX-B: 1"}, nil},
		{"literal authorization", []string{"authorization: Bearer sesame"}, nil, nil},
		{"literal cookie", []string{"COOKIE: sesame"}, nil, nil},
		{"literal proxy authorization", []string{"Proxy-Authorization: Basic sesame"}, nil, nil},
		{"protocol", []string{"Mcp-Protocol-Version: sesame"}, nil, nil},
		{"two credentials", []string{"Authorization: ${T}"}, map[string]string{"T": "sesame", "MCPDISCORD_TOKEN": "other"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram([]string{"mcpdiscord"}, func(name string) string { return test.env[name] }, nil)
			got, err := p.headers(test.lines)
			if test.want == nil {
				if err == nil {
					t.Fatalf("got %v", got)
				}
				if e := toUserError(err); e.code != exitUsage || strings.Contains(e.message+e.hint, "sesame") {
					t.Errorf("exit code %d: %s, %s", e.code, e.message, e.hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
