.PHONY: setup demo test check examples docs images clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	@examples/demo.sh

test: check
	.venv/bin/python -m pytest

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

examples: setup
	.venv/bin/python examples/train.py

docs: setup
	PYTHONPATH=. .venv/bin/python docs/generate.py

images: setup
	PYTHONPATH=. .venv/bin/python docs/images.py

clean:
	rm -rf .venv
