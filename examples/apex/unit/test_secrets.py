"""Keys, passwords, proofs: who is let in."""

import asyncio

import pytest
from apex.auth.bypass import admits
from apex.auth.settings import Settings
from apex.shared.passwords import UNUSABLE, hash_password, password_matches
from apex.shared.pkce import challenge_of
from apex.shared.settings import MissingSetting


def test_only_the_configured_key_opens_the_bypass() -> None:
    assert admits("k" * 24, "k" * 24)
    assert not admits("k" * 24, "k" * 23)
    assert not admits("", "")


def test_a_short_key_is_a_mistake_and_not_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_BYPASS_KEY", "short")
    with pytest.raises(MissingSetting, match="24"):
        Settings.from_environment()


@pytest.mark.parametrize("cost", ["4", "8"])
def test_a_password_matches_whatever_it_cost_when_it_was_hashed(
    monkeypatch: pytest.MonkeyPatch, cost: str
) -> None:
    monkeypatch.setenv("PASSWORD_COST", cost)
    stored = asyncio.run(hash_password("right horse"))
    monkeypatch.setenv("PASSWORD_COST", "5")
    assert asyncio.run(password_matches("right horse", stored))
    assert not asyncio.run(password_matches("wrong horse", stored))


def test_an_account_without_a_password_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD_COST", "4")
    assert not asyncio.run(password_matches("", UNUSABLE))


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
