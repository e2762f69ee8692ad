# Each target sets up what it needs and works alone, first, and again.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt

.PHONY: demo test lint types contracts reference docs bench clean help

help:
	@echo "make demo       set up and run the demo (pages and a picture in ./demo)"
	@echo "make test       set up and run the tests"
	@echo "make lint types contracts    ruff, mypy --strict, import contracts"
	@echo "make reference  write docs/cli.md, docs/api.md and figures from the code"
	@echo "make docs       the documentation site, in build/docs"
	@echo "make bench      the README's figures (needs text of your own: TEXT='a.txt b.txt')"
	@echo "make clean      remove the virtual environment and caches"

$(VENV)/.torch: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) setuptools torch
	touch $@

$(VENV)/.core: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) --no-build-isolation -e '.[dev]'
	touch $@

$(VENV)/.docs: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) --no-build-isolation -e '.[docs]'
	touch $@

demo: $(VENV)/.core
	$(BIN)/optimem demo --out demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

reference: $(VENV)/.dev
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/figures.py

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.fidelity $(TEXT)

clean:
	rm -rf $(VENV) .venv-vllm build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache demo
