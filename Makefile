.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast coverage check fmt wheel examples docs images clean

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
# A thread a worker: two workers that each start a thread per core take turns on the cores and are slower than one.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal
COVERAGE_FLOOR := 97
COVERAGE = $(if $(COVER),--cov --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE_FLOOR))

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /make \1|/' | column -t -s '|'

setup: .venv/installed ## Install everything into .venv, in the versions of constraints.txt

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup ## Register the example models and identify a fine-tune, on an embedded Postgres
	@examples/demo.sh

test: check ## Lint, check types and run all tests (WORKERS=2 processes; COVER=1 counts the lines that run)
	$(PYTEST) $(COVERAGE)

test-fast: setup ## Run the tests that take less than a second each
	$(PYTEST) -m "not slow"

coverage: ## As test, and fail where less than COVERAGE_FLOOR % of the lines run
	@$(MAKE) --no-print-directory test COVER=1

check: setup ## Lint, check formatting, spelling and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

fmt: setup ## Format the code and mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The new environment sees .venv's packages through a .pth file, which does not reach the checkout itself: no dependency is
# downloaded again, and what runs is the wheel.
wheel: setup ## Build the wheel, install it into a fresh environment and run it from another folder
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python -m venv --without-pip dist/venv
	$(BIN)/python -m pip --python dist/venv/bin/python install --quiet --no-deps dist/*.whl
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$(dist/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dependencies.pth"
	models="$$PWD/examples/checkpoints" registry="$$PWD/dist/venv/bin/registry" && mkdir dist/elsewhere && cd dist/elsewhere && \
		"$$registry" --version && "$$registry" --help > help.txt && \
		"$$registry" inspect "$$models/llama-tiny" && \
		"$$registry" fingerprint "$$models/llama-tiny" -o fingerprint.json && test -s fingerprint.json

examples: setup ## Train the example checkpoints anew (five minutes on two cores)
	$(BIN)/python examples/train.py

docs: setup ## Generate docs/commands.md, architectures.md and formats.md
	PYTHONPATH=. $(BIN)/python docs/generate.py

images: setup ## Draw docs/images, and take pictures of the web page
	PYTHONPATH=. $(BIN)/python docs/images.py

clean: ## Remove what make has made
	rm -rf .venv dist .coverage
