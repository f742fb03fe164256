"""The same starting points as the real tests have."""

from e2e.conftest import http, person

__all__ = ["http", "person"]
