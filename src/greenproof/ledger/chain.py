"""The chain: each event's hash covers everything stored of it, and the hash of the event before."""

import hashlib
import json

GENESIS = "0" * 64
"""The head of an empty ledger."""

_DOMAIN = b"greenproof-ledger-1"


def link(previous: str, seq: int, at: bytes, run: bytes, kind: bytes, body: bytes) -> str:
    """SHA-256 over the hash before and the stored bytes of one event, each field with its length before it."""
    digest = hashlib.sha256(_DOMAIN)
    for part in (previous.encode(), str(seq).encode(), at, run, kind, body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def canonical(value: object) -> bytes:
    """A JSON value as bytes, the same for equal values.

    Raises ValueError for numbers that are not finite, TypeError for what JSON doesn't know.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # Lone surrogates come from undecodable output of tests; as escapes they survive.
    return text.encode("utf-8", "backslashreplace")
