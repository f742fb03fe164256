"""Other ways to tell a real green from a hollow one, each as the set of cases that it would believe."""

import ast
import json
import os
import re
import subprocess
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_THRESHOLDS_S = (0.001, 0.01, 0.1)
_MOCKS = re.compile(
    r"\b(mock|Mock|MagicMock|AsyncMock|patch|mocker|monkeypatch|responses|respx|requests_mock|aioresponses|vcr|"
    r"MockTransport|httpretty|stub|fake)\w*",
)
_SOCKETS_S = 600


@dataclass(frozen=True)
class Believed:
    """A way, and the passed cases that it takes for real."""

    name: str
    cases: frozenset[str]


def by_duration(cases: Mapping[str, Mapping[str, Any]]) -> list[Believed]:
    """A green that took at least so long is taken for real."""
    passed = {case: found["duration_s"] or 0.0 for case, found in cases.items() if found["outcome"] == "passed"}
    return [
        Believed(
            f"duration of at least {limit * 1000:g} ms", frozenset(c for c, took in passed.items() if took >= limit)
        )
        for limit in _THRESHOLDS_S
    ]


def by_mocks(folder: Path, cases: Mapping[str, Mapping[str, Any]]) -> Believed:
    """A green whose source names no mock, patch or stub is taken for real."""
    sources = _functions(folder)
    clean = (c for c, f in cases.items() if f["outcome"] == "passed" and not _MOCKS.search(_source(c, sources)))
    return Believed("no mock in its source", frozenset(clean))


def by_falsegreen(folder: Path, cases: Mapping[str, Mapping[str, Any]], command: Path) -> list[Believed]:
    """A green in which falsegreen finds nothing is taken for real."""
    done = subprocess.run(
        [str(command), "--json", "."], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    lines = _lines(folder)
    for finding in json.loads(done.stdout or "[]"):
        path = (folder / finding["file"]).resolve().relative_to(folder.resolve()).as_posix()
        for name, first, last in lines.get(path, []):
            if first <= int(finding["line"]) <= last:
                found[path, name].add(str(finding["confidence"]))
    passed = [case for case, seen in cases.items() if seen["outcome"] == "passed"]
    told = {case: found.get((case.split("::")[0], case.split("[")[0].rpartition("::")[2]), set()) for case in passed}
    return [
        Believed("falsegreen: no high finding", frozenset(c for c in passed if "high" not in told[c])),
        Believed("falsegreen: no finding at all", frozenset(c for c in passed if not told[c])),
    ]


def by_sockets(folder: Path, cases: Mapping[str, Mapping[str, Any]], plugin: Path, command: list[str]) -> Believed:
    """A green that turns red when pytest-socket takes the sockets away is taken for real."""
    out = folder / ".greenproof" / "sockets.xml"
    out.parent.mkdir(exist_ok=True)
    words = [*command, "-p", "no:cacheprovider", "-p", "pytest_socket", "--disable-socket", f"--junit-xml={out}"]
    environment = {**os.environ, "PYTHONPATH": str(plugin)}
    subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False, timeout=_SOCKETS_S)
    still = set()
    # No report: the suite ended before its first test, so every one of them would be red.
    for case in ET.parse(out).iter("testcase") if out.exists() else ():
        if not list(case):
            still.add((case.get("classname", ""), case.get("name", "")))
    out.unlink(missing_ok=True)
    passed = (c for c, seen in cases.items() if seen["outcome"] == "passed")
    return Believed("pytest-socket: red without sockets", frozenset(c for c in passed if _junit_name(c) not in still))


def _junit_name(case: str) -> tuple[str, str]:
    bare, bracket, parameters = case.partition("[")
    path, *inside = bare.split("::")
    return ".".join([path.removesuffix(".py").replace("/", "."), *inside[:-1]]), inside[-1] + bracket + parameters


def _functions(folder: Path) -> dict[tuple[str, str], str]:
    found = {}
    for file in sorted(folder.rglob("*.py")):
        text = file.read_text("utf-8", "replace")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[file.relative_to(folder).as_posix(), node.name] = ast.get_source_segment(text, node) or ""
    return found


def _lines(folder: Path) -> dict[str, list[tuple[str, int, int]]]:
    found: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8", "replace"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                place = (node.name, node.lineno, node.end_lineno or node.lineno)
                found[file.relative_to(folder).as_posix()].append(place)
    return found


def _source(case: str, sources: Mapping[tuple[str, str], str]) -> str:
    bare = case.split("[", maxsplit=1)[0]
    return sources.get((bare.split("::")[0], bare.rpartition("::")[2]), "")
