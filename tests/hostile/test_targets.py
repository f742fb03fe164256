"""A target that does not do what a target should: told early, judged honestly, and nothing grows or stays behind."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import hostile_servers as servers
import pytest
from hostile import assert_decent, assert_ledger
from hostile_servers import Certificates, closed_port, full_queue, serving
from hostile_suite import prove, write_suite

from greenproof.ledger import Ledger

UNREACHABLE = {
    "unresolved": r"the name no-such-host\.invalid does not resolve",
    "refused": r"nothing listens on 127\.0\.0\.1:\d+",
    "queue": r"took no connection within 5 s",
    "expired": r"the certificate of localhost has expired since \d{4}-\d\d-\d\d \d\d:\d\d UTC",
    "foreign": r"the certificate shown by localhost is for other\.example",
    "untrusted": r"the certificate of localhost is not trusted",
    "plain": r"does not answer with TLS",
}
# What is told, the exit code, and the seconds that it may take.
ANSWERING = {
    "hang": (r"no whole answer came within 5 s", 1, 30),
    "hang_in_head": (r"no whole answer came within 5 s", 1, 30),
    "slow": ("", 0, 40),
    "trickle": ("", 1, 60),
    "garbage": (r"the answer of 127\.0\.0\.1:\d+ is not HTTP", 1, 20),
    "silence": (r"closed the connection without an answer", 1, 20),
    "circle": ("", 1, 20),
    "large": ("", 1, 20),
    "endless": ("", 1, 20),
    "endless_head": (r"is not HTTP", 1, 20),
    "bomb": ("", 1, 20),
    "hostile_head": ("", 1, 20),
}
IN_CI = {"unresolved", "expired", "foreign", "garbage", "endless"}


def rare(names: dict[str, object]) -> list[object]:
    return [name if name in IN_CI else pytest.param(name, marks=pytest.mark.hostile) for name in names]


@contextlib.contextmanager
def unreachable(kind: str, certificates: Certificates) -> Iterator[tuple[str, dict[str, str]]]:
    trusting = {"SSL_CERT_FILE": str(certificates.bundle)}
    with contextlib.ExitStack() as stack:
        match kind:
            case "unresolved":
                yield "http://no-such-host.invalid", {}
            case "refused":
                yield f"http://127.0.0.1:{stack.enter_context(closed_port())}", {}
            case "queue":
                yield f"http://127.0.0.1:{stack.enter_context(full_queue())}", {}
            case "plain":
                yield f"https://localhost:{stack.enter_context(serving(servers.garbage))}", {}
            case _:
                name = "other.example" if kind == "foreign" else "localhost"
                context = certificates.context(name, days=-3 if kind == "expired" else 3)
                port = stack.enter_context(serving(servers.healthy, context))
                yield f"https://localhost:{port}", {} if kind == "untrusted" else trusting


@pytest.mark.parametrize("kind", rare(UNREACHABLE))
def test_one_that_nobody_can_reach_is_told_at_once(kind: str, tmp_path: Path, certificates: Certificates) -> None:
    write_suite(tmp_path)
    with unreachable(kind, certificates) as (url, environment):
        outcome = prove(tmp_path, url, environment=environment)
    assert_decent(outcome, 5, seconds=20)
    assert re.search(UNREACHABLE[kind], outcome.err), outcome.err
    assert url in outcome.err
    assert "[target-down]" in outcome.err
    assert "hint: " in outcome.err
    assert outcome.out == ""
    assert_ledger(tmp_path, "RunStarted", "ReadingTaken", "RunFinished")


@pytest.mark.parametrize("kind", rare(ANSWERING))  # type: ignore[arg-type]
def test_one_that_answers_somehow_is_judged_by_the_tests(kind: str, tmp_path: Path) -> None:
    told, code, seconds = ANSWERING[kind]
    write_suite(tmp_path)
    with serving(getattr(servers, kind)) as port:
        outcome = prove(tmp_path, f"http://127.0.0.1:{port}", "--json", "result.json", "--timeout", "20")
    assert_decent(outcome, code, seconds=seconds)
    assert (f"target api at http://127.0.0.1:{port}: " in outcome.err) == bool(told)
    assert re.search(told, outcome.err), outcome.err
    (case,) = json.loads((tmp_path / "result.json").read_text())["cases"]
    assert case["verdict"] == ("proven" if code == 0 else "failed")
    # A case that was cut off never finished; its verdict says so.
    finished = () if kind == "trickle" else ("CaseFinished",)
    assert_ledger(tmp_path, "RunStarted", "ReadingTaken", *finished, "VerdictReached", "RunJudged", "RunFinished")


def test_of_two_targets_one_may_be_down(tmp_path: Path) -> None:
    write_suite(
        tmp_path,
        "\ndef test_other():\n    urllib.request.urlopen(os.environ['OTHER_URL'], timeout=5)\n"
        "\ndef test_last():\n    assert b'Ada' in get('/orders/2')[1]\n",
    )
    with serving(servers.healthy) as port, closed_port() as closed:
        options = ("--target", f"other=http://127.0.0.1:{closed}", "--env", "OTHER_URL=other", "--json", "result.json")
        outcome = prove(tmp_path, f"http://127.0.0.1:{port}", *options)
    assert_decent(outcome, 1, seconds=30)
    assert f"target other at http://127.0.0.1:{closed}: nothing listens" in outcome.err
    cases = json.loads((tmp_path / "result.json").read_text())["cases"]
    assert {c["id"].rpartition("::")[2]: c["verdict"] for c in cases} == {
        "test_first": "proven",
        "test_other": "failed",
        "test_last": "proven",
    }
    with Ledger.open(tmp_path / ".greenproof" / "ledger.db", create=False) as ledger:
        readings = [entry.event.reading for entry in ledger.entries(kinds=("ReadingTaken",))]  # type: ignore[union-attr]
    assert {r.service: (r.state, r.identity) for r in readings} == {
        "api": ("alive", "api-1"),
        "other": ("refused", None),
    }
