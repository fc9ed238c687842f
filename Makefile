# Everything runs in .venv. `make help` lists the targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 4 ? n + 1 : 4)))
SEEDS ?= 1-200
SECONDS ?= 20
BURST ?= 100000
SEED ?= 1
EXECUTIONS ?= 20000
TRIALS ?= 1000

.PHONY: help setup run test check fmt e2e screenshots faults simulate planted fuzz tamper abuse bench serve work notify rebuild docs texts wheel lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@if command -v uv >/dev/null 2>&1; then \
	  UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=.venv uv pip install -q --require-hashes -r requirements.lock; \
	else \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock; \
	fi
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## install everything into .venv

run: $(STAMP) ## start everything, make one payment, keep serving until Ctrl-C
	@exec $(BIN)/qrledger demo

test: $(STAMP) ## run all tests that need neither a browser nor Debian packages
	@$(BIN)/pytest -n $(WORKERS) -m "not e2e"

check: $(STAMP) ## check format, lint, types and imports; no database, takes seconds
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 2

fmt: $(STAMP) ## format the code and apply safe lint fixes
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

e2e: $(STAMP) ## run the tests with a browser, Node, curl and accounting programs (Debian: apt-get install chromium nodejs curl hledger ledger)
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile -m e2e tests/end_to_end

screenshots: $(STAMP) ## run the browser tests and leave a picture of every state in tests/end_to_end/screenshots/
	@SCREENSHOTS=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile -m e2e tests/end_to_end

faults: $(STAMP) ## fault tests, then a chaos run against real processes; SECONDS=20 SEED=1
	@$(BIN)/pytest -q -n $(WORKERS) -m faults
	@$(BIN)/python -m tests.chaos $(SECONDS) $(SEED)

simulate: $(STAMP) ## simulate a ledger in one thread on a virtual clock; SEEDS=1-200
	@$(BIN)/python -m tests.simulation $(SEEDS)

planted: $(STAMP) ## mutation tests: plant each known bug, a test must fail
	@$(BIN)/python -m tests.planted $(PLANT)

fuzz: $(STAMP) ## hostile texts for each parser of payment codes; EXECUTIONS=20000 SEED=1
	@$(BIN)/python -m tests.fuzz $(EXECUTIONS) $(SEED)

tamper: $(STAMP) ## tamper with exported histories at random positions; TRIALS=1000 SEED=1
	@$(BIN)/python -m tests.tampering $(TRIALS) $(SEED)

abuse: $(STAMP) ## measure honest clients during attacks; SECONDS=20 BURST=100000
	@$(BIN)/python -m tests.abuse $(SECONDS) $(BURST)

bench: $(STAMP) ## run the benchmarks, or compare with a git revision: AGAINST=HEAD~1
	@$(BIN)/python -m benchmarks.$(if $(AGAINST),against '$(AGAINST)',run)

serve: ## run the API of an installation
work: ## run its projections and processes
notify: ## run its live socket
rebuild: ## replay its log into new read models
serve work notify rebuild: $(STAMP)
	@exec $(BIN)/qrledger $@

docs: $(STAMP) ## generate the reference pages from the code
	@$(BIN)/python -m tests.support.documents

texts: $(STAMP) ## bring the pages' catalogues up to the sources
	@$(BIN)/python -m tests.support.catalogues

wheel: $(STAMP) ## build the wheel into dist/
	@rm -rf dist
	@$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist .
	@ls dist

lock: $(STAMP) ## write requirements.lock: versions and hashes, no index URL
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
	  --all-extras --group dev pyproject.toml -o requirements.lock

clean: ## remove the environment, builds and caches
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
