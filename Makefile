# Everything the project does. Two commands are enough to start: `make book` and `make test`.
# Each installs what it needs into .venv and touches nothing outside this folder, with one exception:
# `make test` gets a Chromium and, as root, bubblewrap if the machine has none.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
SITE := _build/html
BUILT := _build/.built
PORT ?= 8000
# How many tests run at the same time. Their threads sleep while they wait: by default they spin, and
# with more threads than processors that keeps the one from working that they wait for.
WORKERS ?= 2
export OMP_WAIT_POLICY := PASSIVE

# Exercises are among them with their solutions: without answers their checks fail.
NOTEBOOKS = $(shell find book -name '*.ipynb' -not -path '*/.*' -not -regex 'book/exercises/[^/]*' | sort)
# What the site is made from: a change in any of these rebuilds it. The folders too, for a page that
# is deleted leaves no file that could be newer.
SOURCES := _config.yml _toc.yml $(shell find book pixeledu -mindepth 1 \
	-not -path '*/.*' -not -path '*/__pycache__*' | sed 's/ /\\ /g')

.PHONY: help book serve pdf test packages lint format unit notebooks-test browser-test chromium bubblewrap notebooks \
	exercises grade random thorough bounds address clean
.DEFAULT_GOAL := help

help:
	@echo 'make book       build the website in $(SITE)'
	@echo 'make serve      build it and serve it on http://127.0.0.1:$(PORT)'
	@echo 'make pdf        print all of it as one PDF, _build/pixel-by-pixel.pdf'
	@echo 'make test       run every check: style, tests, notebooks, the site in a browser'
	@echo 'make random     the property tests with many examples, others each time'
	@echo 'make thorough   what the checks leave out: every look and width, all pages of exercises'
	@echo 'make bounds     the tests of the package with the oldest versions it allows'
	@echo 'make lint       check style only;  make format  mend it'
	@echo 'make notebooks  run all chapters and store their outputs (CHAPTERS="book/…" for some)'
	@echo 'make exercises  make notebooks and pages from book/exercises/source'
	@echo 'make grade      grade the notebooks in FOLDER=… (CHAPTER=01, OUT=grades.csv)'
	@echo 'make address    write the address of the repository everywhere (URL=… or git origin)'
	@echo 'make clean      remove .venv and everything built'

# --- set-up -------------------------------------------------------------------------------------

# A pip of before 2025 takes half a minute to find out what belongs together. It would compile with
# one of the processors, and packages' own tests as well, a quarter of all: instead PyTorch is compiled
# while the others are installed, and they with both. Some of the templates they bring are no Python.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || bash book/tools/make_venv.sh $(VENV) $(PYTHON)
	@echo 'Installing the packages of requirements.txt into $(VENV): this takes some minutes.'
	$(PY) -m pip install --disable-pip-version-check -q 'pip>=25'
	$(PY) -m pip install --disable-pip-version-check -q --no-compile $$(grep -o '^torch==[^ ]*' requirements.txt)
	@$(PY) -m compileall -qq -x '/tests/' $(VENV)/lib & \
	$(PY) -m pip install --disable-pip-version-check -q --no-compile -r requirements.txt; failed=$$?; wait; exit $$failed
	@$(PY) -m compileall -qq -j 0 -x '/tests/' $(VENV)/lib || true
	$(PY) -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

# --- the site -----------------------------------------------------------------------------------

book: $(BUILT)
	@echo 'The book is in $(SITE). Open file://$(CURDIR)/$(SITE)/index.html'
	@echo 'or run `make serve` and open http://127.0.0.1:$(PORT)'

# Always from scratch: Sphinx repeats no warning of a page that it does not read again.
$(BUILT): $(INSTALLED) $(SOURCES)
	rm -rf $(SITE) _build/.doctrees
	$(VENV)/bin/jupyter-book build . --path-output . -q -W -n --keep-going
	@touch $@

serve: $(BUILT)
	@echo 'Open http://127.0.0.1:$(PORT) and stop with Ctrl-C.'
	@$(PY) -m http.server --bind 127.0.0.1 --directory $(SITE) $(PORT)

pdf: $(BUILT) chromium
	$(PY) book/tools/pdf.py

# --- checks -------------------------------------------------------------------------------------

# pip and Sphinx work with one processor: beside them something else can run.
test:
	@$(MAKE) --no-print-directory -j 2 lint packages
	@$(MAKE) --no-print-directory -j 2 unit $(BUILT)
	@$(MAKE) --no-print-directory notebooks-test browser-test
	@echo 'All checks passed.'

# For root on Debian what bubblewrap and chromium below would get later, one after the other.
packages:
	@if [ -w /var/lib/dpkg ] && [ -z "$$PIXELEDU_CHROMIUM" ] && grep -qs '^ID=debian' /etc/os-release \
	&& ! { command -v bwrap && command -v chromium-headless-shell; } > /dev/null; then \
		apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
			bubblewrap libseccomp2 chromium-headless-shell || true; fi

lint: $(INSTALLED)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

format: $(INSTALLED)
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

# One more than WORKERS, here and below: some tests wait for processes that they start.
unit: $(INSTALLED) bubblewrap
	$(PY) -m pytest -q -n $$(($(WORKERS) + 1)) --dist worksteal tests --ignore tests/browser

# Each cell must print what is stored. All cells of a notebook share a kernel, hence loadfile. The
# kernels run side by side: threads of their own would make them wait for each other.
notebooks-test: $(INSTALLED)
	@test -n '$(NOTEBOOKS)' || { echo 'There are no notebooks in book/.' >&2; exit 1; }
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $$(($(WORKERS) + 1)) --dist loadfile --nbval --nbval-current-env $(NOTEBOOKS)

bubblewrap: $(INSTALLED)
	@$(PY) tests/course/bubblewrap.py

browser-test: $(BUILT) chromium
	$(PY) -m pytest -q -n $$(($(WORKERS) + 1)) --dist worksteal tests/browser

chromium: $(INSTALLED)
	@$(PY) tests/browser/chromium.py

# For the weekly workflow: takes hours.
random: $(INSTALLED) bubblewrap
	$(PY) -m pytest -q -n $(WORKERS) tests --ignore tests/browser -m hypothesis --hypothesis-profile random

thorough: $(BUILT) bubblewrap chromium
	$(PY) -m pytest -q -n $(WORKERS) tests -m thorough

# In an environment of its own. TORCH=lowest takes the oldest PyTorch as well, a large download.
bounds: $(INSTALLED)
	$(PY) book/tools/bounds.py $(VENV)-bounds $(if $(TORCH),--torch)
	$(VENV)-bounds/bin/python -m pytest -q -n $(WORKERS) tests/pixeledu

# --- upkeep -------------------------------------------------------------------------------------

notebooks: $(INSTALLED)
	$(PY) book/tools/execute.py $(CHAPTERS)

exercises: $(INSTALLED)
	OMP_NUM_THREADS=1 $(PY) book/tools/exercises.py write

grade: $(INSTALLED)
	@test -n '$(FOLDER)' || { echo 'Name the folder of the submissions: make grade FOLDER=…' >&2; exit 1; }
	$(PY) -m pixeledu exercise grade '$(FOLDER)' --out '$(or $(OUT),grades.csv)' $(if $(CHAPTER),--chapter $(CHAPTER))

address:
	@python3 book/tools/address.py set $(URL)

clean:
	rm -rf $(VENV) $(VENV)-bounds _build .pytest_cache .ruff_cache .hypothesis
