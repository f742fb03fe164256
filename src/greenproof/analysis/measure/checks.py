"""The checks of a function: what each looks at, and what it accepts."""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from greenproof.analysis.measure.shapes import Shapes, in_order, is_measured, last, shown
from greenproof.analysis.measure.suite import Function, Suite, is_literal

_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne", "is": "is", "is-not": "is-not"}
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
    ast.Is: "is", ast.IsNot: "is-not", ast.In: "in", ast.NotIn: "not-in",
}  # fmt: skip
_NEGATED = {
    "eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "in": "not-in", "not-in": "in",
    "is": "is-not", "is-not": "is", "truthy": "falsy", "falsy": "truthy",
}  # fmt: skip
_STRENGTH = {
    "raises": 6, "eq": 6, "is": 6, "approx": 5, "in": 4, "lt": 4, "le": 4, "gt": 4, "ge": 4, "contains": 3, "call": 3,
    "falsy": 3, "not-in": 2, "ne": 2, "is-not": 1, "isinstance": 1, "truthy": 1, "any-of": 1, "always": 0,
}  # fmt: skip
_UNITTEST: dict[str, type[ast.cmpop]] = {
    "assertEqual": ast.Eq, "assertEquals": ast.Eq, "assertNotEqual": ast.NotEq, "assertIn": ast.In,
    "assertNotIn": ast.NotIn, "assertIs": ast.Is, "assertIsNot": ast.IsNot, "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE, "assertLess": ast.Lt, "assertLessEqual": ast.LtE, "assertDictEqual": ast.Eq,
    "assertListEqual": ast.Eq, "assertSetEqual": ast.Eq, "assertTupleEqual": ast.Eq, "assertCountEqual": ast.Eq,
    "assertMultiLineEqual": ast.Eq, "assertSequenceEqual": ast.Eq, "assertAlmostEqual": ast.Eq,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Check:
    """One thing that must hold."""

    subject: str
    relation: str
    """`eq`, `in`, `lt`, `truthy`, `raises`, `any-of`, `always` ..."""
    expected: str
    value: ast.expr | None
    """What it is compared with, resolved."""
    measured: bool
    """The subject holds more than constants."""
    guards: tuple[str, ...]
    path: str
    line: int
    text: str
    owner: str = ""
    """Id of the function in which it stands."""
    alternatives: tuple["Check", ...] = ()
    own: bool = False
    """What is expected is taken from the same answer."""

    @cached_property
    def key(self) -> tuple[str, str, str]:
        """Equal for checks that say the same."""
        return self.subject, self.relation, self.expected

    @property
    def strength(self) -> int:
        """Of the kind of relation, roughly."""
        return _STRENGTH.get(self.relation, 3)

    @cached_property
    def accepted(self) -> frozenset[str] | None:
        """The values that it accepts, if they can be counted."""
        if self.relation in ("eq", "is") and self.value is not None and is_literal(self.value):
            return frozenset({self.expected})
        if self.relation == "any-of" and len({a.subject for a in self.alternatives}) == 1:
            sets = [a.accepted for a in self.alternatives]
            return frozenset().union(*(s for s in sets if s)) if all(s is not None for s in sets) else None
        value = self.value
        if isinstance(value, ast.Call) and last(value.func) in ("frozenset", "set", "tuple", "list") and value.args:
            value = value.args[0]
        if self.relation == "in" and isinstance(value, ast.Tuple | ast.List | ast.Set) and is_literal(value):
            return frozenset(shown(e) for e in value.elts)
        return None

    @cached_property
    def numbers(self) -> tuple[float, float] | None:
        """The lowest and highest number that it accepts, if it sets a bound."""
        if self.relation == "in" and isinstance(self.value, ast.Call) and last(self.value.func) == "range":
            ends = [number(a) for a in self.value.args]
            if ends and all(e is not None for e in ends):
                return (0.0, (ends[0] or 0) - 1) if len(ends) == 1 else (ends[0] or 0.0, (ends[1] or 0) - 1)
        limit = number(self.value)
        if limit is None:
            return None
        match self.relation:
            case "eq" | "is":
                return limit, limit
            case "lt" | "le":
                return -math.inf, limit - (1e-9 if self.relation == "lt" else 0)
            case "gt" | "ge":
                return limit + (1e-9 if self.relation == "gt" else 0), math.inf
        return None


def number(node: ast.expr | None) -> float | None:
    """The number that an expression of constants is."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            found = number(inner)
            return -found if found is not None else None
        case ast.BinOp(left=left, op=op, right=right):
            a, b = number(left), number(right)
            if a is None or b is None:
                return None
            if isinstance(op, ast.Mult):
                return a * b
            if isinstance(op, ast.Add):
                return a + b
            if isinstance(op, ast.Div) and b:
                return a / b
            if isinstance(op, ast.Sub):
                return a - b
    return None


def bare(subject: str) -> str | None:
    """A subject without the constants that are added to it or bound it; None if it can't be read."""
    try:
        return ast.unparse(_Bare().visit(ast.parse(subject, mode="eval")))
    except (SyntaxError, ValueError, RecursionError):
        return None


class _Bare(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if number(node.right) is not None and not is_literal(node.left):
            return node.left
        return node.right if number(node.left) is not None and not is_literal(node.right) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        held = [one for one in node.args if not is_literal(one)]
        clamps = last(node.func) in ("min", "max", "round", "abs", "int", "float") and not isinstance(
            node.func, ast.Attribute
        )
        return held[0] if clamps and len(held) == 1 and not node.keywords else node


def checks_of(function: Function, suite: Suite) -> tuple[Check, ...]:
    """The checks that stand in a function itself, in order."""
    shapes = Shapes(suite, function.path)
    if function.node is not None:
        shapes.takes(function.node.args)
    found: list[Check] = []
    for statement, guards in in_order(function.body):
        reader = _Reader(shapes, function, guards)
        found += reader.statement(statement)
        shapes.learn(statement)
    return tuple(found)


class _Reader:
    def __init__(self, shapes: Shapes, function: Function, guards: tuple[str, ...]) -> None:
        self._shapes, self._function, self._guards = shapes, function, guards

    def statement(self, node: ast.stmt) -> Iterator[Check]:
        match node:
            case ast.Assert(test=test):
                yield from self.condition(test, node)
            case ast.Expr(value=ast.Await(value=ast.Call() as call)) | ast.Expr(value=ast.Call() as call):
                yield from self._called(call, node)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if isinstance(item.context_expr, ast.Call) and _raises(item.context_expr):
                        yield self._raising(item.context_expr, node)
            case ast.If(test=test, body=body) if len(body) == 1 and fails(body[0]):
                yield from self.condition(ast.UnaryOp(ast.Not(), test), node, text=f"fail if {shown(test)}")
            case ast.Assign(value=ast.Call() as call) | ast.Return(value=ast.Call() as call):
                if last(call.func) in ("raise_for_status", "check_output") or _checks(call):
                    yield from self._called(call, node)

    def condition(self, test: ast.expr, node: ast.stmt, *, no: bool = False, text: str = "") -> Iterator[Check]:
        text = text or shown(node)
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                yield from self.condition(inner, node, no=not no, text=text)
            case ast.BoolOp(op=op, values=values) if isinstance(op, ast.Or if no else ast.And):
                for value in values:
                    yield from self.condition(value, node, no=no, text=text)
            case ast.BoolOp(values=values):
                parts = [tuple(self.condition(value, node, no=no, text=text)) for value in values]
                yield self._any_of(parts, node, text)
            case ast.Compare(left=left, ops=ops, comparators=others):
                before = left
                for operator, after in zip(ops, others, strict=True):
                    yield self._compared(before, operator, after, node, no=no, text=text)
                    before = after
            case ast.Call(func=ast.Name(id="isinstance"), args=[subject, kind]) if not no:
                yield self._made("isinstance", self._shapes.resolved(subject), kind, node, text)
            case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp() | ast.ListComp() as each]) if not no:
                yield from self.condition(each.elt, node, text=text)
            case _:
                yield self._plain(test, node, no=no, text=text)

    def _plain(self, test: ast.expr, node: ast.stmt, *, no: bool, text: str) -> Check:
        subject = self._shapes.resolved(test)
        if is_literal(subject) and isinstance(subject, ast.Constant):
            relation = "always" if bool(subject.value) != no else "never"
            return self._made(relation, subject, None, node, text)
        return self._made("falsy" if no else "truthy", subject, None, node, text)

    def _compared(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr, node: ast.stmt, *, no: bool, text: str
    ) -> Check:
        relation = _OPERATORS[type(operator)]
        relation = _NEGATED[relation] if no else relation
        first, second = self._shapes.resolved(left), self._shapes.resolved(right)
        here, there = self._shapes.origins.of(left), self._shapes.origins.of(right)
        if here.roots and here.text == there.text and not here.fresh:
            # The answer beside itself.
            holds = "always" if relation in ("eq", "le", "ge", "is", "in") else relation
            return self._made(holds, first, None, node, text)
        if relation in _MIRRORED and is_literal(first) and not is_literal(second):
            first, second, relation = second, first, _MIRRORED[relation]
        if shown(first) == shown(second) and "(" not in shown(first) and "_" not in shown(first):
            return self._made(
                "always" if relation in ("eq", "le", "ge", "is", "in") else relation, first, None, node, text
            )
        if relation in ("in", "not-in") and is_literal(first) and not is_literal(second):
            # `"id" in body` looks at the body.
            relation = "contains" if relation == "in" else "not-in"
            first, second = second, first
        if relation == "eq" and isinstance(second, ast.Call) and last(second.func) == "approx":
            relation = "approx"
        if relation == "is-not" and isinstance(second, ast.Constant) and second.value is None:
            return self._made("is-not", first, second, node, text)
        made = self._made(relation, first, second, node, text)
        return replace(made, own=bool(here.roots & there.roots) and not is_literal(second))

    def _any_of(self, parts: list[tuple[Check, ...]], node: ast.stmt, text: str) -> Check:
        flat = tuple(check for part in parts for check in part)
        if any(len(part) == 1 and part[0].relation == "always" for part in parts):
            return self._made("always", ast.Constant(True), None, node, text)
        made = self._made("any-of", ast.Constant(True), None, node, text)
        subjects = sorted({check.subject for check in flat})
        said = " or ".join(sorted("/".join(check.key) for check in flat))
        subject = subjects[0] if len(subjects) == 1 else "|".join(subjects)
        return replace(made, subject=subject, expected=said, alternatives=flat, measured=any(c.measured for c in flat))

    def _called(self, call: ast.Call, node: ast.stmt) -> Iterator[Check]:
        name, arguments = last(call.func), call.args
        text = shown(node)
        if name in _UNITTEST and len(arguments) >= 2:
            yield self._compared(arguments[0], _UNITTEST[name](), arguments[1], node, no=False, text=text)
        elif name in ("assertTrue", "assertFalse", "assert_", "failUnless") and arguments:
            yield from self.condition(arguments[0], node, no=name == "assertFalse", text=text)
        elif name in ("assertIsNone", "assertIsNotNone") and arguments:
            operator = ast.Is() if name == "assertIsNone" else ast.IsNot()
            yield self._compared(arguments[0], operator, ast.Constant(None), node, no=False, text=text)
        elif name == "assertIsInstance" and len(arguments) >= 2:
            yield self._made("isinstance", self._shapes.resolved(arguments[0]), arguments[1], node, text)
        elif _raises(call):
            yield self._raising(call, node)
        elif _checks(call):
            said = ", ".join(self._shapes.text(a) for a in arguments)
            made = self._made("call", ast.Name(name, ast.Load()), None, node, text)
            yield replace(made, expected=said, measured=True)

    def _raising(self, call: ast.Call, node: ast.stmt) -> Check:
        kind = shown(call.args[0]) if call.args else ""
        match = next((self._shapes.text(k.value) for k in call.keywords if k.arg == "match"), "")
        made = self._made("raises", ast.Name("raises", ast.Load()), None, node, shown(call))
        return replace(made, expected=f"{kind} {match}".strip(), measured=True)

    def _made(self, relation: str, subject: ast.expr, value: ast.expr | None, node: ast.stmt, text: str) -> Check:
        return Check(
            shown(subject), relation, shown(value) if value is not None else "", value, is_measured(subject),
            self._guards, self._function.path, node.lineno, text, self._function.id,
        )  # fmt: skip


def _raises(call: ast.Call) -> bool:
    return last(call.func) in ("raises", "assertRaises", "assertRaisesRegex")


def _checks(call: ast.Call) -> bool:
    """A function whose name says that it checks: `assert_order(...)`, `raise_for_status()`, `validate(...)`."""
    name = last(call.func).lower()
    return name.startswith(
        ("assert", "verify", "check", "expect", "validate", "ensure", "to_have", "to_be", "to_contain")
    ) or (name == "raise_for_status")


def fails(node: ast.stmt) -> bool:
    """Whether a statement makes the test red."""
    match node:
        case ast.Raise(exc=ast.expr() as raised):
            return last(raised) in ("AssertionError", "Failed") or "Error" in last(raised)
        case ast.Expr(value=ast.Call(func=func)):
            return last(func) in ("fail", "exit")
        case ast.Assert(test=ast.Constant(value=value)):
            return not value
    return False
