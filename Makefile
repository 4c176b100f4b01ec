# Developer commands; `make help` lists them.

PYTHON ?= python3
TORCH_VERSION := 2.13.0
VENV := .venv
BIN := $(VENV)/bin

# Where an environment exists already, its interpreter decides, not the one on PATH.
interpreter = $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
print_version := 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
version := $(shell $(interpreter) -c $(print_version))
asked := $(if $(filter command environment,$(firstword $(origin PYTHON))),$(shell $(PYTHON) -c $(print_version)))
constraints := $(wildcard constraints-$(version).txt)

on = $(filter-out 0 no false,$($(1)))
# Any build of torch serves a CPU run, so a CUDA build that is there already is kept.
torch := $(if $(call on,GPU),$(VENV)/.torch-cuda,$(or $(wildcard $(VENV)/.torch-cuda),$(VENV)/.torch))
# A local CPU wheel (2.13.0+cpu) satisfies ==2.13.0 and outranks 2.13.0; === takes the CUDA build alone.
torch_cuda := $(if $(TORCH_INDEX_URL),torch==$(TORCH_VERSION),torch===$(TORCH_VERSION))
torch_index := $(if $(TORCH_INDEX_URL),--index-url $(TORCH_INDEX_URL))
# Without a C++ compiler on the machine a wheel brings one.
compiler := $(if $(shell command -v $${CXX:-c++} || command -v g++ || command -v clang++),,$(VENV)/.compiler)
installed := $(or $(wildcard $(VENV)/.installed-dev),$(VENV)/.installed)
pip := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run install install-dev test test-bits lint format docs bench-training bench-throughput bench-gpu clean \
  check-python

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  ONCE=1 stops after the example; PORT=8080; GPU=1 installs the CUDA build of torch;"
	@echo "  TORCH_INDEX_URL=... takes torch from that index; PYTHON=python3.12; ARGS='-k name' for pytest"

run: install ## install, start the service, run one experiment, serve until Ctrl-C (ONCE=1 stops after it)
	@exec $(BIN)/whydeep up --example examples/sine.json \
	  $(if $(call on,ONCE),--once) $(if $(PORT),--port $(PORT))

install: $(installed) $(torch) $(compiler) ## make .venv with all that the service and its workers need

install-dev: $(VENV)/.installed-dev $(compiler) ## the same and the tools of the tests

test: install-dev ## run every test on SQLite and PostgreSQL (ARGS= goes to pytest)
	@$(BIN)/python -m pytest tests $(ARGS)

lint: install-dev ## check format, style, import contracts and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: install-dev ## format the code and repair what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-bits: install-dev ## the tests of equal bits over 5,000 steps instead of 300
	@WHYDEEP_TEST_STEPS=5000 $(BIN)/python -m pytest tests/engine/test_batch_invariance.py --timeout 1800 $(ARGS)

bench-training: install $(VENV)/.installed-bench ## time the engine beside torch, JAX and scikit-learn (ARGS=--help)
	@$(BIN)/python -m benchmarks.training $(ARGS)

bench-throughput: install-dev ## time 256 experiments over HTTP beside the engine alone
	@$(BIN)/python -m benchmarks.throughput $(ARGS)

bench-gpu: install ## time the engine on a CUDA device, where there is one
	@$(BIN)/python -m benchmarks.gpu $(ARGS)

docs: install ## write the generated pages of docs/components
	$(BIN)/whydeep catalogue --write docs/components

clean: ## remove .venv and the caches (never experiments)
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

check-python:
	@command -v $(PYTHON) >/dev/null 2>&1 || [ -x $(BIN)/python ] || { \
	  echo "There is no $(PYTHON) here; name one by PYTHON=python3.12" >&2; exit 1; }
	@[ -n "$(constraints)" ] || { \
	  echo "whydeep needs Python 3.11, 3.12 or 3.13; $(interpreter) is $(or $(version),unreadable)." >&2; \
	  echo "Name another by PYTHON=python3.12 (after 'make clean' where .venv exists)." >&2; exit 1; }
	@[ -z "$(asked)" ] || [ "$(asked)" = "$(version)" ] || { \
	  echo ".venv holds Python $(version), not $(asked): run 'make clean' first." >&2; exit 1; }

$(BIN)/python: | check-python
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

# torch comes first and alone: a range that admits a newer release would take one with gigabytes of CUDA.
$(VENV)/.torch: | $(BIN)/python
	$(pip) install -c $(constraints) $(torch_index) torch==$(TORCH_VERSION)
	@touch $@

$(VENV)/.torch-cuda: | $(BIN)/python
	$(pip) install -c $(constraints) $(torch_index) '$(torch_cuda)'
	@touch $@

$(VENV)/.compiler: $(constraints) $(installed) | $(BIN)/python
	$(pip) install --quiet -c $(constraints) -e '.[compiler]'
	@touch $@

$(VENV)/.installed-bench: pyproject.toml $(constraints) $(torch) | $(BIN)/python
	$(pip) install --quiet -c $(constraints) -e '.[workers,bench]'
	@touch $@

$(VENV)/.installed: pyproject.toml $(constraints) $(torch) | $(BIN)/python
	$(pip) install --quiet -c $(constraints) -e '.[workers]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(constraints) $(torch) | $(BIN)/python
	$(pip) install --quiet -c $(constraints) -e '.[workers,dev]'
	@touch $@
