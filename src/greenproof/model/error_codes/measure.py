"""Codes of what stands in the way of comparing the measure with what it was, or of accepting a finding."""

from greenproof.model.error_codes.kinds import ErrorKind, usage

MEASURE: tuple[ErrorKind, ...] = (
    usage(
        "unknown-revision",
        "git knows no such revision.",
        "greenproof measure diff v9.9",
        "`git log` and `git tag` show what there is. In a shallow clone, fetch the history first.",
    ),
    usage(
        "no-repository",
        "A revision can be named only inside of a git repository.",
        "greenproof measure diff HEAD~1 in a folder that git doesn't know",
        "Leave REV out to compare with the last good run, or use a clone of the repository.",
    ),
    usage(
        "no-git",
        "git is needed to read a revision, and is not installed.",
        "greenproof measure diff HEAD in a small container",
        "Install git, or leave REV out to compare with the last good run.",
    ),
    usage(
        "revision-unreadable",
        "git can't show the files of a revision.",
        "a partial clone without the files, a damaged repository",
        "Fetch the missing files with git, then try again.",
    ),
    usage(
        "revision-empty",
        "The revision has no test and no configuration in this folder.",
        "greenproof measure diff with a revision from before the tests were written, or moved here",
        "Name a later revision.",
    ),
)
