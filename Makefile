# `make all` reproduces every table and figure, `make test` checks everything; both first install what is missing.
#   make all EXPERIMENT=smoke   another experiment: the name of a file in experiments/
#   make all PYTHON=python3.12  another Python to build .venv with
#   make pull                   data, models and results from the DVC remote instead of computing them
#   make report                 tables, figures and provenance of the last run in one page: report.html
#   make readme                 writes what the last run says into README.md, its tables and figures into docs/
#   make docs                   these pages and the API as a site that needs no network: site/index.html
#   make plan EXPERIMENT=small  jobs, hours, disk and memory that an experiment takes, before anything starts
#   make photographs EXPERIMENT=paper   the folders of images that it names, from who publishes them
#   make sbom                   a bill of the pinned packages with their hashes, as CycloneDX writes it: sbom.json
#   make bench                  what refinement costs on this machine and how fast training and sampling are: results/bench

SHELL := /bin/bash
PYTHON ?= python3
# What a user gives reaches the shell as its variables, in quotes: nothing in it is run, by make neither.
override export PYTHON := $(value PYTHON)
override export EXPERIMENT := $(value EXPERIMENT)
override export TFLOPS := $(value TFLOPS)
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
# All processors compile what is installed, and at once: pip takes one, and a minute.
export PIP_COMPILE := 0
COMPILE := $(VENV)/bin/python -m compileall -qq -j 0 $(VENV)/lib || true  # some packages bring files of other Pythons
CONFIG := $${EXPERIMENT:+--config "experiment=$$EXPERIMENT"}
# The project itself, which has no hash: what it needs is there already, and so is what builds it.
INSTALL_OURS := $(PIP) install -qq --no-deps --no-build-isolation --editable .
# A worker on each processor, a module of tests to each in turn, in the order of tests/conftest.py.
SHARED_OUT := --numprocesses logical --dist loadscope --no-loadscope-reorder
# Runs a command and shows what it says only if it fails.
QUIETLY = told=$$($(1) 2>&1) || { echo "$$told"; exit 1; }
DRY_RUNS := $(addprefix dry_run_,embedded smoke small rivals sweep)
CHECKS := check_types check_format check_rules $(DRY_RUNS)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: all test checks $(CHECKS) unit workflow pull readme docs report plan photographs bench ready ready-to-test pins sbom
.DEFAULT_GOAL := all

all: ready
	@snakemake --cores all --resources gpu=1 all $(CONFIG)

readme: ready
	@selfrefine readme

# A warning ends it; pages of an earlier one do not stay.
docs: ready-to-test
	@rm -rf site
	@python -m sphinx -q -W --keep-going -c docs . site
	@echo "site/index.html"

# TFLOPS=100 assumes a rate; without it this machine is measured.
plan: ready
	@selfrefine plan $${EXPERIMENT:+--experiment="$$EXPERIMENT"} $${TFLOPS:+--tflops="$$TFLOPS"}

photographs: ready
	@selfrefine photographs $${EXPERIMENT:+--experiment="$$EXPERIMENT"}

bench: ready
	@selfrefine bench

report: ready
	@snakemake all $(CONFIG) --report report.html

# The records beside what is pulled tell Snakemake that nothing of it needs to run.
pull: ready
	@dvc pull
	@dvc status --quiet || { dvc status; echo "make pull: the files named above are not those of dvc.lock:" \
	  "check out the commit that belongs to them, or run 'dvc repro'" >&2; exit 1; }

test: checks
	@echo "All tests: of units, parity and faults, and the workflow on the smoke experiment, which is run once and copied"
	@pytest $(SHARED_OUT)

# Side by side: the types take as long as all else together.
checks: ready-to-test
	@echo "Checks: format, lint, types, workflow, every experiment"
	@$(MAKE) --no-print-directory --jobs=$$(getconf _NPROCESSORS_ONLN) $(CHECKS)

check_types:
	@mypy --no-error-summary

check_format:
	@ruff format --quiet --check .
	@ruff check --quiet .

check_rules:
	@$(call QUIETLY,snakefmt --check Snakefile workflow)
	@$(call QUIETLY,snakemake --lint)

$(DRY_RUNS): dry_run_%:
	@$(call QUIETLY,snakemake --dry-run --config experiment=$* all)

unit: ready-to-test
	@echo "Unit and parity tests"
	@pytest -m "not slow" $(SHARED_OUT)

workflow: ready-to-test
	@echo "Workflow and fault tests: the smoke experiment is run once and copied"
	@pytest -m slow $(SHARED_OUT)

# Both console scripts must be ours (pyproject.toml): a reinstalled Snakemake puts its own in the place of one.
ready: $(VENV)/.installed
	@grep -qs selfrefine.commands "$(VENV)/bin/snakemake" && grep -qs selfrefine.commands "$(VENV)/bin/selfrefine" \
	  || $(INSTALL_OURS) --force-reinstall

ready-to-test: $(VENV)/.installed-for-tests ready

$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v "$$PYTHON" >/dev/null || { \
	  echo "make: no '$$PYTHON' found: install Python 3.11 or newer, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: Python 3.11 or newer is needed, " \
	  + sys.executable + " is " + sys.version.split()[0] + ": say make PYTHON=/path/to/python3.11")'
	@test -x "$(VENV)/bin/pip" || "$$PYTHON" -m venv "$(VENV)"
	@echo "Installing the pinned packages into $(VENV): some minutes and, with CUDA's libraries on Linux, some GB"
	@start=$$(date +%s); $(PIP) install -qq --require-hashes --requirement requirements.lock && $(INSTALL_OURS) \
	  && ($(COMPILE)) && touch "$@" && echo "Installed in $$(( $$(date +%s) - start )) s"

$(VENV)/.installed-for-tests: requirements-dev.lock $(VENV)/.installed
	@echo "Installing the checks and test oracles into $(VENV)"
	@start=$$(date +%s); $(PIP) install -qq --require-hashes --requirement requirements-dev.lock \
	  && ($(COMPILE)) && touch "$@" && echo "Installed in $$(( $$(date +%s) - start )) s"

# The packages and their hashes anew, after a change of requirements*.txt or constraints.txt; needs uv.
pins:
	@for name in requirements requirements-dev; do \
	  uv pip compile --quiet $$name.txt --constraint constraints.txt --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --custom-compile-command "make pins" --output-file $$name.lock; \
	done

# Needs uv, as pins do; what the bill says is that of requirements.lock alone, and equal each time.
sbom:
	@uvx --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.lock --output-reproducible \
	  --output-file sbom.json
