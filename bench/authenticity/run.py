"""Real or hollow? Greenproof's verdicts against labels that it never reads, beside what else is used to tell.

    .venv/bin/python bench/authenticity/run.py [DIR] [--serve 'COMMAND'] [--xdist] [--json FILE]

DIR holds a suite, `greenproof.toml` and `labels.tsv` (nodeid, label, class, stack, acceptable, routes, note), or
folders of this kind; without it, those beside this file are measured. Services of the configuration are deployed on the
local platform; a target with a URL is expected to be served, by `service/*.py` if there is such a file (`serve.py`
first), else by COMMAND or by you.
"""

import argparse
import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environment import interpreter, sockets_plugin, tools
from labels import Label, UnusableError, labels
from peers import Believed, by_duration, by_falsegreen, by_mocks, by_sockets

HERE = Path(__file__).resolve().parent
GREENPROOF = [sys.executable, "-m", "greenproof"]
_RUN_S = 1200


@dataclass(frozen=True)
class Measured:
    """One folder of cases, or several together."""

    known: dict[str, Label]
    absent: tuple[str, ...]
    """Ids with a label that are no case of the suite."""
    cases: dict[str, dict[str, Any]]
    believed: list[Believed]
    seconds: float


def main() -> int:
    """Measure, print; 1 if a hollow case is proven, 4 if what was given can't be used, 3 if something else broke."""
    try:
        return _main()
    except UnusableError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 4
    except Exception:  # noqa: BLE001 - whatever it is
        # Python's own code for that is 1.
        traceback.print_exc()
        return 3


def _main() -> int:
    arguments = _arguments()
    given = arguments.folder.resolve()
    folders = [given] if (given / "labels.tsv").exists() else sorted(p.parent for p in given.glob("*/labels.tsv"))
    if not folders:
        raise UnusableError(f"no labels.tsv in {given} or one folder below it")
    for folder in folders:
        _check(folder)
    measured = {}
    for folder in folders:
        print(f"measuring {folder.name}", file=sys.stderr, flush=True)
        measured[folder.name] = measure(folder, arguments.serve, arguments.xdist)
    whole = together(measured)
    for name, part in measured.items() if len(measured) > 1 else ():
        print(f"== {name}")
        report(part)
        print()
    if len(measured) > 1:
        print("== all together")
    report(whole)
    if arguments.json:
        rows = {case: {"label": whole.known[case].label, **whole.cases[case]} for case in whole.known}
        arguments.json.write_text(json.dumps(rows, indent=1))
    if whole.absent:
        some = ", ".join(whole.absent[:5])
        raise UnusableError(f"{len(whole.absent)} labels name no case of the suite and were left out: {some}")
    return int(any(whole.known[c].label == "hollow" for c in whole.believed[0].cases if c in whole.known))


def _check(folder: Path) -> None:
    """Mistakes are told before anything is measured. Raises UnusableError."""
    labels(folder / "labels.tsv")
    path = folder / "greenproof.toml"
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise UnusableError(f"{path} can't be read: {problem}") from problem
    if not document.get("services") and not any("url" in t for t in document.get("targets", {}).values()):
        raise UnusableError(f"{path} names nothing to talk to; expected a service, or a target with a url")


def measure(folder: Path, serve: str | None, xdist: bool) -> Measured:
    """What Greenproof and the others say of the cases of a folder."""
    known = labels(folder / "labels.tsv")
    python = interpreter(folder)
    with serving(folder, serve, python):
        started = time.monotonic()
        cases = judged(folder, python, xdist)
        spent = time.monotonic() - started
        believed = [
            Believed("greenproof: proven", frozenset(c for c, found in cases.items() if found["verdict"] == "proven")),
            Believed("pytest: passed", frozenset(c for c, found in cases.items() if found["outcome"] == "passed")),
            *by_duration(cases),
            by_mocks(folder, cases),
            *by_falsegreen(folder, cases, tools("falsegreen")),
            by_sockets(folder, cases, sockets_plugin(), suite_command(folder, python)),
        ]
    absent = tuple(sorted(known.keys() - cases.keys()))
    present = {case: label for case, label in known.items() if case in cases}
    return Measured(present, absent, cases, believed, spent)


def together(measured: Mapping[str, Measured]) -> Measured:
    """All folders as one; a case is named with its folder."""
    if len(measured) == 1:
        return next(iter(measured.values()))
    ways: dict[str, set[str]] = {}
    for name, part in measured.items():
        for way in part.believed:
            ways.setdefault(way.name, set()).update(f"{name}/{case}" for case in way.cases)
    return Measured(
        {f"{name}/{case}": label for name, part in measured.items() for case, label in part.known.items()},
        tuple(f"{name}/{case}" for name, part in measured.items() for case in part.absent),
        {f"{name}/{case}": found for name, part in measured.items() for case, found in part.cases.items()},
        [Believed(name, frozenset(cases)) for name, cases in ways.items()],
        sum(part.seconds for part in measured.values()),
    )


def suite_command(folder: Path, python: Path) -> list[str]:
    """The first suite of the configuration, else pytest in the folder."""
    suites = tomllib.loads((folder / "greenproof.toml").read_text("utf-8")).get("suites", {})
    words = next((suite["command"] for suite in suites.values()), ["{python}", "-m", "pytest", "-q"])
    return [word.replace("{python}", str(python)) for word in words]


def judged(folder: Path, python: Path, xdist: bool) -> dict[str, dict[str, Any]]:
    """What Greenproof says of each case."""
    with tempfile.TemporaryDirectory(prefix="authenticity-") as scratch:
        out = Path(scratch) / "result.json"
        command = [*GREENPROOF, "prove", "-q", "--repeat-faults", "--json", str(out), "--timeout", str(_RUN_S), "--"]
        command += [*suite_command(folder, python), "-p", "no:cacheprovider", *(["-n", "2"] if xdist else [])]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=4 * _RUN_S, check=False)
        if not out.exists():
            raise RuntimeError(f"greenproof gave no result (exit {done.returncode}): {done.stderr[-3000:]}")
        return {case["id"]: case for case in json.loads(out.read_text())["cases"]}


@contextlib.contextmanager
def serving(folder: Path, command: str | None, python: Path) -> Iterator[None]:
    """The system under test, for as long as it is needed."""
    document = tomllib.loads((folder / "greenproof.toml").read_text("utf-8"))
    if document.get("services"):
        subprocess.run([*GREENPROOF, "up", "-q"], cwd=folder, check=True, timeout=300)
        try:
            subprocess.run([*GREENPROOF, "deploy", "-q"], cwd=folder, check=True, timeout=600)
            yield
        finally:
            subprocess.run([*GREENPROOF, "down", "-q"], cwd=folder, check=False, timeout=120)
        return
    url = urlsplit(next(t["url"] for t in document["targets"].values() if "url" in t))
    scripts = sorted((folder / "service").glob("*.py"), key=lambda path: (path.name != "serve.py", path.name))
    script = next(iter(scripts), None)
    words = shlex.split(command) if command else [str(python), str(script)] if script else []
    if not words:
        yield
        return
    environment = {**os.environ, "PORT": str(url.port or 80)}
    process = subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(url.hostname or "127.0.0.1", url.port or 80, process)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


def _wait_for(host: str, port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the service does not listen on {host}:{port}")


def report(measured: Measured) -> None:
    """The confusion of each way, then Greenproof's class by class, then each case that it got wrong."""
    known, cases, believed, spent = measured.known, measured.cases, measured.believed, measured.seconds
    real = [c for c, label in known.items() if label.label == "real"]
    hollow = [c for c, label in known.items() if label.label == "hollow"]
    print(f"{len(real)} real and {len(hollow)} hollow cases in {len({known[c].kind for c in hollow})} ways, over")
    print(f"{len({label.stack for label in known.values()})} client stacks; judged in {spent:.0f} s\n")
    print(f"{'believed because of':34} {'real ones believed':>34} {'hollow ones believed':>34}")
    for way in believed:
        print(f"{way.name:34} {_share(way, real):>34} {_share(way, hollow):>34}")
    print("\nin brackets: 95 % interval of Wilson (1927)\n")
    print("Greenproof, by class: verdicts")
    for kind in sorted({(label.label, label.kind) for label in known.values()}):
        found = Counter(cases[c]["verdict"] for c, label in known.items() if (label.label, label.kind) == kind)
        print(f"  {kind[0]:7} {kind[1]:36} " + ", ".join(f"{n} {v}" for v, n in sorted(found.items())))
    wrong = [c for c, label in known.items() if cases[c]["verdict"] not in label.acceptable]
    print(f"\nverdicts that the label does not accept: {len(wrong)} of {len(known)}")
    for case in wrong:
        codes = ", ".join(reason["code"] for reason in cases[case]["reasons"]) or "-"
        print(f"  {known[case].label:7} {cases[case]['verdict']:9} {codes:28} {case}")
    print("\nnot shown: suites of other authors, flaky services, and what a case costs its owner")


def _share(way: Believed, cases: list[str]) -> str:
    count, total = sum(case in way.cases for case in cases), len(cases)
    low, high = wilson(count, total)
    return f"{count:>4} of {total:<4} {100 * count / max(total, 1):>5.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def wilson(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval of a share. Source: E. B. Wilson, JASA 22 (1927), 209-212."""
    if total == 0:
        return 0.0, 1.0
    share = count / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "cases")
    parser.add_argument("--serve", metavar="COMMAND", help="starts what the target's URL names; gets PORT")
    parser.add_argument("--xdist", action="store_true", help="with -n 2")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
