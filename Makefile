# `make` shows what there is. The first use of a target makes its own virtual environment in .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
# Hundreds of processes start in a test run: each would compile all of the code again.
unexport PYTHONDONTWRITEBYTECODE
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
EXTENSIONS := $(wildcard services/processor/codec/*.c)
FAST_TESTS := tests/unit tests/architecture tests/contracts

# The Python that makes the environment: the first of these that is new enough. `make PYTHON=...` overrides it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

##@ Use it
.PHONY: demo up down
demo: $(RUNTIME)  ## run a catalogue of real pictures through everything (KEEP=1 leaves it running)
	@$(PY) -m examples.demo

up: $(RUNTIME)  ## start Kafka, Postgres, S3 and all services
	@$(PY) -m pixelmill up

down:  ## stop them; data stays
	@if [ -x $(PY) ]; then $(PY) -m pixelmill down; else echo "Nothing runs: there is no $(VENV)."; fi

##@ Work on it
.PHONY: test test-fast fuzz lint format docs lock
# Most of what these tests do is wait, for sessions, timeouts and restarts: two files at a time share the machine well.
test: $(DEVELOPMENT)  ## run all tests, on a real Kafka, Postgres and S3
	@$(PY) -m pytest --numprocesses 2 --dist loadfile

test-fast: $(DEVELOPMENT)  ## run the tests that need no stack
	@$(PY) -m pytest $(FAST_TESTS)

SEED ?= $(shell echo $$RANDOM)
fuzz: $(DEVELOPMENT)  ## throw odd input at everything, at length (SEED=7 for the same again, ARGS="-k csv" for a part)
	@echo "SEED=$(SEED)"
	@$(PY) -m pytest tests/fuzz --hypothesis-profile=fuzz --hypothesis-seed=$(SEED) $(ARGS)

lint: $(DEVELOPMENT)  ## check style and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(DEVELOPMENT)  ## put the code into its form
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

docs: $(DEVELOPMENT)  ## write the generated files
	@$(PY) -m deploy.docs

##@ Measure it
.PHONY: bench bench-compare chaos large
bench: $(DEVELOPMENT)  ## what pictures cost in the whole system (ARGS="--help" says what it takes)
	@$(PY) -m bench $(ARGS)

bench-compare: $(DEVELOPMENT)  ## alternate it with the peer in PEER=DIR, on the pictures of CORPUS=DIR
	@$(PY) -m bench.compare --peer $(PEER) --corpus $(CORPUS) $(ARGS)

chaos: $(DEVELOPMENT)  ## kill everything at random, then check from outside (ARGS="--help" says what it takes)
	@$(PY) -m tests.chaos $(ARGS)

large: $(DEVELOPMENT)  ## 100,000 images with a codec that copies (ARGS="--images 5000" for fewer)
	@$(PY) -m bench.large $(ARGS)

# A version that is locked stays until pyproject.toml asks for another; `UPGRADE=--upgrade` takes the newest.
UV ?= uv
LOCKED = $(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header $(UPGRADE) pyproject.toml
lock:  ## write the lock files from pyproject.toml (needs uv)
	@$(LOCKED) --extra embedded --extra build --extra dev --output-file requirements-dev.lock
	@$(LOCKED) --extra embedded --extra build --constraint requirements-dev.lock --output-file requirements.lock
	@$(LOCKED) --constraint requirements.lock --output-file requirements-services.lock

##@ Housekeeping
.PHONY: help clean
help:  ## show this
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

clean: down  ## stop everything, delete data, caches and the virtual environment
	@rm -rf .pixelmill demo-out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache $(VENV)
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Clean. The next target makes $(VENV) again; Kafka's jars stay in the user's cache folder."

# What the environment is made of. Each lock is installed once, and again when it changes.
$(VENV)/.made:
	@deploy/check_platform.sh "$(PYTHON)"
	@$(PY) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(VENV)
	@touch $@

$(RUNTIME): requirements.lock pyproject.toml $(EXTENSIONS) | $(VENV)/.made
	@$(call install,requirements.lock)
	@touch $@

$(DEVELOPMENT): requirements-dev.lock pyproject.toml $(EXTENSIONS) | $(VENV)/.made
	@$(call install,requirements-dev.lock)
	@touch $@ $(RUNTIME)

PIP := $(PY) -m pip --disable-pip-version-check install --quiet
define install
echo "Installing $(1) into $(VENV) ..." && \
$(PIP) --require-hashes -r $(1) && \
$(PIP) --no-deps --no-build-isolation -e . && \
{ $(PY) -c "from services.processor.codec import huffman_codes, png_filters" 2>/dev/null || \
	echo "No C compiler: pictures take a tenth more time. With one, touch pyproject.toml and try again."; }
endef
