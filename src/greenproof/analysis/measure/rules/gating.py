"""What greenproof.toml says: which cases decide, what they claim, which promises hold, how the tests are started."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from greenproof.analysis.measure.keeping import PLAN
from greenproof.analysis.measure.kinds import FindingKind, note, weakened
from greenproof.analysis.measure.reaching import Comparison
from greenproof.model.measure import MeasureFinding, Place

GATE = weakened(
    "gate-removed",
    "Fewer cases decide whether a run is verified.",
    "a priority with gates = false, a glob less in its tests, a higher `tolerated`",
    "Let what customers depend on decide again.",
)
CLAIM = weakened(
    "claim-narrowed",
    "Tests claim other routes than before, or none; a test without a claim counts on any route.",
    'routes = ["POST /orders"] became ["GET /orders"]',
    "Claim the routes of the feature.",
)
PLUMBING = weakened(
    "plumbing-narrowed",
    "Routes count as a proof that were plumbing before.",
    'plumbing = [] where it was ["* /health"]',
    "Put the routes back.",
)
PLUMBED = note(
    "plumbing-widened",
    "More routes are plumbing: they prove nothing now.",
    'plumbing = ["POST /orders"]',
    "Nothing, if these routes belong to no feature.",
)
PROMISE = weakened(
    "promise-loosened",
    "A promise about time is gone, allows more, or gates no longer.",
    "limit_ms = 200 became 2000; max became median; gates = true was removed",
    "Keep the promise, and find out why it is not kept.",
)
COMMAND = weakened(
    "command-changed",
    "The test command can hide failures or leaves tests out.",
    'command = ["sh", "-c", "pytest tests || true"], python -O, -k, a pipe',
    "Run the tests plainly.",
)
SUITE = weakened(
    "suite-weakened",
    "A suite is gone, or judged by less.",
    'kind = "offline" for a suite that was end to end; a suite that was deleted',
    "Bring it back.",
)
FEATURE = weakened(
    "target-lowered",
    "Fewer proven cases are planned for a category, or what a feature protects is gone.",
    "target = 20 became target = 5; [[features]] without `checkout`",
    "Keep the plan, or accept the finding with the reason.",
)
TIMEOUT = weakened(
    "suite-timeout-raised",
    "A suite, or the start of a service, may take longer than before.",
    "timeout = 900 became timeout = 7200",
    "Find out what became slow.",
)
IDENTITY = weakened(
    "target-changed",
    "The tests talk to another address, or it is told otherwise which release answers.",
    'url = "https://staging.example.com" became "http://localhost:9000"',
    "Undo it, or accept the finding with the reason.",
)
KINDS = (GATE, CLAIM, PLUMBING, PLUMBED, PROMISE, COMMAND, SUITE, FEATURE, TIMEOUT, IDENTITY)

_STATISTICS = ("median", "p95", "max")
_HIDING = ("|", "||", ";", "&", "-O", "-OO", "-k", "-m", "-x", "--lf", "--ff", "--sw", "--exitfirst", "--last-failed",
    "--collect-only", "--co", "--assert=plain", "PYTHONOPTIMIZE", "--noconftest")  # fmt: skip
_HIDING_STARTS = ("--ignore", "--deselect", "--maxfail", "--reruns", "--force", "--stepwise", "-p", "-k", "--retries",
    "--only-rerun", "--runxfail")  # fmt: skip

type Table = Mapping[str, Any]


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Each part of the configuration by itself."""
    past, present = comparison.before.measure.plan, comparison.after.measure.plan
    yield from _priorities(_rows(past, "priorities"), _rows(present, "priorities"))
    yield from _claims(comparison, _rows(past, "claims"), _rows(present, "claims"))
    yield from _plumbing(past, present)
    yield from _promises(_named(past, "performance"), _named(present, "performance"))
    yield from _suites(_tables(past, "suites"), _tables(present, "suites"))
    yield from _goals(past, present)
    yield from _places(past, present)


def _found(kind: FindingKind, subject: str, was: object, now: object) -> MeasureFinding:
    return kind.finding(f"{PLAN}: {subject}", Place(PLAN), was=str(was), now=str(now))


def _priorities(past: list[Table], present: list[Table]) -> Iterator[MeasureFinding]:
    if not past or not present:
        # Without priorities every case decides.
        if present and "*" not in [glob for row in present if _gates(row) for glob in _list(row, "tests")]:
            yield _found(GATE, "priorities", "none: every case decides", _globs(row for row in present if _gates(row)))
        return
    before = [glob for row in past if _gates(row) for glob in _list(row, "tests")]
    after = [glob for row in present if _gates(row) for glob in _list(row, "tests")]
    gone = [glob for glob in before if not any(fnmatchcase(glob, other) or glob == other for other in after)]
    if gone:
        yield _found(GATE, "priorities", ", ".join(before), ", ".join(after) or "no case decides")
    old = {str(row.get("name")): row for row in past}
    for row in present:
        known = old.get(str(row.get("name")))
        if known is not None and _number(row.get("tolerated")) > _number(known.get("tolerated")):
            subject = f"priorities.{row.get('name')}.tolerated"
            yield _found(GATE, subject, known.get("tolerated", 0), row.get("tolerated"))


def _globs(rows: Iterable[Table]) -> str:
    return ", ".join(glob for row in rows for glob in _list(row, "tests")) or "no case decides"


def _gates(row: Table) -> bool:
    return row.get("gates", True) is not False


def _claims(comparison: Comparison, past: list[Table], present: list[Table]) -> Iterator[MeasureFinding]:
    """Compared by test: how the globs are written doesn't matter."""
    changed: dict[tuple[str, str], list[str]] = {}
    for id_, old in comparison.before.tests.items():
        new = comparison.matches.pairs.get(id_)
        if new is None:
            continue
        before, after = _routes(past, old.id), _routes(present, new.id)
        # Fewer routes claim more: one of those that are left has to be reached.
        if before and (not after or after - before):
            changed.setdefault((_said(before), _said(after)), []).append(id_)
    for (was, now), tests in sorted(changed.items()):
        shown = f"{tests[0]}{f' and {len(tests) - 1} more' if len(tests) > 1 else ''}"
        yield CLAIM.finding(
            f"{PLAN}: claims of {tests[0]}", Place(PLAN), f"Of {shown}.", was=was, now=now, tests=len(tests)
        )


def _said(routes: frozenset[str]) -> str:
    return ", ".join(sorted(routes)) or "no claim: any route counts"


def _routes(claims: list[Table], test: str) -> frozenset[str]:
    found: set[str] = set()
    for claim in claims:
        if any(_meets(test, glob) for glob in _list(claim, "tests")):
            found |= set(_list(claim, "routes"))
    return frozenset(found)


def _meets(test: str, glob: str) -> bool:
    return any(fnmatchcase(name, glob) for name in (test, test.rpartition("/")[2], test.partition("/")[2]))


def _plumbing(past: Table, present: Table) -> Iterator[MeasureFinding]:
    before, after = (_list(_table(side, "routes"), "plumbing") for side in (past, present))
    told = ["plumbing" in _table(side, "routes") for side in (past, present)]
    if told[0] and set(before) - set(after) and told[1]:
        yield _found(PLUMBING, "routes.plumbing", ", ".join(before), ", ".join(after) or "none")
    elif told[1] and not told[0] and past:
        yield _found(PLUMBING, "routes.plumbing", "the usual ones", ", ".join(after) or "none")
    elif set(after) - set(before):
        yield _found(PLUMBED, "routes.plumbing", ", ".join(before), ", ".join(after))


def _promises(past: Mapping[str, Table], present: Mapping[str, Table]) -> Iterator[MeasureFinding]:
    for name, before in past.items():
        after = present.get(name)
        subject = f"performance.{name}"
        if after is None:
            yield _found(PROMISE, subject, f"{before.get('limit_ms')} ms", "gone")
            continue
        old, new = (_statistic(side) for side in (before, after))
        for key, worse in (
            ("limit_ms", _number(after.get("limit_ms")) > _number(before.get("limit_ms"))),
            ("statistic", new < old),
            ("gates", before.get("gates") is True and after.get("gates") is not True),
            ("minimum", _number(after.get("minimum")) < _number(before.get("minimum"))),
            ("routes", set(_list(before, "routes")) != set(_list(after, "routes"))),
            ("measure", before.get("measure") != after.get("measure")),
            ("event", before.get("event") != after.get("event")),
            ("after", before.get("after") != after.get("after")),
        ):
            if worse:
                yield _found(PROMISE, f"{subject}.{key}", before.get(key, "not set"), after.get(key, "not set"))


def _statistic(row: Table) -> int:
    said = row.get("statistic", "p95")
    return _STATISTICS.index(said) if said in _STATISTICS else 1


def _suites(past: Mapping[str, Table], present: Mapping[str, Table]) -> Iterator[MeasureFinding]:
    for name, before in past.items():
        after = present.get(name)
        subject = f"suites.{name}"
        if after is None:
            yield _found(SUITE, subject, " ".join(map(str, before.get("command") or ())), "gone")
            continue
        if before.get("kind", "e2e") != after.get("kind", "e2e") and after.get("kind") == "offline":
            yield _found(SUITE, f"{subject}.kind", before.get("kind", "e2e"), "offline")
        if _number(after.get("timeout"), 900) > _number(before.get("timeout"), 900):
            yield _found(TIMEOUT, f"{subject}.timeout", before.get("timeout", 900), after.get("timeout", 900))
        yield from _commands(subject, before, after)


def _commands(subject: str, before: Table, after: Table) -> Iterator[MeasureFinding]:
    old, new = _words(before.get("command")), _words(after.get("command"))
    gone = [word for word in old if word not in new and _is_place(word)]
    if [word for word in new if word not in old and _hides(word)] or gone:
        yield _found(COMMAND, f"{subject}.command", " ".join(old), " ".join(new))
    past, present = _table(before, "env"), _table(after, "env")
    for key in ("PYTEST_ADDOPTS", "PYTHONOPTIMIZE", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        if present.get(key) and present.get(key) != past.get(key):
            yield _found(COMMAND, f"{subject}.env.{key}", past.get(key, "not set"), present.get(key))


def _words(command: object) -> list[str]:
    """The words of a command; what a shell is given is taken apart, too."""
    found: list[str] = []
    for token in command if isinstance(command, list) else []:
        text = str(token)
        if " " in text or any(sign in text for sign in "|;&"):
            reader = shlex.shlex(text, posix=True, punctuation_chars=True)
            reader.whitespace_split = True
            try:
                found += list(reader)
            except ValueError:
                found += text.split()
        else:
            found.append(text)
    return found


def _is_place(word: str) -> bool:
    return not word.startswith("-") and (word.endswith(".py") or "::" in word or word.strip("./").startswith("test"))


def _hides(word: str) -> bool:
    return word in _HIDING or word.startswith(_HIDING_STARTS) or word.startswith("PYTEST_ADDOPTS=") or "::" in word


def _goals(past: Table, present: Table) -> Iterator[MeasureFinding]:
    categories = _named(present, "categories")
    for name, before in _named(past, "categories").items():
        after = categories.get(name)
        if before.get("target") and _number((after or {}).get("target")) < _number(before.get("target")):
            yield _found(FEATURE, f"categories.{name}.target", before["target"], (after or {}).get("target", "gone"))
    features = _named(present, "features")
    for name, before in _named(past, "features").items():
        now = features.get(name)
        if now is None or set(_list(before, "tests")) - set(_list(now, "tests")):
            said = ", ".join(_list(now or {}, "tests")) or "gone"
            yield _found(FEATURE, f"features.{name}", ", ".join(_list(before, "tests")), said)


def _places(past: Table, present: Table) -> Iterator[MeasureFinding]:
    targets = _tables(present, "targets")
    for name, before in _tables(past, "targets").items():
        after = targets.get(name, {})
        for key in ("url", "service", "identity", "log"):
            if before.get(key) != after.get(key) and (key in before or key in ("identity", "log")):
                yield _found(IDENTITY, f"targets.{name}.{key}", before.get(key, "not set"), after.get(key, "not set"))
    services = _tables(present, "services")
    for name, before in _tables(past, "services").items():
        now = services.get(name, before)
        for key in ("identity", "log", "ready", "health"):
            if before.get(key) != now.get(key):
                yield _found(IDENTITY, f"services.{name}.{key}", before.get(key, "not set"), now.get(key, "not set"))
        if _number(now.get("start_timeout"), 30) > _number(before.get("start_timeout"), 30):
            subject = f"services.{name}.start_timeout"
            yield _found(TIMEOUT, subject, before.get("start_timeout", 30), now.get("start_timeout"))


def _rows(plan: Table, key: str) -> list[Table]:
    held = plan.get(key)
    return [row for row in held if isinstance(row, Mapping)] if isinstance(held, list) else []


def _named(plan: Table, key: str) -> dict[str, Table]:
    return {str(row.get("name")): row for row in _rows(plan, key)}


def _tables(plan: Table, key: str) -> dict[str, Table]:
    held = plan.get(key)
    return {str(n): t for n, t in held.items() if isinstance(t, Mapping)} if isinstance(held, Mapping) else {}


def _table(plan: Table, key: str) -> Table:
    held = plan.get(key)
    return held if isinstance(held, Mapping) else {}


def _list(row: Table, key: str) -> Sequence[str]:
    held = row.get(key)
    return [str(item) for item in held] if isinstance(held, list) else []


def _number(value: object, default: float = 0.0) -> float:
    if isinstance(value, bool):
        return default
    try:
        return float(value) if isinstance(value, int | float | str) else default
    except ValueError:
        return default
