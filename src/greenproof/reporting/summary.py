"""The result as a person reads it: what was verified, what was not, then the failures; green is folded."""

from collections.abc import Iterator, Mapping, Sequence

from greenproof.model.proof import Proof
from greenproof.model.text import printable
from greenproof.model.verdicts import CaseVerdict, Verdict, counts
from greenproof.reporting.conclusions import known_line
from greenproof.reporting.measure import measure_line
from greenproof.reporting.performance import performance_lines
from greenproof.reporting.sensitivity import sensitivity_lines
from greenproof.reporting.sides import aside_line

__all__ = ["first_line", "printable", "summary_lines"]

_ORDER = (Verdict.FAILED, Verdict.HOLLOW, Verdict.FLAKY, Verdict.UNPROVEN, Verdict.NOT_RUN)
_SHOWN = 50


def summary_lines(proof: Proof, *, verbose: bool = False) -> Iterator[str]:
    """Plain lines, readable without colour."""
    cases = proof.verdict.cases
    found = counts(cases)
    yield f"verified: {found['proven']} of {len(cases)} cases are proven{_on_release(proof)}"
    if proof.side is not None:
        yield aside_line(proof.side)
    if found["passed-offline"]:
        yield f"          {found['passed-offline']} passed offline (they prove no release)"
    yield f"not verified: {_not_verified(found)}"
    yield f"runner said: {_runner(proof)}"
    for item in proof.inherited:
        release = f", release {item.release}" if item.release else ""
        yield printable(f"inherited from run {item.run} ({item.at}{release}): {item.text}")
    if proof.known_before is not None:
        yield known_line(proof.known_before)
    if proof.measure is not None:
        yield measure_line(proof.measure)
        if proof.measure.open:
            yield "         `greenproof measure diff` shows each"
    yield from performance_lines(proof.performance)
    for finding in proof.verdict.findings:
        yield f"finding: {finding.text} [{finding.code}]"
    for verdict in _ORDER:
        yield from _group(verdict, [v for v in cases if v.verdict is verdict], verbose)
    yield from sensitivity_lines(proof.sensitivity, verbose=verbose)
    if verbose:
        yield from _proven([v for v in cases if v.verdict is Verdict.PROVEN])
    yield f"verdict: {proof.verdict.verdict} (exit {int(proof.verdict.exit_code)})"


def _on_release(proof: Proof) -> str:
    named = [f"{t.name}={t.expected}" for t in proof.targets if t.expected]
    unnamed = [t.name for t in proof.targets if not t.expected]
    parts = ([f"on {', '.join(named)}"] if named else []) + (
        [f"release unnamed: {', '.join(unnamed)}"] if unnamed else []
    )
    return f" ({'; '.join(parts)})" if parts else ""


def _not_verified(found: Mapping[str, int]) -> str:
    numbers = [(v, found[v.value]) for v in _ORDER]
    return ", ".join(f"{number} {verdict.value}" for verdict, number in numbers if number) or "none"


def _runner(proof: Proof) -> str:
    passed = sum(v.outcome == "passed" for v in proof.verdict.cases)
    ran = sum(v.outcome is not None for v in proof.verdict.cases)
    return f"{passed} of {ran} passed, exit status {proof.plain.exit_code}"


def _group(verdict: Verdict, cases: Sequence[CaseVerdict], verbose: bool) -> Iterator[str]:
    """The cases of one verdict, those with the same reason together, so that each reason is told once."""
    if not cases:
        return
    yield ""
    yield f"{verdict.value} ({len(cases)})"
    shown = cases if verbose else cases[:_SHOWN]
    told: dict[tuple[str, str], list[CaseVerdict]] = {}
    for case in shown:
        codes = ", ".join(reason.code for reason in case.reasons)
        told.setdefault((codes, case.reasons[0].text if case.reasons else ""), []).append(case)
    for (codes, text), members in told.items():
        yield f"  {codes}: {printable(text)}"
        for case in members:
            yield f"    {printable(case.id)}"
            if case.failure and verdict is Verdict.FAILED:
                yield f"      {printable(first_line(case.failure.text))}"
    if len(cases) > len(shown):
        yield f"  and {len(cases) - len(shown)} more (-v shows them)"


def _proven(cases: Sequence[CaseVerdict]) -> Iterator[str]:
    yield ""
    yield f"proven ({len(cases)})"
    for case in cases:
        sensitivity = "" if case.sensitivity is None else f"  noticed {case.sensitivity:.0%} of the faults"
        yield f"  {printable(case.id)}  {len(case.receipts)} receipts{sensitivity}"


def first_line(text: str) -> str:
    """The first line that says something, cut at 200 characters."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]
