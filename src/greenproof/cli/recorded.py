"""The ledger, as commands open it that only read what was recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from greenproof.ledger import Ledger
from greenproof.model.errors import LedgerError, UsageError


@contextmanager
def recorded(config: Path | None) -> Iterator[Ledger]:
    """The ledger beside the configuration that is named or found.

    UsageError when no run was recorded yet; LedgerError when the ledger is gone while its evidence is there.
    """
    from greenproof.config import find

    found = config or find(Path.cwd())
    path = (found.parent if found else Path.cwd()) / ".greenproof" / "ledger.db"
    try:
        ledger = Ledger.open(path, create=False)
    except LedgerError as error:
        if error.code != "ledger-missing":
            raise
        raise UsageError(
            "there is no ledger yet",
            code="no-ledger",
            where=str(path),
            expected="a ledger, which the first run writes",
            hint="run `greenproof prove` or `greenproof loop` first",
        ) from error
    with ledger:
        yield ledger
