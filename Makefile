# Every target sets up what it needs: a virtual environment made by pip alone from hashed requirements.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv/bench-peers/.ready
TESTERS ?= 2
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	--python-version 3.11
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The stack is many processes: without bytecode on disk each of them compiles every module of ours anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo dev test check bench format lock upgrade clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(READY)  ## Make .venv from requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Prepay needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@echo "Installing into .venv (once; a minute or two) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)  ## The main job: one customer from empty account to settled card and bank money
	@$(BIN)/prepay demo

dev: $(READY)  ## The whole stack in the foreground until Ctrl-C
	@$(BIN)/prepay dev

test: $(READY)  ## The whole test suite, in TESTERS processes with servers of their own; a module stays in one
	@$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile

check: $(READY)  ## Format, lint, types, import contracts, deployment files, requirements, then the tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/yamllint --strict docker-compose.yml .yamllint.yml deploy
	@$(BIN)/python -m pip check
	@$(MAKE) --no-print-directory test

bench: $(READY) $(PEERS)  ## Figures beside their limits; BENCH=t1,t9 picks, QUICK=1 shortens, PGLEDGER_SQL=file adds a peer
	@$(BIN)/python -m benchmarks --only '$(BENCH)' --pgledger-sql '$(PGLEDGER_SQL)' $(if $(QUICK),--quick)

$(PEERS): requirements-bench.lock | $(READY)
	@echo "Installing django-hordak beside .venv (once) ..."
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --require-hashes -r requirements-bench.lock && touch $@ \
		|| { rm -rf $(@D); echo "It cannot be installed here: its row will say so."; }

format: $(READY)  ## Format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(READY)  ## Resolve the lock files for a changed pyproject.toml; other versions stay
	@$(BIN)/python -m pip install --quiet uv
	@$(COMPILE) $(UPGRADE) --extra local --extra dev pyproject.toml -o requirements.lock
	@$(COMPILE) -c requirements.lock pyproject.toml -o requirements-production.lock
	@$(COMPILE) $(UPGRADE) --group bench-peers -o requirements-bench.lock

upgrade: UPGRADE := --upgrade
upgrade: lock  ## The same, with the newest versions

clean:  ## Remove the development data
	@rm -rf .prepay
