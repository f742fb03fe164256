"""Every code that the source raises is in the catalogue, and nothing else is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import greenproof
from greenproof.adapters.platforms.base import ServiceFailed
from greenproof.analysis.authenticity.reasons import CATALOGUE
from greenproof.loop.targets import TargetDownError
from greenproof.model import errors
from greenproof.model.error_codes import ERRORS
from greenproof.model.exits import ExitCode

SOURCE = Path(greenproof.__file__).parent
CLASSES = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
} | {"ServiceFailed": ServiceFailed, "TargetDownError": TargetDownError}
PLACES = {"Mistake": 1, "_error": 2}
"""Functions that take a code by its position."""

# What the supervisor tells of itself goes over a socket, and what no handler caught has no class of its own.
# What became of something that was cut off is told, not raised.
SPOKEN = {"supervisor-failed", "internal-error", "deploy-cut-off", "rollback-cut-off", "migration-cut-off"}


def calls() -> Iterator[tuple[str, str, ast.expr]]:
    """(where, name of the callee, the expression that is its code) for every error in the source."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "model" / "error_codes"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            where = f"{path.relative_to(SOURCE)}:{node.lineno}"
            if name == "__init__" and "errors.py" in where:
                name = "GreenproofError"
            named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            if (name in CLASSES or name == "GreenproofError") and named:
                yield where, name, named[0]
            elif name in PLACES and len(node.args) > PLACES[name] and path.parent.name == "config":
                yield where, name, node.args[PLACES[name]]


RAISED = list(calls())


def constants(code: ast.expr) -> list[str]:
    """The codes that an expression can be; those with a variable end are looked up by their beginning."""
    if isinstance(code, ast.Constant):
        return [str(code.value)]
    if isinstance(code, ast.JoinedStr) and isinstance(code.values[0], ast.Constant):
        start = str(code.values[0].value)
        return [known for known in ERRORS if known.startswith(start)] or [f"{start}?"]
    return []


def test_every_code_that_is_raised_is_explained() -> None:
    assert len(RAISED) > 100
    unknown = [f"{where}: {code}" for where, _, value in RAISED for code in constants(value) if code not in ERRORS]
    assert unknown == [], "each code needs an entry in src/greenproof/model/error_codes"


def test_every_error_has_a_code_that_can_be_read() -> None:
    # A code that is made elsewhere could be anything. `Problem` and the tree itself hand codes on.
    assert [where for where, name, value in RAISED if not constants(value) and not handed_on(where)] == []


def handed_on(where: str) -> bool:
    return where.startswith(("model/errors.py", "adapters/platforms/base.py", "config/reading.py"))


def test_every_code_that_is_explained_is_raised() -> None:
    raised = {code for _, _, value in RAISED for code in constants(value)}
    assert sorted(set(ERRORS) - raised - SPOKEN) == []
    text = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py") if "error_codes" not in path.parts)
    assert [code for code in SPOKEN if f'"{code}"' not in text and f"[{code}]" not in text] == []
    states = {code.removeprefix("service-") for code in ERRORS if code.startswith("service-")}
    assert [state for state in states if f'"{state}"' not in text and f'"service-{state}"' not in text] == []


def test_an_error_ends_the_command_as_its_code_says() -> None:
    wrong = []
    for where, name, value in RAISED:
        kind = CLASSES.get(name)
        if kind is None or name in {"GreenproofError", "ServiceFailed"}:
            continue
        wrong += [
            f"{where}: {code}: {kind.exit_code!r}"
            for code in constants(value)
            if code in ERRORS and kind.exit_code not in ERRORS[code].exits
        ]
    assert wrong == []


def test_no_error_is_raised_without_a_class_that_says_how_it_ends() -> None:
    assert [w for w, name, _ in RAISED if name == "GreenproofError" and not w.startswith("model/errors.py")] == []


# What only a program can do wrong that writes into a ledger; nobody has a place or a line for it.
OF_PROGRAMS = {"evidence-id", "not-json", "run-name"}


def test_every_error_says_where_and_what_was_expected() -> None:
    silent = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in CLASSES:
                continue
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            if "code" in given and not {"where", "expected"} <= set(given):
                silent += [f"{path.name}:{node.lineno}" for c in constants(given["code"]) if c not in OF_PROGRAMS]
    assert silent == []


def test_a_code_means_one_thing() -> None:
    assert sorted(set(ERRORS) & set(CATALOGUE)) == []


@pytest.mark.parametrize("code", ERRORS)
def test_an_entry_is_complete(code: str) -> None:
    kind = ERRORS[code]
    assert kind.exits
    assert all(isinstance(one, ExitCode) for one in kind.exits)
    assert kind.meaning.endswith(".")
    assert kind.example
    assert kind.remedy
    assert max(map(len, (kind.meaning, kind.example, kind.remedy))) < 140
