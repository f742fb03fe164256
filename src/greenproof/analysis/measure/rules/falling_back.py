"""Values of the test's own that stand in for an answer that is missing."""

import ast
from collections.abc import Iterator

from greenproof.analysis.measure.kinds import weakened
from greenproof.analysis.measure.reaching import Comparison, Trait
from greenproof.analysis.measure.shapes import dotted, in_order, last, shown
from greenproof.analysis.measure.suite import Function, Suite, is_literal
from greenproof.analysis.measure.telling import always, told
from greenproof.model.measure import MeasureFinding, Place

FALLBACK = weakened(
    "fallback-added",
    "A value of the test's own stands in for an answer that is missing.",
    'order = fetch() or SAMPLE, body.get("total", 10), except KeyError: return DEFAULT',
    "Let the test fail when the answer is missing.",
)
HARD_CODED = weakened(
    "result-hard-coded",
    "A function that brought what it observed returns a constant now.",
    'def total(): return client.get("/total").json() became return 10',
    "Return what the system answered.",
)
KINDS = (FALLBACK, HARD_CODED)


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """New stand-ins for answers."""
    yield from told(comparison, _fallbacks, always(FALLBACK))
    yield from _constants(comparison)


def _fallbacks(function: Function, suite: Suite) -> Iterator[Trait]:
    for statement, _ in in_order(function.body):
        for node in _expressions(statement):
            if (said := _stands_in(node, suite, function.path)) is not None:
                yield Trait(said, function.path, getattr(node, "lineno", 0), shown(node), function.id)
        if isinstance(statement, ast.Try):
            for handler in statement.handlers:
                for inner in handler.body:
                    value = getattr(inner, "value", None)
                    if (
                        isinstance(inner, ast.Return | ast.Assign)
                        and isinstance(value, ast.expr)
                        and _is_own(value, suite, function.path)
                    ):
                        text = f"except: {shown(inner)}"
                        yield Trait(f"except {shown(value)}", function.path, inner.lineno, text, function.id)


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement itself; those of the statements in it come with these."""
    for _, value in ast.iter_fields(statement):
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ast.expr):
                yield from ast.walk(one)


def _stands_in(node: ast.AST, suite: Suite, path: str) -> str | None:
    match node:
        case ast.BoolOp(op=ast.Or(), values=[*_, ast.expr() as default]) if _is_own(default, suite, path):
            if any("environ" in dotted(v) or last(v) == "getenv" for v in node.values):
                return None
            return f"or {shown(default)}"
        case ast.IfExp(orelse=default) if _is_own(default, suite, path) and not is_literal(node.body):
            return f"else {shown(default)}"
        case ast.Call(func=ast.Attribute(attr="get" | "pop", value=owner), args=[ast.Constant(), default]):
            if _is_own(default, suite, path) and not dotted(owner).endswith("environ"):
                return f"get {shown(default)}"
        case ast.Call(func=ast.Name(id="getattr"), args=[_, _, default]) if _is_own(default, suite, path):
            return f"getattr {shown(default)}"
        case ast.Call(func=ast.Name(id="next"), args=[_, default]) if _is_own(default, suite, path):
            return f"next {shown(default)}"
    return None


def _is_own(node: ast.expr, suite: Suite, path: str) -> bool:
    """Whether it is a value that the test brings itself; not None and nothing empty, which would be noticed."""
    if isinstance(node, ast.Name):
        constant = suite.constant(path, node.id)
        return _says_something(constant) if constant is not None else node.id.isupper()
    return is_literal(node) and _says_something(node)


def _says_something(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return value is not None and value is not False and value not in ("", 0)
        case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
            return bool(elts)
        case ast.Dict(keys=keys):
            return bool(keys)
    return True


def _constants(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Helpers and fixtures that brought what they observed, and bring nothing but constants now."""
    for id_, old in comparison.before.functions.items():
        new = comparison.matches.pairs.get(id_)
        if new is None or old.test or new.test:
            continue
        past, present = _brought(old), _brought(new)
        if past and present and not _own(past, old, comparison.before) and _own(present, new, comparison.after):
            place = Place(new.path, present[0].lineno)
            yield HARD_CODED.finding(new.id, place, was=shown(past[0]), now=shown(present[0]))


def _brought(function: Function) -> list[ast.expr]:
    """What a function returns or yields."""
    if function.node is None:
        return []
    values = [s.value for s, _ in in_order(function.body) if isinstance(s, ast.Return | ast.Expr)]
    found = [v.value if isinstance(v, ast.Yield) else v for v in values]
    loose = [s for s, _ in in_order(function.body) if isinstance(s, ast.Expr) and not isinstance(s.value, ast.Yield)]
    left_out = {id(s.value) for s in loose}
    return [v for v in found if v is not None and id(v) not in left_out]


def _own(values: list[ast.expr], function: Function, suite: Suite) -> bool:
    return all(_is_own(value, suite, function.path) for value in values)
