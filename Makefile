# make test and make lint set up what they need. Everything downloads only from
# the package registries of Go, Debian and npm.
SHELL := /bin/bash
.DEFAULT_GOAL := build

GO      ?= go
TARGETS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
LINT    := $(GO) tool -modfile=tools/go.mod golangci-lint
LDFLAGS := -s -w

.PHONY: build test lint format conformance chaos bench setup clean

build: ## the program, as it is released
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/mcpdiscord ./cmd/mcpdiscord

setup: ## what the tests need beside Go: gcc, a Secret Service, Chromium, Redis, tmux
	@scripts/setup.sh

test: setup ## everything, under the race detector; then a real keychain, browser, terminal and Redis
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 8m ./...
	scripts/with-keyring.sh $(GO) test -tags keychain -count=1 -timeout 3m ./internal/tokencache
	scripts/with-keyring.sh $(GO) test -tags keychain -run Keychain -count=1 -timeout 3m ./cmd/mcpdiscord
	CGO_ENABLED=1 $(GO) test -race -tags redis -run RealRedis -count=1 -timeout 5m ./internal/store
	$(GO) test -tags redis -run 'TestChaos|TestAttack12|TestAttack17' -parallel 16 -count=1 -timeout 5m ./cmd/mcpdiscord
	$(GO) test -tags chromium -run Chromium -count=1 -timeout 3m ./cmd/mcpdiscord
	$(GO) test -tags tmux -run Tmux -count=1 -timeout 3m ./cmd/mcpdiscord

lint: ## formatted, tidy, linted; vetted and built for six targets
	@diff="$$($(LINT) fmt --diff)"; [ -z "$$diff" ] || { head -n 40 <<<"$$diff"; echo "hint: make format" >&2; exit 1; }
	$(GO) mod tidy -diff
	$(LINT) run ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	@set -e; for target in $(TARGETS); do echo "build $$target"; \
	  CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o /dev/null ./cmd/mcpdiscord; done
	@CGO_ENABLED=0 $(GO) build -trimpath -o .cache/symbols ./cmd/mcpdiscord
	@! $(GO) tool nm .cache/symbols | grep 'reflect[.](\*Value)[.]MethodByName' || \
	  { echo "hint: the linker keeps every method, for code that finds them by name: docs/performance.md" >&2; exit 1; }

format:
	$(LINT) fmt

DURATION ?= 5m
SEED     ?= $(shell date +%s)

chaos: setup ## 200 users while nodes are killed, and Redis and Discord fail: DURATION=5m SEED=1
	CHAOS_DURATION=$(DURATION) CHAOS_SEED=$(SEED) $(GO) test -tags redis -run '^TestChaos$$' -count=1 -v -timeout 0 ./cmd/mcpdiscord

conformance: ## the official MCP conformance suite, pinned (conformance/README.md)
	conformance/run.sh

bench: ## the figures of docs/performance.md
	scripts/bench.sh

bench-scale: setup ## those that take half an hour: floods, a million grants, several nodes
	scripts/bench-scale.sh

clean:
	rm -rf bin dist .cache conformance/node_modules conformance/results
