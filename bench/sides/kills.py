"""Seeded kills of what starts side releases: after the next command nothing is left, and nothing else is touched.

    .venv/bin/python bench/sides/kills.py [--first 0] [--seeds 60]

The seed draws the command (`prove --base`, whose side release dies with it, or `side up`), the instant, and what is
killed: the command's process group, the supervisor of the side release, or both; or the command gets Ctrl-C.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 6.0
CONFIGURATION = """
schema = 1
[project]
name = "kills"
[environments.local]
platform = "local"
[dependencies.postgres]
kind = "postgres"
database = "app"
[dependencies.redis]
kind = "redis"
[services.auth]
source = "service"
command = ["{python}", "app.py"]
[services.web]
source = "service"
command = ["{python}", "app.py"]
needs = ["auth", "postgres", "redis"]
env = { AUTH = "{auth.url}" }
[targets.web]
service = "web"
"""
SUITE = "import time\ndef test_waits():\n    time.sleep(60)\n"


class Place:
    """A project with a release, and what can be seen of its side releases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sides = folder / ".greenproof" / "environments" / "local" / "sides"
        (folder / "service").mkdir()
        (folder / "tests").mkdir()
        shutil.copy(ROOT / "tests" / "adapters" / "platforms" / "tiny_service.py", folder / "service" / "app.py")
        (folder / "service" / "version.txt").write_text("1")
        (folder / "greenproof.toml").write_text(CONFIGURATION)
        (folder / "tests" / "test_it.py").write_text(SUITE)

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "greenproof", *arguments]
        silent = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=self.folder, stdout=silent, stderr=silent, start_new_session=True)

    def run(self, *arguments: str) -> int:
        return self.start(*arguments).wait(120)

    def processes(self, within: Path) -> list[int]:
        """Those that work in a folder, or name it in their command."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(within) in " ".join([process.cwd(), *process.cmdline()]):
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found

    def supervisors(self) -> list[int]:
        return [pid for pid in self.processes(self.sides) if "supervisor" in " ".join(psutil.Process(pid).cmdline())]

    def left(self, expected: set[int]) -> list[str]:
        """Folders of side releases, the data that they have elsewhere, and processes that were not there before."""
        folders = [path for path in self.sides.glob("*") if path.is_dir()] if self.sides.is_dir() else []
        running = [f"process {pid}" for pid in self.processes(self.folder) if pid not in expected]
        return [*map(str, folders), *running]


def once(place: Place, seed: int, live: set[int]) -> tuple[str, list[str]]:
    """What was done, and what was left of it."""
    draw = random.Random(seed)
    owned, instant = draw.random() < 0.6, draw.uniform(0.1, LONGEST_S)
    what = draw.choice(["command", "supervisor", "both", "interrupt"])
    test = ("prove", "--data", "copied", "--", sys.executable, "-m", "pytest", "-q", "tests")
    command = place.start(*(test if owned else ("side", "up", "kill")))
    time.sleep(instant)
    for pid in place.supervisors() if what in ("supervisor", "both") else []:
        os.kill(pid, signal.SIGKILL)
    if what in ("command", "both") and command.poll() is None:
        os.killpg(command.pid, signal.SIGKILL)
    if what == "interrupt":
        command.send_signal(signal.SIGINT)
    if what == "supervisor" and owned and command.poll() is None:
        # The suite waits for ever for what is gone: a person would give up.
        time.sleep(0.5)
        command.send_signal(signal.SIGINT)
    command.wait(120)
    said = f"{'prove' if owned else 'side up'}, {what}"
    assert place.run("up", "-q") == 0
    if not owned:
        place.run("side", "down", "kill", "-q")
    deadline = time.monotonic() + 15
    while (left := place.left(live)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return said, left


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=60)
    given = parser.parse_args()
    counted: Counter[str] = Counter()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        place = Place(Path(folder).resolve())
        try:
            assert place.run("deploy", "-q") == 0
            live = set(place.processes(place.folder))
            for seed in range(given.first, given.first + given.seeds):
                said, left = once(place, seed, live)
                counted[said] += 1
                failed += bool(left)
                for one in left:
                    print(f"seed {seed} ({said}): left: {one}")
            untouched = set(place.processes(place.folder)) == live
        finally:
            place.run("down", "-q")
    told = "; ".join(f"{said}: {count}" for said, count in sorted(counted.items()))
    print(f"{given.seeds} kills ({told}); something was left after {failed}")
    print(f"the processes of the environment itself are still the same: {'yes' if untouched else 'no'}")
    return int(failed > 0 or not untouched)


if __name__ == "__main__":
    sys.exit(main())
