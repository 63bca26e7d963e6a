# The two commands a newcomer needs: make demo, make test. Everything else is below them.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# OpenStack's test suite apart: it brings what the program has no use for.
TEMPEST := .venv-tempest
# What the lab runs on this machine, and what a virtual environment needs.
PACKAGES := python3-venv podman runc netavark aardvark-dns mmdebstrap openipmi openssh-client e2fsprogs iproute2 nftables uidmap
DEMO := cloud
DEMO_FULL := cloud-full
# What Python compiles is kept out of the sources.
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/pycache
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install packages tempest demo demo-full clean check lint pure tools lab test lock

help: ## show these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

install: packages $(VENV)/installed ## the virtual environment with quorate in it, and the Debian packages it needs

packages:
	@missing=$$(for p in $(PACKAGES); do dpkg -s $$p 2>/dev/null | grep -q '^Status: .* installed' || echo $$p; done)
	if [ -n "$$missing" ]; then
		if [ "$$(id -u)" -ne 0 ]; then
			echo "missing packages; run: sudo apt-get update && sudo apt-get install --no-install-recommends" $$missing >&2
			exit 3
		fi
		export DEBIAN_FRONTEND=noninteractive
		apt-get -qq update
		apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $$missing
	fi

$(VENV)/installed: requirements.lock pyproject.toml
	/usr/bin/python3 -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

tempest: packages $(TEMPEST)/installed ## OpenStack's test suite, in an environment of its own

$(TEMPEST)/installed: requirements-tempest.lock
	/usr/bin/python3 -m venv --clear $(TEMPEST)
	$(TEMPEST)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tempest.lock
	touch $@

lock: ## resolve the dependencies anew into requirements.lock and requirements-tempest.lock
	$(BIN)/pip install --quiet pip-tools
	compile="$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url"
	compile="$$compile --no-emit-find-links --no-emit-trusted-host --no-header"
	$$compile --all-extras --build-deps-for=editable -o requirements.lock pyproject.toml
	$$compile -o requirements-tempest.lock requirements-tempest.in

demo: install ## a highly available identity cloud on this machine, and the power cut of a controller
	$(BIN)/quorate demo $(DEMO)

demo-full: install ## the same with every OpenStack service (24 GiB of memory)
	$(BIN)/quorate demo --full $(DEMO_FULL)

clean: ## take the demos' labs down
	for demo in $(DEMO) $(DEMO_FULL); do
		if [ -e $$demo/quorate.yaml ]; then $(BIN)/quorate lab down -f $$demo/quorate.yaml; fi
		rm -rf $$demo
	done

check: install tempest lint pure tools ## lint, types, layers, and the tests that need no lab

lint:
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

pure:
	$(BIN)/pytest -q -n 4 tests/pure

# A file's tests in one process: the dearest of them prove, which takes all processors by itself.
tools:
	$(BIN)/pytest -q -n 2 --dist loadfile --durations=15 tests/tools

lab:
	$(BIN)/pytest --durations=25 tests/lab

# The dashboard's tests want a browser, the demo does not.
test: PACKAGES += chromium chromium-driver
test: install tempest lint pure tools lab ## everything: also a real cluster in a lab
