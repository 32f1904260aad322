# Everything a person or CI does here, on any machine with Python 3.11 or newer and nothing else prepared.
# `make` alone lists the targets. PYTHON=... chooses the interpreter, ARGS=... passes options on.

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
SUITABLE := -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
CODE := $(wildcard app migrations tests benchmarks)

# Tests start dozens of processes: what Python has compiled once is kept, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

# The first interpreter that is new enough and can make virtual environments.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p $(SUITABLE) && echo $$p && break; done)

# An environment whose Python has gone, or that came here with a moved checkout, is made anew.
ifneq ($(shell $(BIN)/python -c 'print(open(".venv/here").read())' 2>/dev/null),$(CURDIR))
STALE := renew
endif

# Three workers on two cores: tests often wait for a browser or a process. Files begin in the order that
# tests/conftest.py gives them, the longest first.
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help serve test faults dates check format bench screens lock clean renew browser

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

serve: .venv/run ## set up and run the service; Ctrl-C stops it
	@exec $(BIN)/sipas serve $(ARGS)

test: .venv/dev browser ## set up and run every test; ARGS="tests/rollups -k band" for some
	@$(BIN)/python -m pytest $(SPREAD) $(ARGS)

faults: .venv/dev ## kill whatever runs ROUNDS=100 times, cut CUTS=10000 connections, be without PostgreSQL for GONE=60 s
	@SIPAS_FAULT_ROUNDS=$(or $(ROUNDS),100) $(if $(SEED),SIPAS_FAULT_SEED=$(SEED)) \
		SIPAS_FAULTS_CUTS=$(or $(CUTS),10000) SIPAS_FAULTS_GONE_SECONDS=$(or $(GONE),60) \
		$(BIN)/python -m pytest -s -q tests/faults $(ARGS)

dates: .venv/dev browser ## set the clock to each of a dozen days, midnights among them, and run what reckons with days
	@SIPAS_DATES=all $(BIN)/python -m pytest -q -n 2 tests/story/test_dates.py $(ARGS)

check: .venv/dev ## format, lint, types, import contracts, house rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports
	@if [ -d tests/house ]; then $(BIN)/python -m pytest -q -n 2 --dist loadfile tests/house; fi

format: .venv/dev ## put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/dev ## measure what the speed claims rest on
	@$(BIN)/python -m benchmarks $(ARGS)

screens: .venv/dev browser ## take the pictures of docs/screens anew
	@$(BIN)/python -m tests.browser.screens

# uv only resolves; pip installs. No line of a lock names an index or a path of the machine that made it.
LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml

lock: .venv/dev ## choose the newest allowed versions anew
	@$(PIP) install 'uv>=0.13.8'
	@$(LOCK) --group build -o requirements.txt >/dev/null
	@$(LOCK) --group dev -c requirements.txt -o requirements-dev.txt >/dev/null
	@$(LOCK) --group build --extra tracing -c requirements.txt -o requirements-tracing.txt >/dev/null

clean: ## remove the environment and caches; data stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info

.venv/run: requirements.txt pyproject.toml $(STALE)
	@if ! $(or $(PYTHON),false) $(SUITABLE); then \
		echo "SIPAS needs Python 3.11 or newer with its venv module (on Debian and Ubuntu: apt install python3-venv)." >&2; \
		echo "If it stands somewhere unusual: make serve PYTHON=/path/to/python3" >&2; exit 1; fi
	@if [ ! -f .venv/here ]; then \
		echo "Setting up in .venv with $$($(PYTHON) --version): about a minute, this once ..."; \
		rm -rf .venv && $(PYTHON) -m venv .venv && printf %s "$(CURDIR)" >.venv/here; \
	else echo "Requirements changed: bringing .venv up to date ..."; fi
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	@echo "Installing what tests and checks need ..."
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

renew:
	@rm -f .venv/here

# Browser tests use the system's Chromium, tests of several machines its PgBouncer, nginx and HAProxy, tests of
# backups over TLS its PostgreSQL (the wheel's knows no TLS), those of other days its faketime; without them they
# are skipped, so nothing here may fail. Only programs are wanted: no service is started, no cluster made.
PROGRAMS := chromium:chromium pgbouncer:pgbouncer nginx:nginx-light haproxy:haproxy pg_ctl:postgresql \
	faketime:faketime
NO_CLUSTER := /etc/postgresql-common/createcluster.d/sipas-tests.conf

browser:
	@wanted=$$(for pair in $(PROGRAMS); do \
		PATH="$$PATH:/usr/sbin:$$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')" command -v "$${pair%%:*}" >/dev/null 2>&1 || echo "$${pair##*:}"; done); \
	if [ -d tests ] && [ -n "$$wanted" ]; then \
		as=; [ "$$(id -u)" = 0 ] || as="sudo -n"; \
		if command -v apt-get >/dev/null 2>&1 && { [ -z "$$as" ] || $$as true 2>/dev/null; }; then \
			echo "Installing what some tests need:" $$wanted "..."; \
			{ $$as timeout 120 apt-get -qq update && for one in $$wanted; do \
				[ $$one != postgresql ] || echo 'create_main_cluster = false' | $$as install -D /dev/stdin $(NO_CLUSTER); \
				$$as env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
					timeout 300 apt-get -qq install -y --no-install-recommends $$one $$(test $$one != chromium || echo fonts-dejavu-core) \
					|| failed="$$failed $$one"; done; $$as rm -f $(NO_CLUSTER); } >/dev/null 2>&1; \
			[ -z "$$failed" ] || echo "Could not be installed:$$failed. Their tests are skipped."; \
		else echo "Not here:" $$wanted "- their tests are skipped."; fi; fi
