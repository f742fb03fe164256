"""The five promises, checked after a run from what was seen from outside."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from looping import Loop
from place import Place
from scenario import Scenario
from watching import Book, body, book_of, entries_of, of_kind, orphans_of, spooled

from greenproof.ledger import Entry


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What had been recorded when a process was killed."""

    at: float
    heads: tuple[tuple[int, str], ...]
    """(number, hash) of every entry of this seed."""
    finished: frozenset[tuple[str, str]]
    """Cases in the spools."""


@dataclass(slots=True)
class Story:
    """One seed, as it happened."""

    scenario: Scenario
    before: Book
    first: int
    """Number of the last entry before it."""
    begun: int
    """Lines of the suite's own count before it."""
    snapshots: list[Snapshot] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    """Every process, in the order in which they began."""
    code: int | None = None
    """Exit code of the last process."""


def begin(place: Place, scenario: Scenario) -> Story:
    """What is there before anything happens."""
    entries = entries_of(place)
    return Story(scenario, book_of(place), entries[-1].seq if entries else 0, len(place.begun()))


def snapshot(place: Place, story: Story) -> Snapshot:
    """What is recorded now."""
    at = time.time()
    heads = tuple((entry.seq, entry.hash) for entry in entries_of(place, story.first))
    return Snapshot(at, heads, frozenset(spooled(place)))


def check(place: Place, story: Story) -> tuple[list[str], dict[str, int]]:
    """What is wrong, each with the number of its promise; and counts of what was looked at."""
    entries = entries_of(place, story.first)
    wrong = [
        *(f"1 lost: {text}" for text in _lost(place, story, entries)),
        *(f"2 again: {text}" for text in _again(place, story, entries)),
        *(f"3 doubled: {text}" for text in _doubled(place, story, entries)),
        *(f"4 orphan: {text}" for text in orphans_of(place)),
        *(f"5 verdict: {text}" for text in _verdict(place, story, entries)),
    ]
    counts = {
        "entries": len(entries),
        "cases": sum(1 for _ in of_kind(entries, "CaseFinished")),
        "steps": sum(1 for _ in of_kind(entries, "StepFinished")),
        "deployed": sum(1 for _ in of_kind(entries, "ReleaseDeployed")),
        "rolled_back": sum(1 for _ in of_kind(entries, "RolledBack")),
        "known_good": sum(1 for _ in of_kind(entries, "ReleaseKnownGood")),
        "recovered": sum(1 for _ in of_kind(entries, "EffectRecovered")),
        "begun": len(place.begun()) - story.begun,
        "facts_held_at_kills": sum(len(one.heads) for one in story.snapshots),
        "cases_held_at_kills": sum(len(one.finished) for one in story.snapshots),
    }
    return wrong, counts


def _lost(place: Place, story: Story, entries: Sequence[Entry]) -> list[str]:
    now = {entry.seq: entry.hash for entry in entries}
    told = []
    for number, snapshot in enumerate(story.snapshots):
        gone = [seq for seq, digest in snapshot.heads if now.get(seq) != digest]
        if gone:
            told.append(f"{len(gone)} entries of before kill {number} are gone or changed, the first is {gone[0]}")
    heads = [snapshot.heads[-1][1] for snapshot in story.snapshots if snapshot.heads]
    for head in dict.fromkeys((*heads[:1], *heads[-1:], *([entries[-1].hash] if entries else []))):
        verified = place.greenproof("ledger", "verify", "--head", head)
        if verified.returncode:
            told.append(f"ledger verify --head {head[:12]}: {verified.stdout.strip()[-200:]}")
    return told


def _again(place: Place, story: Story, entries: Sequence[Entry]) -> list[str]:
    told = []
    done: set[tuple[object, ...]] = set()
    for entry in entries:
        step = (entry.run, body(entry).get("cycle"), body(entry).get("step"))
        if entry.kind == "StepFinished":
            if step in done:
                told.append(f"step finished twice: {step}")
            done.add(step)
        elif entry.kind == "StepStarted" and step in done:
            told.append(f"step begun after its end: {step}")
    cases = Counter((e.run, body(e)["cycle"], body(e)["case"]["id"]) for e in of_kind(list(entries), "CaseFinished"))
    told += [f"case recorded {count} times: {case}" for case, count in cases.items() if count > 1]
    return told + _cases_again(place, story)


def _cases_again(place: Place, story: Story) -> list[str]:
    """Cases that the suite itself saw begin, after they stood in a spool as finished."""
    told = []
    for at, case in place.begun()[story.begun :]:
        which = _run_of_command(story, at)
        if any(at > one.at and (which, case) in one.finished for one in story.snapshots):
            told.append(f"{case} of {which} began again")
    return told


def _run_of_command(story: Story, at: float) -> str:
    """Which run of the command it was, by what was said before."""
    which = "plain"
    for when, line in sorted(line for loop in story.loops for line in loop.said):
        if when > at:
            break
        if line.startswith("phase "):
            which = "plain"
        elif line.startswith("fault run 1 of 2") and "replaced" in line:
            which = "fault-1"
        elif line.startswith("fault run 2 of 2") and "answers changed" in line:
            which = "fault-2"
    return which


def _doubled(place: Place, story: Story, entries: Sequence[Entry]) -> list[str]:
    found, told = book_of(place), []
    before = Counter(story.before.keys)
    mine = Counter(found.keys) - before
    told += [f"key {key} recorded {n} times by the platform" for key, n in mine.items() if n > 1]
    for kind in ("ReleaseDeployed", "RolledBack", "ReleaseKnownGood"):
        keys = Counter(body(entry)["key"] for entry in of_kind(list(entries), kind))
        told += [f"{kind} with key {key} recorded {n} times" for key, n in keys.items() if n > 1]
    moves = sum(
        body(e)["release"]["name"] != body(e)["previous"] for e in of_kind(list(entries), "ReleaseDeployed")
    ) + sum(body(e)["abandoned"] is not None for e in of_kind(list(entries), "RolledBack"))
    switches = found.switches - story.before.switches
    if switches != moves:
        told.append(f"traffic moved {switches} times, {moves} are recorded")
    recorded = {body(entry)["key"] for entry in entries if "key" in body(entry)}
    told += [f"the platform did {key}, which is not recorded" for key, _ in mine if key not in recorded]
    good = Counter(found.good)
    told += [f"known good {n} times: {one}" for one, n in good.items() if n > 1]
    return told


def _verdict(place: Place, story: Story, entries: Sequence[Entry]) -> list[str]:
    scenario, told = story.scenario, []
    ended = list(of_kind(list(entries), "RunFinished"))
    # A process may be killed before it has written down what its run was begun with; nothing was done then.
    runs = {e.run for e in entries if e.kind not in ("RunStarted", "RunFinished", "RunSuspended")}
    if len(runs) != 1:
        told.append(f"{len(runs)} runs did something: {sorted(runs)}")
    endless = {entry.run for entry in entries} - {entry.run for entry in ended}
    told += [f"run {run} has no end" for run in sorted(endless)]
    last = ended[-1] if ended else None
    wanted = 0 if scenario.good else 1
    if last is None or body(last)["exit_code"] != wanted or story.code != wanted:
        code = None if last is None else body(last)["exit_code"]
        told.append(f"{scenario.change}: recorded exit code {code}, of the process {story.code}, expected {wanted}")
    judged = [body(entry)["verdict"] for entry in of_kind(list(entries), "RunJudged")]
    expected = {"dead": []}.get(scenario.change, ["verified" if scenario.good else "failed"])
    if judged != expected:
        told.append(f"{scenario.change}: judged {judged}, expected {expected}")
    backs = list(of_kind(list(entries), "RolledBack"))
    if len(backs) != (scenario.change in ("titles", "bypass")):
        told.append(f"{scenario.change}: rolled back {len(backs)} times")
    current = book_of(place).current
    if not scenario.good and current != story.before.current:
        told.append(f"{scenario.change}: {current} is live, not {story.before.current}")
    deployed = [body(e)["release"]["name"] for e in of_kind(list(entries), "ReleaseDeployed")]
    if scenario.good and deployed != [current]:
        told.append(f"{scenario.change}: deployed {deployed}, live is {current}")
    return told
