# Every target does all its own set-up in .venv. `make` alone lists them.

SHELL := /bin/sh
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$each; break; }; done)
RUN := .venv/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --no-input --quiet
SOURCES := bot adapters tests $(wildcard bench)

.PHONY: help demo install test check bench soak mutants lock clean
.DELETE_ON_ERROR:

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

demo: .venv/product  ## show the whole product, no key needed; ARGS="--once" ends with the first video
	@$(RUN) -m bot demo $(ARGS)

install: .venv/product  ## install into .venv: the product with both chat libraries
	@echo "kiebot is installed: .venv/bin/kiebot --help"

test: .venv/test system  ## run every test; ARGS="tests/kie" for some
	@$(RUN) -m pytest $(ARGS)

check: .venv/test  ## format, lint and types
	@$(RUN) -m ruff format --check $(SOURCES)
	@$(RUN) -m ruff check $(SOURCES)
	@$(RUN) -m mypy $(SOURCES)

bench: .venv/test  ## measure, as a table; ARGS="--json FILE" writes the figures too
	@$(RUN) -m bench $(ARGS)

soak: .venv/test  ## simulated lives and real kills with new seeds until a promise breaks or you stop it
	@PYTHONPATH=tests $(RUN) -m support.soak $(ARGS)

mutants: .venv/test  ## take one safeguard away at a time and see the named test catch it; ARGS="draft" for some
	@PYTHONPATH=tests $(RUN) -m support.mutants $(ARGS)

lock: .venv/bin/python  ## write the lock files anew; ARGS="--upgrade" takes newer versions
	@$(RUN) -m venv --clear build/lock
	@build/lock/bin/pip --disable-pip-version-check --quiet install uv
	@$(LOCK) --extra telegram --extra discord --extra build --output-file requirements.lock
	@$(LOCK) --all-extras --constraint requirements.lock --no-annotate --output-file requirements-test.lock

LOCK := build/lock/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links $(ARGS)

clean:  ## remove what make and the tools made; your data and .env stay
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find bot adapters tests $(wildcard bench) -name __pycache__ -prune -exec rm -rf {} +

# --- set-up ---------------------------------------------------------------------------------------------------------

# $(call ask,WHAT IS MISSING,DEBIAN'S PACKAGES,HOMEBREW'S,FEDORA'S): the one line to type.
define ask
	{ echo "$(1) Type this, then make again:"; \
	if command -v apt-get >/dev/null; then echo "  sudo apt-get update && sudo apt-get install -y $(2)"; \
	elif command -v brew >/dev/null; then echo "  brew install $(3)"; \
	elif command -v dnf >/dev/null; then echo "  sudo dnf install -y $(4)"; \
	else echo "  make PYTHON=/path/to/python3.11"; fi; exit 1; } >&2
endef

VENV_PACKAGE = $(shell $(or $(PYTHON),true) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')

.venv/bin/python:
	@test -n "$(PYTHON)" || $(call ask,kiebot needs Python 3.11 or newer.,python3.11 python3.11-venv,python@3.13,python3.12)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		$(call ask,This Python lacks its venv module.,$(VENV_PACKAGE),python@3.13,python3.12)
	@$(PYTHON) -m venv --clear .venv

.venv/product: requirements.lock pyproject.toml | .venv/bin/python
	@echo "installing into .venv (once, about a minute) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@$(RUN) -m compileall -q bot adapters
	@touch $@

.venv/test: requirements-test.lock .venv/product
	@echo "installing the test tools into .venv (once) ..."
	@$(PIP) install --require-hashes -r requirements-test.lock
	@touch $@

# The page's tests need a Chromium, those of a bad disk a C compiler. What cannot be installed is missed by name there.
.PHONY: system
system:
	@command -v chromium chromium-browser google-chrome >/dev/null || $(call apt,chromium fonts-liberation)
	@command -v cc gcc >/dev/null || $(call apt,gcc libc6-dev)

# $(call apt,PACKAGES): installed where that may be done.
define apt
	test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || { echo "installing $(1) for the tests ..."; \
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $(1) >/dev/null; } || true
endef
