# What a person does with a fresh clone. Everything lives in .venv; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Tests run in one process a core. A whole file goes to one process, so that what its tests share is made once;
# files go in the order of their names, so that the long ones of end_to_end start early.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: help demo lint test test-fast faults check docs bench gpu-wheels gpu-check clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: .venv/demo  ## synthetic brains, a tokenizer, a prior, new scans and a report, in under ten minutes
	$(BIN)/scanvq demo

lint: .venv/dev  ## ruff and mypy, to run with test-fast before each commit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: .venv/dev  ## set up and run all tests
	$(PYTEST)

test-fast: .venv/dev  ## the tests of under two minutes, to run before each commit
	$(PYTEST) -m "not slow and not end_to_end and not gpu"

faults: .venv/dev  ## what damaged files, failing disks and kills do, at length (about 30 minutes on two cores)
	SCANVQ_FAULTS=long $(PYTEST) tests/faults

check: lint  ## what continuous integration runs: ruff, mypy, all tests
	$(PYTEST)

docs: .venv/dev  ## write docs/reference from signatures
	$(BIN)/python docs/make_reference.py

bench: .venv/bench  ## measure speed beside other software, everything or TABLE=name, and write the page of it
	$(BIN)/python -m benchmarks $(TABLE)
	$(BIN)/python -m benchmarks.page

gpu-wheels:  ## download what a machine without a network needs for gpu-check into wheels/, at most 40 MB
	$(PYTHON) -m benchmarks.gpu_check.wheels

gpu-check:  ## eight minutes on a GPU: tests, a fit of DATA=folder or the demo cohort, three tables; no network
	PYTHONPATH=src $(PYTHON) -m benchmarks.gpu_check $(if $(DATA),--data "$(DATA)") $(CHECK)

clean:  ## remove the environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache

# torch comes first and by itself: on Linux the version alone decides which build pip takes.
.venv/torch: constraints.txt
	$(PYTHON) -m venv .venv
	@echo "installing (two to four minutes the first time)"
	$(INSTALL) torch==$$(sed -n 's/^torch==//p' constraints.txt)
	@touch $@

.venv/demo: .venv/torch pyproject.toml
	$(INSTALL) -e '.[demo]'
	@touch $@

.venv/dev: .venv/torch pyproject.toml
	$(INSTALL) -e '.[demo,dev]'
	@touch $@

.venv/bench: .venv/demo benchmarks/requirements.txt
	$(INSTALL) -r benchmarks/requirements.txt
	@touch $@
