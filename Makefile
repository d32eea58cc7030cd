# A newcomer's two commands: `make demo` and `make test`. Each installs what is missing, once, and
# says so; the second time there is nothing to install.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
PY := $(VENV)/bin/python
WEB := xmppgov/demo/web
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := python3-venv prosody prosody-modules lua5.4 lua-luv lua-sec lua-expat lua-filesystem \
       lua-dbi-sqlite3
# libatomic1: the Node.js that Playwright brings along needs it and no package of it says so.
APT_TEST := profanity tmux chromium lua-check libatomic1 openssl
STATE ?= demo-state
PORT ?= 17000
N ?= 500
SEED ?= 1

.PHONY: help demo test lint bench bench-full chaos debian debian-test
help:
	@echo "make demo        start a whole administration on this machine (Ctrl-C stops it)"
	@echo "make test        run every test"
	@echo "make lint        check the style of Python and Lua"
	@echo "make bench       measure: throughput, search, encryption (10 minutes at most)"
	@echo "make bench-full  the large sizes"
	@echo "make chaos N=500 N/5 programs of capture, every fault of every write, full disks, N kills of"
	@echo "                 everything at random moments; hours, and it goes on where it was stopped"
	@echo "STATE=$(STATE) and PORT=$(PORT) say where the demo lives."

demo: debian $(VENV)/.installed $(WEB)/node_modules/.installed
	@exec $(VENV)/bin/xmppgov demo --state $(STATE) --base-port $(PORT)

# Quick tests first, so that a mistake is known before a server or a browser starts.
test: debian debian-test $(VENV)/.installed $(WEB)/node_modules/.installed
	$(PY) -m pytest --numprocesses 2 --dist loadfile tests

lint: debian-test $(VENV)/.installed
	$(PY) -m ruff check --no-cache .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	luacheck --quiet prosody/modules

bench: debian $(VENV)/.installed
	$(PY) -m bench

bench-full: debian $(VENV)/.installed
	$(PY) -m bench --full

chaos: debian $(VENV)/.installed $(WEB)/node_modules/.installed
	$(PY) -m tests.chaos --kills $(N) --seed $(SEED)

# $(call install,PACKAGES): the Debian packages that are missing, and nothing where none is.
define install
	@missing=""; for name in $(1); do \
	  dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$name"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "==> Debian packages (once; a minute or two):$$missing"; \
	  if ! command -v $(or $(SUDO),env) >/dev/null; then \
	    echo "There is no sudo here. As root: apt-get install --no-install-recommends$$missing" >&2; exit 1; \
	  fi; \
	  $(SUDO) apt-get update -qq || echo "==> apt-get update failed; going on with the lists that are here"; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	    -o DPkg::Lock::Timeout=300 $$missing >/dev/null; \
	fi
endef

debian:
	$(call install,$(APT) $(if $(shell command -v npm),,npm nodejs))

debian-test:
	$(call install,$(APT_TEST))

$(VENV)/.installed: pyproject.toml requirements.lock | debian
	@echo "==> Python packages into $(VENV) (requirements.lock)"
	@python3 -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The lock names Converse.js alone: its dist/ has all it needs, and npm 9, which Debian 12 has, fails
# on the link among its dependencies.
$(WEB)/node_modules/.installed: $(WEB)/package-lock.json | debian
	@echo "==> The web client, Converse.js, into $(WEB)/node_modules (package-lock.json)"
	@npm ci --prefix $(WEB) --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
