"""`greenproof prove` on real suites against a real service: the whole way, as a user goes it."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import psutil

from greenproof.reporting.result import schema

HEAD = """
    import json, os, unittest.mock, urllib.error, urllib.request, uuid
    import pytest
    URL = os.environ["SHOP_URL"]
    def call(path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(URL + path, data=data)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
"""

SUITE = """
    def test_total():
        status, order = call("/orders", {"prices": [2, 3]})
        assert status == 201
        assert order["total"] == 5
    def test_missing():
        assert call(f"/orders/{uuid.uuid4()}")[0] == 404
    @pytest.fixture(scope="module")
    def order():
        return call("/orders", {"prices": [7]})[1]
    def test_fetched(order):
        assert order["total"] == 7
    def test_if_wrong_fail():
        if call("/orders", {"prices": [1]})[1].get("total") != 1:
            pytest.fail("wrong total")
    def test_no_contact():
        assert 1 + 1 == 2
    def test_mocked():
        client = unittest.mock.Mock()
        client.get.return_value.status = 200
        assert client.get("/orders").status == 200
    def test_health_only():
        assert call("/health")[0] == 200
    def test_any_status():
        assert call("/orders", {"prices": []})[0] in (200, 201, 404, 500)
    def test_unchecked():
        call("/orders", {"prices": [1]})
    def test_swallowed():
        try:
            assert call("/orders", {"prices": [4]})[1]["total"] == 4
        except Exception:
            pass
    def test_skips():
        if call("/orders", {"prices": [4]})[0] != 201:
            pytest.skip("not available")
        assert True
    def test_cached():
        assert call("/cached") == (200, {"from": "cache"})
    def test_red():
        assert call("/orders", {"prices": [1]})[1]["total"] == 2
    @pytest.mark.skip(reason="later")
    def test_skipped():
        pass
"""

EXPECTED = {
    "test_total": ("proven", []),
    "test_missing": ("proven", []),
    "test_fetched": ("proven", []),
    "test_if_wrong_fail": ("proven", []),
    "test_no_contact": ("hollow", ["no-contact"]),
    "test_mocked": ("hollow", ["mocked"]),
    "test_health_only": ("hollow", ["wrong-route"]),
    "test_any_status": ("hollow", ["survives-fault"]),
    "test_unchecked": ("hollow", ["survives-fault", "unchecked"]),
    "test_swallowed": ("hollow", ["survives-fault"]),
    "test_skips": ("hollow", ["skips-on-failure"]),
    "test_cached": ("hollow", ["cached"]),
    "test_red": ("failed", ["check-failed"]),
    "test_skipped": ("not-run", ["skipped"]),
}


def prove(place: Path, shop: str, *arguments: str, options: tuple[str, ...] = (), suite: str = SUITE) -> dict[str, Any]:
    """Write the suite, run the command line, and return its checked JSON result (with `stderr` beside it)."""
    (place / "test_shop.py").write_text(textwrap.dedent(HEAD) + textwrap.dedent(suite))
    (place / "pytest.ini").write_text("[pytest]\naddopts = -p no:anyio -p no:asyncio\n")
    command = [
        sys.executable,
        "-m",
        "greenproof",
        "prove",
        "--target",
        f"shop={shop}",
        "--env",
        "SHOP_URL=shop",
        "--json",
        "result.json",
        *options,
        "--",
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *arguments,
    ]
    environment = {**os.environ, "SHOP_URL": "", "GREENPROOF_TRACEBACK": "1"}
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240, env=environment, check=False)
    assert (place / "result.json").exists(), done.stdout + done.stderr
    document = json.loads((place / "result.json").read_text())
    jsonschema.validate(document, schema())
    assert document["exit_code"] == done.returncode, done.stderr
    return {**document, "stderr": done.stderr, "stdout": done.stdout}


def verdicts(document: dict[str, Any]) -> dict[str, tuple[str, list[str]]]:
    return {
        case["id"].partition("::")[2]: (case["verdict"], [reason["code"] for reason in case["reasons"]])
        for case in document["cases"]
    }


def test_every_case_gets_its_verdict_and_reason(tmp_path: Path, shop: str) -> None:
    document = prove(tmp_path, shop)
    assert verdicts(document) == EXPECTED
    assert (document["verdict"], document["exit_code"]) == ("failed", 1)
    assert document["release"]["shop"]["revision"] == "shop-1"
    assert document["findings"] == []
    assert len(document["ledger_head"]) == 64


def test_the_same_under_xdist(tmp_path: Path, shop: str) -> None:
    assert verdicts(prove(tmp_path, shop, "-n", "2", "-p", "xdist")) == EXPECTED


def test_without_faults_nothing_is_proven(tmp_path: Path, shop: str) -> None:
    document = prove(tmp_path, shop, "-k", "total or missing", options=("--no-faults",))
    found = verdicts(document)
    assert found["test_total"] == ("unproven", ["no-fault-run"])
    assert document["exit_code"] == 5


def test_a_selection_on_the_command_line_can_be_verified(tmp_path: Path, shop: str) -> None:
    document = prove(tmp_path, shop, "-k", "total or missing")
    assert (document["verdict"], document["exit_code"]) == ("verified", 0)
    assert document["summary"]["verdicts"]["not-run"] == len(EXPECTED) - 2


def test_a_stop_at_the_first_failure_does_not_stop_the_fault_runs(tmp_path: Path, shop: str) -> None:
    found = verdicts(prove(tmp_path, shop, "-x", "-k", "total or missing or fetched"))
    assert {name for name, (verdict, _) in found.items() if verdict == "proven"} == {
        "test_total",
        "test_missing",
        "test_fetched",
    }


def test_another_revision_than_the_expected_one_is_stale(tmp_path: Path, shop: str) -> None:
    document = prove(tmp_path, shop, "-k", "total", options=("--expect", "shop=shop-2"))
    assert verdicts(document)["test_total"] == ("hollow", ["stale-revision"])


def test_a_target_that_dies_is_told_once_and_the_rest_is_not_run(tmp_path: Path, shop: str) -> None:
    suite = """
    def test_first():
        assert call("/orders", {"prices": [1]})[0] == 201
    def test_kills():
        assert call("/die")[0] == 200
    """ + "".join(
        f"""
    def test_after_{i}():
        assert call("/orders", {{"prices": [{i}]}})[0] == 201
    """
        for i in range(300)
    )
    document = prove(tmp_path, shop, suite=suite)
    assert [finding["code"] for finding in document["findings"]].count("target-died") == 1
    found = verdicts(document)
    failed = [name for name, (verdict, _) in found.items() if verdict == "failed"]
    lost = [name for name, (verdict, codes) in found.items() if (verdict, codes) == ("not-run", ["target-lost"])]
    assert "test_kills" in failed
    assert len(failed) + len(lost) + 1 == len(found) == 302
    assert lost
    assert all(codes == ["target-died-here"] for verdict, codes in found.values() if verdict == "failed")


def test_a_suite_that_leaves_by_the_back_door_is_noticed(tmp_path: Path, shop: str) -> None:
    suite = (
        SUITE
        + """
    def test_zz_leaves():
        os._exit(0)
    def test_zzz_never():
        assert call("/orders", {"prices": [1]})[0] == 201
    """
    )
    document = prove(tmp_path, shop, "-k", "total or zz", suite=suite)
    assert "process-ended-early" in [finding["code"] for finding in document["findings"]]
    found = verdicts(document)
    assert found["test_zz_leaves"][0] == "failed"
    assert found["test_zzz_never"] == ("not-run", ["not-reached"])
    assert document["exit_code"] == 1


def test_a_command_that_is_no_pytest_verifies_nothing(tmp_path: Path, shop: str) -> None:
    command = [
        sys.executable,
        "-m",
        "greenproof",
        "prove",
        "--target",
        f"shop={shop}",
        "--json",
        "-",
        "-q",
        "--",
        sys.executable,
        "-c",
        "print('1 passed')",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5
    assert [f["code"] for f in json.loads(done.stdout)["findings"]] == ["no-witness"]


def test_nothing_is_left_running_after_ctrl_c(tmp_path: Path, shop: str) -> None:
    (tmp_path / "test_slow.py").write_text("import time\ndef test_slow():\n    print('begun')\n    time.sleep(600)\n")
    command = [
        sys.executable,
        "-m",
        "greenproof",
        "prove",
        "-vv",
        "--target",
        f"shop={shop}",
        "--",
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-p",
        "no:asyncio",
        "-p",
        "no:anyio",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if "begun" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(2)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 2
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_a_pytest_inside_a_test_does_not_confuse_the_witness(tmp_path: Path, shop: str) -> None:
    suite = """
    def test_nests(tmp_path):
        import subprocess, sys
        (tmp_path / "test_in.py").write_text(
            "import os, urllib.request\\n"
            "def test_in(): assert urllib.request.urlopen(os.environ['SHOP_URL'] + '/health').status == 200\\n"
        )
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio", str(tmp_path)])
        assert done.returncode == 0
        status, order = call("/orders", {"prices": [2, 3]})
        assert (status, order["total"]) == (201, 5)
    """
    document = prove(tmp_path, shop, suite=suite)
    assert document["findings"] == []
    assert verdicts(document) == {"test_nests": ("proven", [])}
    paths = sorted(x["path"] for x in document["cases"][0]["exchanges"])
    assert paths == ["/health", "/orders"]


def test_a_file_that_is_skipped_as_a_whole_says_so(tmp_path: Path, shop: str) -> None:
    (tmp_path / "test_away.py").write_text(
        "import pytest\npytest.skip('no backend', allow_module_level=True)\ndef test_away(): pass\n"
    )
    document = prove(tmp_path, shop, "-k", "total or away")
    assert verdicts(document)["test_away"] == ("not-run", ["skipped"])


def test_fetching_a_fixture_in_the_call_is_seen(tmp_path: Path, shop: str) -> None:
    suite = """
    @pytest.fixture(scope="module")
    def order():
        return call("/orders", {"prices": [7]})[1]
    def test_first(request):
        assert request.getfixturevalue("order")["total"] == 7
    def test_second(request):
        assert request.getfixturevalue("order")["total"] == 7
    """
    assert verdicts(prove(tmp_path, shop, suite=suite)) == {"test_first": ("proven", []), "test_second": ("proven", [])}


def test_nothing_is_left_running_when_we_are_killed(tmp_path: Path, shop: str) -> None:
    (tmp_path / "test_slow.py").write_text(
        "import subprocess, sys, time\n"
        "def test_slow():\n"
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "    print('begun', flush=True)\n    time.sleep(600)\n"
    )
    command = [
        sys.executable, "-m", "greenproof", "prove", "-vv", "--target", f"shop={shop}",
        "--", sys.executable, "-m", "pytest", "-s", "-p", "no:asyncio", "-p", "no:anyio",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if "begun" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        process.kill()
        process.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
