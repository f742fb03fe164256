"""Suites that look green as a whole and are not: each way is named, without and with xdist."""

import os
import sys
import textwrap

import pytest

from greenproof.analysis.authenticity.claims import Claims
from greenproof.loop.proof_request import Listener, ProofRequest, ProofTarget
from greenproof.loop.proving import prove

GOOD = """
    import json, os, urllib.request
    import pytest
    def total(prices):
        request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", data=json.dumps({"prices": prices}).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["total"]
    def test_good(): assert total([2, 3]) == 5
    def test_too(): assert total([1]) == 1
"""
RED = GOOD + "    def test_red(): assert total([1]) == 99\n"
PAY = "def test_pay(): assert 0\n"

# name -> (files, words after `pytest -q`, what must be said: code of a finding, or (case, code))
CHEATS = {
    "status forged": (
        {"conftest.py": "def pytest_sessionfinish(session): session.exitstatus = 0"},
        "exit-status-disagrees",
    ),
    "left in the end": (
        {"conftest.py": "import os\ndef pytest_sessionfinish(session): os._exit(0)"},
        "process-ended-early",
    ),
    "left in a test": (
        {"test_it.py": GOOD + "    def test_z(): os._exit(0)\n    def test_zz(): assert 0\n"},
        ("test_z", "killed"),
    ),
    "dropped by a hook": (
        {
            "conftest.py": "def pytest_collection_modifyitems(items): items[:] = [i for i in items if i.name != 'test_red']"
        },
        ("test_red", "deselected"),
    ),
    "never made": (
        {
            "conftest.py": """
            import pytest
            @pytest.hookimpl(tryfirst=True)
            def pytest_pycollect_makeitem(name):
                if name == "test_red": return []
            """
        },
        ("test_red", "never-collected"),
    ),
    "file ignored": (
        {"conftest.py": "collect_ignore = ['test_pay.py']", "test_it.py": GOOD, "test_pay.py": PAY},
        ("test_pay", "never-collected"),
    ),
    "file ignored by a hook": (
        {
            "conftest.py": "def pytest_ignore_collect(collection_path):\n    return collection_path.name == 'test_pay.py' or None",
            "test_it.py": GOOD,
            "test_pay.py": PAY,
        },
        ("test_pay", "never-collected"),
    ),
    "import error passed over": (
        {"pytest.ini": "[pytest]\naddopts = --continue-on-collection-errors", "test_pay.py": "import nowhere\n" + PAY},
        ("test_pay", "import-error"),
    ),
    "reports flipped": (
        {
            "conftest.py": """
            import pytest
            @pytest.hookimpl(tryfirst=True)
            def pytest_runtest_logreport(report):
                if report.failed: report.outcome = "passed"
            @pytest.hookimpl(hookwrapper=True, tryfirst=True)
            def pytest_runtest_makereport(item, call):
                outcome = yield
                if outcome.get_result().failed: outcome.get_result().outcome = "passed"
            """
        },
        ("test_red", "report-flipped"),
    ),
    "selected by settings": (
        {"pytest.ini": "[pytest]\naddopts = -k 'not red'"},
        ("test_red", "deselected"),
    ),
    "names narrowed": (
        {"pytest.ini": "[pytest]\npython_functions = test_good test_too"},
        ("test_red", "silenced"),
    ),
    "xfail for all": (
        {
            "conftest.py": """
            import pytest
            def pytest_collection_modifyitems(items):
                for item in items: item.add_marker(pytest.mark.xfail(strict=False))
            """
        },
        ("test_red", "xfailed"),
    ),
    "class that is not collected": (
        {
            "test_it.py": GOOD
            + "    class TestPay:\n        def __init__(self): pass\n        def test_pay(self): assert 0\n"
        },
        ("TestPay::test_pay", "silenced"),
    ),
    "shadowed": (
        {"test_it.py": GOOD + "    def test_pay(): assert 0\n    def test_pay(): assert total([1]) == 1\n"},
        ("test_pay@10", "silenced"),
    ),
    "plugin unregistered": (
        {
            "conftest.py": """
            def pytest_configure(config):
                for name, plugin in list(config.pluginmanager.list_name_plugin()):
                    if name and "greenproof" in name: config.pluginmanager.unregister(plugin)
            """
        },
        {"process-ended-early", "no-witness", "nothing-collected"},
    ),
}
# What stands around pytest in the command. None of it depends on how pytest runs its tests.
COMMANDS = {
    "or true": ("sh", "-c", "{pytest} || true", "exit-status-disagrees"),
    "pipe": ("sh", "-c", "{pytest} | tail -1", "exit-status-disagrees"),
    "semicolon": ("sh", "-c", "{pytest}; echo done", "exit-status-disagrees"),
    "asserts off": ("sh", "-c", "PYTHONOPTIMIZE=1 {pytest}", "asserts-off"),
    "said, not run": ("sh", "-c", "echo '3 passed'", "no-witness"),
}
MODES = {"plain": "", "xdist": "-p xdist -n 2"}


@pytest.fixture
def judged(tmp_path, shop):
    """Write files, run a command without faults, judge it."""

    def judge(files, command):
        for name, text in {"test_it.py": RED, **files}.items():
            (tmp_path / name).write_text(textwrap.dedent(text))
        target = ProofTarget("shop", shop, ("SHOP_URL",))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "SHOP"))}
        request = ProofRequest(
            tuple(command),
            tmp_path,
            tmp_path / ".greenproof",
            (target,),
            Claims((), ()),
            faults=False,
            timeout=60,
            environment={**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )
        return prove(request, Listener())

    return judge


def pytest_words(mode):
    return f"{sys.executable} -m pytest -q -p no:cacheprovider {MODES[mode]}".split()


def said(proof):
    """Codes of findings, and of cases by the last part of their ids."""
    findings = {finding.code for finding in proof.verdict.findings}
    cases = {(case.id.partition("::")[2], reason.code) for case in proof.verdict.cases for reason in case.reasons}
    return findings | cases


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_is_named(judged, cheat, mode):
    files, expected = CHEATS[cheat]
    proof = judged(files, pytest_words(mode))
    assert proof.verdict.verdict != "verified"
    codes = expected if isinstance(expected, set) else {expected}
    assert codes & said(proof), said(proof)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cheat", COMMANDS)
def test_what_stands_around_the_runner_hides_nothing(judged, cheat, mode):
    *words, line, code = COMMANDS[cheat]
    proof = judged({}, [*words, line.format(pytest=" ".join(pytest_words(mode)))])
    assert proof.verdict.verdict != "verified"
    assert code in said(proof), said(proof)


@pytest.mark.parametrize("mode", MODES)
def test_an_honest_suite_is_not_accused(judged, mode):
    proof = judged({"test_it.py": GOOD}, pytest_words(mode))
    assert said(proof) == {("test_good", "no-fault-run"), ("test_too", "no-fault-run")}
