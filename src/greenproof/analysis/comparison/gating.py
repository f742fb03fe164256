"""From a comparison to an exit code."""

from greenproof.model.comparison import Comparison
from greenproof.model.exits import ExitCode


def gate(comparison: Comparison) -> ExitCode:
    """FAILED if a case got worse, or a promise about time is missed now and that is no noise; INCONCLUSIVE if the runs
    are not of the same kind; else VERIFIED.
    """
    if comparison.worse or comparison.missed:
        return ExitCode.FAILED
    return ExitCode.VERIFIED if comparison.same_kind else ExitCode.INCONCLUSIVE
