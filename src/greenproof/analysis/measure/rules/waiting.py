"""Time limits, pauses and attempts that grew."""

import ast
from collections.abc import Iterator

from greenproof.analysis.measure.checks import number
from greenproof.analysis.measure.kinds import FindingKind, weakened
from greenproof.analysis.measure.reaching import Change, Comparison, Trait
from greenproof.analysis.measure.shapes import Shapes, last, shown
from greenproof.analysis.measure.suite import Function, Suite
from greenproof.analysis.measure.telling import told
from greenproof.model.measure import MeasureFinding

TIMEOUT = weakened(
    "timeout-raised",
    "A time limit was raised.",
    "client.get('/orders', timeout=5) became timeout=60",
    "Keep the limit, and find out why it is not met.",
)
SLEEP = weakened(
    "sleep-added",
    "A test waits longer than before, or waits where it did not.",
    "time.sleep(10) before the request",
    "Wait for what is to happen, not for time to pass.",
)
RETRY = weakened(
    "retries-raised",
    "Something is tried again, or more often than before.",
    "@pytest.mark.flaky(reruns=5) on a test, range(3) became range(30) in a helper that polls",
    "Find out why the first attempt fails.",
)
KINDS = (TIMEOUT, SLEEP, RETRY)

_SLEEPS = frozenset({"sleep", "wait_for_timeout", "implicitly_wait"})
_LIMITS = ("timeout", "deadline", "max_wait", "wait_for", "patience")
_ATTEMPTS = (
    "retries",
    "retry",
    "reruns",
    "attempts",
    "tries",
    "max_tries",
    "max_attempts",
    "times",
    "stop_after_attempt",
)
_RETRIES = frozenset(
    {"flaky", "retry", "retrying", "repeat_until", "on_exception", "Retry", "stop_after_attempt", "retry_on"}
)


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Everything that gives the system more time than before."""
    yield from told(comparison, _waits, _kind, familiar=True)


def _kind(change: Change) -> FindingKind | None:
    key = change.trait.key.partition(":")[0]
    if key == "limit":
        # A limit where there was none is stricter.
        return TIMEOUT if change.was is not None else None
    return SLEEP if key == "sleep" else RETRY


def _waits(function: Function, suite: Suite) -> Iterator[Trait]:
    shapes = Shapes(suite, function.path)
    for part in (*function.decorators, *function.body):
        for node in ast.walk(part):
            if isinstance(node, ast.Call):
                yield from _called(node, function, shapes)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                yield from _assigned(node, function)
            elif isinstance(node, ast.For) and _tries_again(node):
                value = shapes.resolved(node.iter)
                size = _range(value)
                if size is not None:
                    yield Trait("attempts:loop", function.path, node.lineno, shown(value), function.id, size)
            elif isinstance(node, ast.While | ast.Compare):
                yield from _compared(node, function, shapes)
    if function.node is not None:
        yield from _defaults(function.node.args, function, shapes)


def _called(node: ast.Call, function: Function, shapes: Shapes) -> Iterator[Trait]:
    name = last(node.func)
    line = getattr(node, "lineno", 0)
    if name in _SLEEPS and node.args:
        size = number(shapes.resolved(node.args[0]))
        yield Trait("sleep", function.path, line, shown(node), function.id, size if size is not None else 1e-3)
    elif name == "timeout" and node.args:
        # `@pytest.mark.timeout(5)`, `asyncio.timeout(5)`
        yield from _limit(name, shapes.resolved(node.args[0]), shown(node), line, function)
    elif name in _RETRIES:
        sizes = [number(shapes.resolved(a)) for a in (*node.args, *(k.value for k in node.keywords))]
        size = max((s for s in sizes if s is not None), default=1.0)
        yield Trait(f"attempts:{name}", function.path, line, shown(node), function.id, size)
    if name == "wait_for" and len(node.args) > 1:
        yield from _limit("timeout", shapes.resolved(node.args[1]), shown(node), line, function)
    for keyword in node.keywords:
        word, value = (keyword.arg or "").lower(), shapes.resolved(keyword.value)
        text = f"{keyword.arg}={shown(value)}"
        if any(limit in word for limit in _LIMITS):
            yield from _limit(word, value, text, line, function)
        elif word in _ATTEMPTS and name not in _RETRIES and (size := number(value)) is not None:
            yield Trait(f"attempts:{word}", function.path, line, text, function.id, size)


def _limit(name: str, value: ast.expr, text: str, line: int, function: Function) -> Iterator[Trait]:
    size = number(value)
    if isinstance(value, ast.Constant) and value.value is None:
        size = float("inf")
    if isinstance(value, ast.Tuple):
        size = max((s for s in map(number, value.elts) if s is not None), default=None)
    if size is not None:
        yield Trait(f"limit:{name}", function.path, line, text, function.id, size)


def _assigned(node: ast.Assign | ast.AnnAssign, function: Function) -> Iterator[Trait]:
    """A local or module constant that is named like a limit."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    value = node.value
    for target in targets:
        name = last(target).lower()
        size = _amount(value)
        if size is None or not isinstance(value, ast.expr):
            continue
        text = f"{last(target)} = {shown(value)}"
        if any(limit in name for limit in _LIMITS):
            yield Trait(f"limit:{name}", function.path, node.lineno, text, function.id, size)
        elif any(name == word or name.endswith(f"_{word}") for word in _ATTEMPTS):
            yield Trait(f"attempts:{name}", function.path, node.lineno, text, function.id, size)


def _amount(value: ast.expr | None) -> float | None:
    """`30`, or the 30 of `time.time() + 30`."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        found = number(value)
        return found if found is not None else number(value.right) or number(value.left)
    return number(value)


def _defaults(arguments: ast.arguments, function: Function, shapes: Shapes) -> Iterator[Trait]:
    every = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(every[len(every) - len(arguments.defaults) :], arguments.defaults, strict=True)]
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    for argument, default in pairs:
        name, value = argument.arg.lower(), shapes.resolved(default)
        text = f"{argument.arg}={shown(value)}"
        if any(limit in name for limit in _LIMITS):
            yield from _limit(name, value, text, getattr(default, "lineno", 0), function)
        elif name in _ATTEMPTS and (size := number(value)) is not None:
            yield Trait(f"attempts:{name}", function.path, getattr(default, "lineno", 0), text, function.id, size)


def _compared(node: ast.While | ast.Compare, function: Function, shapes: Shapes) -> Iterator[Trait]:
    """`while time.time() - start < 30`."""
    if not isinstance(node, ast.While):
        return
    for inner in ast.walk(node.test):
        if isinstance(inner, ast.Compare) and len(inner.comparators) == 1:
            value = shapes.resolved(inner.comparators[0])
            size = _amount(value)
            if size is not None:
                yield Trait("limit:while", function.path, node.lineno, shown(inner), function.id, size)


def _tries_again(node: ast.For) -> bool:
    """A loop that leaves when it has what it wants."""
    return any(isinstance(n, ast.Break | ast.Return | ast.Try) for s in node.body for n in ast.walk(s))


def _range(node: ast.expr) -> float | None:
    if isinstance(node, ast.Call) and last(node.func) == "range" and node.args:
        ends = [number(a) for a in node.args]
        return ends[0] if len(ends) == 1 else ((ends[1] or 0) - (ends[0] or 0))
    return None
