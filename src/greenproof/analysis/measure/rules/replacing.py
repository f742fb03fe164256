"""Parts of a client or of the system that are given another value in the running process."""

import ast
from collections import Counter
from collections.abc import Iterator

from greenproof.analysis.measure.kinds import weakened
from greenproof.analysis.measure.reaching import Change, Comparison, Trait
from greenproof.analysis.measure.shapes import dotted, last, shown
from greenproof.analysis.measure.suite import MODULE, Function, Suite, is_literal
from greenproof.analysis.measure.telling import always, told
from greenproof.model.measure import MeasureFinding, Place

REPLACED = weakened(
    "part-replaced",
    "A part of an imported module or class is replaced while the tests run.",
    "requests.get = lambda url: SAMPLE, setattr(requests, 'get', fake), sys.modules['requests'] = fake",
    "Let the test use the library as it is.",
)
KINDS = (REPLACED,)

_HARMLESS = frozenset({"pytest", "pytestmark", "logging", "warnings"})
_READS = frozenset({"getenv", "get", "str", "int", "float", "bool", "Path", "format", "join", "strip"})
"""Calls that bring a setting: `client.api_key = os.getenv("KEY")`."""


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """In what tests run; and on the level of new files: importing one is enough."""
    yield from told(comparison, _replaced, always(REPLACED))
    yield from _on_import(comparison)


def _on_import(comparison: Comparison) -> Iterator[MeasureFinding]:
    old = Counter(
        t.key for f in comparison.before.functions.values() if f.last == MODULE for t in _replaced(f, comparison.before)
    )
    for function in comparison.after.functions.values():
        if function.last != MODULE or function.id in comparison.matches.back:
            continue
        for one in dict.fromkeys(comparison.new.of(function)):
            for trait in _replaced(one, comparison.after):
                if old[trait.key] > 0:
                    # It stood in another file.
                    old[trait.key] -= 1
                    continue
                change = Change(trait, None, ())
                place = Place(change.trait.path, change.trait.line)
                yield REPLACED.finding(trait.owner, place, was="nothing of the kind", now=trait.text)


def _replaced(function: Function, suite: Suite) -> Iterator[Trait]:
    imported = suite.imported(function.path)
    if not imported:
        return
    for part in function.body:
        for node in ast.walk(part):
            for target, value in _given(node):
                if _root(target) in imported - _HARMLESS and _stands_in(target, value):
                    line = getattr(node, "lineno", 0)
                    yield Trait(shown(target), function.path, line, shown(node), function.id)


def _given(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What gets a value from outside of its own class, and the value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets if isinstance(target, ast.Attribute | ast.Subscript))
        case ast.AnnAssign(target=ast.Attribute() | ast.Subscript() as target, value=ast.expr() as value):
            yield target, value
        case ast.Call(func=func, args=[owner, ast.Constant(value=str(name)), value]) if last(func) in (
            "setattr",
            "__setattr__",
        ) and "patch" not in dotted(func):
            yield ast.Attribute(owner, name, ast.Load()), value
        case ast.Call(func=ast.Attribute(value=owner, attr="__setattr__"), args=[ast.Constant(value=str(name)), value]):
            yield ast.Attribute(owner, name, ast.Load()), value


def _root(node: ast.expr) -> str:
    match node:
        case ast.Attribute(value=value):
            return _root(value)
        # A key that is no text is that of a loader: `sys.modules[spec.name] = module`.
        case ast.Subscript(value=ast.Attribute(value=value, attr="__dict__" | "modules"), slice=ast.Constant()):
            return _root(value)
        case ast.Subscript(value=ast.Call(func=ast.Name(id="vars"), args=[owner])):
            return _root(owner)
        case ast.Name(id=name):
            return name
    return ""


def _stands_in(target: ast.expr, value: ast.expr) -> bool:
    """Whether this is more than a setting: something that can be called, or an attribute of a class."""
    if is_literal(value):
        owner = target.value if isinstance(target, ast.Attribute) else target
        return last(owner)[:1].isupper()
    match value:
        case ast.Lambda() | ast.Name() | ast.Attribute():
            return not (isinstance(value, ast.Name | ast.Attribute) and last(value).isupper())
        case ast.Call(func=func):
            return last(func) not in _READS
    return False
