"""From a configuration to requests for proofs."""

from pathlib import Path

import pytest

from greenproof.config import load
from greenproof.loop.platforms import platform_of
from greenproof.loop.requests import environment_of, suite_of, suite_request
from greenproof.model.errors import UsageError

CONFIGURATION = """schema = 1
[project]
name = "shop"
[environments.local]
kind = "local"
platform = "local"
[targets.shop]
url = "http://127.0.0.1:9"
[[performance]]
name = "orders at once"
routes = ["POST /orders"]
limit_ms = 100
[suites.e2e]
command = ["pytest"]
[suites.unit]
kind = "offline"
command = ["pytest"]
"""


def test_a_suite_that_needs_no_system_measures_no_promise_about_time(tmp_path: Path) -> None:
    (tmp_path / "greenproof.toml").write_text(CONFIGURATION)
    plan = load(tmp_path / "greenproof.toml")
    environment = environment_of(plan, None)
    platform = platform_of(plan, environment)
    told = {name: suite_request(plan, environment, platform, suite_of(plan, name)) for name in ("e2e", "unit")}
    assert [p.name for p in told["e2e"].performance] == ["orders at once"]
    assert told["unit"].performance == ()
    assert told["unit"].offline


def test_a_suite_that_is_not_there_is_told_from_no_suite_at_all(tmp_path: Path) -> None:
    (tmp_path / "greenproof.toml").write_text(CONFIGURATION)
    with pytest.raises(UsageError, match="there is no suite 'e2'") as wrong:
        suite_of(load(tmp_path / "greenproof.toml"), "e2")
    assert "one of: e2e, unit" in str(wrong.value.expected)
    (tmp_path / "greenproof.toml").write_text(CONFIGURATION.partition("[suites.e2e]")[0])
    bare = load(tmp_path / "greenproof.toml")
    for name, told in ((None, "no suite is configured"), ("e2e", "there is no suite 'e2e': none is configured")):
        with pytest.raises(UsageError) as none:
            suite_of(bare, name)
        assert (none.value.code, none.value.message) == ("unknown-suite", told)
