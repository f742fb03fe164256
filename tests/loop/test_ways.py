"""Every way to be green for nothing, as its example is printed, gets a reason that is printed beside it."""

import json
import subprocess
import sys

import pytest

from greenproof.analysis.authenticity.reasons import CATALOGUE
from greenproof.analysis.authenticity.ways import IN_WORDS, WAYS, example_of

HEAD = """import concurrent.futures, http.server, json, os, threading, time, unittest.mock, uuid
import pytest, requests
SHOP = os.environ["SHOP_URL"]
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory, shop_of_module):
    """Way -> (verdict, codes of its reasons)."""
    place = tmp_path_factory.mktemp("ways")
    for code, way in WAYS.items():
        (place / f"test_{code.replace('-', '_')}.py").write_text(HEAD + way.example + "\n")
    command = [
        sys.executable, "-m", "greenproof", "prove", "--target", f"shop={shop_of_module}", "--env", "SHOP_URL=shop",
        "--expect", "shop=shop-1", "--json", "result.json", "--", sys.executable, "-m", "pytest", "-q",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240, check=False)
    cases = json.loads((place / "result.json").read_text())["cases"]
    red = {way for way, known in WAYS.items() if known.reasons == ("check-failed",)}
    found = {}
    for case in cases:
        way = case["id"].partition(".")[0].removeprefix("test_").replace("_", "-")
        assert case["outcome"] == ("failed" if way in red else "passed"), done.stderr
        found[way] = (case["verdict"], {reason["code"] for reason in case["reasons"]})
    return found


@pytest.mark.parametrize("code", WAYS)
def test_a_way_is_told_by_its_reason(judged, code):
    verdict, codes = judged[code]
    assert verdict in ("hollow", "unproven", "failed")
    assert codes & set(WAYS[code].reasons), codes


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_reason_has_an_example(code):
    assert example_of(code)


def test_codes_are_unique_and_known():
    assert WAYS.keys().isdisjoint(CATALOGUE)
    assert {*IN_WORDS, *(reason for way in WAYS.values() for reason in way.reasons)} <= CATALOGUE.keys()
