"""Promises about time, stated in a configuration and measured at the relay of a real run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SUITE = """
import json, os, urllib.request

def test_order():
    for price in range(5):
        body = json.dumps({"prices": [price]}).encode()
        request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", data=body)
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert json.load(answer)["total"] == price
"""
CONFIGURATION = """
schema = 1
[project]
name = "shop"
[[performance]]
name = "orders in time"
routes = ["POST /orders"]
limit_ms = 60000
[[performance]]
name = "never so fast"
routes = ["POST /orders"]
limit_ms = 0.000001
gates = {gates}
[[performance]]
name = "nobody asks"
routes = ["GET /orders/{{id}}"]
limit_ms = 5
"""


def prove(place: Path, shop: str, gates: str) -> tuple[int, dict[str, Any], str]:
    (place / "test_shop.py").write_text(SUITE)
    (place / "greenproof.toml").write_text(CONFIGURATION.format(gates=gates))
    command = [sys.executable, "-m", "greenproof", "prove", "--json", "out.json", "--target", f"shop={shop}"]
    command += ["--env", "SHOP_URL=shop", "--", sys.executable, "-m", "pytest", "-q", "-p", "no:anyio"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, json.loads((place / "out.json").read_text()), done.stdout


@pytest.mark.parametrize(("gates", "code"), [("false", 0), ("true", 1)])
def test_what_was_measured_is_told_and_decides_only_where_it_gates(
    tmp_path: Path, shop: str, gates: str, code: int
) -> None:
    exit_code, result, said = prove(tmp_path, shop, gates)
    found = {one["name"]: (one["met"], one["n"]) for one in result["performance"]}
    assert found == {"orders in time": ("met", 5), "never so fast": ("missed", 5), "nobody asks": ("not-measured", 0)}
    assert exit_code == code
    assert [f["code"] for f in result["findings"]] == (["performance-missed"] if code else [])
    assert "performance: 1 of 3 targets met, measured at the relay" in said
    slowest = result["performance"][0]["slowest"]
    assert slowest in {x["id"] for case in result["cases"] for x in case["exchanges"]}
