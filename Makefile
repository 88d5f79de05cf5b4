# Every command a founder needs; `make demo` and `make test` are the README's two.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test test-services faults verdicts check bench docs lock clean

ENGINE := gateway/schematron/libedi_rule_engine.so

setup: .venv/.ready $(ENGINE)

# The fast evaluator, where a Rust compiler is; everything works without it, slower.
$(ENGINE): engine/Cargo.toml engine/Cargo.lock engine/build.sh $(wildcard engine/src/*.rs)
	@sh engine/build.sh $@

.venv/.ready: requirements-dev.lock pyproject.toml
	@sh config/deploy/prerequisites.sh $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup
	@$(BIN)/python -m samples.demo

test: setup
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not services and not faults"

test-services: setup
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m services

faults: setup
	@$(BIN)/python -m tests.faults

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.generate --check
	@sh engine/check.sh

verdicts: setup
	@$(BIN)/python -m tests.verdicts

bench: setup
	@$(BIN)/python -m bench

docs: setup
	@$(BIN)/python -m docs.generate

# Pins every dependency with hashes; needs pip-tools.
lock:
	$(BIN)/python -m pip install --quiet pip-tools
	for f in requirements requirements-dev; do $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file $$f.lock $$f.in; done

clean:
	rm -rf .venv build dist *.egg-info
