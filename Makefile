# `make demo` and `make test` are all a fresh machine needs.
PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME ?= $(CURDIR)/dagster_home
export HN_DATA_DIR ?= $(CURDIR)/data
# where it is set, each of the hundreds of processes that tests start compiles the package anew
unexport PYTHONDONTWRITEBYTECODE


# Dagster's own events are for its UI; a terminal shows what our steps say
QUIET := {"loggers": {"console": {"config": {"log_level": "INFO"}}}}

# `make test-dagster` runs the tests of the Dagster layer with another release of Dagster. Its libraries
# are numbered 0.(minor + 16).patch, and releases before 1.13 hold these packages lower
DAGSTER ?= 1.12.0
DAGSTER_TESTS ?= hn_assets_tests/test_component.py hn_assets_tests/test_dg.py \
	hn_assets_tests/assets/test_graph.py hn_assets_tests/orchestration
DAGSTER_VENV := .venv-dagster-$(DAGSTER)
DAGSTER_PARTS := $(subst ., ,$(DAGSTER))
DAGSTER_LIBRARIES = 0.$(shell expr $(word 2,$(DAGSTER_PARTS)) + 16).$(word 3,$(DAGSTER_PARTS))
UNPINNED := gql|graphql-core|tomlkit|typer

.PHONY: demo dev test tests soak test-dagster lint types docs build clean

demo: .venv/installed ## mine the embedded default and show what came of it
	PYTHONWARNINGS=ignore $(BIN)/dagster asset materialize -m hn_assets \
		--select 'group:python_stdlib' --config-json '$(QUIET)'
	@echo; $(BIN)/hn-assets show python_stdlib
	@echo; echo 'See every step in the UI: make dev, then open http://127.0.0.1:3000'

dev: .venv/installed ## open the Dagster UI on http://127.0.0.1:3000
	$(BIN)/dagster dev --host 127.0.0.1

# three processes of one thread each for two cores: some tests wait. Files keep their fixtures, and
# their order, as those of few tests, which would come last, are the longest
tests: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

test: lint ## lint, types and tests; types are checked while the tests run, as that takes one core
	$(MAKE) --no-print-directory --jobs=2 types tests

# `make soak SECONDS=600` or `make soak ROUNDS=100 SEED=7 SOAK=hn_assets_tests/soak/test_kills.py`: each
# test of hn_assets_tests/soak goes on for that long or that often; a seed repeats what it did
SOAK ?= hn_assets_tests
soak: .venv/installed ## the tests that take long and repeat what shorter ones show
	OMP_NUM_THREADS=1 SOAK_SECONDS=$(SECONDS) SOAK_ROUNDS=$(ROUNDS) SOAK_SEED=$(SEED) \
		$(BIN)/pytest -s -m soak $(SOAK)

test-dagster: $(DAGSTER_VENV)/installed ## the Dagster layer's tests, with DAGSTER=1.x.y
	$(DAGSTER_VENV)/bin/python -c 'import dagster; assert dagster.__version__ == "$(DAGSTER)"'
	OMP_NUM_THREADS=1 $(DAGSTER_VENV)/bin/python -m pytest $(DAGSTER_TESTS)

$(DAGSTER_VENV)/installed: pyproject.toml constraints.txt
	test -x $(DAGSTER_VENV)/bin/python || $(PYTHON) -m venv $(DAGSTER_VENV)
	sed -E -e '/^($(UNPINNED))==/d' \
		-e 's/^(dagster[a-z-]*)==1\..*/\1==$(DAGSTER)/' \
		-e 's/^(dagster[a-z-]*)==0\..*/\1==$(DAGSTER_LIBRARIES)/' \
		constraints.txt >$(DAGSTER_VENV)/constraints.txt
	$(DAGSTER_VENV)/bin/python -m pip install --quiet -c $(DAGSTER_VENV)/constraints.txt -e '.[dev]'
	touch $@

docs: .venv/installed ## write the generated tables, then build the site into site/
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo site/index.html

build: .venv/installed ## wheel and source distribution into dist/, checked
	rm -rf build dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

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
	rm -rf .venv .venv-dagster-* build dist site
	git clean -fdXq dagster_home
