"""Seeded kills of the loop over real runs against Apex: what is lost, done twice, or left behind?

Usage: python bench/crash/run.py --seeds 0-99 --json FILE [--place FOLDER] [--kills 10]
       python bench/crash/run.py --summary FILE...
"""

import argparse
import contextlib
import json
import math
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from checks import Snapshot, Story, begin, check, snapshot
from looping import Loop
from place import ROOT, Place
from scenario import Scenario, scenario_of
from watching import body, entries_of, of_kind, supervisor_of

from greenproof.ledger import Entry

PATIENCE_S = 600.0
"""Seconds for a process that nobody kills."""
_FIRST_ACTS = ("StepStarted", "StepFinished", "CaseFinished", "LoopPaused", "CycleDecided")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", metavar="FIRST-LAST")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results, a line each; seeds in it are not run again")
    parser.add_argument("--place", type=Path, default=ROOT / "build" / "crash", help="one for each process of this")
    parser.add_argument("--kills", type=int, default=10, help="about so many a run")
    parser.add_argument("--latest", type=float, default=25.0, metavar="SECONDS", help="of a process that is killed")
    parser.add_argument("--summary", type=Path, nargs="+", metavar="FILE")
    given = parser.parse_args()
    if given.summary:
        return summary([json.loads(line) for path in given.summary for line in path.read_text("utf-8").splitlines()])
    if not given.seeds or not given.json:
        parser.error("--seeds and --json, or --summary")
    first, _, last = given.seeds.partition("-")
    place = Place(given.place.absolute())
    known = given.json.read_text("utf-8").splitlines() if given.json.exists() else []
    done = {json.loads(line)["seed"] for line in known}
    # Whoever ends this ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    try:
        prepare(place)
        return every(place, [n for n in range(int(first), int(last or first) + 1) if n not in done], given)
    finally:
        place.greenproof("down", "-q")


def every(place: Place, seeds: Sequence[int], given: argparse.Namespace) -> int:
    """One run for each seed, and its result as a line of the file."""
    for seed in seeds:
        result = once(place, scenario_of(seed, given.kills, given.latest))
        result["drawn"] = {"kills": given.kills, "latest_s": given.latest}
        with given.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        print(_line(result), flush=True)
        if result["wrong"] and not settled(place):
            print("the environment could not be set back to a verified release: the rest is not run")
            return 1
    return 0


def prepare(place: Place) -> None:
    """A known good release to begin with, proven without a kill."""
    if not (ROOT / "examples" / "apex" / ".venv").exists():
        sys.exit("Apex is not installed: make apex")
    print("a first run without a kill, about a minute", flush=True)
    place.prepare()
    if not settled(place):
        sys.exit("the release that this begins with is not verified")


def settled(place: Place) -> bool:
    """Everything ended, and then one run without a kill to its end, on the good release."""
    place.restore()
    place.greenproof("down", "-q")
    place.greenproof("resume")
    ended = place.greenproof("loop", "--suite", "crash", "--new", timeout=PATIENCE_S)
    if ended.returncode:
        print(ended.stdout, ended.stderr)
    return ended.returncode == 0


def once(place: Place, scenario: Scenario) -> dict[str, Any]:
    """One seed: changes, kills, the run to its end, and what is wrong with it."""
    began = time.monotonic()
    place.restore()
    place.tag(scenario.seed, scenario.services)
    if not scenario.good:
        place.spoil(scenario.change)
    story = begin(place, scenario)
    arguments = ["--repeat-faults"] if scenario.repeat_faults else []
    for number in range(len(scenario.kills) + 1):
        limit = scenario.kills[number] if number < len(scenario.kills) else None
        with _pausing(place, scenario, number):
            story.code = _attempt(place, story, arguments, limit, number in scenario.supervisor)
        if story.code is not None:
            break
    wrong, counts = check(place, story)
    entries = entries_of(place, story.first)
    return {
        "seed": scenario.seed,
        "change": scenario.change,
        "services": scenario.services,
        "kills": len(story.snapshots),
        "supervisor_killed": sum(n in scenario.supervisor for n in range(len(story.snapshots))),
        "paused": sum(1 for _ in of_kind(entries, "LoopPaused")),
        "killed_in": [_where(entries, one, by.start) for one, by in zip(story.snapshots, story.loops, strict=False)],
        "code": story.code,
        "seconds": round(time.monotonic() - began, 1),
        "resumes": _resumes(story, entries),
        "wrong": wrong,
        "counts": counts,
        "load": round(os.getloadavg()[0], 1),
        "last": [line for _, line in story.loops[-1].said][-40:] if wrong else [],
    }


def _attempt(place: Place, story: Story, arguments: Sequence[str], limit: float | None, both: bool) -> int | None:
    """One process; its exit code, or None if it was killed."""
    loop = Loop(place, arguments)
    story.loops.append(loop)
    code = loop.wait(PATIENCE_S if limit is None else limit)
    if code is not None:
        return code
    supervisor = supervisor_of(place) if both else None
    loop.kill()
    if supervisor is not None:
        supervisor.kill()
    if limit is None:
        return -1
    story.snapshots.append(snapshot(place, story))
    # Killed after its last word: the run has its end, and the next loop would be another run.
    ended = list(of_kind(entries_of(place, story.first), "RunFinished"))
    return int(body(ended[-1])["exit_code"]) if ended else None


@contextlib.contextmanager
def _pausing(place: Place, scenario: Scenario, number: int) -> Iterator[None]:
    """A person asks this process to pause, and later to go on: perhaps one that came after it."""
    asked = [pause for pause in scenario.pauses if pause[0] == number]
    if not asked:
        yield
        return
    (_, after_s, for_s) = asked[0]

    def ask() -> None:
        time.sleep(after_s)
        place.greenproof("pause")
        time.sleep(for_s)
        place.greenproof("resume")

    person = threading.Thread(target=ask, daemon=True)
    person.start()
    yield
    person.join()


def _where(entries: Sequence[Entry], snapshot: Snapshot, start: float) -> str:
    """The step in which a process that began at `start` was killed, by what it had recorded itself."""
    held = {seq for seq, _ in snapshot.heads}
    step = "start"
    for entry in entries:
        if entry.seq not in held or datetime.fromisoformat(entry.at).timestamp() < start:
            continue
        if entry.kind == "StepStarted":
            step = str(body(entry)["step"])
        elif entry.kind == "StepFinished":
            step = f"after {body(entry)['step']}"
        elif entry.kind == "RunFinished":
            step = "end"
    return step


def _resumes(story: Story, entries: Sequence[Entry]) -> list[tuple[float, bool, float]]:
    """Of each process after a kill that had something to go on with: seconds until its first act, and whether it came
    to that; if not, it was killed after so many seconds. Last, the load of the machine when it began.
    """
    found = []
    acts = [(datetime.fromisoformat(e.at).timestamp(), e) for e in entries if e.kind in _FIRST_ACTS]
    for number, loop in enumerate(story.loops):
        if number == 0 or not any(at < loop.start for at, _ in acts):
            continue
        first = next((at for at, _ in acts if loop.start <= at <= loop.end), None)
        found.append((round((first or loop.end) - loop.start, 3), first is not None, round(loop.load, 1)))
    return found


def _line(result: dict[str, Any]) -> str:
    told = f"seed {result['seed']:4} {result['change']:7} {result['kills']:2} kills {result['seconds']:6.1f} s"
    return told + (f"  WRONG: {'; '.join(result['wrong'])}" if result["wrong"] else "  ok")


def summary(results: Sequence[dict[str, Any]]) -> int:
    """Print the figures; 1 if anything is wrong."""
    kills = sum(one["kills"] for one in results)
    both, paused = (sum(one[name] for one in results) for name in ("supervisor_killed", "paused"))
    print(f"{len(results)} runs, {kills} kills, {both} of them with the supervisor; paused {paused} times")
    changes = Counter(one["change"] for one in results)
    print("releases: " + ", ".join(f"{name} {n}" for name, n in sorted(changes.items())))
    where = Counter(step for one in results for step in one["killed_in"])
    print("killed in: " + ", ".join(f"{name} {n}" for name, n in where.most_common()))
    total: Counter[str] = Counter()
    for one in results:
        total.update(one["counts"])
    print("looked at: " + ", ".join(f"{name} {n}" for name, n in sorted(total.items())))
    for number, name in enumerate(
        ("fact lost", "finished step or case again", "effect doubled", "orphan", "verdict"), 1
    ):
        bad = [one for one in results if any(text.startswith(f"{number} ") for text in one["wrong"])]
        print(f"{number}. {name}: {len(bad)} of {len(results)} runs {[one['seed'] for one in bad] or ''}")
    resumes = [tuple(resume) for one in results for resume in one["resumes"]]
    _print_resumes("", resumes)
    calm = 2.0 * (os.cpu_count() or 1)
    _print_resumes(f", load at most {calm:.0f}", [resume for resume in resumes if resume[2] <= calm])
    return int(any(one["wrong"] for one in results))


def _print_resumes(which: str, resumes: Sequence[tuple[float, bool, float]]) -> None:
    reached = sorted(seconds for seconds, came, _ in resumes if came)
    cut = sorted(seconds for seconds, came, _ in resumes if not came)
    if reached:
        quantile = reached[math.ceil(0.95 * len(reached)) - 1]
        print(
            f"start to first act of a resumed run{which}: n {len(reached)}, median {reached[len(reached) // 2]:.2f} s, "
            f"95th percentile {quantile:.2f} s, max {reached[-1]:.2f} s; killed before it: {len(cut)}, "
            f"{sum(s > quantile for s in cut)} of these later than the 95th percentile"
        )


if __name__ == "__main__":
    sys.exit(main())
