# make demo: from nothing to a run on the built-in street.   make test: all fast tests.
PYTHON ?= python3
# Arguments for pytest, e.g. make test TESTS='-m "not gpu"' to run the slow ones too.
TESTS ?=
# Where torch comes from. On Linux without a GPU the CPU build is much smaller:
# make demo TORCH_INDEX="--index-url https://download.pytorch.org/whl/cpu"
TORCH_INDEX ?=
BENCH ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint bench docs errors clean

demo: .venv/viewer
	$(BIN)/python run_vo.py $(if $(DISPLAY)$(WAYLAND_DISPLAY),--view,--no-view)
	@echo "to look at: runs/synthetic/street/latest/report.html, trajectory.png and map.png"

test: .venv/dev
	$(BIN)/python -m pytest $(TESTS)

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/dev
	$(BIN)/python -m vo_frontend.cli.benchmark $(BENCH)

# docs/errors.md, by the commands that it names.
errors: .venv/dev
	VO_WRITE_DOCS=1 $(BIN)/python -m pytest tests/docs/test_error_page.py -m slow

docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the site: build/site/index.html"

clean:
	rm -rf .venv build *.egg-info

# Torch first and pinned: an open range can pull a build for another CUDA generation.
.venv/base: constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) setuptools
	$(PIP) $(TORCH_INDEX) torch
	touch $@

.venv/viewer: .venv/base setup.py
	$(PIP) --no-build-isolation --editable ".[viewer,slam]"
	touch $@

.venv/dev: .venv/base setup.py
	$(PIP) --no-build-isolation --editable ".[viewer,rerun,places,slam,bags,training,dev]"
	touch $@

.venv/docs: .venv/base setup.py
	$(PIP) --no-build-isolation --editable ".[docs]"
	touch $@
