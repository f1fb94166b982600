# The whole workflow. `make run` is all that an evening needs; `make test` is all that a change needs.

PYTHON_IN_VENV := .venv/bin/python

# What real browsers with real sound need, as "check=Debian package" (libatomic is for the driver of Playwright).
BROWSER_TOOLS := command:chromium=chromium command:firefox-esr=firefox-esr \
	command:pulseaudio=pulseaudio command:pactl=pulseaudio-utils command:faketime=faketime \
	library:atomic=libatomic1 font:NotoSans-Regular=fonts-noto-core font:NotoColorEmoji=fonts-noto-color-emoji
NODE_TOOLS := command:node=nodejs command:npm=npm

.PHONY: help setup setup-dev run demo test lint types test-js test-fast test-browser bench locale clean

help:
	@echo "make run     serve Unisono on http://localhost:8000 (sets everything up first)"
	@echo "make demo    add robot neighbours to a courtyard that is already singing, and print its link"
	@echo "make test    set everything up and run every check and test"
	@echo "make bench   the three benches that tell most: calibration, sync, weather"
	@echo "make locale  collect the page's words for the translators"
	@echo "make clean   take away what make has made (never recordings)"

setup:
	@sh tools/setup.sh

setup-dev:
	@sh tools/setup.sh dev
	@sh tools/need.sh $(BROWSER_TOOLS) $(NODE_TOOLS)
	@sh tools/node.sh

run: setup
	@$(PYTHON_IN_VENV) -m unisono serve

demo: setup
	@$(PYTHON_IN_VENV) -m unisono.robots.demo

# In the order in which a mistake is cheapest to find.
test: lint types test-js test-fast test-browser

lint: setup-dev
	.venv/bin/ruff check .

types: setup-dev
	.venv/bin/mypy
	npm run --silent types

test-js: setup-dev
	npm test --silent

test-fast: setup-dev
	$(PYTHON_IN_VENV) -m pytest -q -n 2 -m "not live and not browser and not sound"
	$(PYTHON_IN_VENV) -m pytest -q -n 2 -m "live and not sound"

test-browser: setup-dev
	$(PYTHON_IN_VENV) -m pytest -q -n 2 -m "browser and not sound"
	$(PYTHON_IN_VENV) -m pytest -q -m sound

bench: setup-dev
	$(PYTHON_IN_VENV) -m bench calibration
	$(PYTHON_IN_VENV) -m bench sync
	$(PYTHON_IN_VENV) -m bench weather

locale: setup-dev
	$(PYTHON_IN_VENV) tools/words.py

clean:
	rm -rf .venv node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
