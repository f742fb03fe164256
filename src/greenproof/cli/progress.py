"""Progress: what a proof tells meanwhile goes to the talk, and what is a fact goes into the ledger first."""

from collections.abc import Sequence

from greenproof.cli.talk import Level, Talk
from greenproof.loop.journal import Journal
from greenproof.loop.proof_request import Listener
from greenproof.model.facts import CaseRecord, RunObservation

_TAIL = 20


def listener_for(journal: Journal, talk: Talk) -> Listener:
    """Record every finished case in the ledger, and tell about it."""

    def case(fault: str | None, record: CaseRecord) -> None:
        journal.case(fault, record)
        talk.case(record)

    journal.on_evidence = talk.verbose
    return Listener(
        say=talk.say,
        output=talk.output,
        case=case,
        reading=journal.reading,
        doing=lambda what, total, fault: talk.doing(what, total, fault=fault),
        detail=talk.detail,
    )


def tell_tail(talk: Talk, plain: RunObservation, tail: Sequence[str]) -> None:
    """Where a run brought no case, the end of what it printed is all that tells why."""
    if plain.cases or not tail or talk.level >= Level.OUTPUT:
        return
    talk.say("no case was reported; the last lines that the command printed:")
    for line in tail[-_TAIL:]:
        talk.say(f"| {line}")
