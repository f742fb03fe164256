"""Ask git what a revision holds. Nothing is checked out, nothing is written, nothing is fetched."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from greenproof.model.errors import UsageError
from greenproof.model.text import printable

_PATIENCE_S = 60.0
_LONGEST = 300
"""Characters of a name of a revision."""
_QUIET = (
    "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a revision."""

    path: str
    """Below the folder that was asked about."""
    name: str
    """The hash of its content."""
    size: int
    is_link: bool


def commit(root: Path, revision: str) -> str:
    """The hash of the commit that a revision names. Raises UsageError."""
    named = revision.strip()
    if not named or named.startswith("-") or len(named) > _LONGEST or any(c in named for c in "\0\n\r"):
        raise UsageError(
            f"{printable(revision[:80])!r} is not a revision",
            code="unknown-revision",
            where="REV",
            expected="a commit, a branch or a tag, such as HEAD~1 or v1.2",
        )
    if _run(root, ("rev-parse", "--is-inside-work-tree")) is None:
        raise UsageError(
            "this folder is in no git repository",
            code="no-repository",
            where=str(root),
            expected="a repository of git that holds REV",
            hint="without REV the last good run of the ledger is compared",
        )
    found = _run(root, ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{named}^{{commit}}"))
    if found is None:
        raise UsageError(
            f"git knows no revision {printable(named)!r}",
            code="unknown-revision",
            where="REV",
            expected="a commit, a branch or a tag, such as HEAD~1 or v1.2",
        )
    return found.decode("ascii", "replace").strip()


def user(root: Path) -> str | None:
    """The name and address under which this user commits; None if git doesn't know them."""
    try:
        name, mail = (_run(root, ("config", "--get", key)) for key in ("user.name", "user.email"))
    except UsageError:
        return None
    said = [part.decode("utf-8", "replace").strip() for part in (name, mail) if part]
    return f"{said[0]} <{said[1]}>" if len(said) == 2 else "".join(said) or None


def files(root: Path, commit: str) -> Iterator[Blob]:
    """The files of a commit in this folder and below it, in the order of their paths."""
    listed = _run(root, ("ls-tree", "-r", "-z", "-l", commit))
    if listed is None:
        raise UsageError(
            "git can't list the files of the revision",
            code="revision-unreadable",
            where=str(root),
            expected="a complete repository; a partial clone may lack the files",
        )
    for line in listed.split(b"\0"):
        head, tab, path = line.partition(b"\t")
        parts = head.split()
        if not tab or len(parts) != 4 or parts[1] != b"blob":
            continue
        size = int(parts[3]) if parts[3].isdigit() else 0
        yield Blob(path.decode("utf-8", "surrogateescape"), parts[2].decode("ascii"), size, parts[0] == b"120000")


def contents(root: Path, blobs: Sequence[Blob]) -> Iterator[tuple[Blob, bytes]]:
    """The content of each file, in one go."""
    if not blobs:
        return
    asked = "".join(f"{blob.name}\n" for blob in blobs).encode()
    told = _run(root, ("cat-file", "--batch"), asked)
    position = 0
    for blob in blobs:
        head, newline, _ = (told or b"")[position : position + 200].partition(b"\n")
        parts = head.split()
        if told is None or not newline or len(parts) != 3 or not parts[2].isdigit():
            raise UsageError(
                f"git can't show a file of the revision: {printable(blob.path)}",
                code="revision-unreadable",
                where=str(root),
                expected="a complete repository; a partial clone may lack the files",
            )
        begin = position + len(head) + 1
        end = begin + int(parts[2])
        yield blob, told[begin:end]
        position = end + 1


def _run(root: Path, arguments: Sequence[str], said: bytes = b"") -> bytes | None:
    """What git answers; None if it refuses."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ours |= {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ("git", *_QUIET, *arguments), cwd=root, input=said, capture_output=True, timeout=_PATIENCE_S, check=False,
            env=ours,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise UsageError(
            "git is not installed",
            code="no-git",
            where="PATH",
            expected="git, to read REV",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"git did not answer within {_PATIENCE_S:.0f} s",
            code="revision-unreadable",
            where=str(root),
            expected="a repository that git can read",
        ) from error
    return done.stdout if done.returncode == 0 else None
