"""Further faults on proven cases, all the way: a real service, a real suite, the real command."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import jsonschema
import pytest

from greenproof.reporting.result import schema

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
        assert json.loads(ask("/me", "bob")[2])["user"] in ("ann", "bob")

    def test_events():
        assert ask("/events")[2].count(b"data:") == 2

    def test_page():
        assert b"Things" in ask("/page")[2]

    def test_names():
        assert [thing["name"] for thing in json.loads(ask("/stock")[2])["stock"]] == ["lamp", "desk"]

    def test_write():
        assert json.loads(ask("/things", data=b"{}")[2])["stored"] is True
"""
SEED = "105"
"""With which nothing hangs or comes late, and a colour or a price of the stock is changed."""


@pytest.fixture(scope="module")
def catalogue():
    command = [sys.executable, str(CATALOGUE), "catalogue-1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def prove(folder, url, runs, hashes):
    """The JSON result and what was told."""
    command = [
        sys.executable, "-m", "greenproof", "prove", "--target", f"catalogue={url}", "--env", "CATALOGUE_URL=catalogue",
        "--sensitivity", "--sensitivity-runs", runs, "--sensitivity-seed", SEED, "--json", "-",
        "--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONHASHSEED": hashes, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False, env=environment
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Strict cases and loose ones."""
    made = tmp_path_factory.mktemp("suite")
    (made / "test_all.py").write_text(textwrap.dedent(SUITE))
    return made


@pytest.fixture(scope="module")
def sensed(folder, catalogue):
    return prove(folder, catalogue, "3", "1")


def case_of(document, name):
    """What is told of one case."""
    return next(case for case in document["sensitivity"]["cases"] if case["id"].endswith(f"::{name}"))


def test_strict_cases_notice_and_verdicts_stay(sensed):
    document, done = sensed
    assert {case["id"]: case["verdict"] for case in document["cases"] if case["verdict"] != "proven"} == {}
    assert done.returncode == 0
    jsonschema.validate(document, schema())
    assert "sensitivity run 1 of 3: 6 cases, one fault each; 2 runs to go" in done.stderr
    strict, loose = case_of(document, "test_everything"), case_of(document, "test_me_bob")
    assert strict["delivered"] == strict["noticed"] == 3
    assert loose["delivered"] == 3
    assert loose["survived"]


def test_only_what_fits_the_wire_is_tried(sensed):
    page = case_of(sensed[0], "test_page")
    of_heads = {"media-type-changed", "media-type-removed", "charset-changed", "status-success"}
    assert page["delivered"] == 3
    assert {one["operator"] for one in page["survived"]} <= of_heads
    assert {one["pointer"] for one in page["survived"]} <= {""}


def test_a_case_that_writes_is_left_out_with_the_reason(sensed):
    found = case_of(sensed[0], "test_write")
    assert found["unsafe"] == "it may write: catalogue: POST /things"
    assert found["delivered"] == 0


def test_fields_that_no_test_looks_at_are_named_and_who_noticed_the_others(sensed):
    found = sensed[0]["sensitivity"]
    unnoticed = {(field["route"], field["pointer"]) for field in found["unnoticed_fields"]}
    stock = {pointer for route, pointer in unnoticed if route == "catalogue: GET /stock"}
    assert stock
    assert stock <= {"/stock/*/price", "/stock/*/color"}
    noticed = {(field["route"], field["pointer"]): field["noticed_by"] for field in found["noticed_fields"]}
    assert noticed
    assert found["fields"] == len(unnoticed) + len(noticed)
    things = [by for (route, _), by in noticed.items() if route == "catalogue: GET /things"]
    assert things == [["test_all.py::test_everything"]] * len(things)
    assert things


def test_the_budget_is_kept_and_the_same_seed_gives_the_same_faults(sensed, folder, catalogue):
    first = sensed[0]["sensitivity"]
    assert (first["runs"], first["allowed"]) == (3, 3)
    assert first["left_out"] > 0
    again = prove(folder, catalogue, "1", "2")[0]["sensitivity"]
    assert again["runs"] == 1
    assert again["left_out"] == first["left_out"] + first["delivered"] * 2 // 3
    told = [(case["id"], one) for case in first["cases"] for one in case["survived"] if one["run"] == 1]
    assert told
    assert told == [(case["id"], one) for case in again["cases"] for one in case["survived"]]
