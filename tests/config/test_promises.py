"""Promises about time in a configuration: what belongs together, and what becomes of them."""

from pathlib import Path

import pytest

from greenproof.config import load
from greenproof.model.errors import ConfigurationError
from greenproof.model.performance import Measure, PerformanceTarget, Statistic
from greenproof.model.routes import Route

HEAD = """schema = 1
[project]
name = "shop"
[targets.api]
url = "http://127.0.0.1:8000"
"""


def promise(folder: Path, text: str) -> PerformanceTarget:
    path = folder / "greenproof.toml"
    path.write_text(f'{HEAD}[[performance]]\nname = "fast"\nlimit_ms = 5\n{text}\n')
    return load(path).performance[0]


def test_little_is_needed(tmp_path: Path) -> None:
    assert promise(tmp_path, 'routes = ["GET /a"]') == PerformanceTarget("fast", (Route("GET", "/a"),), 5.0)


def test_every_key_arrives(tmp_path: Path) -> None:
    text = """routes = ["api: WS /ws"]
measure = "event"
sent = "ask"
event = "answer"
field = "kind"
link = "id"
statistic = "max"
minimum = 7
gates = true"""
    assert promise(tmp_path, text) == PerformanceTarget(
        "fast", (Route("WS", "/ws", "api"),), 5.0, Measure.EVENT, Statistic.MAX, "answer", None, 7, True, "ask",
        "kind", "id",
    )  # fmt: skip


@pytest.mark.parametrize("measure", Measure)
def test_every_measure_can_be_asked_for(tmp_path: Path, measure: Measure) -> None:
    event = 'event = "x"' if measure is Measure.EVENT else ""
    assert promise(tmp_path, f'routes = ["* /ws"]\nmeasure = "{measure.value}"\n{event}').measure is measure


WRONG = [
    ('routes = ["GET /a"]\nevent = "x"', "event", "event needs measure = 'event' or measure = 'pause'"),
    ('routes = ["WS /a"]\nmeasure = "reply"\nafter = "x"', "after", "after needs"),
    ('routes = ["WS /a"]\nmeasure = "reply"\nlink = "x"', "link", "link needs measure = 'event'"),
    ('routes = ["GET /a"]\nfield = "x"', "field", "field needs"),
    ('routes = ["WS /a"]\nmeasure = "event"', "", "no event is named"),
    ('routes = ["WS /a"]\nmeasure = "event"\nevent = "x"\nsent = "a"\nafter = "b"', "sent", "exclude each other"),
    ('routes = ["WS /a"]', "routes[0]", "'response' can't be measured on 'WS /a'"),
    ('routes = ["WS /a", "api: GET /a"]\nmeasure = "handshake"', "routes[1]", "can't be measured on 'api: GET /a'"),
    ('routes = ["GET /a"]\nmeasure = "quick"', "measure", "quick"),
    ('routes = ["apj: GET /a"]', "routes[0]", "apj"),
    ('routes = ["GET"]', "routes[0]", "not a route"),
    ('routes = ["GET /a"]\nminimum = 0', "minimum", "0"),
    ('routes = ["GET /a"]\nstatistic = "p99"', "statistic", "p99"),
    ("routes = []", "routes", "empty"),
]


@pytest.mark.parametrize(("text", "where", "message"), WRONG)
def test_a_mistake_is_one_clear_message(tmp_path: Path, text: str, where: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        promise(tmp_path, text)
    (found,) = raised.value.problems
    assert found.where == ".".join(filter(None, ("performance[0]", where)))
    assert message in found.message


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", '"5"', "true"])
def test_a_limit_is_a_number_above_zero(tmp_path: Path, limit: str) -> None:
    path = tmp_path / "greenproof.toml"
    path.write_text(f'{HEAD}[[performance]]\nname = "fast"\nlimit_ms = {limit}\nroutes = ["GET /a"]\n')
    with pytest.raises(ConfigurationError):
        load(path)
