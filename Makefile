# A newcomer's two commands: `make demo` and `make test`. Each installs what it needs, once.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := python3-venv prosody prosody-modules lua5.4 lua-luv lua-sec lua-expat lua-filesystem lua-dbi-sqlite3
APT_TEST := profanity tmux chromium lua-check
STATE ?= demo-state
PORT ?= 17000

help:
	@echo "make demo    start a whole administration on this machine (Ctrl-C stops it)"
	@echo "make test    run every test"

$(VENV)/.installed: pyproject.toml requirements.lock
	@echo "==> Python packages into $(VENV) (requirements.lock)"
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
