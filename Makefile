# `make` lists the targets. PYTHON= names the Python to make .venv with; else the newest is found.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := $(BIN)/python
PYTEST := $(RUN) -m pytest -n auto

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-long check bench docs-generated venv clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{ printf "  make %-16s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/installed ## train the spam classifier and the digits network, and show what they say
	@$(BIN)/rushlight demo

test: $(VENV)/installed-test ## run all tests but the long ones
	$(PYTEST)

test-long: $(VENV)/installed-test ## run the long tests: minutes each, some need the network
	$(PYTEST) -m long --timeout 1800

check: $(VENV)/installed-dev ## check style, types, architecture and generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict rushlight
	$(RUN) -m pytest -q tests/test_architecture.py
	$(RUN) scripts/generate.py --check

bench: $(VENV)/installed-test ## measure ours, PyTorch's and plain NumPy's time side by side
	@$(RUN) -c 'import importlib.util, sys; sys.exit(not importlib.util.find_spec("torch"))' \
	  || echo 'PyTorch is absent, so its column stays empty: $(RUN) -m pip install torch==2.13.0'
	$(RUN) -m benchmarks

docs-generated: $(VENV)/installed-dev ## write the generated files anew: the type stub, the table of ops
	$(RUN) scripts/generate.py

venv: $(VENV)/made ## make the virtual environment, and install nothing into it

clean: ## remove what make, the tools and Python left here, .venv too
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The workers share the cores already: more threads in each would get in the way. And with one
# thread the order of the sums inside BLAS does not depend on how many cores there are.
test test-long: export OMP_NUM_THREADS = 1
test test-long: export OPENBLAS_NUM_THREADS = 1

$(VENV)/made:
	@sh scripts/make-venv.sh $(if $(PYTHON),"$(PYTHON)")
	@touch $@

# installed, installed-test, installed-dev: the package with no extra, with [test], with [dev]
$(VENV)/installed: extra :=
$(VENV)/installed-test: extra := [test]
$(VENV)/installed-dev: extra := [dev]
$(VENV)/installed $(VENV)/installed-test $(VENV)/installed-dev: pyproject.toml $(VENV)/made
	@echo 'installing rushlight$(extra) and what it needs into $(VENV) (once)'
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.$(extra)'
	@touch $@
