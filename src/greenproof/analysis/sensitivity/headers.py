"""The headers that say what a body is and where to go on."""

import random
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from greenproof.analysis.sensitivity.operator import Operator, other
from greenproof.model.sensitivity import Answer, Means

_MEDIA = ("application/json", "application/xml", "text/plain", "text/html", "application/octet-stream")
_CHARSETS = ("utf-8", "utf-16", "iso-8859-1", "us-ascii")


def header(answer: Answer, name: str) -> str | None:
    """The first value of a header."""
    return next((value for key, value in answer.headers if key.lower() == name), None)


def has(answer: Answer) -> tuple[str, ...]:
    """Of what these operators change, what an answer has."""
    media, charset = _parts(header(answer, "content-type") or "")
    found = {"content-type": media, "charset": charset, "location": header(answer, "location")}
    return tuple(name for name, value in found.items() if value)


def _parts(value: str) -> tuple[str, str | None]:
    """Media type and charset of a content type."""
    media, *parameters = (part.strip() for part in value.split(";"))
    for parameter in parameters:
        name, _, told = parameter.partition("=")
        if name.strip().lower() == "charset":
            return media.lower(), told.strip().strip("\"'").lower() or None
    return media.lower(), None


def _with(answer: Answer, name: str, value: str | None) -> Answer:
    headers = tuple((key, held) for key, held in answer.headers if key.lower() != name)
    return replace(answer, headers=headers if value is None else (*headers, (name, value)))


def _content_type(
    change: Callable[[str, str | None, random.Random], str | None],
) -> Callable[[Answer, random.Random], Answer]:
    def changed(answer: Answer, dice: random.Random) -> Answer:
        present = header(answer, "content-type")
        if present is None:
            return answer
        return _with(answer, "content-type", change(*_parts(present), dice))

    return changed


def _media_changed(media: str, charset: str | None, dice: random.Random) -> str:
    return _joined(other(_MEDIA, media, dice), charset)


def _charset_changed(media: str, charset: str | None, dice: random.Random) -> str:
    return _joined(media, other(_CHARSETS, charset or "utf-8", dice))


def _joined(media: str, charset: str | None) -> str:
    return f"{media}; charset={charset}" if charset else media


def _elsewhere(answer: Answer, dice: random.Random) -> Answer:
    present = header(answer, "location")
    if present is None:
        return answer
    try:
        place = urlsplit(present)
        changed = urlunsplit(place._replace(path=f"{place.path.rstrip('/')}/{dice.randrange(10**6, 10**7)}"))
    except ValueError:
        return answer
    return _with(answer, "location", changed)


OPERATORS = (
    Operator(
        "media-type-changed",
        Means.HEAD,
        "another media type for the same body",
        "CTC",
        needs="content-type",
        head=_content_type(_media_changed),
    ),
    Operator(
        "media-type-removed",
        Means.HEAD,
        "no content type",
        "CTD",
        needs="content-type",
        head=_content_type(lambda media, charset, dice: None),
    ),
    Operator(
        "charset-changed",
        Means.HEAD,
        "another charset for the same bytes, also where none was named",
        "CPC",
        needs="content-type",
        head=_content_type(_charset_changed),
    ),
    Operator(
        "charset-removed",
        Means.HEAD,
        "no charset",
        "CPD",
        needs="charset",
        head=_content_type(lambda media, charset, dice: media),
    ),
    Operator("location-changed", Means.HEAD, "another location", "LHC", needs="location", head=_elsewhere),
    Operator(
        "location-removed",
        Means.HEAD,
        "no location",
        "LHD",
        needs="location",
        head=lambda answer, dice: _with(answer, "location", None),
    ),
)
