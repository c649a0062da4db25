SHELL := /bin/bash
PY := .venv/bin/python
BIN := .venv/bin

.PHONY: setup demo test test-slow bench lint clean

setup: .venv/.stamp

.venv/.stamp: pyproject.toml
	@if command -v uv >/dev/null; then uv venv -q --allow-existing .venv && uv pip install -q --python .venv/bin/python -e ".[all,dev]"; \
	else python3 -m venv .venv && $(PY) -m pip install -q -e ".[all,dev]"; fi
	@touch $@

demo: setup
	@$(BIN)/simroute compare scenario=demo policy=direct,retry_only,failover,circuit_breaker

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n 2 -m "not slow"

test-slow: setup
	$(BIN)/pytest -n 2 -m slow

bench: setup
	$(PY) benchmarks/kernel.py
	$(PY) benchmarks/day.py
	$(PY) benchmarks/startup.py

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
