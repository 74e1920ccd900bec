package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// config is config.yaml: values of flags, below those of the environment. At
// its top are the flags of the commands that use a server; the commands of
// configSections have theirs in a map of their own, so that none meets a flag
// of the same name that it was not meant for.
type config struct {
	path     string
	settings map[settingName]setting
}

// settingName names a setting: its section, "" for the top, and its key.
type settingName struct{ section, key string }

// String is how people write it.
func (n settingName) String() string {
	if n.section == "" {
		return n.key
	}
	return n.section + "." + n.key
}

// configSections are the commands with a map of their own.
var configSections = []string{"serve", "emulator", "demo", "admin"}

// keptOut are keys that would hold secrets, and so do not exist, with the
// variables that do.
var keptOut = map[string]string{ //nolint:gosec // names of variables
	"token": "MCPDISCORD_TOKEN", "access-token": "MCPDISCORD_TOKEN", "oauth-client-secret": "MCPDISCORD_OAUTH_CLIENT_SECRET",
	"client-secret": "DISCORD_CLIENT_SECRET", "discord-client-secret": "DISCORD_CLIENT_SECRET",
	"jwt-signing-key": "JWT_SIGNING_KEY", "storage-encryption-key": "STORAGE_ENCRYPTION_KEY",
}

// withoutConfig is the annotation of the commands that do not read config.yaml:
// they help when it is broken.
const withoutConfig = "without-config"

func (p *program) configPath() (string, error) {
	dirs, err := p.directories()
	if err != nil {
		return "", err
	}
	return filepath.Join(dirs.config, "config.yaml"), nil
}

// readConfig reads config.yaml for the commands below root; nil: there is none.
func (p *program) readConfig(root *cobra.Command) (*config, error) {
	path, err := p.configPath()
	if err != nil {
		return nil, nil //nolint:nilerr // no home, no file; who needs a directory says so
	}
	text, err := readConfigFile(path)
	if err != nil || text == "" {
		return nil, err
	}
	settings, err := parseYAML(text)
	var wrong *yamlError
	if errors.As(err, &wrong) {
		return nil, usageError(fmt.Sprintf("%s:%d: %s", path, wrong.line, wrong.message), wrong.hint, err)
	}
	c := &config{path: path, settings: map[settingName]setting{}}
	if err := c.take(keysOf(root), "", settings); err != nil {
		return nil, err
	}
	return c, nil
}

// readConfigFile reads the file, "" where there is none.
func readConfigFile(path string) (string, error) {
	unreadable := func(why string, err error) error {
		return usageError(path+" cannot be read: "+why, "make it a readable file, or move it away", err)
	}
	at, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "", nil
	case err == nil && !at.Mode().IsRegular(): // opening a pipe could take for ever
		return "", unreadable("it is no regular file", nil)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", unreadable(fileReason(err), err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	switch {
	case err != nil:
		return "", unreadable(fileReason(err), err)
	case len(text) > maxConfig:
		return "", unreadable("it is larger than 1 MiB", nil)
	}
	return string(text), nil
}

// fileReason is what is left of a file's error without the path.
func fileReason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return err.Error()
}

// sectionOf is where the settings of a command are.
func sectionOf(cmd *cobra.Command) string {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	if slices.Contains(configSections, cmd.Name()) {
		return cmd.Name()
	}
	return ""
}

// nameOf is the setting of a command's flag; what every command has is at the
// top. ok is false for a flag that has none, as it has no variable.
func nameOf(cmd *cobra.Command, f *pflag.Flag) (name settingName, ok bool) {
	if flagVariable(f) == "" {
		return settingName{}, false
	}
	if cmd.Root().PersistentFlags().Lookup(f.Name) == f {
		return settingName{"", f.Name}, true
	}
	return settingName{sectionOf(cmd), f.Name}, true
}

// keysOf are all settings that there are, each with a flag that takes it.
func keysOf(root *cobra.Command) map[settingName]*pflag.Flag {
	keys := map[settingName]*pflag.Flag{}
	walkCommands(root, func(cmd *cobra.Command) {
		add := func(f *pflag.Flag) {
			if name, ok := nameOf(cmd, f); ok {
				keys[name] = f
			}
		}
		cmd.LocalFlags().VisitAll(add)
	})
	return keys
}

func walkCommands(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		walkCommands(child, visit)
	}
}

// take checks the settings of a section and keeps them.
func (c *config) take(keys map[settingName]*pflag.Flag, section string, settings []setting) error {
	for _, s := range settings {
		name := settingName{section, s.key}
		if section == "" && slices.Contains(configSections, s.key) {
			if s.kind != isMap && s.kind != isNull {
				return c.wrong(s, s.key+" is a map of that command's flags", "write them below it, indented: key: value")
			}
			if err := c.take(keys, s.key, s.keys); err != nil {
				return err
			}
			continue
		}
		f := keys[name]
		switch {
		case f == nil:
			return c.wrong(s, fmt.Sprintf("there is no key %q", name), unknownKey(keys, name))
		case s.kind == isNull:
			continue
		case s.kind == isMap:
			return c.wrong(s, fmt.Sprintf("%s is %s, not a map", name, valueName(f)), "write it as key: value")
		case s.kind == isList && !isListFlag(f):
			return c.wrong(s, fmt.Sprintf("%s is %s, not a list", name, valueName(f)), "write it as key: value")
		}
		c.settings[name] = s
	}
	return nil
}

// wrong is the error for a setting.
func (c *config) wrong(s setting, message, hint string) error {
	return usageError(fmt.Sprintf("%s:%d: %s", c.path, s.line, message), hint, nil)
}

// unknownKey is the hint for a key that does not exist.
func unknownKey(keys map[settingName]*pflag.Flag, name settingName) string {
	if variable := keptOut[name.key]; variable != "" {
		return "a secret has no key; set " + variable
	}
	var known []string
	for other := range keys {
		switch {
		case other.key == name.key && other.section == "":
			return "it belongs to the start of a line, not below " + name.section + ":"
		case other.key == name.key && name.section == "":
			return "it belongs below " + other.section + ":, indented"
		case other.section == name.section:
			known = append(known, other.key)
		}
	}
	if name.section == "" {
		known = append(known, configSections...)
	}
	slices.Sort(known)
	if near := nearest(name.key, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "run {program} config show to see the keys"
}

func isListFlag(f *pflag.Flag) bool {
	_, ok := f.Value.(pflag.SliceValue)
	return ok
}

// apply sets a flag that neither the command line nor the environment has set,
// and says from which line; 0: the file says nothing.
func (c *config) apply(cmd *cobra.Command, f *pflag.Flag) (line int, err error) {
	if c == nil {
		return 0, nil
	}
	name, ok := nameOf(cmd, f)
	s, there := c.settings[name]
	if !ok || !there {
		return 0, nil
	}
	if s.kind == isList {
		list, _ := f.Value.(pflag.SliceValue) // take has seen to it
		if err := list.Replace(s.values); err != nil {
			return 0, c.wrong(s, fmt.Sprintf("%s is %s", name, valueName(f)), "")
		}
		f.Changed = true
		return s.line, nil
	}
	value := s.values[0]
	if err := cmd.Flags().Set(f.Name, value); err != nil {
		return 0, c.wrong(s, fmt.Sprintf("%s is %s, not %q", name, valueName(f), clip(value)), "correct it, or leave it out")
	}
	return s.line, nil
}

// lookup is the value of a setting at the top, if there is one.
func (c *config) lookup(key string) (value string, there bool) {
	if c == nil {
		return "", false
	}
	s, there := c.settings[settingName{"", key}]
	return strings.Join(s.values, ", "), there
}

// origin says where the value of a flag comes from.
type origin struct {
	kind     string // flag, environment, file or default
	variable string // of environment
	line     int    // of file
}

// environment sets each flag that the command line left alone from its
// variable, else from config.yaml. An empty variable is an unset one.
func (p *program) environment(cmd *cobra.Command) error {
	if cmd.Annotations[withoutConfig] == "" {
		var err error
		if p.config, err = p.readConfig(cmd.Root()); err != nil {
			return err
		}
	}
	if err := p.setFlags(cmd); err != nil {
		return err
	}
	switch p.color {
	case "auto", "always", "never":
		return nil
	}
	return usageError("--color is auto, always or never", "", nil)
}

// setFlags is environment without the file, which was read; it notes the origins.
func (p *program) setFlags(cmd *cobra.Command) error {
	var problem error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, done := p.origins[f]; done || problem != nil {
			return
		}
		p.origins[f], problem = p.setFlag(cmd, f)
	})
	return problem
}

func (p *program) setFlag(cmd *cobra.Command, f *pflag.Flag) (origin, error) {
	if f.Changed {
		return origin{kind: "flag"}, nil
	}
	if name := flagVariable(f); name != "" && p.getenv(name) != "" {
		value := p.getenv(name)
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			return origin{}, usageError(fmt.Sprintf("%s is %s, not %q", name, valueName(f), clip(value)), "unset it, or give --"+f.Name, err)
		}
		return origin{kind: "environment", variable: name}, nil
	}
	switch line, err := p.config.apply(cmd, f); {
	case err != nil:
		return origin{}, err
	case line > 0:
		return origin{kind: "file", line: line}, nil
	}
	return origin{kind: "default"}, nil
}

// typed says whether a flag was given on the command line.
func (p *program) typed(cmd *cobra.Command, flag string) bool {
	return p.origins[cmd.Flags().Lookup(flag)].kind == "flag"
}
