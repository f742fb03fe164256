#!/bin/sh
# Writes the constraint files anew: versions with hashes, no server named.
set -eu
cd "$(dirname "$0")/.."
options='--universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --quiet'
# shellcheck disable=SC2086
.venv/bin/uv pip compile $options pyproject.toml --group dev --extra servers \
    --no-emit-package pytest-greenproof --no-emit-package greenproof-receipts -o constraints.txt
# shellcheck disable=SC2086
echo 'uv>=0.8' | .venv/bin/uv pip compile $options - -o scripts/uv.txt
