"""Codes of the ledger and its evidence, of the relay, and of the machine below."""

from greenproof.model.error_codes.kinds import ErrorKind, internal, usage
from greenproof.model.exits import ExitCode

RECORD: tuple[ErrorKind, ...] = (
    usage(
        "ledger-unwritable",
        "The ledger can't be written by this user.",
        "greenproof prove in a folder of another user",
        "Change the owner or mode of the folder .greenproof, or run where you may write.",
    ),
    usage(
        "ledger-foreign",
        "The file in the place of the ledger is a database of another program.",
        "a ledger.db copied from elsewhere",
        "Move the file away; the next run begins a ledger.",
    ),
    usage(
        "ledger-newer",
        "A newer Greenproof wrote the ledger. It was not touched.",
        "going back to an older version",
        "Use the newer Greenproof, or another folder.",
    ),
    internal(
        "ledger-gone",
        "The ledger is gone, but the evidence that belongs to it is still there.",
        "rm .greenproof/ledger.db",
        "Restore it from a copy, or set the folder .greenproof/evidence aside: the next run begins a new one.",
    ),
    internal(
        "ledger-missing",
        "A ledger was to be read and there is none.",
        "a program that opens a ledger which no run wrote",
        "Record a run first.",
    ),
    internal(
        "ledger-damaged",
        "The ledger can't be read: it is cut off, overwritten, or no database at all.",
        "a disk that filled up while the file was copied",
        "Restore it from a copy, or set it aside and begin a new one; the evidence files are still readable.",
    ),
    internal(
        "ledger-busy",
        "Another process writes to the ledger and doesn't let go of it.",
        "a Greenproof that hangs",
        "Look for the other Greenproof, let it finish or end it, and try again.",
    ),
    internal(
        "ledger-refused",
        "The database refused an event.",
        "a trigger that somebody added to the ledger",
        "Run `greenproof ledger verify`, which says what is wrong with it.",
    ),
    internal(
        "ledger-unreachable",
        "The ledger or its evidence can't be reached on its disk.",
        "a network folder that went away",
        "Look at the disk, its free space, and the system's log.",
    ),
    internal(
        "evidence-missing",
        "A piece of evidence that an event refers to is missing.",
        "rm -r .greenproof/evidence",
        "Restore the folder from a copy; `greenproof ledger verify` names every piece that is missing.",
    ),
    internal(
        "evidence-changed",
        "A piece of evidence was changed after it was kept.",
        "an editor that saved a file of .greenproof/evidence",
        "Restore the file from a copy; `greenproof ledger verify` names every piece that was changed.",
    ),
    internal(
        "evidence-id",
        "Something was asked for as evidence that is no id of evidence.",
        "ev-123",
        "Use an id as the ledger or a worklog prints it: ev- and 64 hexadecimal digits.",
    ),
    internal(
        "not-json",
        "An event or a piece of evidence can't be written as JSON. Nothing of it was recorded.",
        "a defect of Greenproof, or of a program that uses its ledger",
        "Report it.",
    ),
    internal(
        "run-name",
        "This can't be the name of a run.",
        "a program that writes into the ledger under a name with spaces",
        "Use letters, digits and . _ : / - only.",
    ),
    internal(
        "relay-start",
        "The relay, which sees what the tests send, could not be started.",
        "a machine without free memory or processes",
        "Look at the free memory and the limits of this user (ulimit -a), then run again.",
    ),
    internal(
        "relay-ended",
        "The relay ended or fell silent in the middle of a run.",
        "kill -9 of the relay, or a machine that ran out of memory",
        "Read its log, which the message names, and run again; what was recorded before is kept.",
    ),
    internal(
        "relay-target",
        "The relay was given an address that it can't serve.",
        "a program that starts a relay without checking the address",
        "Use http:// or https:// and a host.",
    ),
    ErrorKind(
        "target-down",
        (ExitCode.NOTHING_VERIFIED,),
        "No target can be reached, so nothing was run and nothing is verified.",
        "greenproof prove --target api=http://localhost:9 -- pytest",
        "Start the service, or correct the address. The message says what was met: refused, unknown host, no TLS ...",
    ),
    usage(
        "place-refused",
        "A file or folder can't be read or written by this user.",
        "greenproof floor in a folder of another user",
        "Change its owner or mode, or run in a folder of your own.",
    ),
    internal(
        "disk-full",
        "There is no space left. What was recorded before is kept.",
        "a disk of 100 GB with 100 GB of logs",
        "Free some space (old folders of .greenproof/evidence, logs, temporary files), then run again.",
    ),
    ErrorKind(
        "interrupted",
        (ExitCode.INTERRUPTED,),
        "A person or the system stopped the command. What was finished is recorded, and nothing is left running.",
        "Ctrl-C, or SIGTERM",
        "Run the command again when you want to.",
    ),
    internal(
        "internal-error",
        "A defect in Greenproof.",
        "an answer of a kind that nobody thought of",
        "Set GREENPROOF_TRACEBACK=1, run again, and report what it shows.",
    ),
)
