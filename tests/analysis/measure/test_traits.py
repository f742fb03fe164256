"""Skips, swallowed failures, waits, mocks, fallbacks and bypasses: those that are new are found, wherever they stand."""

import pytest
from measures import HEAD, body, changes, weakenings

ASK = "answer = client.get('/orders/1', timeout=5)"
CHECK = "assert answer.status_code == 200"
PLAIN = body(ASK, CHECK)
FILE = "tests/test_shop.py"
CONFTEST = "tests/conftest.py"


def helped(helper: str, *lines: str) -> str:
    return helper + "\n" + body(*lines)


NEW = {
    "skip mark": ("@pytest.mark.skip\n" + PLAIN, "skip-added"),
    "skipif mark": ("@pytest.mark.skipif(True, reason='x')\n" + PLAIN, "skip-added"),
    "xfail mark": ("@pytest.mark.xfail\n" + PLAIN, "skip-added"),
    "module mark": ("pytestmark = pytest.mark.skip\n" + PLAIN, "skip-added"),
    "importorskip": ("lib = pytest.importorskip('lib')\n" + PLAIN, "skip-added"),
    "skip inside": (body(ASK, "if not answer.ok:", "    pytest.skip('down')", CHECK), "skip-added"),
    "early return": (body(ASK, "if answer.status_code == 503:", "    return", CHECK), "early-return-added"),
    "except pass": (body("try:", f"    {ASK}", f"    {CHECK}", "except AssertionError:", "    pass"), "except-added"),
    "except print": (body("try:", f"    {ASK}", f"    {CHECK}", "except Exception as e:", "    print(e)"), "except-added"),
    "bare except": (body("try:", f"    {ASK}", f"    {CHECK}", "except:", "    pass"), "except-added"),
    "suppress": (body("with contextlib.suppress(Exception):", f"    {ASK}", f"    {CHECK}"), "except-added"),
    "timeout": (body("answer = client.get('/orders/1', timeout=60)", CHECK), "timeout-raised"),
    "timeout None": (body("answer = client.get('/orders/1', timeout=None)", CHECK), "timeout-raised"),
    "timeout by name": ("LIMIT = 60\n" + body("answer = client.get('/orders/1', timeout=LIMIT)", CHECK), "timeout-raised"),
    "sleep": (body(ASK, "time.sleep(3)", CHECK), "sleep-added"),
    "flaky": ("@pytest.mark.flaky(reruns=3)\n" + PLAIN, "retries-raised"),
    "tenacity": ("@retry(stop=stop_after_attempt(5))\n" + PLAIN, "retries-raised"),
    "a loop that tries again": (
        body("for _ in range(10):", f"    {ASK}", "    if answer.ok:", "        break", CHECK),
        "retries-raised",
    ),
    "patch": ("@patch('shop.client.get')\n" + body(ASK, CHECK).replace("test_it()", "test_it(get)"), "mock-added"),
    "with patch": (body("with mock.patch.object(client, 'get'):", f"    {ASK}", f"    {CHECK}"), "mock-added"),
    "MagicMock": (body("answer = MagicMock(status_code=200)", CHECK), "mock-added"),
    "monkeypatch": (body(ASK, CHECK).replace("test_it()", "test_it(monkeypatch)").replace(ASK, f"monkeypatch.setattr(client, 'get', fake)\n    {ASK}"), "mock-added"),
    "responses": ("@responses.activate\n" + PLAIN, "mock-added"),
    "a fixture of mocks": (PLAIN.replace("test_it()", "test_it(requests_mock)"), "mock-added"),
    "cassette": ("@vcr.use_cassette('a.yaml')\n" + PLAIN, "mock-added"),
    "vcr mark": ("@pytest.mark.vcr\n" + PLAIN, "mock-added"),
    "stub server": (body("server = HTTPServer(('', 0), Handler)", ASK, CHECK), "mock-added"),
    "in-process app": (body("client = TestClient(app)", ASK, CHECK), "mock-added"),
    "or default": (body(f"{ASK} or SAMPLE", CHECK), "fallback-added"),
    "except default": (body("try:", f"    {ASK}", "except OSError:", "    answer = SAMPLE", CHECK), "fallback-added"),
    "bypass header": (body("answer = client.get('/orders/1', timeout=5, headers={'X-Mock': '1'})", CHECK), "bypass-added"),
    "a mode in a header": (body("answer = client.get('/orders/1', timeout=5, headers={'X-Mode': 'stub'})", CHECK), "bypass-added"),
    "a bypass in the query": (body("answer = client.get('/orders/1?dry_run=true', timeout=5)", CHECK), "bypass-added"),
    "verify=False": (body("answer = client.get('/orders/1', timeout=5, verify=False)", CHECK), "bypass-added"),
    "a variable": (body("os.environ['USE_FAKE_PAYMENTS'] = '1'", ASK, CHECK), "bypass-added"),
}  # fmt: skip


@pytest.mark.parametrize("name", NEW)
def test_what_is_new_is_found(name: str) -> None:
    after, code = NEW[name]
    assert code in weakenings(PLAIN, after)
    assert code not in weakenings(after, after)


@pytest.mark.parametrize("name", NEW)
def test_a_new_test_may_have_it(name: str) -> None:
    """Added tests take nothing away. What stands on the level of a module concerns the old ones, too."""
    after, _ = NEW[name]
    if after.startswith(("pytestmark", "lib", "LIMIT")):
        return
    assert weakenings(PLAIN, PLAIN + "\n" + after.replace("test_it", "test_new")) == []


def test_a_default_around_a_checked_value() -> None:
    before = body(ASK, "assert answer.json()['total'] == 10")
    assert "fallback-added" in weakenings(before, body(ASK, "assert answer.json().get('total', 10) == 10"))


def test_more_in_a_conftest_file_concerns_every_test_that_it_is_for() -> None:
    before = {FILE: HEAD + PLAIN, CONFTEST: "import pytest\n"}
    fixture = "import pytest\n@pytest.fixture(autouse=True)\ndef away(monkeypatch):\n    monkeypatch.setattr('shop.client', fake)\n"
    assert weakenings(before, {**before, CONFTEST: fixture}) == ["mock-added"]
    asked = {**before, CONFTEST: fixture.replace("(autouse=True)", "")}
    assert weakenings(before, asked) == []


def test_a_helper_that_swallows_concerns_the_tests_that_call_it() -> None:
    fetch = "def fetch():\n    return client.get('/a')\n"
    swallow = (
        "def fetch():\n    try:\n        return client.get('/a')\n    except OSError:\n        return {'total': 10}\n"
    )
    tests = "".join(f"def test_{n}():\n    assert fetch()['total'] == {n}\n" for n in range(3))
    found = {f.code: f for f in changes(fetch + tests, swallow + tests)}
    assert set(found) == {"except-added", "fallback-added"}
    assert found["except-added"].tests == 3
    assert found["except-added"].subject == f"{FILE}::fetch"


def test_a_helper_that_returns_a_constant_now() -> None:
    test = body("assert fetch() == 10")
    found = changes("def fetch():\n    return client.get('/a').json()\n" + test, "def fetch():\n    return 10\n" + test)
    assert [f.code for f in found] == ["result-hard-coded"]


GOOD = {
    "a lower limit": body("answer = client.get('/orders/1', timeout=2)", CHECK),
    "a limit more": body(ASK, "other = client.get('/b', timeout=5)", CHECK),
    "a handler that raises": body("try:", f"    {ASK}", "except OSError as e:", "    raise AssertionError('down') from e", CHECK),
    "a handler that fails": body("try:", f"    {ASK}", "except OSError:", "    pytest.fail('down')", CHECK),
    "a header": body("answer = client.get('/orders/1', timeout=5, headers={'X-Request-Id': '7'})", CHECK),
    "a parameter": "@pytest.mark.parametrize('n', [1, 2])\n" + body(ASK, CHECK).replace("test_it()", "test_it(n)"),
    "a mark": "@pytest.mark.slow\n" + PLAIN,
    "an import": "import os\n" + PLAIN,
    "a helper": helped("def ask():\n    return client.get('/orders/1', timeout=5)\n", "answer = ask()", CHECK),
    "a shorter loop": body(ASK, CHECK, "for item in answer.json():", "    assert item['id']"),
    "a class": "class TestShop:\n    def test_it(self):\n        " + ASK + "\n        " + CHECK + "\n",
    "async": "async def test_it():\n    answer = await client.get('/orders/1', timeout=5)\n    " + CHECK + "\n",
    "a text": "def test_it():\n    '''Orders are there? skip=1'''\n    " + ASK + "\n    " + CHECK + "\n",
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_takes_nothing_away_is_none(name: str) -> None:
    assert weakenings(PLAIN, GOOD[name]) == []


def test_a_call_of_a_helper_that_polls_as_ever_is_none() -> None:
    polls = "def wait():\n    for _ in range(10):\n        time.sleep(0.1)\n        if client.get('/done').ok:\n            return\n"
    other = "def test_other():\n    wait()\n    assert client.get('/a').ok\n"
    assert weakenings(polls + other + PLAIN, polls + other + body("wait()", ASK, CHECK)) == []
