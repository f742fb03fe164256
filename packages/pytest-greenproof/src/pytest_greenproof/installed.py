"""What is installed beside the tests, in one number: another library may judge an answer otherwise."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import List

_ENDINGS = (".dist-info", ".egg-info", ".egg-link", ".pth")


def installed() -> str:
    """A digest of the names, and with them the versions, of all distributions on the path of modules."""
    names: List[str] = []
    for folder in sys.path:
        try:
            names.extend(name for name in os.listdir(folder or ".") if name.endswith(_ENDINGS))
        except OSError:
            continue
    return hashlib.sha256("\n".join(sorted(names)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
