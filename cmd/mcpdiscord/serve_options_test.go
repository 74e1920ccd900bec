package main

import (
	"path/filepath"
	"testing"
)

// A store belongs to its base URL: serve --dev starts on any port, one after
// the other.
func TestDefaultStore(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, test := range []struct {
		addr string
		dev  bool
		want string
	}{
		{"127.0.0.1:8000", false, "mcpdiscord.db"},
		{"127.0.0.1:9000", false, "mcpdiscord.db"},
		{"127.0.0.1:0", false, "mcpdiscord.db"},
		{"127.0.0.1:8000", true, "dev.db"},
		{"[::1]:9000", true, "dev-9000.db"},
		{"127.0.0.1:0", true, ""},
	} {
		home := t.TempDir()
		environment := map[string]string{"XDG_DATA_HOME": data, "HOME": home, "APPDATA": home, "LOCALAPPDATA": home}
		p := newProgram(nil, func(name string) string { return environment[name] }, nil)
		got, err := p.defaultStore(&serveOptions{addr: test.addr, dev: test.dev})
		want := "memory:"
		if test.want != "" {
			want = "bolt:" + filepath.Join(data, "mcpdiscord", test.want)
		}
		if err != nil || got != want {
			t.Errorf("%s, dev %v: %q, %v, want %q", test.addr, test.dev, got, err, want)
		}
	}
}
