"""Codes of what goes wrong with releases: on the way back, in their migrations, and when they are cut off."""

from greenproof.model.error_codes.kinds import ErrorKind, failed, usage

RELEASES: tuple[ErrorKind, ...] = (
    failed(
        "no-previous-release",
        "There is no release to go back to.",
        "greenproof rollback, after the first deploy",
        "Deploy a second release first; a way back leads to the last known good one, or to the one before.",
    ),
    usage(
        "unknown-release",
        "No release of this name is remembered.",
        "greenproof rollback --to r-000000000000",
        "`greenproof status --json` names all that are: the newest ten, and the last five that were known good.",
    ),
    failed(
        "rollback-frozen",
        "A release on the way back changed the schema of a database in a way that can't be taken back. Nothing was "
        "changed.",
        "a migration that drops a column, without migrate_undo",
        "Mend the present release and deploy it. Say which migrations are compatible, or give migrate_undo.",
    ),
    failed(
        "migration-undo-failed",
        "The command that takes a migration back failed, or left another schema than there was before. Traffic stays "
        "where it is.",
        "migrate_undo that forgets an index",
        "Mend migrate_undo and deploy: it is used then. Or mend the schema by hand; the difference is shown.",
    ),
    failed(
        "revision-changed",
        "A revision can't be started again as what its name says: its files, packages or secrets have changed since.",
        "pip install --upgrade in the environment of a service, then greenproof up",
        "Bring back what has changed, or deploy: that makes a new revision.",
    ),
    failed(
        "release-incomplete",
        "The manifest of a release that is to be started again is gone.",
        "a file deleted by hand in .greenproof/environments/NAME/revisions",
        "Deploy the same sources again.",
    ),
    failed(
        "releases-unreadable",
        "The file that says which release is live, and which are good, can't be read.",
        "a state.json of a newer version of Greenproof",
        "Use that version; or move the file away, then the next deploy begins anew.",
    ),
    failed(
        "contents-unreadable",
        "A store could not be asked what it holds, so nothing can be said of whether its data changed.",
        "loop --read-only while PostgreSQL is down",
        "Look at the log of the dependency: `greenproof logs NAME`.",
    ),
    failed(
        "schema-unreadable",
        "The schema of a database can't be read, so nobody can tell what a migration did to it.",
        "a PostgreSQL that was killed during a deploy",
        "Look at its log; `greenproof up` starts it again.",
    ),
    failed(
        "fenced-off",
        "A loop wanted to act on an environment that another one has taken over since.",
        "a loop that was stopped with SIGSTOP for a minute",
        "End it; the other one goes on.",
    ),
    failed(
        "deploy-cut-off",
        "A deploy did not come to its end, because who asked for it or the platform's own process ended. It was "
        "finished or undone.",
        "kill -9 during greenproof deploy",
        "Nothing has to be done; deploy again if you still want the release.",
    ),
    failed(
        "rollback-cut-off",
        "A rollback did not come to its end, because who asked for it or the platform's own process ended. It was "
        "finished or undone.",
        "kill -9 during greenproof rollback",
        "Nothing has to be done; roll back again if you still want to.",
    ),
    failed(
        "migration-cut-off",
        "A migration was cut off in its middle, and the schema is neither as before nor as it was meant to be. There "
        "is no way back over it.",
        "the machine stopped during greenproof deploy",
        "Deploy the same release again: its migration is run again, and finished.",
    ),
)
