# The tasks of this repository. `make help` lists them. All of them need only Python 3.10+ and make.
#
#   make demo PYTHON=python3.12       any interpreter from 3.10 on
#   make accuracy PYTHONS="3.10 3.12" the known-answer suite on other interpreters

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTHONS ?=
HELD_OUT ?=
DEMO_OUT ?= results
TORCH ?= torch==2.13.0

# Where Python must not keep its bytecode, each of the processes that a run or a test starts compiles leakhunt anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint format accuracy bench kills target-env torch-env clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# A stamp per set of dependencies, so that a second `make test` installs nothing.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("leakhunt needs Python 3.10 or newer, this is " + sys.version) if sys.version_info < (3, 10) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-demo: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.installed-test: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/.installed-lint: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@ $(VENV)/.installed-test

demo: $(VENV)/.installed-demo ## profile the leaking sweep of fixtures/t3b_sweep and say where the HTML report is
	@mkdir -p $(DEMO_OUT)
	$(BIN)/leakhunt profile --html $(DEMO_OUT)/t3b_sweep.html --json $(DEMO_OUT)/t3b_sweep.json \
		fixtures/t3b_sweep/leaking.py --out $(DEMO_OUT)
	@echo
	@echo "The whole report, one self-contained page: $(DEMO_OUT)/t3b_sweep.html"

test: $(VENV)/.installed-test ## the fast tests
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(VENV)/.installed-test ## the tests that take minutes
	$(BIN)/python -m pytest -n 2 -m slow

lint: $(VENV)/.installed-lint ## ruff, formatting, types, the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-lint ## write the files as `make lint` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

accuracy: $(VENV)/.installed-test ## the known-answer suite: verdict, owner, line and rate of every program
	$(BIN)/python benchmarks/accuracy.py $(if $(HELD_OUT),--held-out) $(if $(PYTHONS),--pythons $(PYTHONS))

bench: $(VENV)/.installed-test ## what following a program costs it, beside memray and tracemalloc
	$(BIN)/python benchmarks/overhead.py

kills: $(VENV)/.installed-test ## kill the target, the supervisor and both at random moments; what does the journal keep
	$(BIN)/python tests/guard/kills.py 200

target-env: ## an environment with old pins and no leakhunt in it, to try --python with
	$(PYTHON) benchmarks/make_target_env.py

torch-env: ## an environment with torch, to run its programs with: LEAKHUNT_TORCH_PYTHON names its interpreter
	@$(PYTHON) benchmarks/make_target_env.py --where .venv-torch --pins $(TORCH) numpy

clean: ## remove what the tasks above made, except the environment
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis $(DEMO_OUT) .leakhunt
