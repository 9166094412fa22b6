# Every target sets up what it needs; a fresh machine needs Node and npm (Python and Go for the real parts).
SHELL := bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# Where set, it makes every Node start slower and changes nothing for the tests: they bring their own CAs.
unexport NODE_EXTRA_CA_CERTS
# Downloads of builds and tests get it by this name (build/npm.ts).
export OWN_CA_CERTS := $(NODE_EXTRA_CA_CERTS)
# npm needs it where a company's proxy stands before the registry.
NPM := $(if $(NODE_EXTRA_CA_CERTS),NODE_EXTRA_CA_CERTS='$(NODE_EXTRA_CA_CERTS)' )npm

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

node_modules/.package-lock.json: package-lock.json
	@echo "Installing the packages that package-lock.json names …"
	@# Warnings of npm's own Node being old would mislead: everything runs on the Node that is among the packages.
	@$(NPM) ci --no-audit --loglevel=error
	@touch $@

.PHONY: build
build: node_modules/.package-lock.json ## bundle each program into one file in dist/
	npm run --silent build

.PHONY: demo
demo: build ## see it work in half a minute, without a cluster; VALUES=1 shows the secrets too
	@npm run --silent demo -- $(if $(VALUES),--show-values) $(if $(POD),--pod $(POD)) $(if $(SECRETS),--secrets $(SECRETS))

# PORT is 8211 unless it says another one.
.PHONY: dashboard
dashboard: build ## open the dashboard in memory, with the examples' secrets, without a cluster or an issuer
	@node dev/dashboard/main.ts $(PORT)

.PHONY: test
test: build prepare ## run all tests, on a real OpenBao and a real API server; PROJECT=node runs one project
	npm test --silent $(if $(PROJECT),-- --project $(PROJECT))

# Six to ten minutes a version, and as long again the first time, when its kube-apiserver is built.
.PHONY: test-versions
test-versions: build ## the tests on other versions of Kubernetes and OpenBao, and a table; ONLY=1.37 picks some
	node test/support/prepare.ts versions
	@ONLY='$(ONLY)' node test/versions/main.ts

# Mounts, policies and roles of their own there, with random names, which are removed; what that Vault holds is left alone.
.PHONY: test-vault
test-vault: node_modules/.package-lock.json ## ask your own Vault what Envtier relies on; ENVTIER_TEST_VAULT=ADDR ENVTIER_TEST_VAULT_TOKEN=TOKEN
	@[ -n "$$ENVTIER_TEST_VAULT" ] || { echo 'ENVTIER_TEST_VAULT names no Vault; CONTRIBUTING.md says how'; exit 2; }
	npx vitest run test/vault/{access,drift,kv1,kv2,login,namespaces,seal,transit,wire}.test.ts

.PHONY: prepare
prepare: node_modules/.package-lock.json ## get what the tests run on; minutes the first time, then kept
	node test/support/prepare.ts $(PROJECT)

# Each prints ratios measured side by side in one run. BENCH=webhook runs one alone, BENCH=controller all of a
# folder, BENCH=controller/rotations one of them.
BENCHES = $(if $(BENCH),$(wildcard bench/$(BENCH).ts bench/$(BENCH)/*.ts),$(wildcard bench/*.ts bench/controller/*.ts))

.PHONY: bench
bench: build prepare ## run the benches; BENCH=fetcher picks one
	@test -n "$(BENCHES)" || { echo "there is no bench/$(BENCH).ts" >&2; exit 1; }
	@for file in $(BENCHES); do echo; echo "== $$file"; node $$file || exit 1; done

.PHONY: check
check: node_modules/.package-lock.json ## types, lint, format, import directions, dead code, width of comments
	tsc --noEmit
	tsc --noEmit --project ui
	biome check .
	knip
	npm run --silent docs -- --check
	npm run --silent lint:comments

.PHONY: docs
docs: node_modules/.package-lock.json ## write docs/reference.md from the tables in the code
	npm run --silent docs

# Not part of check: it asks the registry, and a check that needs the network fails for reasons of its own.
.PHONY: audit
audit: node_modules/.package-lock.json ## known holes of high severity in what ships
	$(NPM) audit --omit=dev --audit-level=high

# CLUSTER names another directory to keep it in than the cache, for a second one.
.PHONY: cluster
cluster: node_modules/.package-lock.json ## a Kubernetes node with OpenBao, Envtier and an example application (root on Linux; minutes the first time)
	@node dev/cluster/main.ts up $(CLUSTER)

.PHONY: cluster-down
cluster-down: ## take that cluster away
	@node dev/cluster/main.ts down $(CLUSTER)

.PHONY: certs
certs: node_modules/.package-lock.json ## make or rotate the webhook's certificate in a cluster; ARGS='--context production'
	@npm run --silent certs -- $(ARGS)
