"""From two measures to findings."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from greenproof.analysis.measure.facts import tests_in
from greenproof.analysis.measure.keeping import Measure, read_form
from greenproof.analysis.measure.matching import match
from greenproof.analysis.measure.narrowing import narrowed
from greenproof.analysis.measure.reaching import Comparison
from greenproof.analysis.measure.rules import rules
from greenproof.analysis.measure.suite import Suite
from greenproof.model.measure import Form, MeasureFinding

PREFIX = "m-"


def compare(before: Measure, after: Measure) -> tuple[MeasureFinding, ...]:
    """What changed to the disadvantage of the measure, in the order of the files; the same for the same input."""
    old, new = Suite.of(before), Suite.of(after)
    comparison = Comparison(old, new, match(old, new))
    found = [finding for rule in rules() for finding in rule(comparison)]
    return named(sorted(found, key=lambda f: (f.place.path, f.place.line, f.code, f.was, f.now)))


def compare_forms(before: Form, after: Form) -> tuple[MeasureFinding, ...] | None:
    """The same of two forms, of which only what matters is read; None for what can't be read."""
    part = narrowed(before, after)
    only = part.paths if part is not None else None
    old = read_form(before, only, part.before if part else frozenset())
    new = read_form(after, only, part.after if part else frozenset())
    return compare(old, new) if old is not None and new is not None else None


def named(findings: Iterable[MeasureFinding]) -> tuple[MeasureFinding, ...]:
    """The findings with their ids: made of what changed, not of where it stands. Two that are alike are numbered."""
    seen: Counter[str] = Counter()
    found = []
    for finding in findings:
        said = "\0".join((finding.code, finding.subject, finding.was, finding.now))
        digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:10]
        seen[digest] += 1
        ending = f"-{seen[digest]}" if seen[digest] > 1 else ""
        found.append(replace(finding, id=f"{PREFIX}{digest}{ending}"))
    return tuple(found)


def count_tests(form: Form) -> int:
    """How many test functions a form holds."""
    counts = tests_in(form)
    if counts is not None:
        return counts
    measure = read_form(form)
    return len(Suite.of(measure).tests) if measure is not None else 0
