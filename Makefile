# `make demo` and `make test` are all a fresh machine needs.
PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export HN_DATA_DIR ?= $(CURDIR)/data
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo dev test lint types check clean

demo: .venv/installed $(DAGSTER_HOME)/dagster.yaml ## mine the embedded default and show what came of it
	$(BIN)/dagster asset materialize -m hn_assets --select 'group:python_stdlib'
	$(BIN)/hn-assets show python_stdlib

dev: .venv/installed $(DAGSTER_HOME)/dagster.yaml ## open the Dagster UI on http://127.0.0.1:3000
	$(BIN)/dagster dev --host 127.0.0.1

test: lint types .venv/installed
	$(BIN)/pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/pyright

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	mkdir -p $(DAGSTER_HOME)
	cp $< $@

clean: ## remove the environment and Dagster's history; materialized data stay
	rm -rf .venv .dagster
