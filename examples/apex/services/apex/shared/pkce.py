"""PKCE (RFC 7636), method S256."""

import hashlib
from base64 import urlsafe_b64encode


def challenge_of(verifier: str) -> str:
    """What is shown at the beginning, so that only who knows the verifier can finish."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
