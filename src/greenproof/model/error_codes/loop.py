"""Codes of the loop: who may act on an environment, and what keeps a run from going on."""

from greenproof.model.error_codes.kinds import ErrorKind, failed, internal, usage
from greenproof.model.exits import ExitCode

LOOP: tuple[ErrorKind, ...] = (
    usage(
        "environment-held",
        "A loop is at work on this environment, and only one may be.",
        "greenproof loop --no-wait while another loop runs",
        "Wait for it, or ask it to let go: `greenproof pause`, `greenproof stop`.",
    ),
    ErrorKind(
        "lease-lost",
        (ExitCode.INTERRUPTED,),
        "Another loop took the environment over, because this one gave no sign of life. It did nothing more.",
        "a laptop that slept, a process that was stopped for a minute",
        "`greenproof loop` waits for the other one, and takes over when it ends.",
    ),
    ErrorKind(
        "loop-stopped",
        (ExitCode.INTERRUPTED,),
        "A person asked the loop to stop.",
        "greenproof stop",
        "What was finished is recorded. `greenproof loop` begins another run.",
    ),
    failed(
        "loop-frozen",
        "A rollback could not be done without harm, so nothing is done on this environment until a person has looked.",
        "a release with an irreversible migration whose cases fail",
        "Mend what the message names, then `greenproof resume`.",
    ),
    failed(
        "step-stuck",
        "A step gave no sign of life for too long and was ended. Where every thread stood is in the evidence.",
        "a deploy that hangs in a system call",
        "Look at the evidence that the event StepStuck names; then run again.",
    ),
    failed(
        "cut-off-again",
        "The same run of the test command was cut off so often that there is no point in another try.",
        "a test that ends the machine",
        "Look at which case was running each time; `greenproof loop --new` begins another run.",
    ),
    usage(
        "kept-damaged",
        "What a run had kept for whoever goes on with it can't be read.",
        "a file in .greenproof/runs that was edited, or written by another version",
        "`greenproof loop --new` ends that run and begins another one.",
    ),
    usage(
        "store-url",
        "The store of leases and runs is not named by a PostgreSQL URL.",
        "GREENPROOF_STORE=mysql://host/base greenproof loop",
        "Name postgresql://USER@HOST/DATABASE, or leave it out to use files in .greenproof.",
    ),
    internal(
        "store-unusable",
        "The store of leases and runs can't be read or written.",
        "a PostgreSQL that is down, a damaged .greenproof/desk.db",
        "Look at the server, or at the disk. A damaged desk.db or durable.db may be set aside while no loop runs.",
    ),
)
