"""Redaction: secrets are taken out of everything before it is kept.

Every pass over a text is linear in its length: each pattern either consumes what it has scanned, or looks at a
bounded stretch. Redacting twice gives the same as redacting once. Too much is masked rather than too little.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "(redacted)"
"""Stands in the place of a secret. Legal in URLs, JSON and headers; overlaps no copy of itself."""

DEEPEST = 200
"""Containers nested deeper than this are masked as a whole."""

SHORTEST = 4
"""Known values shorter than this are ignored: masking them would make every text unreadable."""

_SHORT = 64
"""Characters; longer texts are not remembered."""

# A mask is shorter than what it hides, so a bounded pattern may see further in the next round. Two are the rule.
_ROUNDS = 6

_ANYWHERE = ("password", "passwd", "passphrase", "secret", "apikey", "privatekey", "accesskey", "credential")
_AT_THE_END = (
    "token",
    "cookie",
    "cookies",
    "pwd",
    "pw",
    "authorization",
    "jwt",
    "sessionid",
    "licensekey",
    "licencekey",
)
_LAST = frozenset({"pass", "phrase", "licence", "license", "salt", "pin", "auth", "session"})
"""Last words of names of secrets; what else such a word may be part of, as in `author`, is none."""
_NOT_ALONE = frozenset({"pass", "auth"})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[\W_]+")
_HEADERS = frozenset({"authorization", "proxyauthorization", "cookie", "setcookie", "cookies"})

_KEY = re.compile(
    r"(?:(?:passw(?:or)?d|passphrase|secret|api[_ -]?key|private[_ -]?key|access[_ -]?key|credential)[\w-]{0,32}"
    r"|token|cookies?|pwd|authorization|jwt|session[_-]?id"
    # What is also a plain word, only as the end of a name, or in capitals as variables are written.
    r"|licen[cs]e[_-]?key|(?<=[_-])(?:pw|phrase|licen[cs]e|salt|pin)|(?<=_)(?:pass|auth|session)"
    r"|(?-i:(?<![A-Za-z0-9])(?:PW|PHRASE|LICEN[CS]E|SALT|PIN|SESSION)))"
    r"(?:(?P<quote>\\{0,15}[\"'])[ \t]{0,4},(?=[ \t]{0,4}[bru]{0,2}\\{0,15}[\"'])"
    r"|\\{0,15}[\"']?\]?[ \t]{0,4}(?:%3[dD]|[=!]={1,2}|=>|[=:]))[ \t]{0,8}",
    re.IGNORECASE,
)
_OPTION = re.compile(r"-(?<![\w-]-)-?([A-Za-z][\w-]{0,64}+)[ \t]{1,8}(?![-\s])")
_BARE_VALUE = re.compile(r"(?:[^\s\"'&;,]|,(?!\s|\Z))*+")
_REST_OF_LINE = re.compile(r"[^\r\n]*+")
_OPENING = re.compile(r"[bruBRU]{0,2}(?P<slashes>\\{0,15})(?P<mark>[\"'])")
_UP_TO = {"'": re.compile(r"['\r\n]"), '"': re.compile(r"[\"\r\n]")}
_HEADER_NAME = re.compile(r"-{0,2}[A-Za-z0-9_-]{1,40}\Z")
_SEPARATOR = re.compile(r"[^\w-]")

_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----")
_BEARER = re.compile(r"(?<![a-z])(bearer(?:[ \t]{1,8}|%20|\+))[\w.~+/=-]{8,}", re.IGNORECASE)
_BASIC = re.compile(r"(?<![a-z])(basic(?:[ \t]{1,8}|%20|\+))([\w+/-]{8,}={0,2})", re.IGNORECASE)
_JWT = re.compile(r"eyJ[\w-]*+(?:\.[\w-]*+){0,4}")
_URL_PASSWORD = re.compile(
    r"(://[^\s:/?#@\"'<>]*+:)(?!\d{1,5}[/?#])(?:[^\s\"'<>/?#]+|[^\s\"'<>@]{1,128}(?:@[^\s\"'<>/?#]*)?)(?=@)",
)
_VENDOR_KEY = re.compile(
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|(?<![A-Za-z0-9])[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|(?<![A-Za-z0-9])sk-[\w-]{20,}",
)


def sensitive(key: str) -> bool:
    """Whether a key of a mapping, a header or a form field names a secret."""
    return _sensitive(key) if len(key) <= 64 else _sensitive.__wrapped__(key)


@lru_cache(maxsize=4096)
def _sensitive(key: str) -> bool:
    plain = "".join(character for character in key.lower() if character.isalnum())
    if plain.endswith(_AT_THE_END) or any(word in plain for word in _ANYWHERE):
        return True
    words = [word for word in _NOT_WORD.split(_CAMEL.sub("_", key).lower()) if word]
    return bool(words) and words[-1] in _LAST and (len(words) > 1 or words[-1] not in _NOT_ALONE)


def redact_text(text: str) -> str:
    """`text` without anything that looks like a secret."""
    return Redactor().text(text)


def redact(value: object) -> object:
    """A JSON-like tree of the same shape, without anything that looks like a secret."""
    return Redactor().tree(value)


def redact_arguments(arguments: Iterable[str]) -> tuple[str, ...]:
    """The tokens of a command line; what follows an option that names a secret goes, too."""
    found: list[str] = []
    before = ""
    for token in arguments:
        named = _names_secret_option(before) and not token.startswith("-")
        found.append(MASK if named else redact_text(token))
        before = token
    return tuple(found)


class Redactor:
    """Masks what looks like a secret, and every known secret value in each of its usual encodings."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        self._forms = sorted((form for form in forms if form not in MASK), key=_longest_first)
        # Trees repeat their short texts, such as keys and names, many thousand times.
        self._short = lru_cache(maxsize=4096)(self.text)

    def text(self, text: str) -> str:
        """`text`, redacted."""
        for _ in range(_ROUNDS):
            masked = self._once(text)
            if masked == text:
                break
            text = masked
        return text

    def _once(self, text: str) -> str:
        text = self._without_known(text)
        text = _without_private_keys(text)
        text = _without_tokens(text)
        return _without_named_values(_without_values_of_options(text))

    def tree(self, value: object) -> object:
        """A JSON-like tree with the same containers in the same order; leaves and keys are redacted.

        Two keys that become equal are kept apart by a number.
        """
        return self._tree(value, 0)

    def _tree(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self._short(value) if len(value) <= _SHORT else self.text(value)
        # Lists first: asking for a mapping is slow, and trees of syntax are a million lists.
        if isinstance(value, list | tuple):
            return MASK if depth > DEEPEST else self._sequence(value, depth)
        if not isinstance(value, int | float) and isinstance(value, Mapping):
            return MASK if depth > DEEPEST else self._mapping(value, depth)
        if self._forms and isinstance(value, int | float) and str(value) in self._forms:
            return MASK
        return value

    def _mapping(self, value: Mapping[object, object], depth: int) -> dict[str, object]:
        named = _named_value(value)
        result: dict[str, object] = {}
        for key, item in value.items():
            name = str(key)
            masked = sensitive(name) or (named and name.lower() == "value")
            shown = self._masked(item, depth) if masked else self._tree(item, depth + 1)
            result[_unique(self.text(name), result)] = shown
        return result

    def _sequence(self, value: list[object] | tuple[object, ...], depth: int) -> object:
        items = [self._tree(item, depth + 1) for item in value]
        if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], str):
            items[1] = self._masked(value[1], depth) if _names_secret(value[0]) else items[1]
        # A command line: its options stand before their values.
        for number, item in enumerate(value[:-1], 1):
            if isinstance(item, str) and item[:1] == "-" and _names_secret_option(item):
                after = value[number]
                items[number] = MASK if isinstance(after, str) and after[:1] not in ("", "-") else items[number]
        return items if isinstance(value, list) else tuple(items)

    def _masked(self, value: object, depth: int) -> object:
        """A tree of the same shape in which every leaf that could be a secret is masked."""
        if isinstance(value, Mapping) and depth <= DEEPEST:
            result: dict[str, object] = {}
            for key, item in value.items():
                result[_unique(self.text(str(key)), result)] = self._masked(item, depth + 1)
            return result
        if isinstance(value, list | tuple) and depth <= DEEPEST:
            items = [self._masked(item, depth + 1) for item in value]
            return items if isinstance(value, list) else tuple(items)
        return value if value is None or value == "" or isinstance(value, bool) else MASK

    def _without_known(self, text: str) -> str:
        pieces = text.split(MASK)
        for form in self._forms:
            if form in text:
                pieces = [part for piece in pieces for part in piece.split(form)]
        return MASK.join(pieces)


def _longest_first(form: str) -> tuple[int, str]:
    return -len(form), form


def _forms(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogatepass")
    encoded = quote(raw, safe="")
    forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    forms |= {raw.hex(), raw.hex().upper()}
    forms |= {encoded, quote_plus(raw), quote(raw), _lower_escapes(encoded)}
    forms |= {form for offset in range(3) for form in _base64_forms(raw, offset)}
    return {form for form in forms if len(form) >= SHORTEST}


def _lower_escapes(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), text)


def _base64_forms(raw: bytes, offset: int) -> Iterable[str]:
    """The characters that `raw` always becomes when it stands `offset` bytes (modulo 3) into what is encoded."""
    text = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
    first = (offset * 8 + 5) // 6
    last = (offset + len(raw)) * 8 // 6
    core = text[first:last]
    if len(core) >= SHORTEST + 2:
        yield core
        yield core.replace("+", "-").replace("/", "_")
    if offset == 0:
        yield text
        yield text.replace("+", "-").replace("/", "_")


def _named_value(value: Mapping[object, object]) -> bool:
    """`{"name": "Authorization", "value": "..."}`, as archives of HTTP traffic write headers."""
    names = (item for key, item in value.items() if str(key).lower() in ("name", "key", "header"))
    return any(isinstance(name, str) and _names_secret(name) for name in names)


def _names_secret(text: str) -> bool:
    """Node ids and paths that happen to end with such a word are not names of secrets."""
    return _HEADER_NAME.match(text) is not None and sensitive(text)


def _names_secret_option(token: str) -> bool:
    """`--password`, whose value is the next token."""
    return token.startswith("-") and "=" not in token and len(token) <= _SHORT and sensitive(token.lstrip("-"))


def _unique(key: str, taken: Mapping[str, object]) -> str:
    if key not in taken:
        return key
    number = 2
    while f"{key} {number}" in taken:
        number += 1
    return f"{key} {number}"


def _without_private_keys(text: str) -> str:
    if "PRIVATE KEY" not in text:
        return text
    parts, position = [], 0
    while begin := _PEM_BEGIN.search(text, position):
        end = _PEM_END.search(text, begin.end())
        parts += [text[position : begin.start()], MASK]
        # A key that was cut off has no end: everything after its beginning goes.
        position = end.end() if end else len(text)
    return "".join([*parts, text[position:]])


def _without_tokens(text: str) -> str:
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{MASK}", text)
    if "eyJ" in text:
        text = _JWT.sub(_mask_jwt, text)
    lowered = text.lower()
    if "bearer" in lowered:
        text = _BEARER.sub(rf"\1{MASK}", text)
    if "basic" in lowered:
        text = _BASIC.sub(_mask_basic, text)
    return _VENDOR_KEY.sub(MASK, text)


def _mask_jwt(match: re.Match[str]) -> str:
    head, dot, rest = match[0].partition(".")
    return MASK if dot and rest and len(head) >= 10 else match[0]


def _mask_basic(match: re.Match[str]) -> str:
    """Basic credentials decode to `user:password`; the words "basic authentication" do not."""
    body = match[2].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return match[0]
    return match[1] + MASK if b":" in decoded else match[0]


def _without_values_of_options(text: str) -> str:
    """`--password VALUE`, in one text."""
    if "-" not in text:
        return text
    parts, position = [], 0
    while match := _OPTION.search(text, position):
        start = end = match.end()
        if sensitive(match[1]):
            opening = _OPENING.match(text, start)
            start = opening.end() if opening else start
            end = _end_of_quoted(text, opening) if opening else _end_of(_BARE_VALUE, text, start)
        parts += [text[position:start], MASK if end > start else ""]
        position = max(start, end)
    return "".join([*parts, text[position:]])


def _without_named_values(text: str) -> str:
    parts, position = [], 0
    while match := _KEY.search(text, position):
        start, end = _value_span(text, match)
        value = text[start:end]
        shown = MASK if value and not value.isspace() else value
        parts += [text[position:start], shown]
        # Always forward: a key without a value is stepped over.
        position = max(end, match.end())
    return "".join([*parts, text[position:]])


def _value_span(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Where the value after a sensitive key starts and ends, without its quotation marks."""
    opening = _OPENING.match(text, match.end())
    if opening:
        return opening.end(), _end_of_quoted(text, opening)
    name = _SEPARATOR.split(match[0].strip(), maxsplit=1)[0].replace("-", "").replace("_", "").lower()
    if name not in _HEADERS:
        return match.end(), _end_of(_BARE_VALUE, text, match.end())
    around = text[match.start() - 1] if match.start() else ""
    return match.end(), _end_of_header(text, match.end(), around)


def _end_of_header(text: str, start: int, around: str) -> int:
    """A header ends with its line, or with the quotation mark that stands before its name."""
    if around not in _UP_TO:
        return _end_of(_REST_OF_LINE, text, start)
    closing = _UP_TO[around].search(text, start)
    return closing.start() if closing else len(text)


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _end_of_quoted(text: str, opening: re.Match[str]) -> int:
    """The closing mark has as many backslashes as the opening one, after any escaped backslashes of its own.

    A string never closed ends with its line.
    """
    depth, mark = len(opening["slashes"]), opening["mark"]
    for found in _UP_TO[mark].finditer(text, opening.end()):
        position = found.start()
        if text[position] != mark:
            return position
        slashes = _slashes_before(text, position, opening.end())
        if slashes >= depth and (slashes - depth) % (2 * (depth + 1)) == 0:
            return position - depth
    return len(text)


def _slashes_before(text: str, position: int, start: int) -> int:
    count = 0
    while position - count > start and text[position - count - 1] == "\\":
        count += 1
    return count
