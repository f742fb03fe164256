"""Who is serving: the service, its revision, and the nonce that proves it."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import List, Optional, Tuple

REVISION_HEADER = "X-Greenproof-Revision"
DEPTH_HEADER = "X-Greenproof-Depth"
CHALLENGE_HEADER = "X-Greenproof-Challenge"
PROOF_HEADER = "X-Greenproof-Proof"
LONGEST_CHALLENGE = 128

Headers = List[Tuple[str, str]]


@dataclass(frozen=True)
class Identity:
    """What the environment says about this process. An empty string means: not said."""

    service: str = ""
    revision: str = ""
    nonce: str = ""

    @classmethod
    def from_environment(cls, service: Optional[str] = None) -> Identity:
        """Read GREENPROOF_SERVICE, GREENPROOF_REVISION and GREENPROOF_NONCE."""
        return cls(
            service=service or os.environ.get("GREENPROOF_SERVICE", ""),
            revision=os.environ.get("GREENPROOF_REVISION", ""),
            nonce=os.environ.get("GREENPROOF_NONCE", ""),
        )

    def headers(self, challenge: Optional[str], depth: str) -> Headers:
        """The headers that this identity adds to an answer."""
        found: Headers = []
        if self.revision and _fits_a_header(self.revision):
            found.append((REVISION_HEADER, self.revision))
        if depth != "unknown" and _fits_a_header(depth):
            found.append((DEPTH_HEADER, depth))
        if challenge and self.nonce and len(challenge) <= LONGEST_CHALLENGE:
            found.append((PROOF_HEADER, self.prove(challenge)))
        return found

    def prove(self, challenge: str) -> str:
        """Hex HMAC-SHA256 of the challenge, keyed by the nonce."""
        # Header values travel as Latin-1, so that is what was signed on the other side.
        return hmac.new(
            self.nonce.encode(), challenge.encode("latin-1", "replace"), hashlib.sha256
        ).hexdigest()


def _fits_a_header(value: str) -> bool:
    # A line break here would let a value write headers of its own.
    return value.isascii() and value.isprintable()
