# The Pi5 Trading System. `make help` lists what can be done.
# Needs git, Python 3.11+, a C compiler and make; everything else is fetched into .venv and .build.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BUILD := .build
STAMP := $(BUILD)/stamp
BIN := .venv/bin
UV_VERSION := 0.13.8
UV := $(BUILD)/tools/bin/uv
export UV_PYTHON_DOWNLOADS := never
export PATH := $(CURDIR)/$(BIN):$(PATH)

CORE_SOURCES := $(shell find core-rs -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.py' \
    -o -name '*.pyi' -o -name Cargo.lock \) -not -path '*/target/*' -not -path '*/tests/*' -not -path '*/benches/*')
UI_SOURCES := $(shell find web/ui -type f -not -path '*/node_modules/*' -not -path '*/test/*' -not -name README.md)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
	    awk -F'\t' '{printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}'

# ---------------------------------------------------------------- set-up

$(STAMP)/tools:
	@mkdir -p $(STAMP)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(BUILD)/tools || \
	    { echo "error: python3 -m venv does not work; install your system's python3-venv"; exit 1; }
	@$(BUILD)/tools/bin/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(STAMP)/deps: $(STAMP)/tools .requirements.lock
	@test -x $(BIN)/python || $(UV) venv -q --python "$$(command -v $(PYTHON))" .venv
	@echo "installing the pinned dependencies"
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r .requirements.lock
	@touch $@

$(STAMP)/core: $(STAMP)/deps $(CORE_SOURCES)
	@echo "building the native core (a few minutes the first time)"
	@$(UV) pip install -q --python $(BIN)/python --no-deps --reinstall-package pi5-trading-core ./core-rs
	@touch $@

$(STAMP)/package: $(STAMP)/deps pyproject.toml
	@$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

$(STAMP)/ui-deps: $(STAMP)/deps web/ui/package-lock.json
	@echo "installing the dashboard's dependencies"
	@cd web/ui && $(CURDIR)/tests/tools/npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(STAMP)/ui: $(STAMP)/ui-deps $(UI_SOURCES)
	@echo "building the dashboard"
	@cd web/ui && $(CURDIR)/tests/tools/npm run --silent build -- --logLevel warn
	@touch $@

.PHONY: setup
setup: $(STAMP)/core $(STAMP)/package $(STAMP)/ui ## Install and build everything into .venv and .build

# ---------------------------------------------------------------- run

.PHONY: run
run: setup ## Start the whole system: paper trading and the dashboard on port 8080
	@exec $(BIN)/pi5 up

# ---------------------------------------------------------------- test

.PHONY: test
test: setup lint type test-rust test-ui test-python ## Everything that must be green (about 10 minutes)

.PHONY: lint
lint: lint-python lint-proto lint-rust lint-ui ## Format, style and import rules

.PHONY: lint-python
lint-python: $(STAMP)/package
	@ruff format --check -q . && ruff check -q . && lint-imports --no-cache

.PHONY: lint-proto
lint-proto: $(STAMP)/deps
	@python proto/codegen.py --googleapis $(BUILD)/googleapis
	@buf lint && buf format --diff --exit-code proto
	@buf breaking proto --against proto/released.binpb
	@python proto/codegen.py --check

.PHONY: lint-rust
lint-rust: $(STAMP)/core
	@cd core-rs && $(CURDIR)/tests/tools/cargo fmt --all --check && $(CURDIR)/tests/tools/cargo clippy -q --all-targets -- -D warnings

.PHONY: lint-ui
lint-ui: $(STAMP)/ui-deps
	@cd web/ui && $(CURDIR)/tests/tools/npm run --silent lint && $(CURDIR)/tests/tools/npm run --silent typecheck

.PHONY: type
type: $(STAMP)/package $(STAMP)/core ## mypy --strict, and the native core's types against the module
	@mypy services/pi5 web/pi5_web
	@python -m mypy.stubtest pi5_core --ignore-disjoint-bases --allowlist <(echo pi5_core._native.__all__)

.PHONY: test-rust
test-rust: $(STAMP)/core ## The native core, in Rust
	@cd core-rs && $(CURDIR)/tests/tools/cargo test -q

.PHONY: test-ui
test-ui: $(STAMP)/ui ## The dashboard's own tests and budgets
	@cd web/ui && $(CURDIR)/tests/tools/npm run --silent test && $(CURDIR)/tests/tools/npm run --silent budget

.PHONY: test-python
test-python: setup ## Unit, property, contract, integration and end-to-end tests
	@python -m pytest

.PHONY: test-fast
test-fast: $(STAMP)/core $(STAMP)/package ## Only what starts no process and no browser
	@python -m pytest -m "not integration and not e2e"

# ---------------------------------------------------------------- make

.PHONY: codegen
codegen: $(STAMP)/deps ## Remake what is derived from the contract
	@python proto/codegen.py
	@cd web/ui && test ! -d node_modules || $(CURDIR)/tests/tools/npm run --silent types

.PHONY: format
format: $(STAMP)/deps ## Format all sources
	@ruff check -q --fix . ; ruff format -q .
	@buf format -w proto
	@cd core-rs && $(CURDIR)/tests/tools/cargo fmt --all

.PHONY: lock
lock: $(STAMP)/tools ## Pin the newest allowed versions of all dependencies, with hashes
	@$(UV) lock -q --upgrade
	@$(UV) export -q --all-groups --no-emit-workspace --no-header --format requirements-txt -o .requirements.lock > /dev/null
	@rm uv.lock

.PHONY: bench
bench: setup ## Measure the running system: order round trip, start, memory
	@python -m tests.bench.order_round_trip

.PHONY: clean
clean: ## Remove what was built (not your PI5_HOME)
	@rm -rf .venv $(BUILD) core-rs/target web/ui/node_modules web/pi5_web/static dist
