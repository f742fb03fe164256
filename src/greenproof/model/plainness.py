"""Which values of a configuration may be shown: those in whose form there is no room for a secret.

A name never makes a value plain by itself, and one that speaks of a secret hides any value. All else is shown as a
keyed digest, so that a change is seen.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from greenproof.model.redaction import MASK, redact_text, sensitive

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[\W_]+")
_KEYS = frozenset({"key", "keys"})
_PLACES = frozenset(
    {"file", "path", "dir", "directory", "folder", "root", "config", "log", "health", "prefix", "route"}
)
_HOSTS = frozenset({"host", "hostname", "domain", "addr", "address", "endpoint", "server", "listen", "bind"})
_WORDS = frozenset({
    "", "true", "false", "yes", "no", "on", "off", "none", "null", "trace", "debug", "info", "notice", "warn",
    "warning", "error", "critical", "production", "staging", "development", "local", "utf-8", "utc",
})  # fmt: skip
_NUMBER = re.compile(
    r"-?\d{1,9}(?:\.\d{1,9})?\s?(?:%|[kmg]i?b?|[unm]s|s|secs?|seconds?|min|m|minutes?|h|hours?|d)?\Z", re.IGNORECASE
)
_PART = r"(?:[A-Za-z]{1,20}(?:[._-][A-Za-z]{1,20}){0,4}|v?\d{1,3})"
_PATH = rf"/?(?:{_PART}(?:/{_PART}){{0,8}}/?)?"
_REFERENCE = r"\{[a-z0-9_-]{1,40}\.(?:url|host|port)\}"
_HOST = rf"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{{0,80}}[A-Za-z0-9])?|{_REFERENCE})"
_PLACE = re.compile(rf"{_HOST}(?::(?:\d{{1,5}}|{_REFERENCE}))?\Z")
_URL = re.compile(
    rf"(?:[A-Za-z][A-Za-z0-9+.-]{{1,15}}://{_HOST}|{_REFERENCE})(?::(?:\d{{1,5}}|{_REFERENCE}))?(?:/{_PATH})?\Z"
)
_FILE = re.compile(rf"(?:\.{{0,2}}/)?{_PATH}\Z")
_SCRIPT = re.compile(
    rf"(?:\.{{0,2}}/)?(?:{_PART}/){{0,8}}[A-Za-z_]{{1,30}}\.(?:py|js|ts|mjs|sh|sql|toml|ini|cfg|json|ya?ml|jar)\Z"
)
_MODULE = re.compile(r"[A-Za-z_]{1,30}(?:\.[A-Za-z_]{1,30}){0,6}(?::[A-Za-z_]{1,30})?\Z")
_ATTRIBUTE = re.compile(r"[a-z_.]{1,40}:[a-z_]{1,20}\Z")
# A longer one with one dash may be a letter with its value: `-pSECRET`.
_OPTION = re.compile(r"(?:-[A-Za-z]|--[A-Za-z][A-Za-z-]{0,40})\Z")

type Digest = Callable[[str], str | None]


def plain_path(path: str) -> bool:
    """Whether a path consists of words and short numbers: tokens travel in paths, too."""
    return _FILE.match(path) is not None


def plain(name: str, value: str) -> bool:
    """Whether a value is plainly no secret: an everyday word, a number, a duration, a URL without user and parameters;
    a path or host if the name says that it is one.
    """
    words = {word for word in _NOT_WORD.split(_CAMEL.sub("_", name[:400]).lower()) if word}
    if sensitive(name) or words & _KEYS or redact_text(value) != value:
        return False
    if value.lower() in _WORDS or _NUMBER.match(value) or _URL.match(value):
        return True
    return bool((words & _PLACES and _FILE.match(value)) or (words & _HOSTS and _PLACE.match(value)))


def marked(value: str, digest: Digest) -> str:
    """How a value is shown that may be a secret: a digest under the key of the environment, else a mask."""
    found = digest(value)
    return f"digest {found[:16]}" if found else MASK


def shown_value(name: str, value: str, digest: Digest) -> str:
    """A value as it may be shown."""
    return value if plain(name, value) else marked(value, digest)


def shown_command(command: Sequence[str], digest: Digest) -> str:
    """A command line: names of options, programs, modules and files; any other word only if it is plain.

    If something is hidden and there is a key, a digest of the whole stands at the end.
    """
    tokens = [part for token in command for part in token.split()]
    shown = " ".join(_tokens(tokens))
    found = digest(" ".join(command)) if MASK in shown else None
    return f"{shown} (digest {found[:16]})" if found else shown


def _tokens(tokens: Sequence[str]) -> Iterator[str]:
    before = ""
    for number, token in enumerate(tokens):
        option, equals, value = token.partition("=")
        if token.startswith("-") and _OPTION.match(option):
            hidden = equals and not plain(option.lstrip("-"), value)
            yield f"{option}={MASK}" if hidden else token
        elif before.startswith("-") and sensitive(before.lstrip("-")):
            yield MASK
        elif (number == 0 and _FILE.match(token.strip("{}"))) or (before == "-m" and _MODULE.match(token)):
            yield token
        else:
            known = _SCRIPT.match(token) or _ATTRIBUTE.match(token) or plain(before.lstrip("-"), token)
            yield token if known else MASK
        before = token
