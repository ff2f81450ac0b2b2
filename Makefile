# Liên thông. `make help` lists what there is.
#
# `make run` and `make test` need Python 3.11, git and make, nothing else: the virtual environment is made,
# filled from hash-checked locks and stamped, so that a second call starts at once.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
CODE := hub schemas signing adapters tools
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 $(BIN)/python -m pip --quiet

# Extra words for the program behind a target: make run ARGS=--once, make test ARGS="-k inbox".
ARGS ?=

.PHONY: help install run test check format bench corpus faults screenshots lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.run.stamp ## make the virtual environment and install the hub into it
	@:

run: install ## start the demonstration: a hub, its database and simulated agencies
	@$(BIN)/lienthong demo $(ARGS)

test: $(VENV)/.dev.stamp ## install what the tests need, and run them (REQUIRE_ALL=1: leaving one out is a failure)
	@tools/install_debian.sh $(BIN)/python
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev.stamp ## formatting, lint, types, import direction, sizes, what must not be in the repository
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(CODE)
	$(BIN)/mypy --strict --explicit-package-bases tests
	$(BIN)/lint-imports
	$(BIN)/python -m tools.check_sizes
	$(BIN)/python -m tools.check_repo

format: $(VENV)/.dev.stamp ## format the code and repair what ruff can repair
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: install ## measure throughput and latency on this machine
	@$(BIN)/lienthong bench $(ARGS)

corpus: $(VENV)/.dev.stamp ## judge the corpus of signed files beside the repository, and score the verdicts
	@$(BIN)/python -m tests.corpus.score $(ARGS)

faults: $(VENV)/.dev.stamp ## kill, stop and fill up whatever can be, and look at what survives
	@$(BIN)/python -m pytest tests/integration/process $(ARGS)

screenshots: $(VENV)/.dev.stamp ## picture the pages of a running demonstration into out/screenshots
	@tools/install_debian.sh $(BIN)/python
	@$(BIN)/python -m tools.screenshots out/screenshots $(ARGS)

lock: ## choose the versions of dependencies anew (needs the package index)
	@tools/lock.sh $(ARGS)

clean: ## remove the virtual environment and all caches
	@rm -rf $(VENV) build out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.made.stamp: tools/make_venv.sh
	@tools/make_venv.sh $(VENV)
	@touch $@

$(VENV)/.run.stamp: $(VENV)/.made.stamp requirements/run.lock pyproject.toml
	@echo "Đang cài thư viện / installing dependencies …"
	@$(PIP) install --require-hashes --requirement requirements/run.lock
	@PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev.stamp: $(VENV)/.run.stamp requirements/dev.lock
	@echo "Đang cài công cụ kiểm thử / installing test tools …"
	@$(PIP) install --require-hashes --requirement requirements/dev.lock
	@touch $@
