# Gridwright. `make` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SENTINEL := $(VENV)/.installed
PROTOS := $(wildcard proto/gridwright/v1/*.proto)

.DEFAULT_GOAL := help
.PHONY: help install demo bench limits test test-pythons fuzz chaos soak chaos-all tapes lockstep compose-test lint format types proto proto-check clean

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SENTINEL): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Gridwright needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

install: $(SENTINEL) ## Creates .venv with all dependencies, pinned by constraints.txt

demo: $(SENTINEL) ## Trades on a simulated exchange: DURATION=60 KILL=1 REPLAY=tape SPEED=60 CONFIG=grid.toml SEED=7 DATABASE_URL=postgresql://…
	@$(BIN)/gridwright demo $(if $(DURATION),--duration $(DURATION)) $(if $(SPEED),--speed $(SPEED)) $(if $(KILL),--kill) \
	  $(if $(REPLAY),--replay $(REPLAY)) $(if $(CONFIG),--config $(CONFIG)) $(if $(SEED),--seed $(SEED))

bench: $(SENTINEL) ## Measures steps, decisions, latency, restarts and memory: ROUNDS=10 WRITE_DOCS=1 STRICT=1
	@$(BIN)/python -m gridbench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(STRICT),--strict) \
	  $(if $(WRITE_DOCS),--write-docs docs/performance.md)

# The slowest test takes a minute on a busy machine. A test that hangs prints its threads' stacks, and its worker is ended.
TIMED := --timeout 300 --timeout-method thread -o faulthandler_timeout=240
test: $(SENTINEL) ## Runs every test
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 4 --dist loadgroup $(TIMED)

limits: $(SENTINEL) ## Measures startup, request weight and refusals under Binance's limits: SYMBOLS="1 5 20 50"
	@$(BIN)/python -m gridbench.venue_limits $(SYMBOLS)

test-pythons: $(SENTINEL) ## Runs a short demo and the orchestrator's tests under every other Python that is found
	@.ci/pythons

fuzz: $(SENTINEL) ## Sends random invalid requests to a real simex: MINUTES=10 SEED=1
	FUZZ_MINUTES=$(or $(MINUTES),10) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/pytest tests/simex/test_fuzz.py -s

chaos: $(SENTINEL) ## Plays storms of random kills, stops, cuts and venue faults: MINUTES=10 SEED=1 DATABASE=sqlite or postgres
	@$(BIN)/python -m gridchaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(DATABASE),--database $(DATABASE))

soak: $(SENTINEL) ## Trades without kills while the exchange changes rules, fees, keys, limits and funds: MINUTES=30 SEED=1
	@$(BIN)/python -m gridchaos --soak $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

CHAOS := $(BIN)/python -m gridchaos --resume $(or $(RESULTS),.gridwright/chaos-all.jsonl)
chaos-all: $(SENTINEL) ## Plays the whole matrix, 1,000 random kills and broken databases; resumes: RESULTS=file WRITE_DOCS=1
	-@DEATHS=whole MACHINE_EXAMPLES=100 $(BIN)/pytest tests/executor/test_machine.py tests/executor/test_crash.py tests/chaos/test_step_machine.py -q -n 2
	-@printf '%s\n' --databases --matrix | xargs -n 1 -P 2 $(CHAOS)  # in parallel: broken databases are mostly waiting
	-@$(CHAOS) --matrix --database postgres --select pairwise
	-@$(CHAOS) --kills 500 --jobs 6  # storms, too, are mostly waiting
	-@$(CHAOS) --kills 500 --jobs 6 --database postgres
	@$(CHAOS) --report $(if $(WRITE_DOCS),--write-docs docs/reliability.md)

tapes: $(SENTINEL) ## Plays every recorded tape completely, on SQLite and on Postgres, each audited: 20 minutes
	TAPES=whole $(BIN)/pytest tests/system/test_tapes.py -k stretch -s

lockstep: $(SENTINEL) ## Compares the services step by step with the core in one process, over two whole tapes: 15 minutes
	LOCKSTEP=whole $(BIN)/pytest tests/system/test_lockstep.py -k one_process -s

compose-test: $(SENTINEL) ## Runs docker-compose.yml: kills, down and up, the audit; needs a Docker engine
	$(BIN)/pytest tests/compose -m compose -q

lint: $(SENTINEL) ## Checks style, imports, and the layers between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

format: $(SENTINEL) ## Formats the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(SENTINEL) ## Checks types with mypy strict and basedpyright
	$(BIN)/mypy
	$(BIN)/basedpyright

proto: $(SENTINEL) ## Generates libs/gridwright from proto/
	@$(BIN)/python -m grpc_tools.protoc -I proto --python_out=libs --grpc_python_out=libs \
	  --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --mypy_out=quiet:libs \
	  --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc --mypy_grpc_out=quiet:libs $(PROTOS)

proto-check: proto ## Fails if libs/gridwright is not what proto/ generates
	@test -z "$$(git status --porcelain -- libs/gridwright)" || \
	  { git --no-pager diff --stat -- libs/gridwright; echo 'libs/gridwright differs from proto/: run "make proto" and commit'; exit 1; }

clean: ## Removes build output, the environment and the demo's data
	rm -rf $(VENV) .venv-3.* .gridwright .pytest_cache .mypy_cache .ruff_cache .hypothesis
