.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules

ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# Tests start many processes: without bytecode each would compile Faust anew, for seconds.
ACTIVATED := env -u PYTHONDONTWRITEBYTECODE VIRTUAL_ENV=$(CURDIR)/$(VENV) PATH=$(CURDIR)/$(BIN):$$PATH
ONE_CORE := $(if $(shell command -v taskset),taskset -c 0)
SOURCES := $(shell find domain engine models simulator streams tillwatch -name '*.py')
MORE := browser or postgres or monitoring or faults or slow
# Runs that are given the same word draw the same examples and seeds.
DRAWS := $(if $(TILLWATCH_DRAWS),--hypothesis-seed=$(TILLWATCH_DRAWS))
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile --no-loadscope-reorder $(DRAWS)
PACKAGES := domain engine detectors models streams simulator causes evaluation casework notices console dashboards tillwatch

# The first Python that is new enough, of those that are there.
PYTHON ?= $(firstword $(foreach each,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(each) -c 'import sys; sys.version_info >= (3, 11) and print("$(each)")' 2>/dev/null)))

help: ## List the recipes.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.warm ## Make .venv from requirements.lock, and compile the kernel.

demo: setup ## Show the live demonstration; ARGS="--for 20 --json" passes options.
	@$(BIN)/tillwatch demo $(ARGS)

test: setup ## Run the tests of engine and logs, within minutes; ARGS="tests/engine -k name" chooses among all.
	@$(ACTIVATED) pytest $(or $(strip $(ARGS)),$(SIDE_BY_SIDE) -m "not ($(MORE))")

test-all: setup ## Run those that make test leaves out, by marker, and properties with all their examples; ARGS="-m browser" chooses some.
	@HYPOTHESIS_PROFILE=full $(ACTIVATED) pytest $(SIDE_BY_SIDE) -m "$(MORE) or drawn" $(ARGS) || { code=$$?; [ $$code -eq 5 ] || exit $$code; \
		echo "NO TEST RAN: none is chosen by: -m '$(MORE) or drawn' $$ARGS" >&2; }

faults: setup ## Kill, stop, fill, lock, damage and set back what a worker needs, 20 times; TILLWATCH_SEED=N repeats one.
	@TILLWATCH_FAULT_SEEDS=$${TILLWATCH_FAULT_SEEDS:-20} $(ACTIVATED) pytest tests/faults $(ARGS)

docs: setup ## Build the documentation as a site in build/site.
	@NO_MKDOCS_2_WARNING=1 $(ACTIVATED) python -m mkdocs build --quiet
	@echo "open build/site/index.html" >&2

check: setup ## Check style, types, imports and documentation, as CI does.
	@$(ACTIVATED) ruff check
	@$(ACTIVATED) ruff format --check
	@$(ACTIVATED) mypy
	@$(ACTIVATED) pyright
	@$(ACTIVATED) lint-imports
	@$(ACTIVATED) pytest -q $(DRAWS) -m "not ($(MORE))" tests/docs $(PACKAGES)
	@$(MAKE) docs

pictures: setup ## Draw the pictures of the documentation anew, from what commands print.
	@$(BIN)/python -m tools.draw_terminals $(ARGS)
	@test -n "$(ARGS)" || $(BIN)/python -m tools.draw_console
	@test -n "$(ARGS)" || $(BIN)/python -m tools.draw_phone

calendar: setup ## Write the calendar that is shipped anew, from the package holidays.
	@$(BIN)/python -m tools.build_calendar

dashboards: setup ## Write dashboards, rules and Alertmanager's routes anew; ARGS="--currency EUR" passes options.
	@$(BIN)/python -m dashboards.build $(ARGS)

bench: setup ## Run the benchmarks on one core.
	@set -e; for each in throughput simulate; do echo "bench/$$each.py"; $(ONE_CORE) $(BIN)/python -m bench.$$each; done

lock: $(BIN)/python ## Choose versions anew: writes requirements.lock.
	@UV=$(UV); env -u UV_FIND_LINKS -u PIP_FIND_LINKS "$${UV:-$(BIN)/uv}" pip compile --quiet --upgrade --universal \
		--python-version 3.11 --group dev --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

bundle: setup ## Make dist/: wheels, compiled code, checksums and an installer for sites without a network.
	@$(ACTIVATED) python -m tools.bundle dist

sbom: setup ## Write dist/: bill of materials and licences of what is installed; look up known vulnerabilities.
	@mkdir -p dist
	@$(ACTIVATED) python -m tools.licences > dist/licences.tsv
	@$(ACTIVATED) python -m tools.sbom dist/sbom.cdx.json
	@$(ACTIVATED) python -m tools.audit

clean: ## Drop what was built, cached or simulated; .venv stays.
	@rm -rf var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(PACKAGES) tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} +

# Where there is no uv, one is put into the environment.
UV = $(shell command -v uv)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make setup needs Python 3.11 or newer, found none: try PYTHON=/path/to/python" >&2; exit 1; }
	@if test -n "$(UV)"; then \
		$(UV) venv --quiet --python "$$(command -v $(PYTHON))" $(VENV) >&2; \
	else \
		$(PYTHON) -m venv $(VENV) >&2 && $(BIN)/python -m pip install --quiet uv >&2; \
	fi

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV)" >&2
	@UV=$(UV); UV="$${UV:-$(BIN)/uv}"; export VIRTUAL_ENV=$(CURDIR)/$(VENV); \
		"$$UV" pip install --quiet --require-hashes --requirement requirements.lock >&2 && \
		"$$UV" pip install --quiet --no-deps --no-build-isolation --editable . >&2
	@touch $@

$(VENV)/.warm: $(VENV)/.installed $(SOURCES)
	@echo "compiling the kernel, once after a change: half a minute or more (docs/performance.md, Start)" >&2
	@$(ACTIVATED) tillwatch warm >&2
	@touch $@

.PHONY: help setup demo test test-all faults docs check pictures calendar dashboards bench lock bundle sbom clean
