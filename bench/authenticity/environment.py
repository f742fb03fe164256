"""Environments: one for the suite, as its folder pins it, and one for the tools that Greenproof is compared with."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parents[1] / "build" / "bench-authenticity"
_INSTALL_S = 900


def interpreter(folder: Path) -> Path:
    """The Python with which a folder's suite runs: its `.venv`, one made from its pins, or ours."""
    if (folder / ".venv" / "bin" / "python").exists():
        return folder / ".venv" / "bin" / "python"
    pins = folder / "requirements.txt"
    return _made(pins) / "bin" / "python" if pins.exists() else Path(sys.executable)


def tools(name: str) -> Path:
    """The command of one of the peers."""
    return _made(HERE / "peers.txt") / "bin" / name


def sockets_plugin() -> Path:
    """A folder that holds pytest-socket and nothing else, for the suite's own interpreter."""
    text = (HERE / "socket.txt").read_text("utf-8")
    home = HOME / f"socket-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if not (home / "pytest_socket.py").exists():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(home)]
        subprocess.run([*command, "--requirement", str(HERE / "socket.txt")], check=True, timeout=_INSTALL_S)
    return home


def _made(pins: Path) -> Path:
    text = pins.read_text("utf-8")
    home = HOME / hashlib.sha256(text.encode()).hexdigest()[:12]
    stamp = home / ".installed"
    if not stamp.exists():
        venv.create(home, clear=True, with_pip=False)
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
        subprocess.run([*command, "--requirement", str(pins)], check=True, timeout=_INSTALL_S)
        stamp.write_text("")
    return home
