"""The folder `.greenproof`, in which everything of ours is kept and which no repository takes in."""

from pathlib import Path

from greenproof.ledger.failures import in_words
from greenproof.ledger.files import Files, LocalFiles
from greenproof.model.errors import LedgerPlaceError

LEDGER = "ledger.db"


def prepare(state: Path, files: Files | None = None) -> Path:
    """Create the folder `state` with a `.gitignore` of its own; return where its ledger lies.

    What is there already stays. Raises LedgerPlaceError when the place is taken or can't be written.
    """
    files = files or LocalFiles()
    if state.exists() and not state.is_dir():
        raise LedgerPlaceError(
            "the place of Greenproof's folder is taken by a file",
            code="ledger-unwritable",
            where=str(state),
            expected="a folder, or nothing",
            hint="move the file away",
        )
    ignore = state / ".gitignore"
    with in_words(state):
        files.make_folder(state)
        if files.start_of(ignore, 1) is None:
            files.write(ignore, b"*\n")
    return state / LEDGER
