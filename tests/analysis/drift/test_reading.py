"""Values are read by syntax, named by their names, and shown without secrets: whatever stands in a source."""

import hashlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.drift import written_in
from greenproof.analysis.drift.services import ServiceFacts, facts_in, service_settings
from greenproof.analysis.drift.values import address_of, key_of, kind_of, same, seconds_of, settings_of, shown
from greenproof.model.drift import Kind, Origin, Role, Source
from greenproof.model.redaction import MASK, Redactor

HERE = Source(Origin.FILE, "x.py", 1)
NOBODY = Redactor()


def digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("DB_TIMEOUT", "60", Kind.TIMEOUT),
        ("connectTimeout", "1.5", Kind.TIMEOUT),
        ("timeout", "never", Kind.SETTING),
        ("PORT", "8080", Kind.PORT),
        ("PORT", "808080", Kind.SETTING),
        ("report", "80", Kind.SETTING),
        ("pool_size", "5", Kind.POOL),
        ("max_connections", "5", Kind.POOL),
        ("WS_SUBPROTOCOLS", "jwt, chat", Kind.SUBPROTOCOL),
        ("E2E_BYPASS_KEY", "abc", Kind.KEY),
        ("JWT_SECRET", "abc", Kind.KEY),
        ("SECRET_URL", "https://hooks.test/very-secret", Kind.KEY),
        ("PASSWORD_COST", "8", Kind.SETTING),
        ("TOKEN_TTL", "60", Kind.TIMEOUT),
        ("PASSWORD", "12345678", Kind.KEY),
        ("API", "https://api.test", Kind.URL),
        ("DB_HOST", "db.internal", Kind.HOST),
        ("health_path", "/healthz", Kind.PATH),
        ("LOG_LEVEL", "info", Kind.SETTING),
    ],
)
def test_a_name_says_what_a_value_is(name: str, value: str, kind: Kind) -> None:
    assert kind_of(name, value) is kind


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("DB_TIMEOUT", "8", 8), ("TIMEOUT_MS", "8000", 8), ("TIMEOUT", "500ms", 0.5), ("T", "2 min", 120),
        ("T_MINUTES", "2", 120), ("T", "1.5h", 5400), ("T_MS", "3 s", 3), ("T", "5 us", 5e-6),
    ],
)  # fmt: skip
def test_the_unit_of_a_time_is_that_of_the_value_else_of_the_name(name: str, value: str, seconds: float) -> None:
    assert seconds_of(name, value) == pytest.approx(seconds)


def test_the_same_thing_said_otherwise_is_no_drift() -> None:
    assert same(Kind.TIMEOUT, "timeout", "30.0 s", "30")
    assert same(Kind.URL, "url", "http://LOCALHOST:80/a/", "http://127.0.0.1/a")
    assert same(Kind.SUBPROTOCOL, "p", "a, b", "b a")
    assert not same(Kind.TIMEOUT, "timeout", "60", "8")
    assert not same(Kind.URL, "url", "http://a.test", "https://a.test")
    assert not same(Kind.URL, "url", "http://a.test/v1", "http://a.test/v2")


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_name_and_value_is_some_setting_and_is_the_same_as_itself(name: str, value: str) -> None:
    for setting in settings_of("s", name, value, HERE, digest, NOBODY):
        assert setting.value.isprintable()
        assert same(setting.kind, setting.name, setting.value, setting.value)
        json.dumps(setting.value)
    address_of(value)
    seconds_of(name, value)


@given(
    st.text("abcdefghXYZ0123456789!*", min_size=8, max_size=30),
    st.sampled_from(["PASSWORD", "API_KEY", "token", "aws.secret", "bypassKey"]),
)
def test_a_key_is_never_shown(secret: str, name: str) -> None:
    for described in (digest, lambda value: None):
        found = list(settings_of("s", name, secret, HERE, described, NOBODY))
        assert [one.kind for one in found] == [Kind.KEY]
        assert secret not in repr(found)


@given(st.text("abcdefgh0123456789-_~", min_size=6, max_size=30))
def test_a_url_is_shown_without_password_and_parameters(secret: str) -> None:
    secret = f"Zz{secret}"
    for url in (
        f"postgres://ada:{secret}@db.test/x",
        f"https://a.test/x?sig={secret}",
        f"https://a.test:bad/?{secret}",
    ):
        found = list(settings_of("s", "DATABASE_URL", url, HERE, digest, NOBODY))
        assert secret not in repr(found)
    found = list(settings_of("s", "DATABASE_URL", f"postgres://ada:{secret}@db.test/x", HERE, digest, NOBODY))
    assert [(one.kind, one.value) for one in found] == [
        (Kind.URL, "postgres://ada@db.test/x"),
        (Kind.KEY, key_of(secret, digest)),
    ]


def test_without_a_key_for_digests_a_key_is_masked() -> None:
    assert key_of("abc", lambda value: None) == MASK


SOURCE = '''
"""http://docstring.test is nothing that is used."""
import os, httpx, asyncio
BASE_URL = "https://api.staging.test/v1"
PORT = 9001
DB = {"init_timeout": 60.0, "pool_size": 5, "init_timeout": 8.0}
KEY = os.environ["BYPASS_KEY"]
URL = os.environ.get("API_URL", "http://localhost:8000")
async def connect(timeout=3):
    client = httpx.AsyncClient(base_url=f"{BASE_URL}/x", timeout=httpx.Timeout(10, connect=2.5))
    await asyncio.wait_for(client.get("http://other.test:81/a"), 7)
    await ws(subprotocols=["jwt", f"jwt.{KEY}"], api_key="s3cret-s3cret", token=f"Bearer {KEY}")
    client.post("/x", json={"url": "http://payload.test", "timeout": 1})
    assert "http://mentioned.test" != URL and not BASE_URL.startswith("https://")
'''


def test_constants_of_a_source_are_found_with_their_names_and_lines() -> None:
    found = written_in({"e2e/conftest.py": SOURCE})
    told = [
        (one.name.removeprefix("e2e/conftest.py::"), one.kind, one.value, one.role, one.line) for one in found.values
    ]
    assert told == [
        ("BASE_URL", Kind.URL, "https://api.staging.test/v1", Role.USED, 4),
        ("PORT", Kind.PORT, "9001", Role.USED, 5),
        # A key that stands twice in one table is seen twice, in the order of the source: the last one counts.
        ("init_timeout", Kind.TIMEOUT, "60.0", Role.USED, 6),
        ("pool_size", Kind.POOL, "5", Role.USED, 6),
        ("init_timeout", Kind.TIMEOUT, "8.0", Role.USED, 6),
        ("API_URL", Kind.URL, "http://localhost:8000", Role.FALLBACK, 8),
        ("connect.timeout", Kind.TIMEOUT, "3", Role.USED, 9),
        ("connect.timeout", Kind.TIMEOUT, "10", Role.USED, 10),
        ("connect.timeout.connect", Kind.TIMEOUT, "2.5", Role.USED, 10),
        ("connect.get()", Kind.URL, "http://other.test:81/a", Role.USED, 11),
        ("connect.timeout", Kind.TIMEOUT, "7", Role.USED, 11),
        ("connect.subprotocols", Kind.SUBPROTOCOL, "jwt, jwt.{}", Role.USED, 12),
        ("connect.api_key", Kind.KEY, "s3cret-s3cret", Role.USED, 12),
        ("connect.a literal", Kind.URL, "http://mentioned.test", Role.MENTIONED, 14),
    ]
    assert found.variables == {"BYPASS_KEY": ("e2e/conftest.py", 7), "API_URL": ("e2e/conftest.py", 8)}
    assert "BYPASS_KEY" in found.words


@given(st.dictionaries(st.sampled_from(["a.py", "b/c.py", "d.py"]), st.text(max_size=80) | st.just(SOURCE), max_size=3))
def test_any_text_is_read_or_named_as_unread_and_order_does_not_count(texts: dict[str, str]) -> None:
    found = written_in(texts)
    assert found == written_in(dict(reversed(texts.items())))
    read = {one.path for one in found.values}
    assert not read & {line.partition(":")[0] for line in found.unread}


@pytest.mark.parametrize("make", [lambda: "f(" * 3000, lambda: "[" * 900 + "]" * 900, lambda: "x = 1 +" * 20_000 + "1"])
def test_a_source_that_is_too_deep_for_python_is_told(make: Callable[[], str]) -> None:
    assert [line.partition(":")[0] for line in written_in({"deep.py": make()}).unread] == ["deep.py"]


def test_a_source_that_is_deep_is_walked() -> None:
    text = "x = " + "-" * 80 + "1\nTIMEOUT = 4\n" + "y = " + " + ".join(["1"] * 900)
    assert [one.value for one in written_in({"a.py": text}).values] == ["4"]


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["launch", "configuration", "x"]), JSON))
def test_a_manifest_that_is_none_has_settings_or_is_none(manifest: dict[str, object]) -> None:
    facts = facts_in(manifest, written_in({}))
    if facts is not None:
        list(service_settings(facts, lambda name: HERE, digest, NOBODY))


def test_a_service_says_each_thing_once_and_keys_by_digest() -> None:
    facts = ServiceFacts(
        "api",
        {"port": 80, "start_timeout": 30.0, "health": "/health", "needs": ()},
        {"JWT": "{secret.jwt}", "DB": "redis://:{secret.db}@{redis.host}", "LIMIT": "5", "API_KEY": "plain-plain"},
        {"jwt": "f" * 32, "db": None},
        "api-1",
        written_in({"db.py": "POOL = {'pool_size': 5}\nPOOL_2 = {'pool_size': 7}"}),
    )
    found = {one.name: (one.kind, one.value) for one in service_settings(facts, lambda name: HERE, digest, NOBODY)}
    assert found == {
        "port": (Kind.PORT, "80"),
        "start_timeout": (Kind.TIMEOUT, "30 s"),
        "health": (Kind.PATH, "/health"),
        "revision": (Kind.REVISION, "api-1"),
        "env.API_KEY": (Kind.KEY, key_of("plain-plain", digest)),
        "env.DB": (Kind.SETTING, shown("redis://:{secret.db}@{redis.host}", NOBODY)),
        "env.JWT": (Kind.KEY, "digest " + "f" * 16),
        "env.LIMIT": (Kind.SETTING, "5"),
        "secret.db": (Kind.KEY, MASK),
        "code db.py::pool_size": (Kind.POOL, "5, 7"),
    }


def test_a_value_that_may_be_a_secret_is_a_digest_and_its_change_is_seen() -> None:
    for value in ("correct horse hunter2", "hunter2", "{web.url} hunter2"):
        facts = ServiceFacts(
            "api",
            {"command": ("{python}", "m.py", "--password", value)},
            {"PHRASE": value, "MOTTO": value},
            code=written_in({}),
        )
        found = {one.name: one.value for one in service_settings(facts, lambda name: HERE, digest, NOBODY)}
        assert "hunter2" not in repr(found)
        assert found["env.MOTTO"] == found["env.PHRASE"] == key_of(value, digest)
        assert found["command"].startswith(f"{{python}} m.py --password {MASK}")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.test/T0AB12-hunter2x/{web.port}",
        "https://hunter2x@a.test/",
        "https://hooks.test/services/T0AB12/hunter2x",
        "https://a.test/?q=hunter2x",
    ],
)
def test_what_a_url_may_hide_is_a_key_of_its_own(url: str) -> None:
    shown_url, hidden_part = settings_of("s", "HOOK", url, HERE, digest, NOBODY)
    assert MASK in shown_url.value
    assert hidden_part.kind is Kind.KEY
    assert hidden_part.value.startswith("digest ")
    assert "hunter2x" not in repr((shown_url, hidden_part))
