package main

import (
	"context"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
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
		return slog.New(requestHandler{slog.NewTextHandler(p.err, options)}), nil
	case "json":
		return slog.New(requestHandler{slog.NewJSONHandler(p.err, options)}), nil
	}
	return nil, usageError("--log-format is text or json", "", nil)
}

// requestHandler names, in each line, the request that it is about, and the
// caller's trace.
type requestHandler struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h requestHandler) Handle(ctx context.Context, line slog.Record) error {
	if id := server.RequestID(ctx); id != "" {
		line.AddAttrs(slog.String("request_id", id))
	}
	if trace, span := server.Trace(ctx); trace != "" {
		line.AddAttrs(slog.String("trace_id", trace), slog.String("span_id", span))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements [slog.Handler].
func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
