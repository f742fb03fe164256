"""A loop that goes on and on, with a fault every minute: does it grow, leave anything behind, lose its record?

    .venv/bin/python bench/soak/run.py [--minutes 30] [--seed 0] [--json FILE]

A tiny service, a real PostgreSQL and a real Redis. Which fault comes when is drawn from the seed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

from greenproof.adapters.platforms.local import processes
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.config import load
from greenproof.ledger import Ledger

SHOP = Path(__file__).resolve().parents[2] / "tests" / "support" / "shop.py"
LIMIT_MB = 50
WARM_UP = 0.15
"""Share of the time in which memory is not looked at: everything is imported and every cache filled once."""

CONFIGURATION = """
schema = 1
[project]
name = "soak"
[environments.local]
kind = "local"
platform = "local"
[dependencies.db]
kind = "postgres"
database = "shop"
[dependencies.cache]
kind = "redis"
[services.shop]
source = "services"
command = ["{python}", "serve.py", "{{PORT}}"]
needs = ["db", "cache"]
health = "/health"
ready = "/health"
start_timeout = 30
[targets.shop]
service = "shop"
env = ["SHOP_URL"]
[suites.e2e]
command = ["{python}", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:cacheprovider"]
timeout = 120
"""
SERVE = """
import os, sys
import shop
if os.path.exists("broken"):
    shop.sum = lambda prices: -1
shop.serve(int(sys.argv[1]), os.environ["GREENPROOF_REVISION"])
"""
SUITE = """
import json, os, urllib.request
import pytest
def order(*prices):
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", json.dumps({"prices": prices}).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
@pytest.mark.parametrize("number", range(10))
def test_total(number):
    assert order(2, number)["total"] == 2 + number
"""


class Soak:
    """One project, its loop, and what is done to them."""

    def __init__(self, place: Path, seed: int) -> None:
        self.place, self.random = place, random.Random(seed)
        (place / "services").mkdir()
        shutil.copy2(SHOP, place / "services" / "shop.py")
        (place / "services" / "serve.py").write_text(textwrap.dedent(SERVE))
        (place / "greenproof.toml").write_text(CONFIGURATION.format(python=sys.executable))
        (place / "test_shop.py").write_text(SUITE)
        self.log = (place / "loop.log").open("wb")
        self.changes = 0
        self.faults: Counter[str] = Counter()

    def greenproof(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "greenproof", *arguments]
        return subprocess.run(command, cwd=self.place, capture_output=True, text=True, timeout=120, check=False)

    def begin(self, hours: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "greenproof", "loop", "--until", "stopped", "--hours", str(hours)]
        return subprocess.Popen(
            [*command, "--cycles", "10000"], cwd=self.place, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def disturb(self, loop: psutil.Process) -> str:
        """One fault; its name."""
        faults: dict[str, Callable[[psutil.Process], None]] = {
            "service killed": lambda loop: self._kill("serve.py"),
            "service stopped for 5 s": lambda loop: self._kill("serve.py", pause_s=5),
            "PostgreSQL killed": lambda loop: self._kill("postgres"),
            "Redis killed": lambda loop: self._kill("redis-server"),
            "supervisor killed": lambda loop: self._kill("local.supervisor"),
            "test process killed": lambda loop: self._child(loop, "pytest"),
            "relay killed": lambda loop: self._child(loop, "relay.process"),
            "loop stopped for 12 s": self._stop,
            "new release": lambda loop: self._edit(),
            "broken release, then mended": lambda loop: self._break(),
        }
        name = self.random.choice(sorted(faults))
        faults[name](loop)
        self.faults[name] += 1
        return name

    def _ours(self) -> list[psutil.Process]:
        layout = self.layout
        if not layout.identity.exists():
            return []
        found = processes.marked(processes.MARKER, layout.environment_id())
        supervisor = json.loads(layout.supervisor.read_text()) if layout.supervisor.exists() else {}
        return [
            psutil.Process(pid) for pid in {*found, *filter(None, [supervisor.get("pid")])} if psutil.pid_exists(pid)
        ]

    @property
    def layout(self) -> Layout:
        plan = load(self.place / "greenproof.toml")
        return Layout.of(plan, plan.environments[0])

    def _kill(self, word: str, pause_s: float = 0.0) -> None:
        for process in self._ours():
            try:
                if word in " ".join(process.cmdline()):
                    self._signal(process, pause_s)
                    return
            except psutil.Error:
                continue

    def _child(self, loop: psutil.Process, word: str) -> None:
        for process in loop.children(recursive=True):
            try:
                if word in " ".join(process.cmdline()):
                    process.kill()
                    return
            except psutil.Error:
                continue

    def _signal(self, process: psutil.Process, pause_s: float) -> None:
        if not pause_s:
            process.kill()
            return
        process.send_signal(signal.SIGSTOP)
        time.sleep(pause_s)
        process.send_signal(signal.SIGCONT)

    def _stop(self, loop: psutil.Process) -> None:
        os.killpg(loop.pid, signal.SIGSTOP)
        time.sleep(12)
        os.killpg(loop.pid, signal.SIGCONT)

    def _edit(self) -> None:
        self.changes += 1
        (self.place / "services" / "version.txt").write_text(str(self.changes))

    def _break(self) -> None:
        broken = self.place / "services" / "broken"
        broken.touch()
        time.sleep(25)
        broken.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        result = soak(Soak(Path(folder), given.seed), given.minutes)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return 0 if result["held"] else 1


def soak(bench: Soak, minutes: float) -> dict[str, object]:
    """Run, disturb, measure; then stop, and look at what is left."""
    began = time.monotonic()
    started = bench.begin(minutes / 60 + 1)
    loop = psutil.Process(started.pid)
    sizes: list[tuple[float, float]] = []
    next_fault = 60.0
    restarts = 0
    try:
        while (now := time.monotonic() - began) < minutes * 60:
            if started.poll() is not None:
                # It may not end by itself; if it does, that is a result, and the soak goes on with the next one.
                restarts += 1
                started = bench.begin(minutes / 60 + 1)
                loop = psutil.Process(started.pid)
            if now >= next_fault:
                next_fault += 60.0
                print(f"{now:6.0f} s  {bench.disturb(loop)}", file=sys.stderr, flush=True)
            try:
                sizes.append((now, loop.memory_info().rss / 1e6))
            except psutil.Error:
                continue
            time.sleep(2)
        asked = time.monotonic()
        bench.greenproof("stop")
        code = started.wait(timeout=90)
        stopped_s = time.monotonic() - asked
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
    return _result(bench, minutes, sizes, restarts, code, stopped_s)


def _result(
    bench: Soak, minutes: float, sizes: list[tuple[float, float]], restarts: int, code: int, stopped_s: float
) -> dict[str, object]:
    layout = bench.layout
    identity = layout.environment_id()
    verified = bench.greenproof("ledger", "verify")
    bench.greenproof("down", "-q")
    left = processes.marked(processes.MARKER, identity)
    shutil.rmtree(Path("/var/tmp/greenproof-servers") / identity, ignore_errors=True)
    with Ledger.open(bench.place / ".greenproof" / "ledger.db", create=False) as ledger:
        entries = [
            (entry.kind, entry.body) for entry in ledger.entries(kinds=("RunJudged", "CycleDecided", "RolledBack"))
        ]
    orphans = [pid for pid in left if pid != os.getpid()]
    orphans += [p.pid for p in psutil.process_iter() if _works_in(p, bench.place)]
    later = [size for at, size in sizes if at > minutes * 60 * WARM_UP]
    tenth = max(1, len(later) // 10)
    first, last = statistics.median(later[:tenth]), statistics.median(later[-tenth:])
    verdicts = Counter(str(body["verdict"]) for kind, body in entries if kind == "RunJudged")
    held = last - first <= LIMIT_MB and not orphans and verified.returncode == 0 and restarts == 0
    return {
        "minutes": minutes,
        "faults": dict(sorted(bench.faults.items())),
        "turns": sum(kind == "CycleDecided" for kind, _ in entries),
        "verdicts": dict(sorted(verdicts.items())),
        "rolled back": sum(kind == "RolledBack" for kind, _ in entries),
        "memory of the loop, MB": {"first tenth": round(first, 1), "last tenth": round(last, 1), "most": max(later)},
        "growth, MB": round(last - first, 1),
        "limit, MB": LIMIT_MB,
        "orphans": orphans,
        "ended by itself": restarts,
        "exit code after stop": code,
        "stopped after, s": round(stopped_s, 1),
        "ledger": verified.stdout.strip().splitlines()[-1:],
        "held": held,
    }


def _works_in(process: psutil.Process, place: Path) -> bool:
    try:
        return process.cwd().startswith(str(place))
    except (psutil.Error, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
