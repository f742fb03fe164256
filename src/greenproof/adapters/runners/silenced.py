"""Tests that the rules of collection leave out: they look like tests, and nobody will ever hear of them.

A class with a constructor or `__test__ = False`, a class that no naming rule takes, a function that a later one of the
same name replaces, a naming rule that was narrowed: each is as good as deleted, and no report says so.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from greenproof.adapters.runners.census import (
    files_below,
    is_fixture,
    is_named,
    is_unittest,
    not_collected,
    tree_of,
    wanted_in,
)
from greenproof.model.facts import TestProcess

_LOOKS = "test"


def silenced(process: TestProcess) -> dict[str, str]:
    """Node id -> why it is never collected, below the paths that the runner was asked for."""
    root = Path(process.rootdir)
    trees: dict[str, ast.Module] = {}
    asked: dict[str, list[str]] = {}
    for argument in process.arguments:
        path, _, inside = argument.partition("::")
        place = (root / path).resolve() if not Path(path).is_absolute() else Path(path)
        for file in files_below(place, process.python_files):
            if file.is_relative_to(root) and (tree := tree_of(file)) is not None:
                prefix = file.relative_to(root).as_posix()
                trees[prefix] = tree
                asked.setdefault(prefix, []).append(inside)
    bases = {name for tree in trees.values() for name in _bases(tree)}
    return {
        f"{prefix}::{name}": why
        for prefix, tree in trees.items()
        for name, why in _in_body(tree.body, process, bases, "")
        if any(wanted_in(f"{prefix}::{name}", prefix, inside) for inside in asked[prefix])
    }


def _bases(tree: ast.Module) -> Iterator[str]:
    """Names of classes that others are made from: their tests run there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                yield base.attr if isinstance(base, ast.Attribute) else ast.unparse(base)


def _in_body(body: Iterable[ast.stmt], process: TestProcess, bases: set[str], prefix: str) -> Iterator[tuple[str, str]]:
    last: dict[str, ast.stmt] = {}
    statements = list(body)
    for node in statements:
        for name in _names(node):
            last[name] = node
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith(_LOOKS) or is_fixture(node) or _is_registered(node):
                continue
            if last[node.name] is not node:
                # It has the name of the one that took its place: the line tells them apart.
                yield (
                    f"{prefix}{node.name}@{node.lineno}",
                    f"{node.name} is defined again in line {last[node.name].lineno}",
                )
            elif not is_named(node.name, process.python_functions):
                yield f"{prefix}{node.name}", f"the rule for functions is {_rule(process.python_functions)}"
        elif isinstance(node, ast.ClassDef) and not is_unittest(node):
            yield from _in_class(node, process, bases, prefix)


def _in_class(node: ast.ClassDef, process: TestProcess, bases: set[str], prefix: str) -> Iterator[tuple[str, str]]:
    inside = f"{prefix}{node.name}::"
    why = None
    if not is_named(node.name, process.python_classes):
        why = f"class {node.name}: the rule for classes is {_rule(process.python_classes)}"
    elif not_collected(node):
        why = f"class {node.name} has a constructor, or __test__ = False"
    if why is None:
        yield from _in_body(node.body, process, bases, inside)
    elif node.name not in bases and not node.bases:
        # A class that others are made from, or that is made from others, may be run in another way.
        for item in node.body:
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name.startswith(f"{_LOOKS}_"):
                yield f"{inside}{item.name}", why


def _rule(names: Sequence[str]) -> str:
    # No name begins with a colon: so the witness of unittest says that only TestCase classes count.
    return "unittest's: only classes made from TestCase" if tuple(names) == (":",) else ", ".join(names)


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_registered(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Decorators such as `@overload`, `@typing.overload` and `@register` give one name to several functions."""
    words = ("overload", "register", "setter", "getter", "deleter")
    return any(word in ast.unparse(decorator) for decorator in node.decorator_list for word in words)
