// Package internal_test holds the house together: which room may import which,
// and which library lives in which room (docs/architecture.md has the table).
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mcpdiscord/mcpdiscord/"

// rooms lists what the code of each room imports of this module. Tests may use
// more: they meet the rooms as their users do.
var rooms = map[string][]string{
	"cmd/mcpdiscord": {
		"internal/authserver", "internal/client", "internal/discord", "internal/discord/emulator",
		"internal/metrics", "internal/schema", "internal/server", "internal/store", "internal/tokencache", "internal/tui",
	},
	"internal/server":           {"internal/authserver", "internal/discord"},
	"internal/metrics":          {"internal/authserver", "internal/discord", "internal/server"},
	"internal/authserver":       {"internal/discord", "internal/markup"},
	"internal/store":            {"internal/authserver"},
	"internal/store/storetest":  {"internal/authserver"},
	"internal/discord":          {},
	"internal/discord/emulator": {"internal/discord", "internal/markup"},
	"internal/markup":           {},
	"internal/client":           {"internal/tokencache"},
	"internal/tokencache":       {},
	"internal/schema":           {},
	"internal/tui":              {"internal/client", "internal/schema"},
}

// libraries lists the rooms that a library may be seen in; what is not listed
// may be anywhere. Keys are prefixes of import paths.
var libraries = map[string][]string{
	"github.com/spf13/":                      {"cmd/mcpdiscord"},
	"github.com/itchyny/gojq":                {"cmd/mcpdiscord"},
	"github.com/modelcontextprotocol/go-sdk": {"internal/server", "internal/client"},
	"github.com/go-jose/":                    {"internal/authserver"},
	"html/template":                          {}, // nowhere: see the package markup
	"text/template":                          {},
	"github.com/prometheus/":                 {"internal/metrics"},
	"go.etcd.io/bbolt":                       {"internal/store"},
	"github.com/redis/":                      {"internal/store"},
	"github.com/pkg/browser":                 {"internal/client"},
	"github.com/zalando/go-keyring":          {"internal/tokencache"},
	"github.com/godbus/":                     {"internal/tokencache"},
	"github.com/gofrs/flock":                 {"internal/tokencache", "internal/tui"},
	"github.com/google/jsonschema-go":        {"internal/schema"},
	"charm.land/":                            {"internal/tui"},
	"github.com/charmbracelet/":              {"internal/tui"},
	"testing":                                {"internal/store/storetest"},
}

func TestImports(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, root := range []string{".", "../cmd"} {
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "testdata" { // no part of the program
				return fs.SkipDir
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			room := roomOf(file)
			seen[room] = true
			checkFile(t, room, file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("the room %s has no code: take it out of the table", room)
		}
	}
}

func roomOf(file string) string {
	return path.Clean(path.Join("internal", filepath.ToSlash(filepath.Dir(file))))
}

func checkFile(t *testing.T, room, file string) {
	t.Helper()
	allowed, known := rooms[room]
	if !known {
		t.Errorf("%s is in the room %s, which the table does not have", file, room)
		return
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if inside, isOurs := strings.CutPrefix(name, module); isOurs && !slices.Contains(allowed, inside) {
			t.Errorf("%s: the room %s may not import %s", file, room, inside)
		}
		for prefix, where := range libraries {
			if (name == prefix || strings.HasPrefix(name, prefix)) && !slices.Contains(where, room) {
				t.Errorf("%s: %s lives only in %s", file, name, strings.Join(where, ", "))
			}
		}
	}
}
