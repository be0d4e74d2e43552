# Two commands for a fresh machine: `make demo` and `make test`. Both do all set-up.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test bench eval lint lock pictures sample clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## Install everything that the other commands need, into .venv

# The lock file is installed to the letter, hashes checked; then the project itself, editable.
$(READY): requirements.lock pyproject.toml tools/setup.sh
	@sh tools/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(READY) ## Transcribe the bundled sample meeting and take its notes
	@$(BIN)/sotto demo

test: $(READY) ## Run all tests
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

bench: $(READY) ## Run the benchmarks; each prints a ratio against its peer or its limit
	@for file in tests/benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

eval: $(READY) ## Evaluate notes on MEETINGS (docs/how-to/evaluate.md), for every installed model
	@$(BIN)/python -m tests.eval $(MEETINGS) $(if $(MODELS),--models $(MODELS))

lint: $(READY) ## Linters and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lock: ## Write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra all --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet --upgrade -o requirements.lock

pictures: $(READY) ## Take the pictures of the overlays in the docs anew (needs Chromium and Xvfb)
	@$(BIN)/python -m tests.pictures

sample: $(READY) ## Speak the sample meeting anew from its script (needs flite)
	@$(BIN)/python -m sottovoce.sample.build

clean: ## Remove what the other commands made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist
