"""Headers, flags and parameters that ask a system for something else than its real work."""

import ast
import re
from collections.abc import Iterator

from greenproof.analysis.measure.kinds import weakened
from greenproof.analysis.measure.reaching import Comparison, Trait
from greenproof.analysis.measure.shapes import last, shown
from greenproof.analysis.measure.suite import Function, Suite
from greenproof.analysis.measure.telling import always, told
from greenproof.model.measure import MeasureFinding

BYPASS = weakened(
    "bypass-added",
    "The test asks the system for a bypass, a stub or a dry run, or looks away from certificates.",
    'headers={"X-Mock": "1"}, "?dry_run=true", verify=False, os.environ["USE_FAKES"] = "1"',
    "Remove it: the test has to meet what customers meet.",
)
KINDS = (BYPASS,)

_WORD = re.compile(
    r"(?<![a-z])(by-?pass|skip|mock(ed|s|ing)?|stub(bed|s)?|dry-?run|test-?mode|fake(s|d)?|canned|no-?auth|disable[ds]?"
    r"|simulat(e|ed|ion)|noop|no-op|demo|sandbox|e2e|synthetic|force|cached?|fallback|offline|insecure|unsafe"
    r"|testing|internal)(?![a-z])"
)
_LOUD = re.compile(r"[?&]([\w-]+)(=[^&#\s]*)?")


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """New requests for something else."""
    yield from told(comparison, _bypasses, always(BYPASS))


def _bypasses(function: Function, suite: Suite) -> Iterator[Trait]:
    for part in (*function.decorators, *function.body):
        for node in ast.walk(part):
            for said, text in _named(node):
                yield Trait(said, function.path, getattr(node, "lineno", 0) or function.line, text, function.id)


def _named(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                yield from _pair(key, value)
        case ast.Assign(targets=[ast.Subscript(slice=key)], value=value):
            yield from _pair(key, value)
        case ast.Call(func=func, args=[ast.Constant() as key, value, *_]) if last(func) in (
            "setenv", "putenv", "setdefault", "add_header", "set_header", "set",
        ):  # fmt: skip
            yield from _pair(key, value)
        case ast.keyword(arg="verify" | "ssl" | "verify_ssl" | "check_hostname", value=ast.Constant(value=False)):
            yield f"{node.arg}=False", f"{node.arg}=False"
        case ast.keyword(arg=str(name), value=value) if _is_bypass(name) and not _is_off(value):
            yield name, f"{name}={shown(value)}"
        case ast.Constant(value=str(text)) if "?" in text:
            for found in _LOUD.finditer(text):
                if _is_bypass(found[1]):
                    yield found[0], text


def _pair(key: ast.expr | None, value: ast.expr) -> Iterator[tuple[str, str]]:
    name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
    header = name.lower().startswith("x-")
    loud = isinstance(value, ast.Constant) and isinstance(value.value, str) and header and _is_bypass(value.value)
    if (_is_bypass(name) and not _is_off(value)) or loud:
        yield f"{name}: {shown(value)}", f"{name}: {shown(value)}"


def _is_bypass(name: str) -> bool:
    apart = re.sub(r"([a-z])([A-Z])", r"\1-\2", name).lower().replace("_", "-")
    return len(name) <= 80 and _WORD.search(apart) is not None


def _is_off(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and (value.value in (False, None, 0, "", "0", "false", "no", "off"))
