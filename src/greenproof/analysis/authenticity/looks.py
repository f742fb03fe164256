"""What do the checks of a test look at? Read from its source: a hint about which fault tells most, never evidence.

Who checks that a list is not empty does not notice other values in it; who checks all that is in it does not notice
that it is empty. So the answer that a case gets in the second fault run lacks what its checks look at.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from greenproof.model.faults import Blank, Substitute

_STATUS = frozenset({"status_code", "status", "code", "getcode", "reason", "reason_phrase"})
_OKAY = frozenset({"ok", "is_success", "is_error", "is_client_error", "is_server_error"})
_BESIDE = frozenset(
    {
        "headers",
        "cookies",
        "url",
        "history",
        "links",
        "content_type",
        "encoding",
        "next_request",
        "getheader",
    }
)
"""What an answer has besides its body, and what no emptied body shows."""
_TEXT = frozenset({"text", "content", "body", "data", "lower", "upper", "decode", "read", "getvalue", "strip"})
_NOTHING_OF_IT = frozenset({"request", "elapsed"})
"""What an answer has and the service did not say."""
_REFUTES = {"assertFalse", "assertIsNone", "assertNotRegex"}
_COMPARES: dict[str, type[ast.cmpop]] = {
    "assertEqual": ast.Eq, "assertEquals": ast.Eq, "assertIs": ast.Is, "assertNotEqual": ast.NotEq, "assertIn": ast.In,
    "assertNotIn": ast.NotIn, "assertGreater": ast.Gt, "assertGreaterEqual": ast.GtE, "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE, "assertIsNot": ast.IsNot,
}  # fmt: skip


_CONTAINERS = (ast.List, ast.Tuple, ast.Dict)


class Look(StrEnum):
    """What one check looks at."""

    VALUE = "value"
    EACH = "each"
    """All or any of what a list holds."""
    SIZE = "size"
    """Whether there is anything, and how much."""
    NONE = "none"
    """That there is nothing."""
    KIND = "kind"
    """Of which type it is, or that it is not null."""
    KEY = "key"
    ABSENT = "absent"
    """That something is not among it: an answer that says nothing does not tell."""
    OPEN = "open"
    """That it differs, or lies between bounds: other values may do."""
    STATUS = "status"
    BESIDE = "beside"
    """A header, or what else comes with an answer."""


_OPEN = frozenset({Look.ABSENT, Look.OPEN, Look.STATUS, Look.BESIDE})


@dataclass(slots=True)
class Looks:
    """What the checks of one function look at."""

    found: set[Look] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    """Names of which it checks that they are there."""
    turns: dict[str, list[str]] = field(default_factory=dict)
    """Texts that the names of loops and of parameters stand for."""
    parameters: frozenset[str] = frozenset()
    """Names of parameters that stand for what is not known."""

    @property
    def beyond_content(self) -> bool:
        """Some check may hold, or not, whatever the content of the answers."""
        return bool(self.found & _OPEN)

    @property
    def absence(self) -> bool:
        """What it says of the content is that something is not there."""
        return Look.ABSENT in self.found and Look.VALUE not in self.found

    def of_others(self) -> "Looks":
        """Those of functions that a test calls: of what is absent there, the test may ask nothing."""
        if Look.ABSENT in self.found:
            self.found = (self.found - {Look.ABSENT}) | {Look.OPEN}
        return self

    def emptied(self, count: int, after: int = 0) -> Substitute:
        """What it should notice, if anything in `count` answers is looked at. So many pass first."""
        found = self.found - _OPEN
        blank, without = Blank.OTHER, tuple[str, ...]()
        if found and found != {Look.EACH} and Look.VALUE not in found:
            blank = Blank.NULL if Look.KIND in found and Look.SIZE not in found else Blank.NOTHING
            without = tuple(dict.fromkeys(self.keys))
        # Who goes through a list that is empty looks at nothing; who says that it is empty notices if it is not.
        lists = Look.NONE not in found and (not found or bool(found & {Look.VALUE, Look.EACH}))
        return Substitute(
            status=None, emptied=True, after=after, whole_from=count, blank=blank, lists=lists, without=without
        )

    def let_through(self, count: int, after: int) -> Substitute:
        """The same for what a helper lets through; that a field is there, and not empty, helpers see to."""
        blank = Blank.NOTHING if self.found == {Look.NONE} else Blank.OTHER
        return replace(self.emptied(count, after), blank=blank, without=())


def looks_of(functions: Iterable[ast.AST]) -> Looks:
    """Of all checks within some functions."""
    functions = list(functions)
    turns, parameters = _turns(functions), _parameters(functions)
    turns.update({name: texts for name, texts in parameters.items() if texts})
    looks = Looks(turns=turns, parameters=frozenset(parameters) - turns.keys())
    for part in (part for function in functions for part in ast.walk(function)):
        if isinstance(part, ast.Assert):
            _see(part.test, looks)
        elif isinstance(part, ast.Call):
            _see_call(part, looks)
        if isinstance(part, ast.For | ast.AsyncFor) and any(isinstance(one, ast.Assert) for one in ast.walk(part)):
            looks.found.update(() if _is_literal(part.iter) else {Look.EACH})
    return looks


def _turns(functions: Iterable[ast.AST]) -> dict[str, list[str]]:
    """The texts that a name stands for, one after the other: `for field in ("id", "name")`."""
    parts = [part for function in functions for part in ast.walk(function)]
    loops = [part for part in parts if isinstance(part, ast.For | ast.AsyncFor | ast.comprehension)]
    named = ((loop.target.id, _texts_of(loop.iter)) for loop in loops if isinstance(loop.target, ast.Name))
    return {name: texts for name, texts in named if texts}


def _parameters(functions: Iterable[ast.AST]) -> dict[str, list[str]]:
    """Names of parameters, and the texts that each stands for; none: it is not known for what."""
    found: dict[str, list[str]] = {}
    for mark in (one for function in functions for one in getattr(function, "decorator_list", ())):
        if isinstance(mark, ast.Call) and _last(mark.func) == "parametrize" and len(mark.args) > 1:
            names = [name.strip() for text in _texts_of(mark.args[0]) for name in text.split(",")]
            values = mark.args[1]
            known = _texts_of(values) if len(names) == 1 and isinstance(values, ast.List | ast.Tuple) else []
            found.update(dict.fromkeys(names, known))
    return found


def _is_literal(part: ast.expr) -> bool:
    return (
        isinstance(part, ast.Tuple | ast.List | ast.Set | ast.Constant) or _last(getattr(part, "func", part)) == "range"
    )


def _see_call(call: ast.Call, looks: Looks) -> None:
    """Checks of unittest."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if not name.startswith("assert"):
        return
    arguments = call.args
    if name in _COMPARES and len(arguments) > 1:
        _see_pair(arguments[0], _COMPARES[name](), arguments[1], looks)
    elif name == "assertTrue" and arguments:
        _see(arguments[0], looks)
    elif name in ("assertIsNotNone", "assertIsInstance"):
        _add(Look.KIND, arguments, looks)
    elif name in _REFUTES:
        _add(Look.NONE, arguments, looks)
    else:
        _add(Look.VALUE, arguments, looks)


def _see(test: ast.expr, looks: Looks) -> None:
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            _see(value, looks)
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        each = any(isinstance(one, ast.ListComp | ast.GeneratorExp | ast.SetComp) for one in ast.walk(test))
        _add(Look.EACH if each else Look.NONE, [test.operand], looks)
        if each:
            _add(Look.VALUE, [test.operand], looks)
    elif isinstance(test, ast.Compare):
        for left, operator, right in zip((test.left, *test.comparators), test.ops, test.comparators, strict=False):
            _see_pair(left, operator, right, looks)
    elif isinstance(test, ast.Call):
        name = _last(test.func)
        first = test.args[0] if test.args else None
        if name in ("all", "any") and isinstance(first, ast.GeneratorExp | ast.ListComp):
            looks.found.update(() if _is_literal(first.generators[0].iter) else {Look.EACH})
            _see(first.elt, looks)
            return
        kinds = {"isinstance": Look.KIND, "bool": Look.SIZE, "len": Look.SIZE}
        _add(kinds.get(name, Look.VALUE), [test], looks)
    elif not isinstance(test, ast.Constant):
        _add(Look.SIZE, [test], looks)


def _see_pair(left: ast.expr, operator: ast.cmpop, right: ast.expr, looks: Looks) -> None:
    if ast.dump(left) == ast.dump(right) or _is_any_length(left, operator, right):
        return
    names = looks.turns.get(left.id, []) if isinstance(left, ast.Name) else _texts_of(left)
    if isinstance(operator, ast.In):
        look = _among(left, right, names, looks)
    elif isinstance(operator, ast.IsNot | ast.NotEq):
        look = Look.KIND if _is_nothing(right) else Look.OPEN
    elif isinstance(operator, ast.NotIn):
        look = Look.ABSENT
    elif isinstance(operator, ast.Eq | ast.Is):
        look = _equal(left, right, looks)
    elif isinstance(operator, ast.LtE) and names:
        looks.keys += names
        look = Look.KEY
    elif isinstance(operator, ast.Gt | ast.GtE) and isinstance(right, ast.Constant) and not _mentions(left, _TEXT):
        look = Look.SIZE
    else:
        look = Look.OPEN
    _add(look, [left, right], looks)


def _among(left: ast.expr, right: ast.expr, names: list[str], looks: Looks) -> Look:
    if names and not _mentions(right, _TEXT):
        looks.keys += names
        return Look.KEY
    unknown = isinstance(left, ast.Name) and left.id in looks.parameters
    return Look.OPEN if unknown else Look.VALUE


def _is_any_length(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool:
    """`len(items) >= 0`"""
    length = isinstance(left, ast.Call) and _last(left.func) == "len"
    return length and isinstance(operator, ast.GtE) and _is_nothing(right)


def _equal(left: ast.expr, right: ast.expr, looks: Looks) -> Look:
    for one, other in ((left, right), (right, left)):
        if _is_nothing(other):
            return Look.NONE
        if any(isinstance(part, _CONTAINERS) and _is_nothing(part) for part in ast.walk(other)):
            looks.found.add(Look.NONE)
        if any(isinstance(part, ast.Call) and _last(part.func) == "len" for part in ast.walk(one)):
            return Look.SIZE
        if isinstance(one, ast.Call) and _last(one.func) in ("keys", "set") and (names := _texts_of(other)):
            looks.keys += names
            return Look.KEY
        if isinstance(one, ast.Call) and _last(one.func) == "type":
            return Look.KIND
    return Look.VALUE


def _add(look: Look, of: list[ast.expr], looks: Looks) -> None:
    """The look, or that it is at something else than the content of an answer."""
    statuses = [told for one in of for part in ast.walk(one) if (told := _status(part)) is not None]
    if any(_mentions(one, _OKAY | _NOTHING_OF_IT) for one in of):
        return
    if statuses and any(_mentions(one, _STATUS) for one in of):
        # Of a success, any other one is a failure: who excludes those has looked at nothing more.
        looks.found.update({Look.STATUS} if any(status < 300 for status in statuses) else ())
    elif any(_mentions(one, _BESIDE) for one in of):
        looks.found.add(Look.BESIDE)
    else:
        looks.found.add(look)


def _status(part: ast.AST) -> int | None:
    """A status, by its number or by a name such as `codes.CREATED`; 200 stands for every name."""
    if isinstance(part, ast.Constant):
        return part.value if type(part.value) is int and 100 <= part.value < 600 else None
    return 200 if isinstance(part, ast.Attribute) and part.attr.isupper() else None


def _is_nothing(part: ast.expr) -> bool:
    if isinstance(part, ast.Constant):
        return not part.value
    if isinstance(part, ast.List | ast.Tuple | ast.Set):
        return not part.elts
    return isinstance(part, ast.Dict) and all(_is_nothing(value) for value in part.values)


def _texts_of(part: ast.expr) -> list[str]:
    """The texts of a literal that holds nothing else."""
    parts = part.elts if isinstance(part, ast.List | ast.Tuple | ast.Set) else [part]
    texts = [one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return texts if len(texts) == len(parts) else []


def _mentions(part: ast.expr, names: frozenset[str]) -> bool:
    """Whether it looks at one of these attributes; what a call is given by name goes out with a request."""
    waiting: list[ast.AST] = [part]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Attribute) and one.attr in names:
            return True
        waiting += [inner for inner in ast.iter_child_nodes(one) if not isinstance(inner, ast.keyword)]
    return False


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
