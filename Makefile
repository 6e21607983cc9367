# Every target makes its own .venv from the locks, once. Wanted: make, and Python 3.11 or later.
# Another Python than the system's: make PYTHON=/path/to/python3.12 (rm -rf .venv to change it later).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
RUN    := $(VENV)/.installed-run
DEV    := $(VENV)/.installed-dev
TRIAL  := log.example/hefu

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test soak mutants bench bench-growth serve lint lock client man release backup

help:
	@echo 'make demo   deposit a folder, pull the plug, verify it all (make demo DOCS=/some/folder)'
	@echo 'make serve ORIGIN=log.example.org/fengxian  run the service on this machine, with its data in ./data'
	@echo 'make test   every test but the long ones      make soak   the long ones'
	@echo 'make mutants  change the verifier in one place after another: each change must turn a test red'
	@echo 'make lint   ruff, mypy, import rules          make bench  how fast, against bare work'
	@echo 'make bench-growth  a ledger of 10,000,000 deposits against an empty one (DEPOSITS=100000, ENGINE=production)'
	@echo 'make client  build/hefu.pyz, the client in one file   make man  build/hefu.1, its manual page'
	@echo 'make release KEY=/path/to/ssh-key  dist/: wheel, source, client, bills of materials, signed sums'
	@echo 'make backup TO=/mnt/backups RECIPIENTS=/path/to/age-recipients  of HEFU_DATA, as deploy/RUNBOOK.md has it'
	@echo 'make lock   write the requirement locks from pyproject.toml; delete one first to take newer versions'

demo: $(RUN)
	@$(BIN)/python tests/demo.py $${DOCS:+"$$DOCS"}

test: $(DEV)
	@$(BIN)/python -m pytest -q -n 2

# Of the verifier; make mutants ALL=1 for the other rooms of the ledger too.
mutants: $(DEV)
	@$(BIN)/python -m tests.mutants.run $(if $(ALL),ALL)

soak: $(DEV)
	@$(BIN)/python -m pytest -q -m soak

bench: $(DEV)
	@$(BIN)/python tests/bench/run.py
	@$(BIN)/python tests/bench/load.py

bench-growth: $(DEV)
	@$(BIN)/python tests/bench/growth.py $(DEPOSITS) $(if $(ENGINE),--engine $(ENGINE))

# A ledger's name stands in every key, statement and evidence file: ORIGIN is given, asked for, or said loudly.
serve: $(RUN)
	@test -e data || { \
	  origin='$(ORIGIN)'; \
	  if [ -z "$$origin" ] && [ -t 0 ]; then \
	    echo '账本的名称永不能改，例如 log.example.org/fengxian；留空为试用名 $(TRIAL)' >&2; \
	    printf '%s: ' 'The ledger'"'"'s name, for ever, as log.example.org/fengxian; empty: $(TRIAL), to try it' >&2; \
	    read -r origin; \
	  fi; \
	  if [ -z "$$origin" ]; then \
	    origin='$(TRIAL)'; \
	    echo "注意：账本取名 $$origin，永不能改，只供试用；正式账本：make serve ORIGIN=log.example.org/fengxian" >&2; \
	    echo "NOTE: the ledger's name is $$origin for ever, good for a trial alone; else: make serve ORIGIN=…" >&2; \
	  fi; \
	  $(BIN)/hefu-service init --data data --origin "$$origin"; }
	@$(BIN)/hefu-service serve --data data

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --group build

lock: $(DEV)
	$(COMPILE) --extra service --extra postgres pyproject.toml --output-file requirements.lock
	$(COMPILE) --all-extras --constraints requirements.lock pyproject.toml --output-file requirements-dev.lock
	$(subst --group build,,$(COMPILE)) --constraints requirements.lock pyproject.toml --output-file requirements-client.lock

# Of all platforms unless named: make client PLATFORMS='linux-x86_64 win-amd64'
client: $(RUN)
	@$(BIN)/python deploy/client/build.py build/hefu.pyz $(PLATFORMS)

man: $(RUN)
	@mkdir -p build
	@HEFU_LANG=en $(BIN)/python -m hefu.cli.manual > build/hefu.1
	@HEFU_LANG=zh $(BIN)/python -m hefu.cli.manual > build/hefu.zh_CN.1

# Without a key it fails, unless that is meant: make release UNSIGNED=1
release: client
	@$(BIN)/python deploy/release.py build/hefu.pyz $(if $(KEY),--key '$(KEY)') $(if $(UNSIGNED),--unsigned)

backup: $(RUN)
	@PATH="$(CURDIR)/$(BIN):$$PATH" deploy/backup.sh --recipients '$(RECIPIENTS)' '$(TO)'

# A virtual environment holds absolute paths: one that was copied along with the folder would run the other folder's code.
ifneq ($(shell cat $(VENV)/.made-in 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/pyvenv.cfg
endif

$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || { \
	  echo '$(PYTHON) is missing. Install Python 3.11 or later, or name one: make PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version) is too old. Install Python 3.11 or later, or name one:" \
	    'make PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv' \
	    '(or name another Python: make PYTHON=/path/to/python3.12)' >&2; exit 1; }
	@echo 'Setting up $(VENV), once ...'
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@echo '$(CURDIR)' > $(VENV)/.made-in

# merkletools comes as source: without --use-pep517 an old pip builds it with the setuptools of the venv, if there is one.
$(RUN): $(VENV)/pyvenv.cfg requirements.lock pyproject.toml
	@$(PIP) install --no-deps --require-hashes --use-pep517 -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN) requirements-dev.lock
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@touch $@
