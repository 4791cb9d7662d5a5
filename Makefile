# One door for everything a contributor types. Needs Python >= 3.11 and make; installs the rest into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.8
STAMP := $(VENV)/.installed
# A file is tested by one process, which makes once what its tests share; each process has a PostgreSQL of its own.
# One process more than cores, for a quarter of the time is waiting; in the order of names the long files do not come last.
PROCESSES = $(shell $(PYTHON) -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
ON_EVERY_CORE = --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder
# Where a proxy signs its own certificates, the system knows them.
export UV_SYSTEM_CERTS := true
# Compiled once, not at every start of every process.
export UV_COMPILE_BYTECODE := true
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install demo test proof bench check format lock clean

help:  ## Show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

install: $(STAMP)  ## Install everything, locked, into .venv

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Morningline needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(STAMP): $(UV) requirements.lock pyproject.toml
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(STAMP)

demo: $(STAMP)  ## Run the whole loop on a synthetic world: collect, features, backtest, predict, score, report
	@$(BIN)/morningline demo demo-workspace

test: $(STAMP)  ## Lint, type-check and run the test suite
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m pytest -m "not proof" $(ON_EVERY_CORE)

proof: test  ## Run the long proofs as well (kills, the full real history)
	@$(BIN)/python -m pytest -m proof

bench: $(STAMP)  ## Print the benchmarks
	@for f in benchmarks/*.py; do $(BIN)/python $$f; done

check: $(STAMP)  ## Lint and type-check only
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(STAMP)  ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(UV)  ## Resolve the dependencies afresh into requirements.lock
	@$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --group dev --output-file requirements.lock pyproject.toml

clean:  ## Remove what was installed and written
	@rm -rf $(VENV) demo-workspace .mypy_cache .ruff_cache .pytest_cache
