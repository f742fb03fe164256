"""Stand-ins for the system that were not there before."""

import ast
import re
from collections.abc import Iterator

from greenproof.analysis.measure.kinds import weakened
from greenproof.analysis.measure.reaching import Comparison, Trait
from greenproof.analysis.measure.shapes import dotted, last, shown
from greenproof.analysis.measure.suite import Function, Suite
from greenproof.analysis.measure.telling import always, told
from greenproof.model.measure import MeasureFinding

MOCK = weakened(
    "mock-added",
    "Something stands in for the system: a mock, a patch, a cassette, a stub server, an in-process application.",
    "@patch('shop.client.get'), respx.mock, use_cassette, TestClient(app), HTTPServer(...)",
    "Let the test talk to the deployed service.",
)
KINDS = (MOCK,)

_CALLS = re.compile(
    r"\A(\w*Mock|patch|create_autospec|use_cassette|use_cassettes|TestClient|AsyncTestClient|test_client"
    r"|ASGITransport|WSGITransport|MockTransport|\w*HTTPServer|TCPServer|make_server|TestServer|RequestsMock"
    r"|HTTPretty|Mocker|WireMock|LiveServer|mock_aws|mock_s3|stubber|Stubber|MagicProxy|setattr|setitem)\Z"
)
_MODULES = re.compile(
    r"\b(mock|responses|respx|requests_mock|httpretty|vcr|aioresponses|pook|betamax|moto|mocker|placebo)\b"
)
_FIXTURES = frozenset({
    "mocker", "requests_mock", "respx_mock", "httpx_mock", "responses", "aioresponses", "httpserver", "vcr",
    "vcr_cassette", "betamax_session", "class_mocker", "module_mocker", "session_mocker", "live_server", "pook",
})  # fmt: skip


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """New stand-ins of any kind."""
    yield from told(comparison, _mocks, always(MOCK))


def _mocks(function: Function, suite: Suite) -> Iterator[Trait]:
    if function.node is not None:
        for argument in ast.walk(function.node.args):
            if isinstance(argument, ast.arg) and argument.arg in _FIXTURES:
                text = f"the fixture {argument.arg}"
                yield Trait(argument.arg, function.path, function.line, text, function.id)
    for part in (*function.decorators, *function.body):
        seen: set[int] = set()
        for node in ast.walk(part):
            if isinstance(node, ast.Call):
                name = last(node.func)
                if _stands_in(node, name):
                    seen |= {id(inner) for inner in ast.walk(node.func)}
                    yield Trait(name, function.path, node.lineno, shown(node), function.id)
            elif isinstance(node, ast.Attribute) and id(node) not in seen and _MODULES.search(dotted(node)):
                seen |= {id(inner) for inner in ast.walk(node)}
                yield Trait(dotted(node), function.path, getattr(node, "lineno", 0), shown(node), function.id)


def _stands_in(node: ast.Call, name: str) -> bool:
    if name in ("setattr", "setitem"):
        # `monkeypatch.setattr`; the built-in sets an attribute of what it is given, too, but seldom of a client.
        return "patch" in dotted(node.func)
    return _CALLS.match(name) is not None or bool(_MODULES.search(dotted(node.func)))
