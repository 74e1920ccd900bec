// Package discord is the part of Discord's API that mcpdiscord uses: OAuth
// tokens, the user behind them, and the user's guilds.
package discord

import (
	"fmt"
	"log/slog"
)

// Secret is a string that prints as [redacted] wherever it is formatted or
// logged. Convert it with string(s) where the value itself is meant.
type Secret string

const redacted = "[redacted]"

// Format implements [fmt.Formatter] for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps a Secret out of every encoder that respects it; records
// that must hold the value hold a plain string.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
