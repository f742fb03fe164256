"""Further faults on proven cases, all the way: a real service, a real suite, the real command."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

CATALOGUE = Path(__file__).resolve().parents[1] / "support" / "catalogue.py"
SUITE = """
    import json, os, urllib.request
    URL = os.environ["CATALOGUE_URL"]

    def ask(path, token=None, data=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with urllib.request.urlopen(urllib.request.Request(URL + path, data=data, headers=headers), timeout=10) as got:
            return got.status, dict(got.headers), got.read()

    def test_everything():
        status, headers, body = ask("/things")
        assert status == 200 and headers["Content-Type"] == "application/json"
        assert json.loads(body) == {"things": [{"name": "lamp", "price": 12, "color": "red"},
                                               {"name": "desk", "price": 80, "color": "oak"}]}

    def test_me_ann():
        assert json.loads(ask("/me", "ann")[2]) == {"user": "ann"}

    def test_me_bob():
        assert "user" in json.loads(ask("/me", "bob")[2])

    def test_events():
        assert ask("/events")[2].count(b"data:") == 2

    def test_page():
        assert b"Things" in ask("/page")[2]

    def test_write():
        assert json.loads(ask("/things", data=b"{}")[2])["stored"] is True
"""
WEAK = """
    from test_all import ask, json

    def test_names():
        assert [thing["name"] for thing in json.loads(ask("/things")[2])["things"]] == ["lamp", "desk"]
"""


@pytest.fixture(scope="module")
def catalogue():
    command = [sys.executable, str(CATALOGUE), "catalogue-1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def prove(folder, url, *options, seed="0"):
    command = [
        sys.executable, "-m", "greenproof", "prove", "--target", f"catalogue={url}", "--env", "CATALOGUE_URL=catalogue",
        "--json", "-", *options, "--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=170, check=False, env=environment
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done


def suite(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    return folder


@pytest.fixture(scope="module")
def sensed(tmp_path_factory, catalogue):
    """Strict cases and loose ones."""
    folder = suite(tmp_path_factory.mktemp("strict"), test_all=SUITE)
    return prove(folder, catalogue, "--sensitivity", "--sensitivity-runs", "6")


def case_of(document, name):
    """What is told of one case."""
    return next(case for case in document["sensitivity"]["cases"] if case["id"].endswith(f"::{name}"))


def test_strict_cases_notice_and_verdicts_stay(sensed):
    document, done = sensed
    assert done.returncode == 0
    assert {case["verdict"] for case in document["cases"]} == {"proven"}
    assert "sensitivity run 1 of 6: 5 cases, one fault each; 5 runs to go" in done.stderr
    strict, loose = case_of(document, "test_everything"), case_of(document, "test_me_bob")
    assert strict["delivered"] == strict["noticed"] == 6
    assert loose["delivered"] == 6
    assert {one["operator"] for one in loose["survived"]} >= {"string-replaced", "null-set"}


def test_only_what_fits_the_wire_is_tried(sensed):
    page = case_of(sensed[0], "test_page")
    of_heads = {"media-type-changed", "media-type-removed", "charset-changed", "status-success"}
    assert page["delivered"] == 6
    assert {one["operator"] for one in page["survived"]} <= of_heads
    assert {one["pointer"] for one in page["survived"]} <= {""}


def test_a_case_that_writes_is_left_out_with_the_reason(sensed):
    found = case_of(sensed[0], "test_write")
    assert found["unsafe"] == "it may write: catalogue: POST /things"
    assert found["delivered"] == 0


def test_fields_that_no_test_looks_at_are_named_and_the_budget_is_kept(tmp_path, catalogue):
    text = SUITE[: SUITE.index("    def test_everything")] + textwrap.indent(
        textwrap.dedent(WEAK).replace("from test_all import ask, json", ""), "    "
    )
    folder = suite(tmp_path / "weak", test_weak=text)
    options = ("--sensitivity", "--sensitivity-runs", "4", "--sensitivity-seed", "5")
    first, done = prove(folder, catalogue, *options, seed="1")
    again, _ = prove(folder, catalogue, *options, seed="2")
    assert "0 runs to go" in done.stderr
    found = first["sensitivity"]
    assert found["runs"] == 4
    assert found["left_out"] > 0
    pointers = {field["pointer"] for field in found["unnoticed_fields"]}
    assert pointers <= {"/things/*/price", "/things/*/color"}
    assert pointers
    for document in (found, again["sensitivity"]):
        document.pop("duration_s")
    assert found == again["sensitivity"]
