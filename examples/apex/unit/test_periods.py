"""The period that a question names."""

import pytest
from apex.backend.periods import find_period


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("cost in 2026-02", "2026-02-01", "2026-02-28"),
        ("cost in February 2024", "2024-02-01", "2024-02-29"),
        ("cost in 2026", "2026-01-01", "2026-12-31"),
        ("cost on 2026-03-04", "2026-03-04", "2026-03-04"),
        ("cost between 2026-03-04 and 2026-05-06", "2026-03-04", "2026-05-06"),
        ("cost from 2026-03-04 to 2026-05-06", "2026-03-04", "2026-05-06"),
        ("cost since 2026-03-04", "2026-03-04", None),
        ("cost until 2026-03-04", None, "2026-03-04"),
        ("cost in 2026-13", None, None),
        ("cost on 2026-02-30", None, None),
        ("cost", None, None),
    ],
)
def test_a_period_is_found(question: str, start: str | None, end: str | None) -> None:
    assert find_period(question).as_json() == {"start": start, "end": end}
