"""Files that could be judged before, and can't be now."""

from collections.abc import Iterator

from greenproof.analysis.measure.keeping import PLAN
from greenproof.analysis.measure.kinds import note, weakened
from greenproof.analysis.measure.reaching import Comparison
from greenproof.model.measure import MeasureFinding, Place

UNREAD = weakened(
    "file-unreadable",
    "A file of the measure was read before and can't be now, so nobody can say what it lost.",
    "a syntax error, a file of 2 MiB, a link that leads out of the folder, another encoding",
    "Make it readable again: Python in UTF-8, in the folder, below 1 MiB.",
)
NEVER = note(
    "file-not-compared",
    "A file could be read on one of the two sides only, so it was not compared.",
    "tests/test_old.py is Python 2",
    "Look at it yourself.",
)
CUT = weakened(
    "too-many-files",
    "There are more files than are read, so the comparison is not complete.",
    "a virtual environment or generated code below the folder of greenproof.toml",
    "Move it out of the folder, or into one whose name begins with a dot.",
)
KINDS = (UNREAD, NEVER, CUT)


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Whatever was not compared."""
    before, after = comparison.before.measure, comparison.after.measure
    for path, why in after.unread.items():
        if path in before.unread:
            continue
        was_read = path in before.modules or (path == PLAN and before.plan)
        kind = UNREAD if was_read else NEVER
        yield kind.finding(path, Place(path), was="read" if was_read else "not compared", now=why)
    for path, why in before.unread.items():
        if path not in after.unread:
            yield NEVER.finding(path, Place(path), was=why, now="read" if path in after.modules else "gone")
    if after.cut and not before.cut:
        yield CUT.finding("the folder", Place("."), was="read as a whole", now="cut")
