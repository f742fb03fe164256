"""What a person said of findings."""

from collections.abc import Sequence

from greenproof.model.measure import Acceptance, MeasureFinding, MeasureReport, Weight


def accept(
    findings: Sequence[MeasureFinding], acceptances: Sequence[Acceptance], today: str, before: str, at: str = ""
) -> MeasureReport:
    """Findings, sorted by whether they gate. `today` is a day in ISO 8601: an acceptance holds to the end of its
    last.
    """
    by_id: dict[str, Acceptance] = {}
    for one in acceptances:
        if one.finding not in by_id or one.expires > by_id[one.finding].expires:
            by_id[one.finding] = one
    opened, accepted, expired, notes = [], [], [], []
    for finding in findings:
        word = by_id.get(finding.id)
        if finding.weight is Weight.NOTE:
            notes.append(finding)
        elif word is not None and word.expires >= today:
            accepted.append((finding, word))
        else:
            opened.append(finding)
            if word is not None:
                expired.append((finding.id, word))
    return MeasureReport(before, at, tuple(opened), tuple(accepted), tuple(expired), tuple(notes))
