package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// BenchmarkProcess runs the built program (scripts/bench.sh says which) as a
// person or a script does, process by process: the medians of cli's budgets.
func BenchmarkProcess(b *testing.B) {
	program := os.Getenv("MCPDISCORD_BENCH")
	if program == "" {
		b.Fatal("run make bench: it builds the program and names it")
	}
	mcpURL := startServe(b, "--dev")
	home := b.TempDir()
	run := func(b *testing.B, args ...string) {
		b.Helper()
		cmd := exec.CommandContext(b.Context(), program, args...)
		cmd.Env = benchEnvironment(home, mcpURL)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run(b, "connect")
	for name, args := range map[string][]string{"version": {"version"}, "call": {"call", "get_user_info"}, "tools": {"tools"}} {
		b.Run(name, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				begun := time.Now()
				run(b, args...)
				times = append(times, time.Since(begun))
			}
			b.ReportMetric(median(times), "median-ms")
		})
	}
}

// benchEnvironment is a home with a browser that approves.
func benchEnvironment(home, mcpURL string) []string {
	return []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "MCPDISCORD_SERVER=" + mcpURL,
		"BROWSER=browser approve " + demoUser, "XDG_RUNTIME_DIR=" + home,
	}
}

// median is that of some times, in milliseconds.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Microseconds()) / 1000
}
