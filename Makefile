# A fresh machine needs Python 3.11 (or newer) and make; everything else is fetched into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
WORKERS ?= auto
DEMO ?=
YEAR ?=
# What was compiled once is kept: the tests and the measurements start the program dozens of times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: bench bench-quick check clean demo format test year
.DELETE_ON_ERROR:

demo: $(READY) ## load two cities and serve them on http://127.0.0.1:8000 (DEMO="--port 8080 --tickets 200000")
	$(BIN)/yingshang demo $(DEMO)

test: $(READY) ## every test, on all cores
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: $(READY) ## lint, format, types, layers, schema drift, catalogue drift
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yingshang schema check
	$(BIN)/pytest -n0 tests/test_migrations.py

bench: $(READY) ## measure against the targets, beside the floor and the peers (Node 22 or newer, or npm); writes bench.json
	$(BIN)/python -m tests.benchmarks

bench-quick: $(READY) ## the same with a smaller city and without peers, in under two minutes
	$(BIN)/python -m tests.benchmarks --quick

year: $(READY) ## a city's year on a clock that is moved, and an account of it (YEAR="--tickets 5000")
	$(BIN)/python -m tests.simulations $(YEAR)

format: $(READY) ## put imports and lines in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## stop the embedded server, and remove the environment, its data and the caches
	if [ -x $(BIN)/yingshang ]; then $(BIN)/yingshang db stop || true; fi
	rm -rf $(VENV) .yingshang .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; found: $$( $(PYTHON) --version 2>&1 || echo none )."; \
	  echo "Install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
