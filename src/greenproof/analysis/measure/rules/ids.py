"""Tests that are gone, renamed, hidden or only there under a condition."""

import ast
from collections.abc import Iterator

from greenproof.analysis.measure.kinds import note, weakened
from greenproof.analysis.measure.reaching import Comparison
from greenproof.analysis.measure.shapes import last, shown
from greenproof.analysis.measure.suite import Function, is_literal
from greenproof.model.measure import MeasureFinding, Place

LOST = weakened(
    "id-lost",
    "A test that was collected is not collected any more.",
    "`def test_refund()` is gone, is called `_test_refund` now, or moved into another function",
    "Bring it back, or say with `--removed` or `measure accept` that it is gone on purpose.",
)
RENAMED = note(
    "id-renamed",
    "A test has another name now; its body is the same or nearly the same.",
    "`test_refund` is called `test_money_back` now",
    "Nothing, if it was meant: what else changed in it is told apart.",
)
SHADOWED = weakened(
    "id-shadowed",
    "A later definition of the same name hides a test: Python knows only the last one.",
    "two functions `test_refund` in one file",
    "Give each test a name of its own.",
)
GUARDED = weakened(
    "id-guarded",
    "A test is defined only under a condition now.",
    'if os.environ.get("FULL"): def test_refund(): ...',
    "Define it always; a skip with a reason is at least reported.",
)
PARAMETERS = weakened(
    "parameters-removed",
    "A test runs with fewer parameters than before.",
    "`parametrize('plan', ['free', 'pro'])` has only `['free']` now",
    "Bring the parameters back.",
)
KINDS = (LOST, RENAMED, SHADOWED, GUARDED, PARAMETERS)


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Whatever happened to tests as a whole."""
    before, after, matches = comparison.before, comparison.after, comparison.matches
    hidden = {f.id: f for f in after.shadowed}
    known = {f.id for f in before.shadowed}
    for id_, old in before.tests.items():
        new = matches.pairs.get(id_)
        if new is None:
            yield _lost(old, None, before=comparison)
            continue
        if not new.test:
            yield _lost(old, new, before=comparison)
            continue
        if id_ in matches.renamed:
            yield RENAMED.finding(new.id, _place(new), f"It was {old.id}.", was=old.id, now=new.id, tests=1)
        if new.guard and new.guard != old.guard:
            yield GUARDED.finding(new.id, _place(new), was=old.guard or "always", now=new.guard, tests=1)
        yield from _parameters(old, new)
    for id_, function in hidden.items():
        if id_ not in known:
            yield SHADOWED.finding(
                id_, _place(function), was="one definition", now="two, the later one counts", tests=1
            )


def _place(function: Function) -> Place:
    return Place(function.path, function.line)


def _lost(old: Function, new: Function | None, *, before: Comparison) -> MeasureFinding:
    unread = before.after.measure.unread.get(old.path)
    why = f"its file can't be judged: {unread}" if unread else "nothing like it is there any more"
    if new is not None:
        why = new.why_not or "it is not collected"
    now = f"{new.id} ({why})" if new is not None else "gone"
    return LOST.finding(old.id, _place(new or old), f"{old.id}: {why}.", was=old.id, now=now, tests=1)


def _parameters(old: Function, new: Function) -> Iterator[MeasureFinding]:
    past, present = _sets(old), _sets(new)
    for name, values in past.items():
        if name not in present:
            # The values may have become a loop or tests of their own; fewer ids ran in any case.
            if values and len(values) > 1:
                yield PARAMETERS.finding(
                    new.id, _place(new), f"It ran for each of {len(values)} values of {name}.",
                    was=", ".join(values)[:300], now="not parametrised", tests=1,
                )  # fmt: skip
            continue
        now = present[name]
        if values is None or now is None:
            continue
        gone = [v for v in values if v not in now]
        if gone and len(now) < len(values):
            yield PARAMETERS.finding(
                new.id, _place(new), f"{len(gone)} of {len(values)} values of {name} are gone.",
                was=", ".join(values)[:300], now=", ".join(now)[:300], tests=1,
            )  # fmt: skip


def _sets(function: Function) -> dict[str, list[str] | None]:
    """The values of each `parametrize`, by its names; None for values that are made elsewhere."""
    found: dict[str, list[str] | None] = {}
    for decorator in function.decorators:
        if isinstance(decorator, ast.Call) and last(decorator.func) == "parametrize" and len(decorator.args) >= 2:
            values = decorator.args[1]
            listed = isinstance(values, ast.List | ast.Tuple) or (isinstance(values, ast.Set) and is_literal(values))
            names = shown(decorator.args[0]).replace(" ", "")
            found[names] = [_value(e) for e in values.elts] if listed else None  # type: ignore[attr-defined]
    return found


def _value(node: ast.expr) -> str:
    """A value of a parameter, without its id and marks."""
    if isinstance(node, ast.Call) and last(node.func) == "param":
        return ", ".join(shown(a) for a in node.args)
    return shown(node)
