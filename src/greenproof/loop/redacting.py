"""Redact what the tests said, where it comes in: verdicts, worklogs and results are made from what is left."""

from collections.abc import Callable
from dataclasses import replace

from greenproof.model.facts import CaseRecord, RunObservation

type Redact = Callable[[str], str]


def redacted(run: RunObservation, redact: Redact) -> RunObservation:
    """A run without secrets in any text that the test process could choose. Ids stay: they name the cases."""
    return replace(
        run,
        cases=tuple(redacted_case(case, redact) for case in run.cases),
        collection_errors=tuple((where, redact(text)) for where, text in run.collection_errors),
        skipped_files=tuple((where, redact(text)) for where, text in run.skipped_files),
    )


def redacted_case(case: CaseRecord, redact: Redact) -> CaseRecord:
    """A case without secrets in its failure and the reason of its skip."""
    failure = case.failure
    if failure is not None:
        failure = replace(failure, text=redact(failure.text))
    reason = None if case.skip_reason is None else redact(case.skip_reason)
    return replace(case, failure=failure, skip_reason=reason)
