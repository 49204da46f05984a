# run · test · check · bench · claims; each makes the virtual environment that it needs, once.
PYTHON ?= python3
VENV ?= .venv
PORT ?= 8501
BENCH = $(VENV)/bench
JOBS ?= 2
PYTEST = $(VENV)/bin/python -m pytest -n $(JOBS)
SLOW = $(shell grep -rlE 'mark\.slow' tests --include='*.py' --exclude-dir=browser)  # the other files need not be read for these

.PHONY: run test check lint types fast rest bench assets claims space clean
.DELETE_ON_ERROR:
unexport PYTHONDONTWRITEBYTECODE  # some hundred processes read the same modules: compiled once, not by each

run: $(VENV)/.app  ## serve the app on port $(PORT)
	$(VENV)/bin/streamlit run app.py --server.port=$(PORT)

test: fast rest  ## all tests, those in a browser too

check: lint types fast  ## format, lint, types, fast tests

lint: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

types: $(VENV)/.dev
	$(VENV)/bin/mypy

fast: $(VENV)/.dev
	$(PYTEST) --dist worksteal -m "not browser and not slow" --ignore=tests/browser

rest: $(VENV)/.dev  # a file's tests share a server
	$(PYTEST) --dist loadfile -m "browser or slow" tests/browser $(SLOW)

bench: $(BENCH)/.ready  ## the tables that README quotes; REPLEARN_DATA names the real data
	PYTHONPATH=. OMP_NUM_THREADS=1 $(BENCH)/bin/python benchmarks/loop.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/contraction.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/projection.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/stacked.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/frozen.py
	PYTHONPATH=.:benchmarks OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/clicks.py
	PYTHONPATH=.:benchmarks OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/malware.py
	PYTHONPATH=.:benchmarks OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/deployment.py
	PYTHONPATH=.:benchmarks OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/own.py
	PYTHONPATH=.:benchmarks $(VENV)/bin/python benchmarks/board.py
	$(VENV)/bin/python benchmarks/canvas.py
	$(VENV)/bin/python benchmarks/live.py
	PYTHONPATH=. $(VENV)/bin/python benchmarks/moves.py

assets: $(VENV)/.app  ## train the runs that come with the app
	PYTHONPATH=. $(VENV)/bin/python assets/pretrained/make.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(VENV)/bin/python assets/pretrained/transfer/make.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(VENV)/bin/python assets/pretrained/malware/make.py
	PYTHONPATH=. OMP_NUM_THREADS=1 $(VENV)/bin/python assets/home/make.py

claims: $(VENV)/.app  ## run every claim's experiment over its seeds and keep what came out; ONLY=C4 for one, ONLY=papers for the tables on MNIST
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m replearn_core claims $(ONLY)

space: $(VENV)/.app  ## the conditions of a Space without Docker; needs root, to be another user
	$(VENV)/bin/python tests/hosting/space.py

clean:  ## the environment, not the runs
	rm -rf $(VENV)

# ---- environments: a stamp each, newer than the requirements that it answers ----

$(VENV)/.app: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; PYTHON=... names one")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements-cluster.txt $(VENV)/.app
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(BENCH)/.ready: requirements-bench.txt $(VENV)/.dev
	$(PYTHON) -m venv $(BENCH)
	$(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' \
	  > "$$($(BENCH)/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/replearn.pth"
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps pythae==0.1.2
	touch $@
