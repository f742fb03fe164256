"""How a target's address is written where the tests look for it."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from greenproof.model.errors import UsageError

_SCHEMES = ("http", "https", "ws", "wss")


def own_variable(target: str) -> str:
    """The variable that always holds a target's address: `GREENPROOF_<NAME>_URL`."""
    return f"GREENPROOF_{target.upper().replace('-', '_').replace('.', '_')}_URL"


def variable_templates(target: str, url: str, variables: Sequence[str], present: Mapping[str, str]) -> dict[str, str]:
    """Variable -> template with `{hostport}` for the relay's host and port.

    Scheme and path are those of the variable's present value, else of the target. Raises UsageError.
    """
    base = _template(url)
    templates = {own_variable(target): base}
    for name in variables:
        try:
            templates[name] = _template(present[name]) if present.get(name) else base
        except ValueError as error:
            raise UsageError(
                f"the variable {name} holds no address: {error}",
                code="variable-url",
                where=f"the environment variable {name}",
                expected="a URL or host:port, whose scheme and path are kept; or nothing",
                hint=f"correct it, or unset it: then the address of the target {target} is used",
            ) from error
    return templates


def _template(value: str) -> str:
    if "://" not in value:
        # `host:port` or `host:port/path`: the tests put the scheme before it themselves.
        _, slash, path = value.partition("/")
        return "{hostport}" + slash + path
    parts = urlsplit(value)
    path = parts.path.rstrip("/") if parts.path == "/" and not value.endswith("/") else parts.path
    return f"{parts.scheme}://{{hostport}}{path}"


def check_url(name: str, url: str) -> str:
    """A target's URL, or a UsageError that says what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad(name, url, str(error)) from error
    if parts.scheme not in _SCHEMES:
        raise _bad(name, url, f"the scheme is {parts.scheme or 'missing'!r}")
    if not parts.hostname:
        raise _bad(name, url, "there is no host")
    if port == 0:
        raise _bad(name, url, "port 0 can't be reached")
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}{parts.path}"


def _bad(name: str, url: str, why: str) -> UsageError:
    return UsageError(
        f"the target {name!r} has no usable URL: {why}",
        code="target-url",
        where=f"--target {name}=...",
        expected="http://host:port or https://host[:port], with a path if need be",
        hint="for example --target api=http://localhost:8000",
    )
