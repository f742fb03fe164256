"""Routes: what a test says it exercises, and what it never proves anything with."""

import re
from dataclasses import dataclass
from functools import lru_cache

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WS", "GRPC", "*"},
)

_ROUTE = re.compile(r"^(?:(?P<target>[A-Za-z0-9_.-]+)\s*:\s*)?(?P<method>[A-Z*]+)\s+(?P<path>\S+)$")


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """A method and a path template on a target; `{x}` stands for one segment, a final `**` for the rest."""

    method: str
    path: str
    target: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Route":
        """Read `POST /orders`, `WS /events`, `GRPC shop.Stock/Reserve` or `backend: GET /orders/{id}`.

        Raises ValueError with a sentence that says what was expected.
        """
        match = _ROUTE.match(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a route: expected 'METHOD /path' or 'target: METHOD /path'")
        method, path = match["method"], match["path"]
        if method not in METHODS:
            raise ValueError(f"{method!r} is not a method: expected one of {', '.join(sorted(METHODS))}")
        if method == "GRPC":
            path = path if path.startswith("/") else f"/{path}"
        if not path.startswith("/"):
            raise ValueError(f"{path!r} is not a path: it starts with '/'")
        return cls(method, path, match["target"])

    def matches(self, target: str, method: str, path: str) -> bool:
        """Whether a request of `method` on `path` (no query) to `target` is on this route."""
        if self.target is not None and self.target != target:
            return False
        if self.method not in ("*", method):
            return False
        return _pattern(self.path).match(path) is not None

    def __str__(self) -> str:
        prefix = f"{self.target}: " if self.target else ""
        return f"{prefix}{self.method} {self.path}"


@lru_cache(maxsize=4096)
def _pattern(template: str) -> re.Pattern[str]:
    rest = template.endswith("/**")
    body = template.removesuffix("/**") if rest else template
    parts = ["[^/]+" if part.startswith("{") and part.endswith("}") else re.escape(part) for part in body.split("/")]
    return re.compile("/".join(parts) + ("(?:/.*)?" if rest else "/?") + r"\Z")
