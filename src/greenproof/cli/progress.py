"""Progress: one line for each finished case, on stderr."""

from collections.abc import Callable

from greenproof.loop.journal import Journal
from greenproof.loop.proving import Listener
from greenproof.model.facts import CaseRecord
from greenproof.reporting.summary import printable


def listener_for(journal: Journal, say: Callable[[str], None], *, show_output: bool) -> Listener:
    """Record every finished case in the ledger, and tell about it."""
    count = 0

    def case(fault: str | None, record: CaseRecord) -> None:
        nonlocal count
        journal.case(fault, record)
        if not show_output and fault is None:
            count += 1
            say(f"  {count:4} {record.outcome.value:10} {printable(record.id)}")

    return Listener(
        say=lambda text: say(printable(text)),
        output=(lambda line: say(f"| {printable(line)}")) if show_output else (lambda line: None),
        case=case,
        reading=journal.reading,
    )
