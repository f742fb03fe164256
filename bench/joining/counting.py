"""The server's truth beside what the relay saw, counted by way of sending."""

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from truth import Truth

from greenproof.model.facts import Exchange, Join

OUTLIVED = ("gone", "outside")
"""In the place of a phase: sent after its case had ended, or before any began. Never a certain case's."""
ANY = "any"
"""In the place of a phase: sent until its case had ended, and nobody knows when that was."""
_UNSURE = (Join.AMBIGUOUS, Join.NONE)
_SAMPLES = 5


@dataclass(frozen=True)
class Sender:
    """Who sent something, as the path or the message says."""

    way: str
    case: str
    phase: str

    @classmethod
    def of(cls, path: str) -> "Sender":
        """Read `/sent/<way>/<case>/<phase>/<serial>`."""
        _, _, way, case, phase, _ = path.split("/")
        return cls(way, _case(case), phase)

    @property
    def outlived(self) -> bool:
        """Whether no case may have it."""
        return self.phase in OUTLIVED


def _case(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


@dataclass
class Tally:
    """One way of sending."""

    sent: int = 0
    right: int = 0
    wrong: int = 0
    lost: int = 0
    """Not seen, or seen without the service's answer."""
    ambiguous: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """The same way, in another run."""
        self.sent += other.sent
        self.right += other.right
        self.wrong += other.wrong
        self.lost += other.lost
        self.ambiguous += other.ambiguous
        self.samples = (self.samples + other.samples)[:_SAMPLES]

    def sample(self, text: str) -> None:
        """Keep the first few of what went wrong."""
        if len(self.samples) < _SAMPLES:
            self.samples.append(text)


def count(truth: Truth, exchanges: Iterable[Exchange]) -> dict[str, Tally]:
    """Way -> its tally: requests, handshakes, and WebSocket messages of both directions."""
    seen: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        if exchange.path.startswith("/sent/") and exchange.status is not None:
            seen[exchange.path].append(exchange)
    tallies: dict[str, Tally] = defaultdict(Tally)
    for path in sorted(truth.requests.keys() | seen.keys()):
        found = sorted(seen[path], key=lambda e: e.start_ns)
        tally = tallies[Sender.of(path).way]
        if path in truth.messages:
            _count_messages(tally, path, truth.messages[path], found)
            found = found[:1]
        _count_requests(tally, Sender.of(path), truth.requests[path], found)
    return dict(tallies)


def _count_requests(tally: Tally, sender: Sender, sent: int, found: list[Exchange]) -> None:
    tally.sent += sent
    tally.lost += max(0, sent - len(found))
    tally.wrong += max(0, len(found) - sent)
    for exchange in found[:sent]:
        if exchange.join in _UNSURE:
            tally.ambiguous += 1
        elif exchange.case == sender.case and sender.phase in (exchange.phase, ANY):
            tally.right += 1
        else:
            tally.wrong += 1
            tally.sample(_difference(sender, exchange))


def _count_messages(tally: Tally, path: str, told: Mapping[str, int], parts: list[Exchange]) -> None:
    """Each message came and was echoed, so each counts twice."""
    right, ambiguous = Counter[tuple[str | None, str | None]](), 0
    for part in parts:
        if part.join in _UNSURE:
            ambiguous += part.sent + part.received
        else:
            right[part.case, part.phase] += part.sent + part.received
    due = Counter[tuple[str | None, str | None]]()
    for sender, number in told.items():
        case, phase = sender.split("/")
        due[_case(case), phase] += 2 * number
    surplus = right - due
    matched = (right & due).total()
    tally.sent += due.total()
    tally.right += matched
    tally.wrong += surplus.total()
    tally.ambiguous += ambiguous
    tally.lost += max(0, due.total() - matched - surplus.total() - ambiguous)
    for (case, phase), number in surplus.items():
        tally.sample(f"{number} messages of {Sender.of(path).way} given to {case} ({phase}), which did not send them")


def _difference(sender: Sender, exchange: Exchange) -> str:
    given = f"{exchange.case} ({exchange.phase}) by {exchange.join}"
    return f"{sender.way}: sent by {sender.case} ({sender.phase}), given to {given}"
