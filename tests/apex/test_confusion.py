"""The verdicts against the labels: the whole of Apex, started for real, on a good and on a broken release.

The labels are read here and nowhere in the product. A check that also held for shuffled labels would check nothing, so
that is tried too.
"""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APEX = ROOT / "examples" / "apex"
BROKEN_SERVICE = "backend"


@dataclass(frozen=True, slots=True)
class Label:
    """One row of labels.tsv."""

    label: str
    acceptable: frozenset[str]
    services: frozenset[str]
    stack: str = ""


DOUBTFUL = 0.02
"""Share of the real cases that may be unproven."""


def provable() -> dict[str, Label]:
    """The labels without the journeys in a browser, if this machine has none: those are skipped, and say so."""
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    return {case: label for case, label in labels().items() if browser or label.stack != "playwright"}


def labels() -> dict[str, Label]:
    with (APEX / "labels.tsv").open(encoding="utf-8", newline="") as file:
        return {
            row["nodeid"]: Label(
                row["label"],
                frozenset(row["acceptable"].split(",")),
                frozenset(s.strip() for s in row["services"].split(",") if s.strip()),
                row["stack"],
            )
            for row in csv.DictReader(file, delimiter="\t")
        }


def confusion(known: Mapping[str, Label], verdicts: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """(label, verdict) -> how many cases."""
    return Counter((known[case].label, verdicts[case]) for case in known)


def wrong_on_good(known: Mapping[str, Label], verdicts: Mapping[str, str]) -> list[str]:
    """The cases whose verdict on the good release contradicts their label."""
    return [f"{case}: {verdicts[case]}" for case, label in known.items() if verdicts[case] not in label.acceptable]


def wrong_on_broken(known: Mapping[str, Label], verdicts: Mapping[str, str]) -> list[str]:
    """The cases that depend on the broken service, or are hollow, and are proven all the same."""
    doubtful = (c for c, label in known.items() if label.label == "hollow" or BROKEN_SERVICE in label.services)
    return [case for case in doubtful if verdicts[case] == "proven"]


def greenproof(place: Path, *arguments: str, expected: tuple[int, ...] = (0,)) -> str:
    command = [sys.executable, "-m", "greenproof", *arguments]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode in expected, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout


def verdicts_of(place: Path, *pytest_arguments: str) -> dict[str, str]:
    python = str(APEX / ".venv" / "bin" / "python")
    command = (python, "-m", "pytest", "e2e", "e2e_hollow", "-q", "-p", "no:cacheprovider", *pytest_arguments)
    out = greenproof(place, "prove", "-q", "--json", "-", "--", *command, expected=(0, 1, 5, 6))
    return {case["id"]: case["verdict"] for case in json.loads(out)["cases"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of Apex in a path with a space, its environment up."""
    if not (APEX / ".venv" / "bin" / "python").exists():
        pytest.skip("Apex is not installed; `make apex` provides it")
    folder = tmp_path_factory.mktemp("apex copy")
    for name in ("services", "e2e", "e2e_hollow"):
        shutil.copytree(APEX / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("greenproof.toml", "pyproject.toml"):
        shutil.copy2(APEX / name, folder / name)
    (folder / ".venv").symlink_to(APEX / ".venv")
    try:
        greenproof(folder, "up", "-q")
        yield folder
    finally:
        greenproof(folder, "down", "-q")


@pytest.fixture(scope="module")
def good(place: Path) -> dict[str, str]:
    greenproof(place, "deploy", "-q")
    return verdicts_of(place)


@pytest.fixture(scope="module")
def broken(place: Path, good: dict[str, str]) -> dict[str, str]:
    patch = ["patch", "--quiet", "-p1", "-i", str(APEX / "releases" / "broken.patch")]
    subprocess.run(patch, cwd=place, check=True, timeout=30)
    greenproof(place, "deploy", "-q")
    return verdicts_of(place, "-n", "2")


def test_the_labels_name_exactly_the_cases(good: dict[str, str]) -> None:
    assert set(labels()) == set(good)
    kinds = Counter(label.label for label in labels().values())
    assert kinds["real"] >= 40
    assert kinds["hollow"] >= 10


def test_on_the_good_release_every_real_case_is_proven_and_no_hollow_one(good: dict[str, str]) -> None:
    known = provable()
    table = confusion(known, good)
    print(dict(table))
    real = sum(label.label == "real" for label in known.values())
    # On a busy machine a fault run may be cut, or a case answered otherwise when it is repeated: it is unproven then.
    doubtful = [f"{c}: unproven" for c, label in known.items() if label.label == "real" and good[c] == "unproven"]
    assert [told for told in wrong_on_good(known, good) if told not in doubtful] == []
    assert len(doubtful) <= DOUBTFUL * real, doubtful
    assert table["real", "proven"] == real - len(doubtful)
    assert table["hollow", "proven"] == 0


def test_on_the_broken_release_nothing_that_depends_on_it_is_proven(broken: dict[str, str]) -> None:
    known = provable()
    print(dict(confusion(known, broken)))
    assert wrong_on_broken(known, broken) == []
    untouched = [c for c, label in known.items() if label.label == "real" and BROKEN_SERVICE not in label.services]
    assert untouched
    doubtful = [c for c in untouched if broken[c] != "proven"]
    assert {broken[c] for c in doubtful} <= {"unproven"}, doubtful
    assert len(doubtful) <= 1 + DOUBTFUL * len(untouched), doubtful


def test_the_same_checks_fail_with_shuffled_labels(good: dict[str, str], broken: dict[str, str]) -> None:
    known = provable()
    rows = list(known.values())
    random.Random(20).shuffle(rows)
    shuffled = dict(zip(known, rows, strict=True))
    assert wrong_on_good(shuffled, good) != []
    flipped = {c: replace(v, services=frozenset({BROKEN_SERVICE}) - v.services) for c, v in known.items()}
    assert wrong_on_broken(flipped, broken) != []
