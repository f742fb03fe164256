"""Finds the period that a question asks about."""

import calendar
import datetime
import re

from apex.backend.model import Period

_DAY = r"(\d{4}-\d{2}-\d{2})"
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_RANGE = re.compile(rf"(?:between|from)\s+{_DAY}\s+(?:and|to|until)\s+{_DAY}")
_SINCE = re.compile(rf"since\s+{_DAY}")
_UNTIL = re.compile(rf"(?:until|before|up to)\s+{_DAY}")
_ONE_DAY = re.compile(_DAY)
_NUMBERED_MONTH = re.compile(r"\b(\d{4})-(\d{2})\b(?!-)")
_NAMED_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\s+(\d{{4}})\b")
_YEAR = re.compile(r"\b(?:in|during|for|year)\s+((?:19|20)\d{2})\b(?!-)")


def find_period(question: str) -> Period:
    """The first period named in the question, else all time. Impossible dates are not dates."""
    try:
        return _find(question.lower())
    except ValueError:
        return Period()


def _find(text: str) -> Period:
    if found := _RANGE.search(text):
        return _days(_date(found[1]), _date(found[2]))
    if found := _SINCE.search(text):
        return Period(_date(found[1]), None, f"since {found[1]}")
    if found := _UNTIL.search(text):
        return Period(None, _date(found[1]), f"until {found[1]}")
    if found := _ONE_DAY.search(text):
        return _days(_date(found[1]), _date(found[1]))
    if found := _NUMBERED_MONTH.search(text):
        return _month(int(found[1]), int(found[2]))
    if found := _NAMED_MONTH.search(text):
        return _month(int(found[2]), _MONTHS[found[1]])
    if found := _YEAR.search(text):
        year = int(found[1])
        return Period(datetime.date(year, 1, 1), datetime.date(year, 12, 31), str(year))
    return Period()


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def _days(start: datetime.date, end: datetime.date) -> Period:
    text = start.isoformat() if start == end else f"{start.isoformat()} to {end.isoformat()}"
    return Period(start, end, text)


def _month(year: int, month: int) -> Period:
    if not 1 <= month <= 12:
        raise ValueError(f"no such month: {month}")
    last = calendar.monthrange(year, month)[1]
    return Period(
        datetime.date(year, month, 1), datetime.date(year, month, last), f"{year}-{month:02}"
    )
