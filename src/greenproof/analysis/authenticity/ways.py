"""The ways in which a green (or a red) says nothing, each with an example and the reasons that it gets.

Several ways may lead to one reason: what refutes them is the same experiment. Every example is run by a test: it has
`requests`, a service that takes orders at `SHOP`, and is judged as every other case. What is a text and no code can't
be run on its own.
"""

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True, slots=True)
class Way:
    """A way to be green for nothing."""

    code: str
    meaning: str
    example: str
    reasons: tuple[str, ...]
    """Codes of which it gets at least one."""


_ALL: dict[str, Way] = {}


def _way(code: str, meaning: str, example: str, *reasons: str) -> None:
    _ALL[code] = Way(code, meaning, dedent(example).strip(), reasons)


_way(
    "in-process-only",
    "It calls the program's own functions or an application object, and no service.",
    """
    def test_total():
        prices = {"mug": 2, "tray": 3}
        assert sum(prices.values()) == 5
    """,
    "no-contact",
)
_way(
    "mock-answers",
    "A mock stands where the client or the service should be.",
    """
    def test_order():
        client = unittest.mock.Mock()
        client.post.return_value.status_code = 201
        assert client.post(f"{SHOP}/orders").status_code == 201
    """,
    "mocked",
)
_way(
    "replayed-cassette",
    "A recording of an earlier answer is read instead of asking the service.",
    """
    def test_order(tmp_path):
        cassette = tmp_path / "order.json"
        cassette.write_text('{"status": 201, "body": {"total": 5}}')
        answer = json.loads(cassette.read_text())
        assert answer["status"] == 201
    """,
    "no-contact",
)
_way(
    "fallback",
    "If the service does not answer, a default takes the place of its answer.",
    """
    def test_order():
        try:
            order = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5).json()
        except Exception:
            order = {}
        assert order.get("total", 5) == 5
    """,
    "survives-fault",
)
_way(
    "wrong-target",
    "It talks to another server than the one that was deployed, here to one of its own.",
    """
    def test_order():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            port = server.server_address[1]
            assert requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 200
        finally:
            server.shutdown()
            server.server_close()
    """,
    "unseen-contact",
    "no-contact",
)
_way(
    "health-for-the-feature",
    "It asks whether the service is healthy, and takes that for the feature.",
    """
    def test_orders_work():
        assert requests.get(f"{SHOP}/health", timeout=5).json()["status"] == "healthy"
    """,
    "wrong-route",
)
_way(
    "server-side-bypass",
    "A header or a flag makes the service answer from a stub.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [5]}, headers={"X-Bypass": "1"}, timeout=5)
        assert answer.json()["total"] == 5
    """,
    "bypass",
)
_way(
    "cached-answer",
    "The answer comes from a cache that an earlier test has filled.",
    """
    def test_price_list():
        assert requests.get(f"{SHOP}/cached", timeout=5).json()["from"] == "cache"
    """,
    "cached",
)
_way(
    "looks-at-nothing",
    "It sends a request and looks at nothing of the answer.",
    """
    def test_order():
        requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
    """,
    "unchecked",
    "survives-fault",
)
_way(
    "checks-what-it-sent",
    "It asserts on its own request.",
    """
    def test_order():
        order = {"prices": [2, 3]}
        requests.post(f"{SHOP}/orders", json=order, timeout=5)
        assert order["prices"] == [2, 3]
    """,
    "survives-fault",
)
_way(
    "leaves-it-to-the-library",
    "The client raises for an error; of all that an answer says, the check would hold for anything.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        answer.raise_for_status()
        assert answer.json()["total"] >= 0
    """,
    "content-unchecked",
)
_way(
    "all-of-nothing",
    "It checks each thing in a list that is empty.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": []}, timeout=5)
        answer.raise_for_status()
        assert all(price > 0 for price in answer.json()["prices"])
    """,
    "content-unchecked",
)
_way(
    "red-on-repeat",
    "It is red the second time, whatever is answered: it finds what it left behind itself.",
    """
    def test_order():
        requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        assert not os.path.exists("ordered.txt")
        open("ordered.txt", "w").close()
    """,
    "not-repeatable",
)
_way(
    "swallowed-failure",
    "A failed check is caught.",
    """
    def test_order():
        try:
            answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
            assert answer.status_code == 201
        except Exception as problem:
            print(problem)
    """,
    "survives-fault",
)
_way(
    "tautology",
    "What it asserts is true for every answer.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        assert answer.status_code == 201 or answer.status_code != 201
    """,
    "survives-fault",
)
_way(
    "early-return",
    "It leaves before its checks when something is not as it should be.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        if answer.status_code != 201:
            return
        assert answer.json()["total"] == 5
    """,
    "survives-fault",
)
_way(
    "empty-loop",
    "It checks each of a list that may be empty.",
    """
    def test_orders():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5).json()
        for line in answer.get("lines", []):
            assert line["price"] > 0
    """,
    "survives-fault",
    "unchecked",
)
_way(
    "accepts-any-status",
    "The statuses that it accepts hold those of a service that is down.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        assert answer.status_code in (200, 201, 400, 404, 500, 502, 503)
    """,
    "survives-fault",
    "tolerates-failure",
)
_way(
    "tolerates-503",
    "It accepts the status of a service that is not there, beside the right one.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        assert answer.status_code in (201, 503)
    """,
    "tolerates-failure",
)
_way(
    "retries-until-green",
    "It tries again and gives up without a failure.",
    """
    def test_order():
        for _ in range(3):
            answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
            if answer.status_code == 201:
                assert answer.json()["total"] == 5
                break
    """,
    "survives-fault",
)
_way(
    "skip-on-failure",
    "It skips itself when the service does not answer as it should.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        if answer.status_code != 201:
            pytest.skip("the shop is not available")
        assert answer.json()["total"] == 5
    """,
    "skips-on-failure",
)
_way(
    "only-the-set-up",
    "Only the set-up reaches the service, and the test does not use what it fetched.",
    """
    class TestOrder:
        def setup_method(self):
            requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)

        def test_total(self):
            assert 2 + 3 == 5
    """,
    "set-up-only",
    "survives-values",
    "unchecked",
)
_way(
    "sleeps-for-effect",
    "It waits, so that it takes as long as a real test would.",
    """
    def test_order():
        began = time.monotonic()
        time.sleep(0.05)
        assert time.monotonic() - began >= 0.05
    """,
    "no-contact",
)
_way(
    "any-refusal-will-do",
    "It expects to be refused, and takes every error for a refusal.",
    """
    def test_unknown_order():
        assert requests.get(f"{SHOP}/orders/{uuid.uuid4()}", timeout=5).status_code >= 400
    """,
    "any-error-will-do",
    "survives-fault",
)
_way(
    "stumbles",
    "Nothing is checked; under an error it only stumbles over the shape of the answer.",
    """
    def test_order():
        order = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5).json()
        print(order["total"])
    """,
    "unchecked",
    "no-own-check",
)
_way(
    "failure-in-a-thread",
    "The check runs in a thread, whose failure nobody hears.",
    """
    def test_order():
        def check():
            answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
            assert answer.status_code == 201

        with concurrent.futures.ThreadPoolExecutor() as pool:
            pool.submit(check)
    """,
    "survives-fault",
)

_way(
    "inverted",
    "It is green because something is broken, and red when all is well. `greenproof floor` finds it without a service.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        assert answer.status_code >= 500
    """,
    "check-failed",
)
_way(
    "cannot-pass",
    "It is red whatever the service answers, so its red says nothing either.",
    """
    def test_order():
        answer = requests.post(f"{SHOP}/orders", json={"prices": [2, 3]}, timeout=5)
        assert answer.status_code == 200
        assert answer.status_code == 201
    """,
    "check-failed",
)

WAYS = dict(sorted(_ALL.items()))
"""All ways by their code."""

IN_WORDS = {
    "ambiguous": "A thread that an earlier test started still asks the service while this test runs.",
    "asserts-off": "PYTHONOPTIMIZE=1 is set, so `assert total == 5` in a helper module does nothing.",
    "check-failed": "`assert answer.status_code == 201`, and the service answered 500.",
    "checks-unknown": "pytest runs with --assert=plain: it can't be seen whether an assert ran.",
    "deselected": "A hook in conftest.py takes `test_refund` out of `items`.",
    "error-raised": "The test raised ConnectionError: nobody listens at the address.",
    "exit-status-disagrees": "`pytest || true`: one case failed, and the command ended with 0.",
    "exit-status-unexplained": "`pytest --cov-fail-under=90`: all cases passed, and the command ended with 1.",
    "fallback-after-failure": "Nothing listens there; `except ConnectionError: order = SAMPLE` keeps it green.",
    "fault-not-delivered": "Its request goes out only if a file of an earlier run is missing.",
    "fault-run-cut": "It waits for an event without a time limit; under the fault the event never comes.",
    "files-not-collected": "`import payments_sdk` fails in test_refunds.py.",
    "flaky": "With pytest-rerunfailures the first try failed and the second passed.",
    "handshake-only": '`assert ws.subprotocol == "chat"`, and no message is waited for.',
    "import-error": "`test_refund` stands in a file whose import fails.",
    "killed": "`os._exit(0)` in the test, or a time limit that ended the process.",
    "content-unchecked": "`api.get('/orders')`, whose helper raises for every status but 200, and `assert True`.",
    "later-unchecked": "It creates an order, which is checked; then it cancels that order, and looks at nothing more.",
    "lost": "`test_refund` was there in the last good run, and its file is gone.",
    "never-collected": "`collect_ignore = ['test_refunds.py']` in conftest.py.",
    "no-answer": "It sends a request in a thread and ends before the answer comes.",
    "no-fault-run": "`greenproof prove --no-faults`.",
    "no-own-check": "`answer.raise_for_status()` is all that looks at the answer.",
    "no-receipt": "No answer has the header X-Greenproof-Revision, and no log names the release.",
    "no-witness": "`env -i pytest`: the plugin's variables are gone.",
    "not-reached": "`pytest -x` stopped at a failure before this case.",
    "not-repeatable": 'It registers the user name "ada" each time; the second time the service says 409.',
    "measure-weakened": "`assert status == 200` became `assert status in (200, 503)` since the last good run.",
    "nothing-collected": "`pytest tests/smoke`, and the folder is empty.",
    "nothing-gates": '`[[priorities]] tests = ["test_chekout.py::*"]`: a slip of the pen, so no case is meant.',
    "performance-missed": "p95 of `POST /orders` is 310 ms, and 200 ms were promised.",
    "performance-not-measured": "The promise asks for 20 samples, and 3 requests were made.",
    "plumbing-only": "It logs in and asserts on the token; no claim names the route.",
    "process-ended-early": "`os._exit(0)` in pytest_sessionfinish.",
    "red-by-accident": "`answer.json()['items'][0]` stumbles over the error; a changed value is not noticed.",
    "red-outside-call": "Under the fault its fixture fails, before the test itself begins.",
    "relay-failed": "A bug of Greenproof: its text names the place.",
    "relay-lost": "The relay's process was killed from outside.",
    "not-read-only": "`writes = false` stands at a suite that orders something: the table has one row more.",
    "release-changed": "A deployment went live while the suite ran: r-1 before, r-2 after it.",
    "report-flipped": 'A hook sets `report.outcome = "passed"`.',
    "run-timed-out": "The suite took longer than `--timeout 900`.",
    "server-error-only": "`assert answer.status_code == 503`, on every route that it asks.",
    "set-up-failed": "A fixture raised an error.",
    "silenced": "`class TestRefund` has a constructor, so pytest leaves its tests out with a warning.",
    "skipped": '`@pytest.mark.skip(reason="later")`.',
    "stale-revision": "`--expect shop=r-2`, and the answers name r-1.",
    "survives-values": "`assert isinstance(order['total'], int)` on an order that a fixture fetched.",
    "target-died": "The service crashed in the middle of the suite.",
    "target-died-here": "The request of this case made the service crash.",
    "target-lost": "The service had crashed some cases before.",
    "unseen-contact": "A client written in C connects to an address that is written into the test.",
    "witness-missing": "The case ran in a process that was started without the plugin.",
    "xfailed": '`@pytest.mark.xfail(reason="known")`, and it failed.',
    "xpassed": "`@pytest.mark.xfail`, and it passed.",
}
"""Examples of reasons that no single test shows."""


def example_of(reason: str) -> str:
    """An example of a reason: code where a single test shows it, else a sentence."""
    if reason in IN_WORDS:
        return IN_WORDS[reason]
    return next(way.example for way in WAYS.values() if way.reasons[0] == reason)


def ways_to(reason: str) -> tuple[Way, ...]:
    """The ways that may get this reason."""
    return tuple(way for way in WAYS.values() if reason in way.reasons)
