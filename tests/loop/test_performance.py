"""Promises about time, stated in a configuration and measured at the relay of a real run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from greenproof.ledger import Ledger
from greenproof.model.events import PerformanceMeasured

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
gates = {unknown}
"""


def prove(place: Path, shop: str, gates: str, unknown: str) -> tuple[int, dict[str, Any], str]:
    (place / "test_shop.py").write_text(SUITE)
    (place / "greenproof.toml").write_text(CONFIGURATION.format(gates=gates, unknown=unknown))
    command = [sys.executable, "-m", "greenproof", "prove", "--json", "out.json", "--target", f"shop={shop}"]
    command += ["--env", "SHOP_URL=shop", "--", sys.executable, "-m", "pytest", "-q", "-p", "no:anyio"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, json.loads((place / "out.json").read_text()), done.stdout


@pytest.mark.parametrize(
    ("gates", "unknown", "code", "findings"),
    [
        ("false", "false", 0, []),
        ("true", "true", 1, ["performance-missed", "performance-not-measured"]),
        ("false", "true", 6, ["performance-not-measured"]),
    ],
)
def test_what_was_measured_is_told_and_decides_only_where_it_gates(
    tmp_path: Path, shop: str, gates: str, unknown: str, code: int, findings: list[str]
) -> None:
    exit_code, result, said = prove(tmp_path, shop, gates, unknown)
    found = {one["name"]: (one["met"], one["n"]) for one in result["performance"]}
    assert found == {"orders in time": ("met", 5), "never so fast": ("missed", 5), "nobody asks": ("not-measured", 0)}
    assert exit_code == code
    assert [f["code"] for f in result["findings"]] == findings
    assert "performance: 1 of 3 promises met, measured at the relay" in said
    slowest = result["performance"][0]["slowest"]
    assert [x["ms"] for x in slowest] == sorted((x["ms"] for x in slowest), reverse=True)
    assert {x["exchange"] for x in slowest} == {x["id"] for case in result["cases"] for x in case["exchanges"]}
    the_ledger_has_it_too(tmp_path / ".greenproof" / "ledger.db", slowest[0]["exchange"])


def the_ledger_has_it_too(ledger: Path, slowest: str) -> None:
    with Ledger.open(ledger, create=False) as kept:
        events = [entry.event for entry in kept.entries(kinds=("PerformanceMeasured",))]
    found = {e.name: e for e in events if isinstance(e, PerformanceMeasured)}
    assert [e.met for e in found.values()] == ["met", "missed", "not-measured"]
    assert found["orders in time"].slowest == found["orders in time"].exchanges[0] == slowest
    assert found["orders in time"].definition == "response; POST /orders"
    assert (found["never so fast"].n, found["nobody asks"].value_ms) == (5, None)
