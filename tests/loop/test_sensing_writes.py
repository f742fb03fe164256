"""Cases that write: how their writes may be repeated, and what the ledger keeps of all that."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import jsonschema

from greenproof.ledger import Ledger, prepare
from greenproof.model.events import SensitivityMeasured
from greenproof.reporting.result import schema

SUITE = """
    import json, os, pathlib, urllib.request
    URL = os.environ["SHOP_URL"]

    def order():
        with pathlib.Path("tenants").open("a") as file:
            print(os.environ.get("SHOP_TENANT", "-"), file=file)
        request = urllib.request.Request(URL + "/orders", data=b'{"prices": [2, 3], "note": "x"}')
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)

    def test_total():
        status, made = order()
        assert status == 201
        assert made["total"] == 5

    def test_read():
        with urllib.request.urlopen(URL + "/cached", timeout=10) as answer:
            assert json.load(answer) == {"from": "cache"}
"""


def prove(folder: Path, shop: str, *options: str, configuration: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_shop.py").write_text(textwrap.dedent(SUITE))
    (folder / "greenproof.toml").write_text(
        f'schema = 1\n[project]\nname = "shop"\n[targets.shop]\nurl = "{shop}"\nenv = ["SHOP_URL"]\n{configuration}'
    )
    command = [sys.executable, "-m", "greenproof", "prove", "--json", "result.json", *options, "--", sys.executable]
    command += ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "total"]
    environment = {**os.environ, "SHOP_URL": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, env=environment, check=False
    )


def test_each_extra_run_is_a_tenant_of_its_own(tmp_path, shop_of_module):
    configuration = '[sensitivity]\nruns = 2\nseed = 4\ntenant = "SHOP_TENANT"\n'
    done = prove(tmp_path, shop_of_module, "--sensitivity", configuration=configuration)
    assert done.returncode == 0, done.stderr
    tenants = (tmp_path / "tenants").read_text().split()
    document = json.loads((tmp_path / "result.json").read_text())
    jsonschema.validate(document, schema())
    # The plain run and the two runs for the verdict are as ever.
    assert tenants[:3] == ["-"] * 3
    assert tenants[3:] == [f"{document['run']}-{number}".lower() for number in range(3)]
    found = document["sensitivity"]
    (case,) = found["cases"]
    assert (found["runs"], found["seed"], case["unsafe"]) == (2, 4, None)
    assert case["delivered"] == 2
    assert found["left_out"] == case["left_out"] > 20
    assert "repeats the writes of these cases, with SHOP_TENANT of its own" in done.stderr
    (kept,) = _kept(tmp_path)
    assert (kept.cases, kept.unsafe, kept.delivered, kept.left_out) == (1, 0, 2, found["left_out"])
    assert kept.evidence
    with Ledger.open(prepare(tmp_path / ".greenproof")) as ledger:
        trials = json.loads(ledger.evidence(kept.evidence[0]))
    assert [trial["run"] for trial in trials] == [1, 2]


def _kept(folder: Path) -> list[SensitivityMeasured]:
    with Ledger.open(prepare(folder / ".greenproof")) as ledger:
        events = [entry.event for entry in ledger.entries()]
    return [event for event in events if isinstance(event, SensitivityMeasured)]


def test_writes_are_repeated_if_somebody_says_so(tmp_path, shop_of_module):
    done = prove(tmp_path, shop_of_module, "--sensitivity", "--repeat-writes", "--sensitivity-runs", "1")
    found = json.loads((tmp_path / "result.json").read_text())["sensitivity"]
    assert (found["runs"], found["allowed"], found["delivered"], found["cases"][0]["unsafe"]) == (1, 1, 1, None)
    assert "each run repeats the writes of these cases" in done.stderr
    assert "may write" not in done.stdout
