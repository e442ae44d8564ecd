# Preceptor: `make run` starts the tutor, `make test` checks everything, `make prove NAME` runs a long proof.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(abspath $(VENV))/bin
PYTHON ?= python3.11
# A test must not join the cluster whose addresses a sourced run.env has left in the shell.
ALONE := env -u RAY_ADDRESS -u RAY_API_SERVER_ADDRESS -u RAY_DASHBOARD_ADDRESS -u PRECEPTOR_HOME -u PRECEPTOR_PORT
# uv does not read pip's configuration, so pip's links are handed on; the locks themselves name no place.
LINKS = $(addprefix --find-links ,$(shell $(BIN)/python -m pip config list | sed -n "s/.*find-links='\(.*\)'/\1/p" | sort -u))
# A week's quarantine: most malicious releases are found and taken down within days.
LOCK = $(BIN)/uv pip compile --quiet --system-certs --python-version 3.11 --python-platform x86_64-unknown-linux-gnu \
	--generate-hashes --no-header --no-annotate --no-emit-find-links --no-emit-index-url --exclude-newer P7D \
	$(LINKS) $(UPGRADE)

.PHONY: run web test prove lint lock sbom audit bench loop attackers clean python environment tools debian

# The tutor runs without its page too, so one that cannot be built does not stop it; an interrupt does.
run: environment
	@{ $(PYTHON) requirements/install.py $(VENV) --web && $(BIN)/python -m app.web.build; } || [ $$? -eq 1 ]
	exec $(BIN)/python -m app.run --with-parent

# The web page, from app/web into app/web/dist; at once where it stands already.
web: environment
	@$(PYTHON) requirements/install.py $(VENV) --web
	$(BIN)/python -m app.web.build

test: debian tools attackers
	@$(MAKE) lint
	$(BIN)/python -m app.web.build
	$(ALONE) $(BIN)/python -m pytest

# `make prove NAME`: the word after prove is the proof's name, not a target.
PROOF := $(if $(filter prove,$(firstword $(MAKECMDGOALS))),$(word 2,$(MAKECMDGOALS)))
prove: debian tools
	@exec $(BIN)/python -m tests.prove $(or $(PROOF),$(NAME))

ifneq ($(PROOF),)
$(PROOF):
	@:
endif

lint: tools
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: debian tools
	@$(BIN)/python -m tests.bench.log
	$(BIN)/python -m tests.bench.serving
	$(BIN)/python -m tests.bench.guard
	$(BIN)/python -m tests.bench.training

# One turn of attack, review, learning and gate, on a tutor of its own under var/loop; goes on where it stopped.
loop: environment attackers
	@exec $(BIN)/python -m train.loop

# garak and PyRIT, each in an environment of its own under var/attackers, from its own lock.
attackers: python
	@$(PYTHON) requirements/attackers.py var/attackers

# Keeps what is pinned; `make lock UPGRADE=--upgrade` takes the newest that fits.
lock: tools
	@cd requirements
	uv="$(LOCK)"
	$$uv preceptor.in --override overrides.txt --override cpu-torch.txt --output-file cpu.txt
	$$uv preceptor.in gpu.in --override overrides.txt --output-file cuda.txt
	$$uv dev.in --no-emit-package torch --override overrides.txt --override cpu-torch.txt --output-file dev.txt
	$$uv web.in --output-file web.txt
	$$uv pyrit.in --output-file pyrit.txt
	$$uv garak.in --override garak-overrides.txt --output-file garak.txt
	$$uv attackers-build.in --output-file attackers-build.txt

# What the locks hold, as CycloneDX under var/sbom.
sbom: tools
	@mkdir -p var/sbom
	for lock in cpu cuda garak pyrit; do
		$(BIN)/cyclonedx-py requirements requirements/$$lock.txt --output-format JSON --output-file var/sbom/$$lock.json
	done

# What is known against what the locks hold; a package that the advisories do not know fails it too.
audit: tools
	@$(PYTHON) requirements/quarantine.py
	for lock in cuda garak pyrit; do
		$(BIN)/pip-audit --strict --require-hashes --disable-pip --requirement requirements/$$lock.txt
	done

# The log, the keys and the models under var/ are not build products: clean never touches them.
clean:
	@rm -rf app/web/dist app/web/node_modules $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

environment: python
	@$(PYTHON) requirements/install.py $(VENV)

tools: python
	@$(PYTHON) requirements/install.py $(VENV) --dev

python:
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || {
		echo "Preceptor needs Python 3.11 with venv, and '$(PYTHON)' is not that." >&2
		echo "Debian, Ubuntu: apt-get install python3.11 python3.11-venv; else name one: make run PYTHON=/path/to/python3.11" >&2
		exit 1
	}

# Programs that only tests need, foreign judges of the log above all: root gets them, anyone else is told how to.
debian:
	@have=$$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $$(< requirements/debian.txt) 2>/dev/null | sed -n 's/ installed$$//p') || true
	missing=$$(grep -vxF -e "$$have" requirements/debian.txt | tr '\n' ' ') || true
	[ -n "$$missing" ] || exit 0
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "The tests need more programs: sudo apt-get install --no-install-recommends $$missing" >&2
		exit 2
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >/dev/null
	apt-get install -y -qq --no-install-recommends $$missing >/dev/null
