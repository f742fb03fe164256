"""The interpreter that all ways are measured with: one virtual environment, exactly as pinned."""

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
HOME = HERE.parents[1] / "build" / "bench-cost"
_INSTALL_S = 600


def interpreter() -> Path:
    """The Python of the environment, made when it is missing or its pins have changed."""
    python, stamp = HOME / "bin" / "python", HOME / ".installed"
    wanted = (HERE / "constraints.txt").read_text()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    venv.create(HOME, clear=True, with_pip=False)
    options = ("--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement", str(HERE / "constraints.txt"))
    command = [sys.executable, "-m", "uv", "pip", "install", "--python", str(python), *options]
    subprocess.run(command, check=True, timeout=_INSTALL_S)
    stamp.write_text(wanted)
    return python
