"""From a comparison to an exit code."""

from greenproof.model.comparison import Comparison
from greenproof.model.exits import ExitCode


def gate(comparison: Comparison) -> ExitCode:
    """FAILED if something got worse, INCONCLUSIVE if the runs are not of the same kind, else VERIFIED."""
    if comparison.worse:
        return ExitCode.FAILED
    return ExitCode.VERIFIED if comparison.same_kind else ExitCode.INCONCLUSIVE
