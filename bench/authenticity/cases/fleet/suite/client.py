"""Thin wrapper round requests."""

import contextlib

import requests


class FleetClient:
    def __init__(self, base, token):
        self.base = base
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method, path, **kw):
        return self.session.request(method, self.base + path, timeout=10, **kw)

    def get(self, path, **kw):
        return self.call("GET", path, **kw)

    def post(self, path, **kw):
        return self.call("POST", path, **kw)

    def patch(self, path, **kw):
        return self.call("PATCH", path, **kw)

    def delete(self, path, **kw):
        return self.call("DELETE", path, **kw)

    def fetch(self, path, default=None):
        """Read a JSON document."""
        try:
            answer = self.get(path)
            answer.raise_for_status()
            return answer.json()
        except (requests.RequestException, ValueError):
            return default


class SoftAssert:
    """Collects mismatches, to be reported together by `verify`."""

    def __init__(self):
        self.problems = []

    def equal(self, got, want):
        if got != want:
            self.problems.append(f"{got!r} != {want!r}")

    def verify(self):
        assert not self.problems, "; ".join(self.problems)


@contextlib.contextmanager
def tolerant():
    """Keep noisy environments quiet."""
    try:
        yield
    except Exception:
        pass
