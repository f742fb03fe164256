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
    usage(
        "unknown-finding",
        "There is no finding of this id, so there is nothing to accept.",
        "greenproof measure accept m-0000000000 --reason 'agreed' --expires 30",
        "`greenproof measure diff` prints the ids. If the finding is one against a revision, name it with --since.",
    ),
    usage(
        "acceptance-expiry",
        "An acceptance ends on a day to come, at most 366 days from now.",
        "greenproof measure accept m-1f80bdfc13 --reason 'agreed' --expires 2020-01-01",
        "Give a date, or a number of days.",
    ),
    usage(
        "acceptances-invalid",
        "greenproof-accepted.toml can't be read as a list of acceptances.",
        "an entry without an expiry, or one that holds for ten years",
        "Correct the entry that the message names, or remove it and accept the finding again.",
    ),
)
