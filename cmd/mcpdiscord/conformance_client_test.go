//go:build conformance

package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestConformanceClient runs every client scenario of the suite on its own, with
// the program as it is released: only then a warning, the program's exit code
// and a scenario without a check count as failures.
func TestConformanceClient(t *testing.T) {
	listed := regexp.MustCompile(`(?m)^  - (\S+)`)
	for _, revision := range []struct {
		name      string
		scenarios int
	}{
		{"2025-11-25", 19},
		{"2026-07-28", 33},
	} {
		t.Run(revision.name, func(t *testing.T) {
			found := listed.FindAllStringSubmatch(suite(t, "list", "--client", "--spec-version", revision.name), -1)
			if len(found) != revision.scenarios {
				t.Errorf("the suite has %d scenarios, want %d", len(found), revision.scenarios)
			}
			for _, m := range found {
				clientScenario(t, m[1], "--spec-version", revision.name)
			}
		})
	}
	// Older than the revisions, and an extension: in no list.
	t.Run("2025-03-26", func(t *testing.T) {
		clientScenario(t, "auth/2025-03-26-oauth-metadata-backcompat", "--spec-version", "2025-03-26")
		clientScenario(t, "auth/2025-03-26-oauth-endpoint-fallback", "--spec-version", "2025-03-26")
	})
	t.Run("extension", func(t *testing.T) {
		clientScenario(t, "auth/client-credentials-basic")
	})
}

// clientScenario runs one scenario with a home of its own: the ports of the
// suite's servers come again.
func clientScenario(t *testing.T, scenario string, args ...string) {
	t.Helper()
	script, err := filepath.Abs("../../conformance/client.sh")
	if err != nil {
		t.Fatal(err)
	}
	t.Run(scenario, func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		home := t.TempDir()
		cmd := suiteCommand(ctx, append([]string{"client", "--command", script, "--scenario", scenario, "-o", home}, args...)...)
		cmd.Env = append(os.Environ(), "MCPDISCORD="+os.Getenv("CONFORMANCE_PROGRAM"), "HOME="+home,
			"XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_STATE_HOME="+home, "XDG_CACHE_HOME="+home)
		output, err := cmd.CombinedOutput()
		passed := regexp.MustCompile(`Passed: ([1-9]\d*)/(\d+), 0 failed, 0 warnings`).FindSubmatch(output)
		if err != nil || passed == nil || string(passed[1]) != string(passed[2]) {
			t.Fatalf("it did not pass (%v):\n%s", err, output)
		}
		t.Logf("%s checks", passed[1])
	})
}
