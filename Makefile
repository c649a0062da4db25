# `make demo` and `make test` need Python >= 3.11, git and make; uv is used when it is there.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.NOTPARALLEL:

BIN := .venv/bin
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# Files in order: by their number of tests, those of few long tests would come last and leave a process idle.
# Every process that a test starts would compile the package anew.
export PYTHONDONTWRITEBYTECODE :=
# One process more than there are cores on a small machine: tests of servers and killed commands mostly wait.
PYTEST := $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

# What test-fast leaves out: studies, commands, what is told by running them, and what reads or fits logs for many cases.
LATER := tests/cli tests/docs tests/studies tests/truth tests/report tests/test_wheel.py tests/execution/test_dask.py \
	tests/fitting/test_round_trip.py tests/fitting/test_absorbed.py tests/fitting/test_forecast.py \
	tests/traces/test_any_content.py tests/traces/test_failures.py tests/traces/test_identity.py

.PHONY: help setup demo test test-fast test-browser test-live test-slow chaos soak bench bench-live docs docs-findings docs-parity lint clean

help:
	@echo "make setup      .venv with every extra and the tools"
	@echo "make demo       four policies in a simulated outage, and the verdict"
	@echo "make test       every check but the long ones and those in a browser; what CI runs"
	@echo "make test-fast  what stands below the studies and the commands, in a minute and a half"
	@echo "make test-browser  reports in chromium; fails where there is none"
	@echo "make test-live  gateway and fake providers with clients and servers that are not ours"
	@echo "make test-slow  the checks that take minutes"
	@echo "make chaos      the gateway in front of providers that fail in every way (three minutes)"
	@echo "make soak       200,000 requests through one gateway; nothing of them stays (minutes)"
	@echo "make lint       ruff, mypy, import directions"
	@echo "make bench      speed, memory and start-up of this machine; what a search costs (minutes)"
	@echo "make bench-live  what the gateway adds to a call, against plain aiohttp and a bare relay"
	@echo "make docs       the documentation, in site/ (docs-findings, docs-parity: the figures in it, anew)"
	@echo "make clean      remove what the others made"

setup: .venv/.stamp

# Made once, and again when the dependencies change. pip does not compile, as uv does not: of 16,000 files two fifths are ever imported.
.venv/.stamp: pyproject.toml
	@if command -v uv >/dev/null; then \
		test -x $(BIN)/python || { rm -rf .venv; uv venv --quiet --python '>=3.11' .venv; }; \
		uv pip install --quiet --python $(BIN)/python --editable '.[all,dev]'; \
	else \
		test -n "$(PYTHON)" || { echo "simroute needs Python 3.11 or newer (or uv); set PYTHON=/path/to/python3" >&2; exit 1; }; \
		$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv; \
		echo "installing into .venv (a minute or two, once)" >&2; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[all,dev]'; \
	fi
	@touch $@

demo: setup
	@$(BIN)/simroute compare scenario=demo policy=direct,retry_only,failover,circuit_breaker

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Types are checked beside the tests, which they leave a core for some of the time; both are told.
test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@$(BIN)/mypy & types=$$!; tests=0; \
	$(PYTEST) -m "not slow and not browser" --durations=20 --durations-min=1 || tests=$$?; \
	wait $$types && exit $$tests

test-fast: setup
	$(PYTEST) -m "not slow" $(LATER:%=--ignore=%)

test-browser: setup
	SIMROUTE_BROWSER=required $(PYTEST) -m browser

# What is absent is told and left out. The LiteLLM Router has an environment of its own, made once: SIMROUTE_LITELLM names its folder.
test-live: setup
	SIMROUTE_LITELLM="$${SIMROUTE_LITELLM:-.venv-litellm}" $(PYTEST) -m live_clients

test-slow: setup
	$(PYTEST) -m slow --ignore=tests/live/test_chaos.py --ignore=tests/live/test_soak.py

chaos: setup
	$(BIN)/pytest -m slow -s tests/live/test_chaos.py

soak: setup
	$(BIN)/pytest -m slow -s tests/live/test_soak.py

bench: setup
	@$(BIN)/python benchmarks/kernel.py
	@$(BIN)/python benchmarks/policies.py
	@$(BIN)/python benchmarks/catalogue.py
	@$(BIN)/python benchmarks/models.py
	@$(BIN)/python benchmarks/layers.py
	@$(BIN)/python benchmarks/day.py
	@$(BIN)/python benchmarks/parallel.py
	@$(BIN)/python benchmarks/traces.py
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/evaluations.py
	@$(BIN)/python benchmarks/fit.py
	@$(BIN)/python benchmarks/tuning.py

# The variable silences a notice about the future of mkdocs. Not --quiet: then --strict would count no warnings.
docs: setup
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open site/index.html"

bench-live: setup
	@SIMROUTE_LITELLM="$${SIMROUTE_LITELLM:-.venv-litellm}" $(BIN)/python benchmarks/live.py

# The figures and set-ups of docs/scenarios/*.md and docs/studies/*.md; takes some minutes.
docs-findings: setup
	@$(BIN)/python docs/findings.py
	@$(BIN)/python docs/studied.py

docs-parity: setup
	@$(BIN)/python docs/parities.py

clean:
	rm -rf .venv build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
