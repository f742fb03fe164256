#!/bin/sh
# Creates or refreshes examples/apex/.venv:  install.sh PYTHON
#
# Safe to run again and safe to interrupt: the stamp is written last, so a half-made environment is made anew.
# The apex package itself is not installed. Its services run from a snapshot of their sources, and an installed
# copy could stand in unnoticed for a module that the snapshot has lost.
set -eu

python=${1:?usage: install.sh PYTHON}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
receipts=$here/../../packages/greenproof-receipts
venv=$here/.venv
stamp=$venv/.installed

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' || {
    echo "install.sh: Apex needs Python 3.12 or newer, and $python is not that" >&2
    exit 1
}

wanted=$("$python" - "$here" "$receipts" <<'PYTHON'
import hashlib, pathlib, sys

here, receipts = map(pathlib.Path, sys.argv[1:])
digest = hashlib.sha256(f"{sys.base_prefix} {sys.version} {here}".encode())
for file in (here / "pyproject.toml", here / "constraints.txt", receipts / "pyproject.toml"):
    digest.update(file.read_bytes())
print(digest.hexdigest())
PYTHON
)

if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] &&
    "$venv/bin/python" -c 'import fastapi, greenproof_receipts, pytest' 2>/dev/null; then
    exit 0
fi

# uv's cache needs a home that can be written; a package that is compiled needs a path without a space.
if [ ! -w "${HOME:-/nonexistent}" ] || [ "${HOME#* }" != "$HOME" ]; then
    UV_CACHE_DIR="${UV_CACHE_DIR:-/tmp/greenproof-uv-$(id -u)}"
    export UV_CACHE_DIR
fi
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
uv() { "$venv/bin/python" -m uv "$@" --quiet --python "$venv/bin/python"; }
uv pip install --require-hashes -r "$here/constraints.txt"
# What hatchling needs to build an editable install came with the pinned set above.
uv pip install --no-deps --no-build-isolation -e "$receipts"
echo "$wanted" >"$stamp"
