# Everything that a newcomer needs: make demo, make test. Works without root, Docker or Node.
.POSIX:
.PHONY: wheels install check test unit demo apex clean bench hostile

PY = .venv/bin/python

install:
	@sh scripts/install.sh

apex: install
	@sh examples/apex/install.sh "$$(sh scripts/find_python.sh 12)"

check: install
	$(PY) -m ruff check .
	cd examples/apex && ../../$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

# Two files at a time: most tests wait for processes that they have started, and those of a file share some.
unit: install apex
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: check unit

# Every kind of bad input, and many more instants at which a command is interrupted (about ten minutes).
hostile: install
	$(PY) -m pytest tests/hostile --hostile --instants 60

wheels: install
	@for source in . packages/pytest-greenproof packages/greenproof-receipts; do \
		$(PY) -m uv build --quiet --wheel --no-build-isolation --out-dir dist $$source || exit 1; done
	@ls dist/*.whl

demo: install apex
	@$(PY) scripts/demo.py

bench: install
	$(PY) bench/cost/run.py
	$(PY) bench/joining/run.py

clean:
	rm -rf .venv build dist examples/apex/.venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
