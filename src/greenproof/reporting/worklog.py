"""The worklog: the human report of one cycle, in Markdown."""

import re
from collections.abc import Iterator, Sequence

from greenproof.model.report import Component, CycleReport
from greenproof.model.value import FeatureState, Row
from greenproof.model.verdicts import CaseVerdict, Verdict, counts
from greenproof.reporting.conclusions import known_line, known_rows
from greenproof.reporting.performance import performance_notes, performance_rows
from greenproof.reporting.summary import first_line, printable

_COLUMNS = ("proven", "hollow", "unproven", "failed", "flaky", "not-run")
_NOT_VERIFIED = (Verdict.FAILED, Verdict.HOLLOW, Verdict.FLAKY, Verdict.UNPROVEN, Verdict.NOT_RUN)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def worklog(report: CycleReport) -> str:
    """The whole document. Same report, same text."""
    parts = (_head(report), _steps(report), _components(report), _cases(report), _matrix(report), _features(report))
    rest = (_performance(report), _known(report), _inherited(report), _evidence(report))
    lines = [line for part in (*parts, *rest) for line in part]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text from outside that can't become Markdown or HTML, on one line."""
    return _SPECIAL.sub(r"\\\1", printable(text))


def _head(report: CycleReport) -> Iterator[str]:
    yield f"# {escaped(report.project)}: run {report.run}"
    yield ""
    verified, missing = _sentences(report)
    yield verified
    yield missing
    yield ""
    yield f"- environment: {escaped(report.environment)}"
    yield f"- from {report.started} to {report.finished} (UTC)"
    if report.release:
        yield f"- release: `{report.release.name}`" + (
            f", before: `{report.release_before}`" if report.release_before else ""
        )
        yield from (f"  - `{r.name}`" for r in report.release.revisions)
    yield f"- compared with: {f'run {report.run_before}' if report.run_before else 'nothing, this is the first run'}"
    yield f"- exit code: {report.exit_code}"
    for line in report.failure:
        yield f"- {escaped(line)}" if line.strip() else ""


def _sentences(report: CycleReport) -> tuple[str, str]:
    """The first two lines: what was verified, and what was not."""
    if report.proof is None:
        return "Verified: nothing.", "Not verified: everything; no case ran."
    cases = report.proof.verdict.cases
    found = counts(cases)
    rest = [f"{found[v.value]} {v.value}" for v in _NOT_VERIFIED if found[v.value]]
    verdict = report.proof.verdict.verdict
    return (
        f"Verified: {found['proven']} of {len(cases)} cases are proven. The run is {verdict}.",
        f"Not verified: {', '.join(rest) or 'nothing'}.",
    )


def _steps(report: CycleReport) -> Iterator[str]:
    yield from ("", "## Steps", "", "| step | result | seconds | detail |", "|---|---|---|---|")
    for step in report.steps:
        yield f"| {step.name} | {step.result} | {step.duration_s:.1f} | {escaped(step.detail)} |"


def _components(report: CycleReport) -> Iterator[str]:
    yield from ("", "## Components", "", "| component | state | before | latency | before | degradation | revision |")
    yield "|---|---|---|---|---|---|---|"
    for item in report.components:
        yield _component(item)


def _component(item: Component) -> str:
    factor = f"{item.degradation:.1f} x" if item.degradation else "-"
    cells = (
        item.name,
        item.state,
        item.state_before or "-",
        _ms(item.latency_ms),
        _ms(item.latency_before_ms),
        factor,
        item.revision or "-",
    )
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _cases(report: CycleReport) -> Iterator[str]:
    if report.proof is None:
        return
    for finding in report.proof.verdict.findings:
        yield from ("", f"Finding: {escaped(finding.text)} (`{finding.code}`)")
    for verdict in _NOT_VERIFIED:
        cases = [c for c in report.proof.verdict.cases if c.verdict is verdict]
        if cases:
            yield from (
                "",
                f"## {verdict.value.capitalize()} ({len(cases)})",
                "",
                "| case | reasons | why |",
                "|---|---|---|",
            )
            yield from (_case(case) for case in cases)
    yield from _proven([c for c in report.proof.verdict.cases if c.verdict is Verdict.PROVEN])


def _case(case: CaseVerdict) -> str:
    why = case.reasons[0].text if case.reasons else ""
    if case.failure and case.verdict is Verdict.FAILED:
        why = f"{why} {first_line(case.failure.text)}"
    codes = ", ".join(f"`{r.code}`" for r in case.reasons)
    return f"| {escaped(case.id)} | {codes} | {escaped(why)} |"


def _proven(cases: Sequence[CaseVerdict]) -> Iterator[str]:
    if not cases:
        return
    yield from ("", f"## Proven ({len(cases)})", "", "<details><summary>Each with its evidence</summary>", "")
    yield from ("| case | routes | receipts | faults noticed |", "|---|---|---|---|")
    for case in cases:
        routes = ", ".join(case.routes_reached)
        receipts = ", ".join(case.receipts[:3]) + (" ..." if len(case.receipts) > 3 else "")
        noticed = sum(f.noticed for f in case.faults)
        delivered = sum(f.delivered > 0 for f in case.faults)
        yield f"| {escaped(case.id)} | {escaped(routes)} | {escaped(receipts)} | {noticed} of {delivered} |"
    yield from ("", "</details>")


def _matrix(report: CycleReport) -> Iterator[str]:
    for title, rows in (("Categories", report.by_category), ("Priorities", report.by_priority)):
        if rows:
            yield from ("", f"## {title}", "", f"| {title.lower()} | target | planned | {' | '.join(_COLUMNS)} | met |")
            yield "|" + "---|" * (len(_COLUMNS) + 4)
            yield from (_row(row) for row in rows)


def _row(row: Row) -> str:
    met = {True: "yes", False: "no", None: "-"}[row.met]
    numbers = " | ".join(str(row.counts.get(column, 0)) for column in _COLUMNS)
    return f"| {escaped(row.name)} | {escaped(row.target)} | {row.planned} | {numbers} | {met} |"


def _features(report: CycleReport) -> Iterator[str]:
    if not report.features:
        return
    risk = sum(f.at_risk for f in report.features)
    total = sum(f.value for f in report.features)
    yield from (
        "",
        "## Value at risk",
        "",
        f"{risk:,.0f} of {total:,.0f} a year are not protected by a proven case.",
        "",
    )
    yield from ("| feature | tier | value a year | proven cases | state |", "|---|---|---|---|---|")
    yield from (_feature(feature) for feature in report.features)


def _feature(feature: FeatureState) -> str:
    proven = f"{feature.proven} of {feature.cases}"
    cells = (feature.name, feature.tier, f"{feature.value:,.0f}", proven, feature.state)
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def _inherited(report: CycleReport) -> Iterator[str]:
    yield from ("", "## Inherited", "")
    if not report.inherited:
        yield "Nothing: everything here was observed in this run."
        return
    yield "Not observed in this run, but taken over from an earlier one:"
    yield ""
    yield from ("| what | from run | at (UTC) | release then |", "|---|---|---|---|")
    for item in report.inherited:
        release = item.release or "unnamed"
        yield f"| {item.what}: {escaped(item.text)} | {item.run} | {item.at} | {escaped(release)} |"


def _known(report: CycleReport) -> Iterator[str]:
    known = report.proof.known_before if report.proof else None
    if known is None:
        return
    yield from ("", "## Known before", "", escaped(known_line(known)) + ".")
    rows = list(known_rows(known))
    if rows:
        yield from ("", "| conclusion | then | now | what became of it | evidence |", "|---|---|---|---|---|")
        yield from ("| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows)


def _performance(report: CycleReport) -> Iterator[str]:
    found = report.proof.performance if report.proof else ()
    if not found:
        return
    yield ""
    yield "## Performance"
    yield ""
    yield "Promises about time, measured at the relay in the plain run over cases that passed at once; the tests' own"
    yield "clocks are not asked. A time holds the way from the relay to the service and back, and the relay's own part"
    yield "of it; it does not hold the client. Percentiles are those of nearest rank, `before` is the run before."
    yield ""
    yield "| promise | component | what is timed | limit | measured | before | median | max | n | verdict |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in performance_rows(found, report.performance_before):
        yield "| " + " | ".join(escaped(cell) for cell in row) + " |"
    for number, line in enumerate(performance_notes(found)):
        yield from ("",) if number == 0 else ()
        yield f"- {escaped(line)}"


def _evidence(report: CycleReport) -> Iterator[str]:
    yield from ("", "## Evidence", "")
    for what, path in report.evidence:
        yield f"- {escaped(what)}: [{escaped(path)}](<{path}>)"
    if report.head:
        yield f"- this worklog speaks of the ledger up to event {report.head_event}, whose hash is `{report.head}`"
        yield f"- to check that nothing was changed or lost: `greenproof ledger verify --head {report.head}`"
        yield "- later events of this run hold only the record of this worklog and the end of the run"
