"""What must be known of a file to tell which others a change of it concerns, without its syntax."""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from greenproof.analysis.measure.keeping import Measure, Settings
from greenproof.analysis.measure.shapes import last
from greenproof.analysis.measure.suite import Suite
from greenproof.model.measure import Form
from greenproof.model.redaction import MASK


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one file."""

    tests: int
    autouse: bool
    """It holds a fixture that nobody has to ask for."""
    imports: tuple[str, ...]
    defines: tuple[str, ...]
    """The bare name of each function."""
    constants: tuple[str, ...]
    """`NAME digest-of-the-value`."""
    names: frozenset[str]
    """Whatever it may call, ask for or look up."""
    attributes: frozenset[str]
    """Names in capitals after a dot."""


def facts_of(tree: ast.Module, path: str, settings: Mapping[str, Settings]) -> Facts:
    """The facts of one file."""
    suite = Suite.of(Measure({path: tree}, settings=settings))
    functions = suite.functions.values()
    constants = sorted(
        f"{name} {hashlib.sha256(ast.dump(value).encode('utf-8', 'backslashreplace')).hexdigest()[:16]}"
        for name, value in suite.constants.get(path, {}).items()
    )
    names: set[str] = set()
    attributes: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                names.add(name)
            case ast.Attribute(attr=name):
                names.add(name)
                if name.isupper():
                    attributes.add(name)
            case ast.Call() if last(node.func) == "usefixtures":
                names |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    return Facts(
        len(suite.tests), any(f.autouse for f in functions), tuple(dict.fromkeys(imports_of(tree, path))),
        tuple(sorted(f.last for f in functions if f.node is not None)), tuple(constants), frozenset(names),
        frozenset(attributes),
    )  # fmt: skip


def facts_row(digest: str, facts: Facts) -> list[object]:
    """The facts as JSON-able values. Names stand in lines, so that no two of them look like a name and its secret."""
    lines = (facts.imports, facts.defines, facts.constants, sorted(facts.names), sorted(facts.attributes))
    return [digest, facts.tests, facts.autouse, *("\n".join(one) for one in lines)]


def tests_in(form: Form) -> int | None:
    """How many test functions the files of a form hold; None for a form that doesn't say so."""
    rows, code = form.get("facts"), form.get("code")
    if not isinstance(rows, list) or not isinstance(code, list) or len(rows) != len(code):
        return None
    try:
        return sum(int(row[1][1]) for row in rows)
    except (TypeError, ValueError, IndexError):
        return None


def read_facts(form: Form) -> dict[str, tuple[str, Facts]]:
    """Digest and facts of each file in a form; not of those in which something was masked."""
    found = {}
    rows = form.get("facts")
    for row in rows if isinstance(rows, list) else []:
        try:
            path, (digest, tests, autouse, *texts) = row
            if MASK in "".join((path, digest, *texts)):
                continue
            imports, defines, constants, names, attributes = (tuple(one.split("\n")) if one else () for one in texts)
        except (TypeError, ValueError, AttributeError):
            continue
        facts = Facts(int(tests), bool(autouse), imports, defines, constants, frozenset(names), frozenset(attributes))
        found[str(path)] = (str(digest), facts)
    return found


def imports_of(tree: ast.Module, path: str) -> Iterator[str]:
    """Paths, without ending, of the modules that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = PurePosixPath(path)
            for _ in range(node.level):
                folder = folder.parent
            parts = [*(folder.parts if node.level else ()), *(node.module.split(".") if node.module else ())]
            base = "/".join(parts)
            yield base
            yield from (f"{base}/{alias.name}" if base else alias.name for alias in node.names)
