"""The WSGI middleware, behind the reference server of the standard library."""

import json
import threading
from http.client import HTTPConnection
from typing import Any, Dict, Iterator, List
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest

from greenproof_receipts import ReceiptsWSGI, depth

TRACE = "0af7651916cd43dd8448eb211c80319c"


def _application(environ: Any, start_response: Any) -> Any:
    depth("cache")
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("the application's own")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/stream":
        return iter([b"one", b"two"])
    return [b"whole"]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPConnection]:
    monkeypatch.setenv("GREENPROOF_REVISION", "shop-abc123")
    app = validator(ReceiptsWSGI(validator(_application), service="shop"))
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
        yield connection
        connection.close()
        server.shutdown()
        thread.join()


def _receipts(capsys: pytest.CaptureFixture[str]) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(("path", "body"), [("/whole", b"whole"), ("/stream", b"onetwo")])
def test_an_answer_has_its_identity_and_its_receipt(
    connection: HTTPConnection, path: str, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    connection.request("GET", f"{path}?token=secret", headers=headers)
    answer = connection.getresponse()
    assert answer.headers["X-Greenproof-Revision"] == "shop-abc123"
    assert answer.headers["X-Greenproof-Depth"] == "cache"
    assert answer.read() == body
    [receipt] = _receipts(capsys)
    assert (receipt["path"], receipt["status"], receipt["trace_id"]) == (path, 200, TRACE)
    assert (receipt["service"], receipt["depth"]) == ("shop", "cache")


def test_an_application_that_raises_is_a_500(
    connection: HTTPConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    connection.request("GET", "/broken")
    assert connection.getresponse().status == 500
    assert [each["status"] for each in _receipts(capsys)] == [500]
