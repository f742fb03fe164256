"""A check-up as a person reads it, and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from greenproof.model.checkup import Finding, Health
from greenproof.model.text import printable

SCHEMA = "greenproof.checkup/1"


def checkup_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """One block for each finding; what is well is one line."""
    for found in findings:
        yield printable(f"{found.health.value:8} {found.name}: {found.observed}")
        if found.health is not Health.OK:
            if found.cost:
                yield printable(f"         costs: {found.cost}")
            if found.remedy:
                yield printable(f"         to mend: {found.remedy}")
    wrong = [found for found in findings if found.health is not Health.OK]
    stops = [found for found in findings if found.stops]
    yield ""
    yield f"{len(findings) - len(wrong)} of {len(findings)} are well" + (
        f"; nothing can be judged without: {', '.join(printable(f.name) for f in stops)}" if stops else ""
    )


def checkup_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "schema": SCHEMA,
        "well": not any(found.stops for found in findings),
        "findings": [
            {
                "name": found.name,
                "health": found.health.value,
                "observed": found.observed,
                "cost": found.cost,
                "remedy": found.remedy,
                "required": found.required,
            }
            for found in findings
        ],
    }
