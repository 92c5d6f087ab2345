# `make demo` is the first thing to try; `make test` is what CI runs. See CONTRIBUTING.md.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
WORKERS ?= 2
RUN ?= runs/demo
EXTRA ?=

# Compilation dominates short runs: keep what XLA compiled, however small, between them.
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES ?= -1
# Some images turn bytecode off: every process would then compile again all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# For `make validate`: data and the peer that may not ship with the repository.
export DATA ?= ../shared/data
export TUMORTWIN ?=

# uv where it can be had, pip where it cannot; both check every hash of the lock.
INSTALL = if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python $(1); \
          else $(BIN)/python -m pip install --quiet $(1); fi

.PHONY: help setup demo test check lint format validate bench lock clean

help:
	@echo "make demo      install what it takes, run the embedded patient, write $(RUN)/report.html"
	@echo "make test      lint, types, import rules, tests"
	@echo "make check     tests only; 'make check TESTS=tests/twin' for some of them"
	@echo "make lint      ruff, pyright, import-linter"
	@echo "make format    let ruff rewrite what it can"
	@echo "make validate  the scientific claims (DATA=folder TUMORTWIN=path)"
	@echo "make bench     speed and memory, as JSON lines"
	@echo "make setup     the development environment (EXTRA=cuda adds GPUs)"
	@echo "make lock      choose versions anew for requirements/*.txt"
	@echo "make clean     remove the environment and caches; runs/ stays"

$(STAMPS)/python: requirements/find-python.sh
	@python=$${PYTHON:-$$(sh requirements/find-python.sh)} && [ -n "$$python" ] \
	  && echo "making $(VENV) with $$python" && "$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet 'uv>=0.7,<1' \
	  || echo "uv cannot be had: going on with pip" >&2
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: $(STAMPS)/python requirements/lock.txt pyproject.toml
	@echo "installing the runtime"
	@$(call INSTALL,--require-hashes -r requirements/lock.txt)
	@$(call INSTALL,--no-deps --no-build-isolation -e .)
	@touch $@

$(STAMPS)/dev: $(STAMPS)/runtime requirements/dev.txt
	@echo "installing the development tools"
	@$(call INSTALL,--require-hashes -r requirements/dev.txt)
	@touch $@

$(STAMPS)/cuda: $(STAMPS)/runtime requirements/cuda.txt
	@echo "installing jax for CUDA"
	@$(call INSTALL,--require-hashes -r requirements/cuda.txt)
	@touch $@

setup: $(STAMPS)/dev $(EXTRA:%=$(STAMPS)/%)

demo: $(STAMPS)/runtime
	$(BIN)/oncotwin demo --output $(RUN)

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

format: $(STAMPS)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

TESTS ?= tests
# Neighbors share fixtures and compiled programs: a worker keeps to its part until another is idle.
check: $(STAMPS)/dev
	$(BIN)/pytest $(TESTS) -n $(WORKERS) --dist worksteal

test: lint
	$(MAKE) --no-print-directory check

validate: $(STAMPS)/dev
	$(BIN)/pytest tests/validation -s

bench: $(STAMPS)/runtime
	@$(BIN)/oncotwin bench

# No addresses and no paths: a lock file must say what, never from where.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.12 \
          --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
          --group build
lock: $(STAMPS)/python
	$(COMPILE) --output-file requirements/lock.txt
	$(COMPILE) --constraint requirements/lock.txt --group dev --output-file requirements/dev.txt
	$(COMPILE) --constraint requirements/lock.txt --extra cuda --output-file requirements/cuda.txt

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
