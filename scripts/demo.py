"""The main job on a real system: a good release is proven, a broken one is not, whatever pytest says.

Everything happens in `build/demo`, a copy of `examples/apex`; `greenproof` is called as a user calls it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
APEX = ROOT / "examples" / "apex"
PLACE = ROOT / "build" / "demo"
SOURCES = ("services", "e2e", "e2e_hollow", "greenproof.toml", "pyproject.toml")


def main() -> int:
    """Run the demo; 0 if it showed what it is there to show."""
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    _prepare()
    try:
        title("1. a good release of Apex")
        good = turn("good.json")
        title("2. a broken release: /health and /health/ready answer 200, the backend answers 503")
        subprocess.run(
            ["patch", "--quiet", "-p1", "-i", str(APEX / "releases" / "broken.patch")], cwd=PLACE, check=True
        )
        broken = turn("broken.json")
    finally:
        greenproof("down", "-q")
    show(good, broken)
    print(f"\n{time.monotonic() - began:.0f} s; nothing is left running")
    return 0 if good["verdicts"]["proven"] > broken["verdicts"]["proven"] else 1


def _prepare() -> None:
    """A fresh copy of the sources; ledger, worklogs and data of earlier demos stay."""
    if (PLACE / "greenproof.toml").exists():
        greenproof("down", "-q")
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        target = PLACE / name
        if target.is_dir():
            shutil.rmtree(target)
        if (APEX / name).is_dir():
            shutil.copytree(APEX / name, target, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
        else:
            shutil.copy2(APEX / name, target)
    link = PLACE / ".venv"
    if not link.is_symlink():
        link.symlink_to(APEX / ".venv")


def turn(name: str) -> dict[str, Any]:
    """One turn of the loop over the demo's suite; what pytest said, and what is proven."""
    place = PLACE / ".greenproof" / name
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    code = greenproof("loop", "--suite", "demo", "--no-fail-fast", "--json", str(place))
    if not place.exists():
        sys.exit(f"the loop ended with {code} before anything was judged")
    found: dict[str, Any] = json.loads(place.read_text("utf-8"))
    ran = [case for case in found["cases"] if case["outcome"]]
    return {
        "exit": code,
        "passed": sum(case["outcome"] == "passed" for case in ran),
        "ran": len(ran),
        "verdicts": found["summary"]["verdicts"],
    }


def show(good: dict[str, Any], broken: dict[str, Any]) -> None:
    """What pytest says beside what is proven."""
    title("what pytest says, and what is proven")
    columns = ("proven", "hollow", "unproven", "failed", "not-run")
    print(f"{'release':10} {'pytest: passed':>16}" + "".join(f"{name:>10}" for name in columns) + f"{'exit':>6}")
    for name, row in (("good", good), ("broken", broken)):
        verdicts = row["verdicts"]
        passed = f"{row['passed']} of {row['ran']}"
        numbers = "".join(f"{verdicts[name]:>10}" for name in columns)
        print(f"{name:10} {passed:>16}{numbers}{row['exit']:>6}")
    worklogs = sorted((PLACE / ".greenproof" / "worklogs").glob("*.md"))
    for path in worklogs[-2:]:
        print(f"worklog: {path}")


def title(text: str) -> None:
    """A heading between the commands' own lines."""
    print(f"\n== {text}", flush=True)


def greenproof(*arguments: str) -> int:
    """Call the command line as a user does, in the demo's folder."""
    command = [sys.executable, "-m", "greenproof", *arguments]
    return subprocess.run(command, cwd=PLACE, env=os.environ, check=False).returncode


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; what was started is stopped. A second `make demo` begins anew.")
