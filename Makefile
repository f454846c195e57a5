# Everything a developer or a curious administrator runs. 'make help' lists it.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PACKAGING := setup.cfg pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help venv demo run test lint format docs bench faults soak peers scanners ha floor image deb deb-test sbom audit clean

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1  -  /p' $(MAKEFILE_LIST)

# --- set-up -----------------------------------------------------------------------------------

venv: $(VENV)/.base ## install the appliance into .venv

$(VENV)/.base: $(PACKAGING)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing: apt install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.demo: $(VENV)/.base
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@

$(VENV)/.bench: $(VENV)/.demo
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,bench]'
	@touch $@

# The real programs that the tests talk to. Without root the tests say what they had to leave out.
PEERS := dcmtk stunnel4 openssl openssh-client haproxy iproute2 iptables faketime
peers: ## install the real programs that the tests talk to (needs root)
	@dpkg-query -W -f='$${Status}\n' $(PEERS) 2>/dev/null | grep -c '^install ok' | \
	  grep -qx $(words $(PEERS)) || \
	  if [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(PEERS) >/dev/null; \
	  else echo "for the whole of the tests: sudo apt install $(PEERS)"; fi

# It wants an older cryptography than ours, so that it has an environment of its own.
SCANNERS := .scanners
scanners: $(SCANNERS)/.done ## install sslyze, with which the tests scan our ports

$(SCANNERS)/.done:
	@$(PYTHON) -m venv $(SCANNERS)
	$(SCANNERS)/bin/pip install --quiet --disable-pip-version-check 'sslyze >= 6.1, < 7'
	@touch $@

# --- use --------------------------------------------------------------------------------------

demo: $(VENV)/.demo ## the main job end to end, on an embedded PACS
	@$(BIN)/butterfly-tls demo

run: $(VENV)/.base ## run a configuration of your own: make run CONFIG=FILE [OVERLAY=FILE]
	@test -n "$(CONFIG)" || { echo "say which: make run CONFIG=/etc/stunnel/stunnel.conf"; exit 1; }
	$(BIN)/twistd -n --pidfile= butterfly-tls --config $(CONFIG) $(OVERLAY:%=--overlay %)

# --- development ------------------------------------------------------------------------------

test: $(VENV)/.test peers ## all tests, in memory and against real programs
	$(BIN)/python -m pytest

lint: $(VENV)/.test ## ruff and mypy, as strict as they go
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@test ! -x $(BIN)/hadolint || $(BIN)/hadolint etc/container/Containerfile
	$(BIN)/mypy

format: $(VENV)/.test ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.base ## write docs/reference anew from the tables in the code
	$(BIN)/python docs/generate.py

faults: $(VENV)/.test peers ## the long form of the faults in docs/faults.md; some need root
	$(BIN)/python -m pytest tests/faults -m "" -rs

soak: $(VENV)/.bench ## thousands of associations at a time: SOAK="--minutes 60", SOAK=--help
	$(BIN)/python -m bench.soak $(SOAK)

bench: $(VENV)/.bench ## compare with stunnel, HAProxy, nginx and hitch: BENCH="--quick", BENCH=--help
	@bench/install
	@$(BIN)/python -m bench.run $(BENCH)

image: $(VENV)/.test ## build the container image without an engine, and try it: IMAGE=NAME keeps it
	@etc/container/prove $(IMAGE)

deb: ## build the Debian packages in clean roots (needs root): SUITES="trixie bookworm"
	@packaging/build $(SUITES)

deb-test: ## install, start, upgrade and purge them under a booted systemd: DEB_TEST=short
	@packaging/test $(SUITES)

sbom: ## what a release consists of, as CycloneDX, in build/
	@packaging/sbom

audit: ## known vulnerabilities of what a release consists of, as PyPI knows them
	@packaging/audit $(AUDIT)

ha: $(VENV)/.test ## what a takeover costs, five times each, with keepalived in namespaces (needs root)
	BUTTERFLY_HA_ROUNDS=$(or $(ROUNDS),5) $(BIN)/python -m pytest -q tests/integration/test_ha.py

floor: ## the tests on the oldest supported versions: a Debian 13 root on its own packages
	.ci/floor

clean: ## forget everything that was made
	rm -rf $(VENV) $(SCANNERS) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
