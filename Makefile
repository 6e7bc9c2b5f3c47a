# Two commands matter: make lab, make test. Each target is a line or two over ordinary tools.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/kdlab-is-installed
export OMP_NUM_THREADS = 1

lab: $(READY)  ## open the course in JupyterLab
	$(BIN)/python -m kdlab.course lab

test: $(READY)  ## every check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist loadfile tests
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 120 -n 2 --dist loadfile notebooks

reset: $(READY)  ## make reset LESSON=04: that lesson as it came; your copy is kept under another name
	$(BIN)/python -m kdlab.course reset $(LESSON)

notebooks: $(READY)  ## turn notebooks/source into executed notebooks
	$(BIN)/python notebooks/build.py

bench: $(READY)  ## speed, as ratios within one run
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/panels.py

reproduce: $(READY)  ## the long runs (hours); stop and go on whenever you like
	$(BIN)/python benchmarks/hinton_section3.py

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	mkdir -p $(VENV)/share/jupyter/lab/settings
	cp notebooks/jupyterlab_settings.json $(VENV)/share/jupyter/lab/settings/overrides.json
	touch $(READY)

.PHONY: lab test reset notebooks bench reproduce
