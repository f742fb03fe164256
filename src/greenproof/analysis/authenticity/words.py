"""Words that are no code of a reason, but stand on screens and in talk: verdicts, findings of the floor, and other
names for what a reason says. Each leads to the codes that are really given.
"""

from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    """What a word names."""

    VERDICT = "verdict"
    """Of a case, of a run, or of both."""
    FLOOR = "floor"
    """What `greenproof floor` finds about a case."""
    WORD = "word"
    """Another name for what reasons say."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and what it leads to."""

    code: str
    sort: Sort
    meaning: str
    remedy: str
    leads_to: tuple[str, ...] = ()
    """Codes of reasons and ways, where there are some."""


_ALL: dict[str, Word] = {}


def _word(sort: Sort, code: str, meaning: str, remedy: str, *leads_to: str) -> None:
    _ALL[code] = Word(code, sort, meaning, remedy, leads_to)


_V, _F, _W = Sort.VERDICT, Sort.FLOOR, Sort.WORD

_word(
    _V,
    "proven",
    "A case passed, and all four hold: it is accounted for, it reached the expected release on its route, it checked"
    " something of the answer, and it turned red when the answer was replaced by an error.",
    "Nothing. The evidence stands beside it: receipts, exchanges, and what it did under the faults.",
)
_word(
    _V,
    "hollow",
    "A case passed, and evidence refutes its green. The run is failed if the case gates.",
    "Look at the code of its reason, and mend the test or what it talks to.",
)
_word(
    _V,
    "unproven",
    "A case passed, and evidence is missing, so its green is neither proven nor refuted. The reason says what.",
    "Look at the code of its reason: it says how the missing evidence can be had.",
)
_word(
    _V,
    "failed",
    "Of a case: it ran and failed. Of a run: a case that gates failed or is hollow, or the run is broken (exit 1).",
    "Look at the failure; `greenproof floor` says whether the test can't pass whatever the service answers.",
    "check-failed",
    "error-raised",
    "set-up-failed",
    "killed",
    "xpassed",
    "target-died-here",
)
_word(
    _V,
    "quarantined",
    "A case is known to be broken, and a person set it aside until a day. It never counts as green.",
    "Mend it before that day.",
)
_word(
    _V,
    "not-run",
    "A case was planned and nothing was tested: skipped, left out, never collected, or not reached. It is no green.",
    "Look at the code of its reason.",
    "skipped",
    "deselected",
    "never-collected",
    "import-error",
    "lost",
    "not-reached",
    "silenced",
    "target-lost",
    "relay-lost",
    "xfailed",
)
_word(
    _V,
    "passed-offline",
    "A case of a suite of kind `offline` passed and checked something. It says nothing about a release.",
    "Nothing; only cases that talk to the deployed system can be proven.",
)
_word(
    _V,
    "verified",
    "Of a run: every case that gates is proven, and nothing is wrong with the run as a whole (exit 0).",
    "Nothing.",
)
_word(
    _V,
    "inconclusive",
    "Of a run: no case that gates failed, but one of them is not proven, or something of it is not known (exit 6).",
    "Look at what is unproven or not-run, and at the findings of the run.",
)
_word(
    _V,
    "nothing-verified",
    "Of a run: not one case is proven, so nothing is known about the release (exit 5). That is never green.",
    "Look whether tests were collected, whether they reached the target, and whether the fault runs were made.",
    "nothing-collected",
    "no-witness",
    "no-fault-run",
    "target-down",
)

_word(
    _F,
    "blind",
    "The case is green on every backend of the floor: refused, 503 to everything, and 200 to everything.",
    "Let it assert what the service answered. With a service its green gets a reason such as these.",
    "survives-fault",
    "unchecked",
    "no-contact",
    "mocked",
)
_word(
    _F,
    "partly-blind",
    "The case is green on one or two of the floor's backends, none of which can serve it.",
    "Assert the exact status and a value of the answer.",
    "survives-fault",
    "tolerates-failure",
    "any-error-will-do",
)
_word(
    _F,
    "red",
    "The case is green on none of the floor's backends, so its green says something.",
    "Nothing; `greenproof prove` says what its green is worth on a real service.",
)

_word(
    _W,
    "another-process",
    "Something else than the release answered: an old process, one of the test's own, or one beside it.",
    "Let the service name its revision, and let the test take the address from the variable of the target.",
    "stale-revision",
    "no-receipt",
    "unseen-contact",
    "wrong-target",
)
_word(
    _W,
    "swallowed",
    "A failed check, or the error that a dead service raises, is caught, and the test stays green.",
    "Let the failure through.",
    "swallowed-failure",
    "survives-fault",
    "tolerates-failure",
    "fallback-after-failure",
)
_word(
    _W,
    "canned",
    "The answer did not come from the feature itself: a stub, a bypass or a fallback of the service made it.",
    "Switch the stub off for this route.",
    "bypass",
    "cached",
)
_word(
    _W,
    "forged-exit-status",
    "The command says that all is well, and the reports don't: `|| true`, a pipe that hides the status, or a hook.",
    "Run the test command itself, without a pipe; remove the hook that sets the status.",
    "exit-status-disagrees",
    "report-flipped",
    "process-ended-early",
)
_word(
    _W,
    "dropped-by-a-hook",
    "A hook or a plugin took the test out of the collection.",
    "Remove the hook, or accept that the test is not run.",
    "deselected",
    "never-collected",
)

WORDS = dict(sorted(_ALL.items()))
"""All words, by themselves."""

SAME = {
    "-o": "asserts-off",
    "||-true": "forged-exit-status",
    "a-pipe-that-hides-the-status": "forged-exit-status",
    "canned-answer": "canned",
    "canned-or-cached-answer": "canned",
    "checked-only-what-it-sent": "checks-what-it-sent",
    "early-exit": "process-ended-early",
    "exit-status-forged": "forged-exit-status",
    "health-instead-of-the-feature": "health-for-the-feature",
    "optimised": "asserts-off",
    "pipe": "forged-exit-status",
    "planned-but-never-collected": "never-collected",
    "reports-flipped": "report-flipped",
    "setup-only": "set-up-only",
}
"""Other spellings: what stands for which word or code."""


def as_code(text: str) -> str:
    """How a word would be written as a code: as it is printed it may come in brackets, as it is said with spaces."""
    name = "-".join(text.strip("[] ").lower().replace("_", " ").split())
    return SAME.get(name, name)
