# Two commands do all the set-up on a fresh machine with Python 3.11 or newer: `make demo`, `make test`.

PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin
SLOW = docker or network or fuzz

.PHONY: demo test fast mutants lint bench clean

demo: $(VENV)/installed  ## from the template to a cell that a kernel executes; Docker where it runs
	@PATH="$(abspath $(RUN)):$$PATH" bash docs/demo.sh

test: fast  ## every test; those that need a Docker engine skip where there is none
	$(RUN)/python -m pytest --numprocesses 2 --dist loadfile -m "$(SLOW)"

fast: $(VENV)/tested  ## the tests that need neither Docker nor the registry: under two minutes
	$(RUN)/python -m pytest --numprocesses auto -m "not ($(SLOW))"

mutants: $(VENV)/tested  ## every check switched off in turn: some test must fail; takes long
	$(RUN)/python -m tests.mutation

lint: $(VENV)/tested  ## ruff and mypy, as .ci/run calls them
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

bench: $(VENV)/tested
	$(RUN)/python benchmarks/validate.py

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/tested: $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet --group test --group lint --group bench
	@touch $@
