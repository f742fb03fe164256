"""What is to be proven, and who is told meanwhile."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.conclusion import Gate
from greenproof.analysis.selection import RunPhase
from greenproof.loop.remembering import Known
from greenproof.model.conclusions import Conclusion
from greenproof.model.facts import CaseRecord, Reading
from greenproof.model.inheritance import Baseline, Inherited
from greenproof.model.measure import MeasureReport
from greenproof.model.performance import PerformanceTarget
from greenproof.model.plan import IdentitySource, LogSource
from greenproof.model.redaction import redact_text


@dataclass(frozen=True, slots=True)
class ProofTarget:
    """An address that the tests talk to, and how its release is known."""

    name: str
    url: str
    variables: tuple[str, ...] = ()
    service: str | None = None
    """The name in receipts; None: the target's own."""
    revision: str | None = None
    """What the platform deployed."""
    identity: IdentitySource = IdentitySource()
    log: Path | None = None
    log_source: LogSource = LogSource()
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """What is to be proven, and how."""

    command: tuple[str, ...]
    directory: Path
    state: Path
    """The folder `.greenproof`."""
    targets: tuple[ProofTarget, ...]
    claims: Claims
    expect: Mapping[str, str] = field(default_factory=dict)
    gate: Gate = Gate()
    performance: tuple[PerformanceTarget, ...] = ()
    faults: bool = True
    fail_fast: bool = False
    timeout: float = 900.0
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    phases: tuple[RunPhase, ...] = ()
    """Empty: everything that the command collects, in one go."""
    baseline: Baseline | None = None
    """The last good run of the same kind: what it planned is planned again."""
    inherited: tuple[Inherited, ...] = ()
    """What else rests on earlier runs, to be told beside the verdicts."""
    removed: tuple[str, ...] = ()
    """Globs of cases that are gone on purpose."""
    collected: tuple[str, ...] = ()
    """With phases: every id that the command collects, also those that no phase holds."""
    offline: bool = False
    measure: MeasureReport | None = None
    """What changed in the tests themselves since the last good run."""
    measure_gates: bool = False
    """Whether that keeps the run from being verified."""
    confine: bool = False
    """The tests get a network of their own, in which nothing is but the relay."""
    known: Known = field(default_factory=dict)
    """What earlier runs saw of cases that they proved; empty: every fault run is made."""
    before: tuple[Conclusion, ...] = ()
    """What the last run of the same kind concluded."""
    release: str | None = None
    """Name of the release that is judged; None: unnamed."""
    redact: Callable[[str], str] = redact_text
    """What every text from the tests goes through before anyone sees or keeps it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what happens meanwhile. Each is called from one thread at a time."""

    say: Callable[[str], None] = lambda text: None
    """A line about the progress of the run."""
    output: Callable[[str], None] = lambda line: None
    """A line that the plain run printed."""
    case: Callable[[str | None, CaseRecord], None] = lambda fault, record: None
    """A case finished, in the plain run (None) or under a fault."""
    reading: Callable[[Reading], None] = lambda reading: None
    """A target was looked at before the suite began."""
    doing: Callable[[str, int | None, bool], None] = lambda what, total, fault: None
    """What is done from now on, how many cases it has if that is known, and whether they run under a fault."""
    detail: Callable[[str], None] = lambda text: None
    """A line about relay and plugin."""


def new_run_id() -> str:
    """An id that sorts by time and is never used twice."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
