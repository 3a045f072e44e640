# accrual: the commands a newcomer needs. Each one sets up what it needs, works a second time, and works offline after the first.

VENV := .venv
READY := $(VENV)/.ready

.PHONY: help demo demo-kafka kafka test campaign setup lint quick lock clean

help:
	@echo "make demo    run the main job on real usage and look at the books it makes"
	@echo "make demo-kafka  the same through a real Apache Kafka (needs Java 17 and Maven)"
	@echo "make kafka   start an Apache Kafka to play with"
	@echo "make test    lint, types, layers and every test"
	@echo "make campaign  the long crash campaign: hours; goes on where it was stopped"
	@echo "make setup   only install: leaves $(VENV)/bin/accrual"
	@echo "make quick   the tests without the crash campaign"
	@echo "make lock    pin the dependencies anew"

# The build's own programs, and where Rust's installer puts cargo for shells that have not been told.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH):$(HOME)/.cargo/bin
NATIVE := schemas/native.abi3.so
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .

$(READY): requirements.txt pyproject.toml
	@command -v cargo > /dev/null || { echo "accrual needs Rust 1.85 or newer (cargo) to compile native/: install it from https://rustup.rs, then run make again."; exit 1; }
	python=$$(ops/fastest_python.sh); \
	test -n "$$python" || { echo "accrual needs Python 3.11 or 3.12 with venv: install one of them, then run make again."; exit 1; }; \
	"$$python" -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(INSTALL)
	@touch $(READY) $(NATIVE)

# What is compiled, made anew when its sources have changed.
$(NATIVE): native/Cargo.toml native/Cargo.lock $(wildcard native/src/*.rs) | $(READY)
	$(INSTALL)
	@touch $(NATIVE)

setup: $(READY) $(NATIVE)

demo: setup
	@$(VENV)/bin/accrual demo

demo-kafka: setup
	@$(VENV)/bin/accrual demo --kafka

kafka: setup
	@$(VENV)/bin/python -m ops.broker

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	cargo fmt --check --manifest-path native/Cargo.toml
	cargo clippy --quiet --release --locked --manifest-path native/Cargo.toml -- -D warnings

test: lint
	$(VENV)/bin/pytest -n auto --dist worksteal

quick: setup
	$(VENV)/bin/pytest -n auto --dist worksteal -m "not slow"

# The short cut of every ring is in `make test`; results are lines of tests/campaign/results.jsonl.
campaign: setup
	$(VENV)/bin/python -m tests.campaign all
	@$(VENV)/bin/python -m tests.campaign report

lock:
	$(VENV)/bin/python -m pip install --quiet uv==0.13.9
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra traces --generate-hashes --no-header --no-annotate -c requirements.txt pyproject.toml -o requirements-run.txt
	echo maturin | $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.txt - -o requirements-build.txt

clean:
	rm -rf $(VENV) .cache demo-out
