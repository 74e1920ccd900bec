package main

import (
	"path/filepath"
	"runtime"
)

// directories are where this system keeps a program's files. They are not
// created here.
type directories struct {
	config string // keys of the file token store
	data   string // the server's store
	state  string // sessions, known servers, locks
	cache  string // lists of tools
}

// directories follows XDG, and on macOS and Windows their own terms; it fails
// where the environment names no home.
func (p *program) directories() (directories, error) {
	const app = "mcpdiscord"
	pick := func(variable, fallback string) string {
		if dir := p.getenv(variable); filepath.IsAbs(dir) {
			return filepath.Join(dir, app)
		}
		return fallback
	}
	switch runtime.GOOS {
	case "windows":
		roaming, local := p.getenv("APPDATA"), p.getenv("LOCALAPPDATA")
		if roaming == "" || local == "" {
			return directories{}, failure("neither APPDATA nor LOCALAPPDATA says where to keep files", "set both, or use --token-store memory", nil)
		}
		return directories{
			config: pick("XDG_CONFIG_HOME", filepath.Join(roaming, app)),
			data:   pick("XDG_DATA_HOME", filepath.Join(local, app, "data")),
			state:  pick("XDG_STATE_HOME", filepath.Join(local, app, "state")),
			cache:  pick("XDG_CACHE_HOME", filepath.Join(local, app, "cache")),
		}, nil
	case "darwin":
		home := p.getenv("HOME")
		support := filepath.Join(home, "Library", "Application Support", app)
		return absolute(directories{
			config: pick("XDG_CONFIG_HOME", filepath.Join(support, "config")),
			data:   pick("XDG_DATA_HOME", filepath.Join(support, "data")),
			state:  pick("XDG_STATE_HOME", filepath.Join(support, "state")),
			cache:  pick("XDG_CACHE_HOME", filepath.Join(home, "Library", "Caches", app)),
		})
	}
	home := p.getenv("HOME")
	return absolute(directories{
		config: pick("XDG_CONFIG_HOME", filepath.Join(home, ".config", app)),
		data:   pick("XDG_DATA_HOME", filepath.Join(home, ".local", "share", app)),
		state:  pick("XDG_STATE_HOME", filepath.Join(home, ".local", "state", app)),
		cache:  pick("XDG_CACHE_HOME", filepath.Join(home, ".cache", app)),
	})
}

// absolute refuses directories that are relative because HOME is unset.
func absolute(d directories) (directories, error) {
	for _, dir := range []string{d.config, d.data, d.state, d.cache} {
		if !filepath.IsAbs(dir) {
			return directories{}, failure("HOME is not set, so there is no place to keep files", "set HOME, or use --store memory: and --token-store memory", nil)
		}
	}
	return d, nil
}
