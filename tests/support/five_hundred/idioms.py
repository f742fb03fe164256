"""Twenty-five idioms of end-to-end tests, each with what it does on a backend that is not there, written by hand.

`outcomes` are those on the floor's backends: refused, unavailable (503), static (200 `{"status": "healthy"}`); p passed,
f failed, e error in set-up, s skipped. No part of the product was asked: an expectation follows from reading the idiom.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Idiom:
    """A test function with `{n}` for its number and `{get}` for one of three clients."""

    name: str
    source: str
    outcomes: str
    finding: str


HEAD = """
import os, time, unittest.mock
import urllib.error, urllib.request, json
import httpx2, pytest, requests
from websockets.sync.client import connect
from websockets.exceptions import InvalidStatus
URL, EVENTS = os.environ["API_URL"], os.environ["EVENTS"]

class Answer:
    def __init__(self, status, text):
        self.status, self.text = status, text
    def json(self):
        return json.loads(self.text)

def by_requests(path):
    answer = requests.get(URL + path, timeout=5)
    return Answer(answer.status_code, answer.text)

def by_httpx(path):
    answer = httpx2.get(URL + path, timeout=5, verify=False)
    return Answer(answer.status_code, answer.text)

def by_urllib(path):
    try:
        with urllib.request.urlopen(URL + path, timeout=5) as answer:
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read())

DOWN = (OSError, httpx2.TransportError)

@pytest.fixture
def session():
    requests.post(URL + "/sessions", timeout=5).raise_for_status()
"""

IDIOMS = (
    Idiom("value", "assert {get}('/orders/{n}').json()['total'] == {n}", "fff", "red"),
    Idiom("status", "assert {get}('/orders/{n}').status == 200", "ffp", "partly-blind"),
    Idiom("healthy", "assert {get}('/health/{n}').json()['status'] == 'healthy'", "ffp", "partly-blind"),
    Idiom(
        "swallowed",
        "try:\n    assert {get}('/orders/{n}').json()['total'] == {n}\nexcept Exception:\n    pass",
        "ppp",
        "blind",
    ),
    Idiom(
        "fallback",
        "try:\n    total = {get}('/orders/{n}').json()['total']\nexcept Exception:\n    total = {n}\nassert total == {n}",
        "ppp",
        "blind",
    ),
    Idiom(
        "fallback_when_refused",
        "try:\n    answer = {get}('/orders/{n}')\nexcept DOWN:\n    return\nassert answer.json()['total'] == {n}",
        "pff",
        "inverted",
    ),
    Idiom("expects_503", "assert {get}('/orders/{n}').status == 503", "fpf", "inverted"),
    Idiom(
        "expects_no_200",
        "try:\n    status = {get}('/orders/{n}').status\nexcept DOWN:\n    status = 0\nassert status != 200",
        "ppf",
        "inverted",
    ),
    Idiom("any_status", "assert {get}('/orders/{n}').status < 600", "fpp", "partly-blind"),
    Idiom("busy_is_fine", "assert {get}('/orders/{n}').status in (200, 503)", "fpp", "partly-blind"),
    Idiom(
        "raises_http_error",
        "with pytest.raises(requests.HTTPError):\n    requests.get(URL + '/orders/{n}', timeout=5).raise_for_status()",
        "fpf",
        "inverted",
    ),
    Idiom(
        "raises_anything",
        "with pytest.raises(Exception):\n    requests.get(URL + '/orders/{n}', timeout=5).raise_for_status()",
        "ppf",
        "inverted",
    ),
    Idiom("sleeps", "time.sleep(0.02)\nassert {get}('/orders/{n}') is not None", "fpp", "partly-blind"),
    Idiom(
        "duration",
        "start = time.monotonic()\ntry:\n    {get}('/orders/{n}')\nexcept DOWN:\n    pass\nassert time.monotonic() - start < 5",
        "ppp",
        "blind",
    ),
    Idiom(
        "retries_until_green",
        "for attempt in range(3):\n    try:\n        if {get}('/orders/{n}').status == 200:\n            break\n"
        "    except DOWN:\n        continue\nassert attempt < 3",
        "ppp",
        "blind",
    ),
    Idiom(
        "retries_then_checks",
        "for _ in range(2):\n    status = {get}('/orders/{n}').status\n    if status == 200:\n        break\nassert status == 200",
        "ffp",
        "partly-blind",
    ),
    Idiom(
        "mocked",
        "with unittest.mock.patch('requests.get') as get:\n    get.return_value.json.return_value = {{'total': {n}}}\n"
        "    assert requests.get(URL + '/orders/{n}').json()['total'] == {n}",
        "ppp",
        "blind",
    ),
    Idiom("alone", "assert {n} + 1 == 1 + {n}", "ppp", "blind"),
    Idiom(
        "skips",
        "try:\n    answer = {get}('/orders/{n}')\nexcept DOWN:\n    pytest.skip('down')\nif answer.status != 200:\n"
        "    pytest.skip('not ready')\nassert answer.json()['total'] == {n}",
        "ssf",
        "red",
    ),
    Idiom(
        "empty_loop",
        "try:\n    orders = {get}('/orders').json().get('orders', [])\nexcept DOWN:\n    orders = []\n"
        "for order in orders:\n    assert order['total'] == {n}",
        "ppp",
        "blind",
    ),
    Idiom(
        "socket_echo",
        "with connect(EVENTS + '/{n}', open_timeout=5) as socket:\n    socket.send('{n}')\n    assert socket.recv(timeout=5) == '{n}'",
        "fff",
        "red",
    ),
    Idiom(
        "socket_refused",
        "with pytest.raises((InvalidStatus, OSError)):\n    connect(EVENTS + '/{n}', open_timeout=5)",
        "ppp",
        "blind",
    ),
    Idiom(
        "socket_fallback",
        "try:\n    with connect(EVENTS + '/{n}', open_timeout=5) as socket:\n        answer = socket.recv(timeout=5)\n"
        "except Exception:\n    answer = 'pong'\nassert answer == 'pong'",
        "ppp",
        "blind",
    ),
    Idiom("with_session", "assert {n} > 0", "eep", "partly-blind"),
    Idiom(
        "raises_url_error",
        "with pytest.raises(urllib.error.URLError):\n    urllib.request.urlopen(URL + '/orders/{n}', timeout=5)",
        "ppf",
        "inverted",
    ),
)
CLIENTS = ("by_requests", "by_httpx", "by_urllib")
COPIES = 20


def suite() -> dict[str, str]:
    """One file for each idiom: name -> text."""
    return {f"test_{idiom.name}.py": HEAD + "".join(_test(idiom, n) for n in range(1, COPIES + 1)) for idiom in IDIOMS}


def _test(idiom: Idiom, n: int) -> str:
    body = idiom.source.format(n=n, get=CLIENTS[n % 3]).replace("\n", "\n    ")
    argument = "session" if idiom.name == "with_session" else ""
    return f"\ndef test_{idiom.name}_{n}({argument}):\n    {body}\n"


def expected() -> dict[str, Idiom]:
    """Node id -> what was written by hand, for all five hundred."""
    return {f"test_{i.name}.py::test_{i.name}_{n}": i for i in IDIOMS for n in range(1, COPIES + 1)}
