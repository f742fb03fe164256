#!/bin/sh
# Makes .venv with everything that development needs, exactly as pinned. Safe to interrupt and to call again.
set -eu
cd "$(dirname "$0")/.."
stamp=.venv/.installed
# What was installed is known by the content of the files that say so, not by their dates.
wanted="$(cat pyproject.toml constraints.txt scripts/uv.txt packages/*/pyproject.toml | cksum) $(pwd)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c pass 2>/dev/null; then
    exit 0
fi
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
    python="$(sh scripts/find_python.sh 12)"
    echo "installing with $python"
    rm -rf .venv
    "$python" -m venv .venv
fi
rm -f "$stamp"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r scripts/uv.txt
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python \
    --constraint constraints.txt --build-constraint constraints.txt \
    --editable '.[servers]' --editable packages/pytest-greenproof --editable packages/greenproof-receipts \
    --group dev
printf '%s' "$wanted" >"$stamp"
