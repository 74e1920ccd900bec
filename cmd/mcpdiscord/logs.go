package main

import (
	"log/slog"

	"github.com/spf13/pflag"
)

type logFlags struct{ format, level *string }

func addLogFlags(flags *pflag.FlagSet) logFlags {
	return logFlags{
		format: flags.String("log-format", "text", "how to log: text, json"),
		level:  flags.String("log-level", "info", "what to log: debug, info, warn, error"),
	}
}

// logger logs to stderr, as the flags say.
func (p *program) logger(f logFlags) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(*f.level)); err != nil {
		return nil, usageError("--log-level is debug, info, warn or error", "", err)
	}
	options := &slog.HandlerOptions{Level: level}
	switch *f.format {
	case "text":
		return slog.New(slog.NewTextHandler(p.err, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(p.err, options)), nil
	}
	return nil, usageError("--log-format is text or json", "", nil)
}
