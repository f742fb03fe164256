"""The seam for HTTP against servers that misbehave: a bounded time, a bounded body, and a reason that can be acted on."""

import time

import hostile_servers as servers
import pytest
from hostile_servers import Certificates, closed_port, full_queue, serving

from greenproof.adapters.http import Answer, NoAnswerError, get
from greenproof.adapters.unanswered import UNREACHABLE

LIMIT = 256 * 1024


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def asked(url: str, timeout: float = 0.5, ca: str | None = None) -> Answer | tuple[str, str]:
    """The answer, or the state and the detail of what came in its place; never later than the time-out."""
    began = time.monotonic()
    try:
        return get(url, timeout=timeout, ca=ca)
    except NoAnswerError as error:
        trouble = error.trouble
    finally:
        # Looking at a bad certificate, and a busy machine, take a moment more.
        assert time.monotonic() - began < timeout + 4
    assert trouble.hint
    assert trouble.detail.isprintable()
    return trouble.state, trouble.detail


@pytest.mark.parametrize(
    ("conduct", "state", "detail"),
    [
        (servers.hang, "timeout", "no whole answer came within 0.5 s"),
        (servers.hang_in_head, "timeout", "no whole answer"),
        (servers.slow, "timeout", "no whole answer"),
        (servers.garbage, "garbage", "is not HTTP"),
        (servers.silence, "closed", "closed the connection without an answer"),
        (servers.endless_head, "garbage", "is not HTTP"),
        (servers.trickling_head, "timeout", "no whole answer"),
    ],
)
def test_no_answer_is_told_apart(conduct: servers.Conduct, state: str, detail: str) -> None:
    with serving(conduct) as port:
        found = asked(f"http://127.0.0.1:{port}/")
    assert isinstance(found, tuple)
    assert found[0] == state
    assert detail in found[1]
    assert state not in UNREACHABLE


@pytest.mark.parametrize("conduct", [servers.large, servers.endless, servers.bomb, servers.trickle])
def test_a_body_without_end_is_cut(conduct: servers.Conduct) -> None:
    with serving(conduct) as port:
        found = asked(f"http://127.0.0.1:{port}/")
    assert isinstance(found, Answer)
    assert found.status == 200
    assert len(found.body) <= LIMIT


def test_a_circle_is_not_followed() -> None:
    with serving(servers.circle) as port:
        found = asked(f"http://127.0.0.1:{port}/")
    assert isinstance(found, Answer)
    assert found.status == 302


@pytest.mark.parametrize(
    ("url", "state", "detail"),
    [
        ("http://no-such-host.invalid/", "unresolved", "the name no-such-host.invalid does not resolve"),
        ("http://a..b/", "unresolved", "does not resolve"),
        (f"http://{'a' * 300}/", "unresolved", "does not resolve"),
        ("http://127.0.0.1:{closed}/", "refused", "nothing listens on 127.0.0.1:{closed}"),
        ("http://127.0.0.1:{full}/", "no-connection", "127.0.0.1:{full} took no connection"),
        ("https://127.0.0.1:{garbage}/", "not-tls", "does not answer with TLS"),
    ],
)
def test_who_cannot_be_reached(url: str, state: str, detail: str) -> None:
    with closed_port() as closed, full_queue() as full, serving(servers.garbage) as garbage:
        ports = {"closed": closed, "full": full, "garbage": garbage}
        found = asked(url.format(**ports))
        assert isinstance(found, tuple)
        assert found[0] == state
        assert detail.format(**ports) in found[1]
    assert state in UNREACHABLE


@pytest.mark.parametrize(
    ("names", "days", "trusted", "detail"),
    [
        (("localhost",), -2, True, r"the certificate of localhost has expired since 20"),
        (("one.example", "two.example"), 2, True, "the certificate shown by localhost is for one.example, two.example"),
        (("localhost",), 2, False, "the certificate of localhost is not trusted"),
        (tuple(f"n{n}.example" for n in range(40)), 2, True, "n4.example and 35 more"),
    ],
)
def test_certificates(
    names: tuple[str, ...], days: int, trusted: bool, detail: str, certificates: Certificates
) -> None:
    with serving(servers.healthy, certificates.context(*names, days=days)) as port:
        found = asked(f"https://localhost:{port}/", timeout=2.0, ca=str(certificates.bundle) if trusted else None)
    assert isinstance(found, tuple)
    assert found[0] == "certificate"
    assert detail in found[1]


def test_a_good_one_is_answered(certificates: Certificates) -> None:
    with serving(servers.healthy, certificates.context("localhost")) as port:
        found = asked(f"https://localhost:{port}/", timeout=5.0, ca=str(certificates.bundle))
    assert isinstance(found, Answer)
    assert found.headers["x-greenproof-revision"] == "api-1"
