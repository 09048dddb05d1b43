# Everything a person types here. Nothing is installed outside .venv, except, as root, Debian packages.
SHELL := /bin/bash
PYTHON_IN := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help run test check bench crash chaos mutants fix docs lock clean run-environment dev-environment

help:                ## this list
	@sed -nE 's/^([a-z]+): .*## (.*)/  make \1	\2/p' Makefile | expand -t 20

run: run-environment ## set up and start Quarterdeck
	@QUARTERDECK_DEMO=1 .venv/bin/quarterdeck up

test: dev-environment ## all tests; ARGS="tests/flow -k lane" for some
	@$(PYTHON_IN) -m pytest $(ARGS)

check: dev-environment ## every gate, all tests included; what .ci/run runs
	@$(PYTHON_IN) tools/check.py

bench: dev-environment ## the figures of the promises; JSON=out.json writes them to a file
	@$(PYTHON_IN) -m bench $(if $(JSON),--json "$(JSON)")

crash: dev-environment ## 1,000 kills at random times; ARGS="--all" for every point of every scenario
	@$(PYTHON_IN) -m tests.crash $(ARGS)

chaos: dev-environment ## several processes on PostgreSQL, 1,000 kills; ARGS="--kills 100" for fewer
	@$(PYTHON_IN) -m tests.chaos $(ARGS)

mutants: dev-environment ## plant bugs, see that tests find them; ARGS='"no dedupe"' for some
	@$(PYTHON_IN) tools/mutants.py $(ARGS)

fix: dev-environment ## format, and repair what ruff can repair
	@$(PYTHON_IN) -m ruff check --fix --quiet . ; $(PYTHON_IN) -m ruff format .

docs: dev-environment ## write the generated reference pages
	@$(PYTHON_IN) tools/docs.py

lock: ## write requirements/*.txt anew; ARGS=--upgrade takes the newest versions
	@tools/lock.sh $(ARGS)

clean: ## remove what the other targets made; data/ stays
	@rm -rf .venv .cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist test-results
	@find src tests tools bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

run-environment:
	@tools/environment.sh run

dev-environment:
	@tools/environment.sh dev
	@tools/system_packages.sh
