"""Value at risk: what each feature is worth, and whether anything proven guards it."""

from collections.abc import Sequence

from greenproof.analysis.authenticity.claims import matches_any
from greenproof.model.plan import Feature
from greenproof.model.value import FeatureState
from greenproof.model.verdicts import CaseVerdict, Verdict


def features_at_risk(features: Sequence[Feature], verdicts: Sequence[CaseVerdict]) -> tuple[FeatureState, ...]:
    """The state of each feature, the most valuable first; equal values in the order of the file."""
    states = []
    for feature in features:
        cases = [v for v in verdicts if matches_any(v.id, feature.tests)]
        proven = sum(v.verdict is Verdict.PROVEN for v in cases)
        failed = any(v.verdict is Verdict.FAILED for v in cases)
        state = "broken" if failed else "guarded" if proven else "unguarded"
        states.append(FeatureState(feature.name, feature.tier, feature.value, proven, len(cases), state))
    return tuple(sorted(states, key=lambda s: -s.value))
