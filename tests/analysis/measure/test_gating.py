"""greenproof.toml: what gates, what is claimed and promised, and how the tests are started."""

import pytest
from measures import changes, weakenings

TEST = {"tests/test_shop.py": "def test_total():\n    assert client.get('/orders').ok\n"}
PLAN = """
schema = 1
[project]
name = "shop"
[targets.shop]
url = "https://staging.example.com"
[routes]
plumbing = ["* /health", "* /version"]
[[claims]]
tests = ["*total*"]
routes = ["POST /orders", "GET /orders"]
[[priorities]]
name = "P1"
tests = ["*total*", "*refund*"]
tolerated = 0.1
[[priorities]]
name = "P2"
gates = false
tests = ["*"]
[[categories]]
name = "Orders"
target = 5
tests = ["*"]
[[performance]]
name = "quick"
routes = ["POST /orders"]
limit_ms = 200
statistic = "max"
gates = true
[suites.e2e]
command = ["{python}", "-m", "pytest", "-q", "tests/test_shop.py", "tests/test_more.py"]
timeout = 300
"""
WEAKER = {
    "a priority gates no more": ('tests = ["*total*", "*refund*"]', 'gates = false\ntests = ["*total*", "*refund*"]', "gate-removed"),
    "a glob less": ('["*total*", "*refund*"]', '["*refund*"]', "gate-removed"),
    "tolerated": ("tolerated = 0.1", "tolerated = 0.5", "gate-removed"),
    "claims gone": ('[[claims]]\ntests = ["*total*"]', '[[claims]]\ntests = ["*nothing*"]', "claim-narrowed"),
    "another route": ('routes = ["POST /orders", "GET /orders"]', 'routes = ["GET /health"]', "claim-narrowed"),
    "a route more": ('"GET /orders"]', '"GET /orders", "GET /health"]', "claim-narrowed"),
    "plumbing": ('["* /health", "* /version"]', '["* /health"]', "plumbing-narrowed"),
    "the limit": ("limit_ms = 200", "limit_ms = 2000", "promise-loosened"),
    "the statistic": ('statistic = "max"', 'statistic = "median"', "promise-loosened"),
    "the promise gates no more": ("\ngates = true", "", "promise-loosened"),
    "the promise is gone": ('name = "quick"', 'name = "other"', "promise-loosened"),
    "fewer planned": ("target = 5", "target = 1", "target-lowered"),
    "|| true": ('["{python}", "-m", "pytest", "-q",', '["sh", "-c", "pytest -q || true",', "command-changed"),
    "a pipe": ('["{python}", "-m", "pytest", "-q",', '["sh", "-c", "pytest -q | tee log",', "command-changed"),
    "-O": ('"{python}", "-m"', '"{python}", "-O", "-m"', "command-changed"),
    "-k": ('"-q"', '"-q", "-k", "not total"', "command-changed"),
    "a file less": (', "tests/test_more.py"', "", "command-changed"),
    "options by the environment": ("timeout = 300", 'timeout = 300\nenv = { PYTEST_ADDOPTS = "-x" }', "command-changed"),
    "time for the suite": ("timeout = 300", "timeout = 3000", "suite-timeout-raised"),
    "offline": ("[suites.e2e]", '[suites.e2e]\nkind = "offline"', "suite-weakened"),
    "no suite": ("[suites.e2e]", "[suites.other]", "suite-weakened"),
    "another address": ("https://staging.example.com", "http://localhost:9", "target-changed"),
}  # fmt: skip


@pytest.mark.parametrize("name", WEAKER)
def test_a_weaker_plan_is_found(name: str) -> None:
    old, new, code = WEAKER[name]
    assert old in PLAN
    assert code in weakenings({**TEST, "greenproof.toml": PLAN}, {**TEST, "greenproof.toml": PLAN.replace(old, new, 1)})


FINE = {
    "a stricter limit": ("limit_ms = 200", "limit_ms = 100"),
    "stricter tolerance": ("tolerated = 0.1", "tolerated = 0"),
    "more that gates": ("gates = false\n", ""),
    "more planned": ("target = 5", "target = 50"),
    "less time": ("timeout = 300", "timeout = 60"),
    "a claim of fewer routes": ('routes = ["POST /orders", "GET /orders"]', 'routes = ["POST /orders"]'),
    "a wider glob of a claim": ('[[claims]]\ntests = ["*total*"]', '[[claims]]\ntests = ["*test_total*"]'),
    "a suite more": ("[suites.e2e]", '[suites.more]\ncommand = ["pytest"]\n[suites.e2e]'),
    "verbose": ('"-q"', '"-v"'),
    "a comment": ("schema = 1", "# this\nschema = 1"),
    "another name": ('name = "shop"', 'name = "market"'),
    "more plumbing": ('"* /version"]', '"* /version", "GET /metrics"]'),
}


@pytest.mark.parametrize("name", FINE)
def test_a_plan_that_asks_for_as_much_is_none(name: str) -> None:
    old, new = FINE[name]
    assert old in PLAN
    assert weakenings({**TEST, "greenproof.toml": PLAN}, {**TEST, "greenproof.toml": PLAN.replace(old, new, 1)}) == []


def test_a_plan_that_is_gone_or_broken_is_told() -> None:
    before = {**TEST, "greenproof.toml": PLAN}
    assert weakenings(before, TEST)
    assert weakenings(before, {**TEST, "greenproof.toml": "["})
    assert changes(TEST, TEST) == ()
