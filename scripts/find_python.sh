#!/bin/sh
# Prints the first interpreter that really runs and is new enough; says what to install if there is none.
# Usage: find_python.sh [MINOR]   (3.MINOR or newer; 12 by default)
minor="${1:-12}"
works() {
    [ -n "$1" ] && "$1" -c "import sys, venv, ssl, sqlite3; sys.exit(sys.version_info < (3, $minor))" >/dev/null 2>&1
}
first() {
    for candidate in "$@"; do
        if works "$candidate"; then
            # The real file: a shim of pyenv may mean another interpreter in another folder.
            "$candidate" -c 'import sys; print(sys.executable)'
            exit 0
        fi
    done
}
first "$PYTHON" python3.14 python3.13 python3.12 python3 python
for root in "${PYENV_ROOT:-$HOME/.pyenv}/versions" "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}"; do
    [ -d "$root" ] || continue
    for folder in $(ls -1 "$root" 2>/dev/null | sort -t. -k1,1nr -k2,2nr); do
        first "$root/$folder/bin/python3"
    done
done
echo "error: no Python 3.$minor or newer was found" >&2
echo "  looked at: \$PYTHON, python3.14 to python3.12, python3, pyenv, uv" >&2
echo "" >&2
echo "hint: install one (Debian: apt install python3 python3-venv; or: pyenv install 3.12), or set PYTHON=/path/to/python3" >&2
exit 4
