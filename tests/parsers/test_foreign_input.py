"""Whatever comes from outside is parsed without surprise: an answer, or the error that the parser promises.

`FUZZED` are the parsers that are tried here; `ELSEWHERE` those that a property-based test of their own folder tries.
A module that calls one of the usual parsing functions and is in none of the lists fails the last test.
"""

import ast
import asyncio
import contextlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_readers import ELSEWHERE, NOT_FOREIGN
from mitmproxy import http

from greenproof.adapters import http as our_http
from greenproof.adapters.logs.receipts import receipts_in
from greenproof.adapters.platforms.local.ingress.headers import forward_request, wants_upgrade
from greenproof.adapters.platforms.local.layout import read_json
from greenproof.adapters.probes import http as probe
from greenproof.adapters.probes import identity
from greenproof.adapters.relay import control, faults, mutation, observation, recording, rewriting, watching, wire
from greenproof.adapters.relay.faults import Wire
from greenproof.adapters.relay.joining import IDLE, Joined
from greenproof.adapters.relay.lean import heads
from greenproof.adapters.relay.targets import Origin
from greenproof.adapters.runners import addresses, census
from greenproof.analysis.authenticity.apart import Apart
from greenproof.analysis.authenticity.claims import generalise, matches_any
from greenproof.analysis.authenticity.dependence import Dependences
from greenproof.analysis.authenticity.shared import Statements
from greenproof.analysis.authenticity.tolerance import Sources
from greenproof.config import lines
from greenproof.ledger.evidence import references
from greenproof.loop.requests import pairs
from greenproof.model.errors import GreenproofError
from greenproof.model.facts import Exchange, FaultKind, Join, RunObservation, TestProcess
from greenproof.model.performance import Watch
from greenproof.model.plainness import shown_command, shown_value
from greenproof.model.plan import IdentitySource, LogSource
from greenproof.model.redaction import Redactor
from greenproof.model.routes import Route
from pytest_greenproof import texts
from pytest_greenproof.control import Address

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("src", "packages/pytest-greenproof/src", "packages/greenproof-receipts/src")

DEEP = b"[" * 100_000
"""More than any recursive reader can take."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "ambiguous",
        "arguments",
        "case",
        "checks",
        "children",
        "connections",
        "errors",
        "evasions",
        "executed",
        "exit_status",
        "failure",
        "fixtures",
        "foreign",
        "ip",
        "kind",
        "last_check_ns",
        "m",
        "mocks",
        "n",
        "ns",
        "on",
        "optimised",
        "outcome",
        "phase",
        "pid",
        "port",
        "python_classes",
        "python_files",
        "python_functions",
        "role",
        "rootdir",
        "skip_reason",
        "skipped",
        "spans",
        "stray_children",
        "strays",
        "text",
        "type",
        "wasxfail",
        "when",
        "worker",
    ]
)
MESSAGES = st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON) | st.lists(st.lists(JSON, max_size=4)), max_size=8)
NASTY = st.sampled_from(
    [b"\r\n", b"\0", b":", b"//", b"http://", b"{", b"}", b"**", b"[", b"]", b"%", b"\xff", b"=", b"::"]
)
BYTES = st.lists(st.binary(max_size=12) | NASTY, max_size=12).map(b"".join)
TEXTS = BYTES.map(lambda data: data.decode("utf-8", "surrogateescape")) | st.text()
ORIGIN = Origin("http", "service.example", 80)


def head_of(start: bytes) -> st.SearchStrategy[bytes]:
    """Something between a good head and garbage."""
    field = st.tuples(
        st.sampled_from([b"Host", b"Content-Length", b"Transfer-Encoding", b"Location", b"Set-Cookie", b"Upgrade"])
        | BYTES,
        st.sampled_from([b"5", b"-1", b"9" * 400, b"chunked", b"http://service.example/x", b"a=b; Domain=x"]) | BYTES,
    ).map(b": ".join)
    return st.tuples(st.just(start) | BYTES, st.lists(field, max_size=5)).map(
        lambda parts: b"\r\n".join([parts[0], *parts[1]]) + b"\r\n\r\n"
    )


def a_message(message: dict[str, Any]) -> None:
    """Everything that a plugin may tell, in every order, from a process that we did not write."""
    seen = observation.Observation(lambda case: None)
    for take in (seen.collect, seen.reported, seen.hello):
        with contextlib.suppress(observation.BadMessageError):
            take(message)
    for later in (seen.call, seen.teardown):
        with contextlib.suppress(observation.BadMessageError):
            later("case", message, None)
    with contextlib.suppress(observation.BadMessageError):
        seen.setup("case", None, 1)
        seen.call("case", message, None)
        seen.end("case", message)
    seen.cases()


def a_head_of_the_ingress(data: bytes) -> None:
    connection = h11.Connection(h11.SERVER)
    try:
        connection.receive_data(data)
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return
    if isinstance(event, h11.Request):
        forward_request(event, "127.0.0.1", upgrade=wants_upgrade(event))


def an_answer_of_a_probe(data: bytes) -> None:
    async def ask() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        connection.send(h11.EndOfMessage())
        with contextlib.suppress(h11.RemoteProtocolError):
            answer = await probe._receive(connection, reader, 0.0)
            probe.failing_checks(answer.body)

    asyncio.run(ask())


def a_watched_message(data: bytes) -> None:
    """As the whole message, and as what stands in the fields that are looked at."""
    held = watching.Watching(Watch((), (("type", "pong"),), ("id",)))
    part = recording.Sight("x1", Wire("a", "WS", "/"), "websocket", Joined(IDLE, Join.NONE, None, ""), 0)
    for content in (data, b'{"type": "pong", "id": ' + data + b"}", b'{"type": "pong", "id": "' + data + b'"}'):
        held.see(part, 1, True, content, True)


def headers_of_a_relay(data: bytes) -> None:
    fields = [tuple(line.split(b": ", 1)) for line in data.split(b"\r\n") if b": " in line]
    headers = http.Headers(fields)
    rewriting.to_relay(headers, {ORIGIN: "http://127.0.0.1:1"})
    rewriting.to_service(headers, "http://127.0.0.1:1", ORIGIN)


def a_file_of_tests(data: bytes, folder: Path) -> None:
    file = folder / "test_it.py"
    file.write_bytes(data)
    found = census.census(TestProcess(1, "main", None, str(folder), (str(file),)))
    assert all(name.startswith("test_it.py::") for name in found)


def a_document(data: bytes, folder: Path) -> None:
    file = folder / "state.json"
    file.write_bytes(data)
    read_json(file)


def an_identity(data: bytes) -> None:
    answer = our_http.Answer(200, {}, data, 1.0)
    found = identity._revision(answer, IdentitySource(header=None, path="/version", field="a.b"))
    assert found is None or len(found) <= 200


def receipts(data: bytes) -> None:
    list(receipts_in(data.split(b"\n"), "api", LogSource(), frozenset({"a" * 32})))


def lines_of_toml(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except ValueError:
        return
    assert {path[0] for path in lines.index(text)} == set(document)


NOTHING: tuple[type[BaseException], ...] = ()
# The module, what is done with hostile input, which input, and the errors that it promises.
FUZZED: dict[str, tuple[str, Callable[..., object], st.SearchStrategy[Any], tuple[type[BaseException], ...]]] = {
    "route": ("greenproof.model.routes", lambda t: Route.parse(t).matches("api", "GET", t), TEXTS, (ValueError,)),
    "a route's pattern": (
        "greenproof.model.routes",
        lambda t: Route("GET", "/" + t).matches("a", "GET", t),
        TEXTS,
        NOTHING,
    ),
    "globs": (
        "greenproof.analysis.authenticity.claims",
        lambda t: matches_any(t, [t, f"*{t}", f"[{t}"]),
        TEXTS,
        NOTHING,
    ),
    "path": ("greenproof.analysis.authenticity.claims", generalise, TEXTS, NOTHING),
    "--target and --env": (
        "greenproof.loop.requests",
        lambda t: pairs("--target", [t, "a=" + t]),
        TEXTS,
        (GreenproofError,),
    ),
    "URL": (
        "greenproof.adapters.runners.addresses",
        lambda t: addresses.check_url("a", "http://" + t),
        TEXTS,
        (GreenproofError,),
    ),
    "variable": (
        "greenproof.adapters.runners.addresses",
        lambda t: addresses.variable_templates("a", "http://x", ["V"], {"V": t}),
        TEXTS,
        (GreenproofError,),
    ),
    "origin": ("greenproof.adapters.relay.targets", lambda t: Origin.parse("http://" + t), TEXTS, (GreenproofError,)),
    "census": ("greenproof.adapters.runners.census", a_file_of_tests, BYTES, NOTHING),
    "dependence": (
        "greenproof.analysis.authenticity.dependence",
        lambda t: Dependences({"test_a.py": t, "b.py": "import test_a"}).of("b.py"),
        TEXTS,
        NOTHING,
    ),
    "tolerance": (
        "greenproof.analysis.authenticity.tolerance",
        lambda t: Sources.read({"test_a.py": t}).tolerance("test_a.py::t"),
        TEXTS,
        NOTHING,
    ),
    "apart": (
        "greenproof.analysis.authenticity.apart",
        lambda t: Apart({"test_a.py": t}).at("test_a.py::t", 1),
        TEXTS,
        NOTHING,
    ),
    "statements": (
        "greenproof.analysis.authenticity.shared",
        lambda t: Statements({"test_a.py": t}).of_helper("test_a.py::t", 1, "t"),
        TEXTS,
        NOTHING,
    ),
    "message that may be an error": (
        "greenproof.adapters.relay.faults",
        lambda b: faults.change_message(b, True, FaultKind.LATER),
        BYTES,
        NOTHING,
    ),
    "control line": ("greenproof.adapters.relay.control", control._parse, BYTES, (observation.BadMessageError,)),
    "plugin message": ("greenproof.adapters.relay.observation", a_message, MESSAGES, NOTHING),
    "relay message": (
        "greenproof.adapters.relay.wire",
        lambda m: wire.load(RunObservation, m),
        JSON,
        (KeyError, TypeError, ValueError, AttributeError, IndexError),
    ),
    "relay row": (
        "greenproof.adapters.relay.wire",
        lambda m: wire.load(Exchange, m),
        JSON,
        (KeyError, TypeError, ValueError, AttributeError, IndexError),
    ),
    "request head": (
        "greenproof.adapters.relay.lean.heads",
        heads.request,
        head_of(b"GET /x HTTP/1.1"),
        (heads.NotSimpleError,),
    ),
    "answer head": (
        "greenproof.adapters.relay.lean.heads",
        lambda b: heads.answer(b, "GET", {ORIGIN: "http://127.0.0.1:1"}),
        head_of(b"HTTP/1.1 200 OK"),
        (heads.NotSimpleError,),
    ),
    "addresses in headers": ("greenproof.adapters.relay.rewriting", headers_of_a_relay, head_of(b""), NOTHING),
    "path and identity": (
        "greenproof.adapters.relay.recording",
        lambda t: (recording.clean_path(t), recording.clean_identity(t), recording.depth_of(t)),
        TEXTS,
        NOTHING,
    ),
    "websocket message": ("greenproof.adapters.relay.watching", a_watched_message, BYTES, NOTHING),
    "ingress head": (
        "greenproof.adapters.platforms.local.ingress.exchanges",
        a_head_of_the_ingress,
        head_of(b"GET / HTTP/1.1"),
        NOTHING,
    ),
    "probe answer": (
        "greenproof.adapters.probes.http",
        an_answer_of_a_probe,
        head_of(b"HTTP/1.1 200 OK") | BYTES,
        NOTHING,
    ),
    "readiness document": (
        "greenproof.adapters.probes.http",
        lambda b: (probe.failing_checks(b), probe._field(b, "a.b")),
        BYTES | JSON.map(lambda v: json.dumps(v).encode()),
        NOTHING,
    ),
    "identity document": (
        "greenproof.adapters.probes.identity",
        an_identity,
        BYTES | JSON.map(lambda v: json.dumps({"a": v}).encode()),
        NOTHING,
    ),
    "packed answer": (
        "greenproof.adapters.http",
        lambda b: our_http._unpacked(b, {"content-encoding": "gzip"}),
        BYTES,
        NOTHING,
    ),
    "log lines": ("greenproof.adapters.logs.receipts", receipts, BYTES, NOTHING),
    "state file": ("greenproof.adapters.platforms.local.layout", a_document, BYTES, NOTHING),
    "lines of TOML": ("greenproof.config.lines", lines_of_toml, TEXTS, NOTHING),
    "evidence ids": ("greenproof.ledger.evidence", lambda v: list(references(v)), JSON, NOTHING),
    "settings": (
        "greenproof.model.plainness",
        lambda t: (shown_value(t, t, str), shown_command([t, t], str)),
        TEXTS,
        NOTHING,
    ),
    "redaction": ("greenproof.model.redaction", lambda t: Redactor([t, "x" + t]).text("key=" + t), TEXTS, NOTHING),
    "plugin's address": ("pytest_greenproof.control", Address.parse, TEXTS, (ValueError,)),
    "plugin's answer": ("pytest_greenproof.texts", texts.decode, BYTES, (ValueError,)),
    "value fault": (
        "greenproof.adapters.relay.mutation",
        lambda b: mutation.mutate_body(b, None, textual=True),
        BYTES,
        NOTHING,
    ),
}
FOLDERS = {"census", "state file"}
BYTEWISE = [name for name, (_, _, inputs, _) in FUZZED.items() if inputs is BYTES]
BYTEWISE += ["readiness document", "identity document", "probe answer", "request head", "answer head", "ingress head"]


@pytest.mark.parametrize("name", FUZZED)
def test_anything_is_answered_or_refused_as_promised(name: str, tmp_path: Path) -> None:
    _, parse, inputs, promised = FUZZED[name]

    @settings(max_examples=40, deadline=None)
    @given(inputs)
    def attempt(value: Any) -> None:
        with contextlib.suppress(*promised):
            parse(value, tmp_path) if name in FOLDERS else parse(value)

    attempt()


@pytest.mark.parametrize("name", BYTEWISE)
@pytest.mark.parametrize("data", [DEEP, b'{"a":' * 50_000, b"1" * 100_000, b"(" * 5_000, b"\0" * 10_000], ids=range(5))
def test_what_is_far_too_deep_or_long_is_survived(name: str, data: bytes, tmp_path: Path) -> None:
    _, parse, _, promised = FUZZED[name]
    with contextlib.suppress(*promised):
        parse(data, tmp_path) if name in FOLDERS else parse(data)


_READERS = {
    "json": {"loads", "load"},
    "tomllib": {"loads", "load"},
    "ast": {"parse", "literal_eval"},
    "shlex": {"split"},
    "re": {"compile", "search", "match", "fullmatch", "findall", "finditer", "split", "sub"},
    "csv": {"reader", "DictReader"},
    "yaml": {"safe_load", "load"},
    "": {"urlsplit", "urlparse", "unquote", "parse_qs", "fnmatch", "from_bytes", "fromisoformat", "receive_data",
         "feed_data", "decompressobj", "load_der_x509_certificate", "fromstring", "safe_load"},
}  # fmt: skip


def reads(file: Path) -> bool:
    """Whether a module calls one of the functions with which input is taken apart."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            owner = getattr(called.value, "id", "") if isinstance(called, ast.Attribute) else ""
            if name in _READERS.get(owner, ()) or name in _READERS[""]:
                return True
    return False


def test_every_parser_is_tried_or_said_to_be_harmless() -> None:
    """A new one must be put into one of the lists, and what is listed must be there."""
    modules = {
        ".".join(file.relative_to(ROOT / source).with_suffix("").parts): file
        for source in SOURCES
        for file in (ROOT / source).rglob("*.py")
    }
    fuzzed = {module for module, *_ in FUZZED.values()}
    known = fuzzed | set(ELSEWHERE) | set(NOT_FOREIGN)
    parsers = {module for module, file in modules.items() if reads(file)}
    assert parsers - known == set(), "parsers without a fuzzer: give them one, or say why they need none"
    assert known - set(modules) == set(), "there is no such module any more"
    assert (set(NOT_FOREIGN) & (fuzzed | set(ELSEWHERE))) == set()
    for module, place in ELSEWHERE.items():
        text = (ROOT / place).read_text(encoding="utf-8")
        assert "@given" in text, place
        assert module.rpartition(".")[0] in text, (module, place)
