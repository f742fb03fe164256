"""Other troubles than a kill, against the same runs: a full disk, a dead database, a clock that is set back, a stop.

Usage: python bench/crash/troubles.py MODE --seeds 0-4 --json FILE [--place FOLDER]
       python bench/crash/troubles.py --summary FILE...

Modes: disk, postgres, redis, clock, stopped, stopped-alone, stopped-with-second, two.
"""

import argparse
import contextlib
import ctypes
import json
import mmap
import os
import random
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from checks import Story, begin, check, snapshot
from looping import Loop
from place import ROOT, Place
from run import PATIENCE_S, prepare, settled
from scenario import Scenario
from watching import body, entries_of, of_kind

from greenproof.adapters.platforms.local.processes import working_in

LATEST_S = 20.0
STOPPED_S = 60.0
BACK_S = -86_400
DISK_MB = 600
_STEP = "step execute"

type Found = dict[str, Any]
type Trouble = Callable[[Place, Story, random.Random], Found]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("mode", nargs="?", choices=sorted(_MODES))
    parser.add_argument("--seeds", metavar="FIRST-LAST")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--place", type=Path, default=ROOT / "build" / "crash-troubles")
    parser.add_argument("--summary", type=Path, nargs="+", metavar="FILE")
    given = parser.parse_args()
    if given.summary:
        return summary([json.loads(line) for path in given.summary for line in path.read_text("utf-8").splitlines()])
    if not (given.mode and given.seeds and given.json):
        parser.error("MODE, --seeds and --json, or --summary")
    place = Place(given.place.absolute() / given.mode)
    first, _, last = given.seeds.partition("-")
    with _prepared(place, given.mode):
        for seed in range(int(first), int(last or first) + 1):
            result = once(place, given.mode, seed)
            with given.json.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            print(json.dumps({key: value for key, value in result.items() if key != "last"}), flush=True)
            if (result["wrong"] or not result["verified"]) and not settled(place):
                print("the environment could not be set back to a verified release: the rest is not run")
                return 1
        place.greenproof("down", "-q")
    return 0


@contextlib.contextmanager
def _prepared(place: Place, mode: str) -> Iterator[None]:
    """A place whose disk is small, or that is on any disk."""
    if mode != "disk":
        prepare(place)
        yield
        return
    # A file system of its own: this needs the right to mount one.
    place.state.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "greenproof-bench", str(place.state)], check=False
    )
    if mounted.returncode:
        sys.exit("not run: a small disk needs the right to mount a tmpfs (root, or a user namespace with it)")
    try:
        prepare(place)
        yield
    finally:
        place.greenproof("down", "-q")
        subprocess.run(["umount", "-l", str(place.state)], check=False)


def once(place: Place, mode: str, seed: int) -> Found:
    """One seed of one mode: a new release, the trouble, the run to its end, and what is wrong with it."""
    draw = random.Random(f"{mode} {seed}")
    place.restore()
    service = draw.choice(("backend", "auth", "frontend"))
    place.tag(seed, (service,))
    story = begin(place, Scenario(seed, "new", (service,), (), frozenset(), (), repeat_faults=False))
    began = time.monotonic()
    found = _MODES[mode](place, story, draw)
    wrong, counts = check(place, story)
    if found.pop("any_verdict", False):
        # A service that lost its database may fail the tests: what is promised is an end, and that it is told.
        wrong = [text for text in wrong if not text.startswith("5 ") or "has no end" in text]
    verdicts = [body(entry)["verdict"] for entry in of_kind(entries_of(place, story.first), "RunJudged")]
    return {
        "mode": mode,
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "verdicts": verdicts,
        "verified": verdicts == ["verified"],
        "code": story.code,
        "counts": counts,
        "wrong": wrong,
        "load": round(os.getloadavg()[0], 1),
        "last": [line for loop in story.loops for _, line in loop.said][-60:],
        **found,
    }


def _loop(place: Place, story: Story, variables: Mapping[str, str] | None = None) -> Loop:
    loop = Loop(place, (), variables)
    story.loops.append(loop)
    return loop


def _to_the_end(story: Story, loop: Loop) -> None:
    story.code = loop.wait(PATIENCE_S)
    if story.code is None:
        loop.kill()
        story.code = -1


def _disk(place: Place, story: Story, draw: random.Random) -> Found:
    """The disk is full from some instant on, until the loop has given up; then there is room again."""
    loop = _loop(place, story)
    at = draw.uniform(1, LATEST_S)
    full = loop.wait(at) is None
    ballast = place.state / "ballast"
    if full:
        _fill(ballast)
    code = loop.wait(120)
    gave_up = code is not None
    if not gave_up:
        loop.kill()
    if full:
        story.snapshots.append(snapshot(place, story))
    ballast.unlink(missing_ok=True)
    told = [line for _, line in loop.said if "disk is full" in line or "traceback" in line.lower()]
    story.code = code
    if gave_up and code == 0:
        return {"at_s": round(at, 1), "first_code": code, "told": told[:3]}
    again = _loop(place, story)
    _to_the_end(story, again)
    return {"at_s": round(at, 1), "gave_up": gave_up, "first_code": code, "told": told[:3], "filled": full}


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65_536)


def _server(name: str) -> Trouble:
    def trouble(place: Place, story: Story, draw: random.Random) -> Found:
        """All processes of a server are killed while the suite runs; the next run proves the release."""
        loop = _loop(place, story)
        loop.until(_STEP, 120)
        at = draw.uniform(0.5, 12)
        over = loop.wait(at) is not None
        killed = 0
        for pid in working_in(place.environment / "data" / name):
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).kill()
                killed += 1
        _to_the_end(story, loop)
        first = story.code
        back = sum(1 for _ in of_kind(entries_of(place, story.first), "RolledBack"))
        place.restore()
        next_run = place.greenproof("loop", "--suite", "crash", timeout=PATIENCE_S)
        return {
            "at_s": round(at, 1),
            "killed": killed,
            "over": over,
            "first_code": first,
            "rolled_back": back,
            "next_run": next_run.returncode,
            "any_verdict": True,
        }

    return trouble


def _clock(place: Place, story: Story, draw: random.Random) -> Found:
    """The clock of the loop, and of all that it starts, goes back by a day; later the loop is killed and goes on."""
    compiler = shutil.which("cc")
    if compiler is None:
        sys.exit("not run: this needs a C compiler (cc) for a clock that can be set")
    with tempfile.TemporaryDirectory() as folder:
        library, place_of_offset = Path(folder) / "clock.so", Path(folder) / "offset"
        source = Path(__file__).with_name("clock.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
        place_of_offset.write_bytes(struct.pack("q", 0))
        Path(folder).chmod(0o755)
        variables = {"LD_PRELOAD": str(library), "GREENPROOF_BENCH_CLOCK": str(place_of_offset)}
        with place_of_offset.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
            offset = ctypes.c_int64.from_buffer(shared)
            # The supervisor and all services get that clock, too.
            place.greenproof("down", "-q")
            loop = _loop(place, story, variables)
            at = draw.uniform(2, LATEST_S)
            over = loop.wait(at) is not None
            offset.value = BACK_S
            if not over and loop.wait(draw.uniform(0.5, 8)) is None:
                loop.kill()
                story.snapshots.append(snapshot(place, story))
                loop = _loop(place, story, variables)
            _to_the_end(story, loop)
            place.greenproof("down", "-q")
            del offset
    back = sum(entry.clock_set_back for entry in entries_of(place, story.first))
    return {"at_s": round(at, 1), "kills": len(story.snapshots), "entries_that_tell_of_it": back}


def _stopped(*, alone: bool, second: bool) -> Trouble:
    def trouble(place: Place, story: Story, draw: random.Random) -> Found:
        """SIGSTOP for a minute, then SIGCONT. A second loop, if there is one, takes over meanwhile."""
        loop = _loop(place, story)
        at = draw.uniform(1.5, LATEST_S)
        over = loop.wait(at) is not None
        other = _loop(place, story) if second and not over else None
        if other is not None:
            other.until("", 10)
        took = None
        if not over:
            stopped = time.time()
            loop.signal(signal.SIGSTOP, alone=alone)
            if other is not None:
                went_on = other.until("going on with run", STOPPED_S)
                took = round(went_on - stopped, 2) if went_on else None
            time.sleep(max(0.0, STOPPED_S - (time.time() - stopped)))
            story.snapshots.append(snapshot(place, story))
            loop.signal(signal.SIGCONT, alone=alone)
        _to_the_end(story, loop)
        first = story.code
        if other is not None:
            _to_the_end(story, other)
        lines = [line for _, line in loop.said][-6:]
        return {"at_s": round(at, 1), "over": over, "first_code": first, "takeover_s": took, "first_said": lines}

    return trouble


def _two(place: Place, story: Story, draw: random.Random) -> Found:
    """Two loops are started at once; the one that acts is killed, and the other takes over."""
    loops = [_loop(place, story), _loop(place, story)]
    deadline = time.monotonic() + 60
    acting: list[Loop] = []
    while not acting and time.monotonic() < deadline:
        acting = [loop for loop in loops if any(line.startswith("step ") for _, line in loop.said)]
        time.sleep(0.05)
    time.sleep(draw.uniform(0, LATEST_S))
    acting = [loop for loop in loops if any(line.startswith("step ") for _, line in loop.said)]
    first = acting[0]
    other = next(loop for loop in loops if loop is not first)
    over = not first.alive
    first.kill()
    story.snapshots.append(snapshot(place, story))
    went_on = other.until("going on with run", 60)
    acted = other.until("step ", 60)
    _to_the_end(story, other)
    return {
        "acting": len(acting),
        "over": over,
        "takeover_s": None if over or went_on is None else round(went_on - first.end, 2),
        "acts_after_s": None if over or acted is None else round(acted - first.end, 2),
    }


_MODES: Mapping[str, Trouble] = {
    "disk": _disk,
    "postgres": _server("postgres"),
    "redis": _server("redis"),
    "clock": _clock,
    "stopped": _stopped(alone=False, second=False),
    "stopped-alone": _stopped(alone=True, second=False),
    "stopped-with-second": _stopped(alone=False, second=True),
    "two": _two,
}


def summary(results: Sequence[Found]) -> int:
    """Print the figures; 1 if anything is wrong."""
    modes = defaultdict(list)
    for one in results:
        modes[one["mode"]].append(one)
    for mode, found in sorted(modes.items()):
        wrong = [(one["seed"], text) for one in found for text in one["wrong"]]
        print(f"{mode}: n {len(found)}, verified {sum(one['verified'] for one in found)}, wrong {len(wrong)}")
        for seed, text in wrong:
            print(f"  seed {seed}: {text}")
        for name in ("takeover_s", "acts_after_s"):
            times = sorted(one[name] for one in found if one.get(name) is not None)
            if times:
                print(f"  {name}: n {len(times)}, median {statistics.median(times):.2f}, max {times[-1]:.2f}")
    return int(any(one["wrong"] for one in results))


if __name__ == "__main__":
    sys.exit(main())
