"""`greenproof explain CODE`: reasons of verdicts, findings, ways and errors, out of their catalogues."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import click

from greenproof.analysis.authenticity.reasons import CATALOGUE, ReasonKind
from greenproof.analysis.authenticity.ways import WAYS, Way, example_of, ways_to
from greenproof.analysis.authenticity.words import SAME, WORDS, Sort, Word, as_code
from greenproof.analysis.measure.kinds import FindingKind
from greenproof.analysis.measure.rules import kinds as measure_kinds
from greenproof.cli.completing import codes
from greenproof.cli.context import write_json
from greenproof.cli.output import show
from greenproof.model.error_codes import ERRORS, ErrorKind
from greenproof.model.errors import UsageError

type Kind = ReasonKind | Way | Word | FindingKind | ErrorKind

_SORTS = {
    Sort.VERDICT: "a verdict",
    Sort.FLOOR: "a finding of `greenproof floor`",
    Sort.WORD: "a word for what reasons say",
}


@click.command()
@click.argument("code", required=False, shell_complete=codes)
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
def explain(code: str | None, as_json: bool) -> None:
    """What a verdict, or the code of a reason, a way or an error means, an example, and what to do. Without CODE: all
    of them.
    """
    everything = list(_everything().values())
    kinds = everything if code is None else [_kind(code)]
    if as_json:
        write_json("-", {"schema": "greenproof.codes/1", "codes": [_document(kind) for kind in kinds]})
    elif code is None:
        show(_listed())
    else:
        show(_explained(kinds[0]))


def _everything() -> dict[str, Kind]:
    """By its code; what comes first decides what a code means that is in two catalogues."""
    catalogues: tuple[Mapping[str, Kind], ...] = (CATALOGUE, WAYS, WORDS, measure_kinds(), ERRORS)
    return {code: kind for catalogue in reversed(catalogues) for code, kind in catalogue.items()}


def _kind(code: str) -> Kind:
    everything, name = _everything(), as_code(code[:100])
    if name in everything:
        return everything[name]
    near = get_close_matches(name, [*everything, *SAME], n=1)
    raise UsageError(
        f"no verdict, no reason, no way and no error has the code {code[:100]!r}",
        code="unknown-code",
        where="CODE",
        expected="one of the codes that `greenproof explain` lists",
        hint=f"did you mean {near[0]!r}?" if near else None,
    )


def _verdict(kind: ReasonKind) -> str:
    return kind.verdict.value if kind.verdict else "finding"


def _listed() -> Iterator[str]:
    yield "reasons of verdicts, and findings about a run"
    for reason in CATALOGUE.values():
        yield f"  {reason.code:28} {_verdict(reason):10} {reason.meaning}"
    yield ""
    yield "ways in which a test says nothing, each with an example"
    for way in WAYS.values():
        yield f"  {way.code:28} {'a way':10} {way.meaning}"
    yield ""
    yield "verdicts, findings of the floor, and other words"
    for word in WORDS.values():
        yield f"  {word.code:28} {word.sort.value:10} {word.meaning}"
    yield ""
    yield "findings about the measure: what changed in the tests themselves"
    for change in measure_kinds().values():
        yield f"  {change.code:28} {change.weight.value:10} {change.meaning}"
    yield ""
    yield "errors"
    for error in ERRORS.values():
        yield f"  {error.code:28} {_exits(error):10} {error.meaning}"


def _explained(kind: Kind) -> Iterator[str]:
    if isinstance(kind, Way):
        yield f"{kind.code}: a way in which a test says nothing"
        yield f"  {kind.meaning}"
        yield from _example(kind.example)
        yield f"  Told as: {', '.join(kind.reasons)}"
        yield f"  What to do: {CATALOGUE[kind.reasons[0]].remedy}"
        return
    if isinstance(kind, Word):
        yield f"{kind.code}: {_SORTS[kind.sort]}"
        yield f"  {kind.meaning}"
        if kind.leads_to:
            yield f"  Told as: {', '.join(kind.leads_to)}"
    elif isinstance(kind, ReasonKind):
        yield f"{kind.code}: {kind.verdict.value if kind.verdict else 'a finding about the run'}"
        yield f"  {kind.meaning}"
        yield from _example(example_of(kind.code))
        if ways := ways_to(kind.code):
            yield f"  Ways that may lead here: {', '.join(way.code for way in ways)}"
    elif isinstance(kind, FindingKind):
        yield f"{kind.code}: {kind.weight.value}, a finding about the measure"
        yield f"  {kind.meaning}"
        yield from _example(kind.example)
    else:
        yield f"{kind.code}: an error, {_exits(kind)}"
        yield f"  {kind.meaning}"
        yield f"  For example: {kind.example}"
    yield f"  What to do: {kind.remedy}"


def _example(text: str) -> Iterator[str]:
    """A sentence beside its label, code below it."""
    if "\n" not in text:
        yield f"  For example: {text}"
        return
    yield "  For example:"
    yield ""
    for line in text.splitlines():
        yield f"      {line}".rstrip()
    yield ""


def _exits(kind: ErrorKind) -> str:
    return f"exit {' or '.join(str(int(code)) for code in kind.exits)}"


def _document(kind: Kind) -> dict[str, Any]:
    if isinstance(kind, Way):
        remedy = CATALOGUE[kind.reasons[0]].remedy
        told = {"code": kind.code, "meaning": kind.meaning, "remedy": remedy}
        return {"kind": "way", "reasons": list(kind.reasons), "example": kind.example, **told}
    if isinstance(kind, Word):
        said = {"code": kind.code, "meaning": kind.meaning, "remedy": kind.remedy}
        return {"kind": kind.sort.value, "leads_to": list(kind.leads_to), **said}
    common = {"code": kind.code, "meaning": kind.meaning, "remedy": kind.remedy}
    if isinstance(kind, ReasonKind):
        example = example_of(kind.code)
        return {"kind": "reason" if kind.verdict else "finding", "verdict": kind.verdict, "example": example, **common}
    if isinstance(kind, FindingKind):
        return {"kind": "measure", "weight": kind.weight.value, "example": kind.example, **common}
    return {"kind": "error", "exit_codes": [int(one) for one in kind.exits], "example": kind.example, **common}
