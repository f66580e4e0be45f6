# Two commands are all that a newcomer needs: make demo, make test.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check coverage prove rehearse bench lock screenshots clean
PYTHON := .venv/bin/python

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## start the index, publish and install real packages, leave it running (DEMO_EXIT=1: stop)
	@scripts/bootstrap demo
	@$(PYTHON) scripts/demo.py

test: ## everything that CI runs
	@scripts/bootstrap test
	@scripts/run-tests

check: ## the inner loop: format, lint, types, floors, unit tests on SQLite
	@scripts/bootstrap check
	@scripts/check

coverage: ## the same, measured: at least 90 % of lines and branches
	@scripts/bootstrap test
	@COVERAGE_FLOOR=90 scripts/run-tests

prove: ## the long proofs
	@scripts/bootstrap test
	@$(PYTHON) -m pytest -m prove

rehearse: ## release HEAD by release.toml as a made-up version; nothing leaves this machine
	@scripts/bootstrap demo
	@$(PYTHON) scripts/release_rehearsal.py

bench: ## ratios against nginx, pypiserver, proxpi, devpi, pip-audit and uv audit within one run, then our bounds
	@scripts/bootstrap bench
	@$(PYTHON) scripts/bench.py
	@$(PYTHON) scripts/bench_audit.py
	@$(PYTHON) scripts/bench_osv.py
	@$(PYTHON) scripts/bench_advisories.py
	@$(PYTHON) scripts/bench_triage.py
	@$(PYTHON) scripts/bench_policy.py
	@$(PYTHON) scripts/bench_simulate.py
	@$(PYTHON) scripts/bench_views.py
	@$(PYTHON) scripts/bench_mirror.py
	@$(PYTHON) scripts/bench_release.py

screenshots: ## make the README's pictures again
	@scripts/bootstrap test
	@$(PYTHON) scripts/screenshots.py

setup: ## the environment alone
	@scripts/bootstrap check

lock: ## resolve the dependencies again, with hashes
	@scripts/bootstrap check
	@scripts/lock

clean: ## remove the environment and all caches
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
