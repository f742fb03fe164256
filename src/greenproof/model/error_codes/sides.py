"""Codes of what goes wrong with side releases."""

from greenproof.model.error_codes.kinds import ErrorKind, failed, usage

SIDES: tuple[ErrorKind, ...] = (
    usage(
        "side-production",
        "Side releases are refused on production environments.",
        "greenproof side up try --environment production",
        "Use an environment of kind local or staging.",
    ),
    usage(
        "side-name",
        "The name can't name a side release.",
        "greenproof side up ../try",
        "Take at most 30 small letters, digits and hyphens, beginning with a letter and not ending with a hyphen.",
    ),
    usage(
        "side-variable",
        "A variable of a service can't be changed as it was asked for.",
        "greenproof side up try --set backend.PORT=80",
        "Name a variable of that service; PORT and GREENPROOF_... are set by Greenproof.",
    ),
    usage(
        "side-data",
        "The platform can't give a side release such data.",
        "data = shared on the local platform, where a side release must not write into the environment",
        "Let it be copied, or empty.",
    ),
    usage(
        "side-incomplete",
        "Nothing says which revision of a service a side release should have.",
        "greenproof side up try --with backend=./backend, before the first deploy",
        "Deploy first, or name a folder or revision for every service.",
    ),
    usage(
        "side-unused",
        "A run should test a side release, but none of its targets is a service.",
        "greenproof prove --side try --target api=http://127.0.0.1:8000 -- pytest",
        "Leave --target away, so that the targets of greenproof.toml are asked; or leave --side away.",
    ),
    usage(
        "side-read-only",
        "A read-only loop starts no side release.",
        "diagnosis within greenproof loop --read-only",
        "Run the loop without --read-only.",
    ),
    usage(
        "unknown-side",
        "No side release of this name runs beside the environment.",
        "greenproof prove --side try -- pytest, after greenproof down",
        "`greenproof side list` names those that there are; `greenproof side up` starts one.",
    ),
    usage(
        "side-revision",
        "No revision of this name is kept, or it is one of another service.",
        "greenproof side up try --with backend=backend-000000000000",
        "Name a release in its place, or one of the revisions that the message tells.",
    ),
    failed(
        "side-taken",
        "A side release of this name runs already, and consists of something else.",
        "greenproof side up try, twice with different options",
        "Take another name, or end the other one: greenproof side down NAME.",
    ),
    failed(
        "side-limit",
        "There are as many side releases as there may be at the same time.",
        "the ninth greenproof side up",
        "End one: greenproof side down NAME.",
    ),
    failed(
        "side-ended",
        "A side release was ended by somebody else while it was being started.",
        "greenproof down during greenproof side up",
        "Start it again.",
    ),
    failed(
        "copy-failed",
        "The data of a store could not be copied for a side release.",
        "a PostgreSQL that was killed since the deploy",
        "`greenproof up` starts what is missing; or begin with empty stores: --data empty.",
    ),
)
