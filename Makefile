# Every target needs nothing but Python (3.11 or newer) and make. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TRAIN  := .venv-dinghy
SEED   ?= 1
SCALE  ?= ci

.DEFAULT_GOAL := help
.PHONY: help setup dev sandbox demo test check proof bench dinghy docs clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "error: no venv module; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.setup: pyproject.toml | $(BIN)/python
	@echo "installing seatrial with the embedded engine into $(VENV)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(VENV)/.dev: $(VENV)/.setup
	@echo "installing what tests and checks need into $(VENV)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[embedded,dev]'
	@touch $@

setup: $(VENV)/.setup sandbox ## build .venv with the embedded engine
dev: $(VENV)/.dev sandbox

sandbox:
	@sh scripts/install-bubblewrap.sh

demo: setup ## the whole loop: serve, attest, run, diagnose, report
	@$(BIN)/seatrial demo

test: dev ## unit, property and end-to-end tests
	@$(BIN)/python -m pytest -q -n 2 -m 'not proof and not perf'

check: dev ## linter, types, import direction, file sizes, docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python scripts/check_tree.py
	@$(BIN)/python scripts/generate_docs.py --check

docs: dev ## regenerate the generated parts of the docs
	@$(BIN)/python scripts/generate_docs.py

proof: dev ## the long proofs; SCALE=ci or SCALE=full
	@SEATRIAL_PROOF_SCALE=$(SCALE) $(BIN)/python -m pytest -q -n 2 -m proof tests/proof

bench: dev ## the budgets, measured
	@$(BIN)/python -m pytest -q -m perf tests/perf

# PyTorch comes first and by its exact version: pulled in by another package, it would bring
# gigabytes for graphics cards.
$(TRAIN)/.setup: recipes/dinghy/requirements.txt
	@$(PYTHON) -m venv $(TRAIN)
	@$(TRAIN)/bin/python -m pip install -q --disable-pip-version-check torch==2.13.0
	@$(TRAIN)/bin/python -m pip install -q --disable-pip-version-check -r $<
	@touch $@

dinghy: $(TRAIN)/.setup ## train the shipped models from nothing (SEED=n, about 40 minutes on two idle cores)
	@PYTHONPATH=src $(TRAIN)/bin/python recipes/dinghy/make_models.py --seed $(SEED)

clean: ## remove what make built
	rm -rf $(VENV) $(TRAIN) build dist .mypy_cache .ruff_cache .pytest_cache
