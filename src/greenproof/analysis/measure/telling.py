"""From traits that are new to findings: what the rules about single traits share."""

from collections.abc import Callable, Iterator

from greenproof.analysis.measure.kinds import FindingKind
from greenproof.analysis.measure.reaching import Change, Comparison, Find
from greenproof.model.measure import MeasureFinding, Place

type Choose = Callable[[Change], FindingKind | None]


def told(comparison: Comparison, find: Find, choose: Choose, *, familiar: bool = False) -> Iterator[MeasureFinding]:
    """One finding for each place at which something is new, or larger; None chooses no finding."""
    for change in comparison.added(find, familiar=familiar):
        kind = choose(change)
        if kind is None:
            continue
        trait, was = change.trait, change.was
        yield kind.finding(
            trait.owner,
            Place(trait.path, trait.line),
            was=was.text if was is not None else "nothing of the kind",
            now=trait.text,
            tests=len(change.tests),
        )


def always(kind: FindingKind) -> Choose:
    """Every change is one of this kind."""
    return lambda change: kind
