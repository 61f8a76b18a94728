# `make demo` and `make test` are all a fresh machine needs.
PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME ?= $(CURDIR)/dagster_home
export HN_DATA_DIR ?= $(CURDIR)/data
export TOKENIZERS_PARALLELISM ?= false

# Dagster's own events are for its UI; a terminal shows what our steps say
QUIET := {"loggers": {"console": {"config": {"log_level": "INFO"}}}}

.PHONY: demo dev test lint types check clean

demo: .venv/installed ## mine the embedded default and show what came of it
	PYTHONWARNINGS=ignore $(BIN)/dagster asset materialize -m hn_assets \
		--select 'group:python_stdlib' --config-json '$(QUIET)'
	@echo; $(BIN)/hn-assets show python_stdlib
	@echo; echo 'See every step in the UI: make dev, then open http://127.0.0.1:3000'

dev: .venv/installed ## open the Dagster UI on http://127.0.0.1:3000
	$(BIN)/dagster dev --host 127.0.0.1

# three processes of one thread each for two cores: some tests wait. Files keep their fixtures, and
# their order, as those of few tests, which would come last, are the longest
test: lint types .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/pyright

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

clean: ## remove the environment and Dagster's history; materialized data stay
	rm -rf .venv
	git clean -fdXq dagster_home
