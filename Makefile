# What a person does with a fresh clone. Everything lives in .venv; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test check docs bench clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: .venv/demo  ## synthetic brains, a tokenizer, a prior, new scans and a report, in under ten minutes
	$(BIN)/scanvq demo

test: .venv/dev  ## set up and run all tests
	$(BIN)/python -m pytest

check: .venv/dev  ## what continuous integration runs: ruff, mypy, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

docs: .venv/dev  ## write docs/reference from signatures
	$(BIN)/python docs/make_reference.py

bench: .venv/bench  ## measure speed beside other software, everything or TABLE=name, and write the page of it
	$(BIN)/python -m benchmarks $(TABLE)
	$(BIN)/python -m benchmarks.page

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
