# Every target sets up what it needs; a fresh machine needs Node and npm (Python and Go for the real parts).
SHELL := bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# Where set, it makes every Node start slower and changes nothing for the tests: they bring their own CAs.
unexport NODE_EXTRA_CA_CERTS

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit
	@touch $@

.PHONY: build
build: node_modules/.package-lock.json ## bundle the webhook and the fetcher into dist/
	npm run --silent build

.PHONY: test
test: build prepare ## run all tests, on a real OpenBao and a real API server
	npm test --silent

.PHONY: prepare
prepare: node_modules/.package-lock.json ## get what the tests run on; minutes the first time, then kept
	node test/support/prepare.ts

.PHONY: check
check: node_modules/.package-lock.json ## types, lint, format, import directions, dead code
	tsc --noEmit
	biome check .
	knip
