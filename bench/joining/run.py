"""Exchanges that the witness gives to the wrong case, or loses, by way of sending. Exits 1 if there are any."""

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from counting import Tally, count
from truth import Served, serve

from greenproof.analysis.authenticity.claims import Claims
from greenproof.loop.proof_request import Listener, ProofRequest, ProofTarget
from greenproof.loop.proving import Execution, execute
from greenproof.model.facts import Outcome, RunObservation

HERE = Path(__file__).parent
TURNS = 6
_SHARED = ("--plain", "{plain}", "--secure", "{secure}", "--early", "{early}")
APEX_PYTHON = HERE.parents[1] / "examples" / "apex" / ".venv" / "bin" / "python"
"""Has Playwright, which drives a browser that is installed already."""


@dataclass(frozen=True)
class Mode:
    """One way to run one of the suites."""

    arguments: tuple[str, ...] = ()
    suite: Path = HERE / "suite"
    python: str = sys.executable

    @property
    def lacking(self) -> str:
        """What it needs and is not here; empty: nothing."""
        if not Path(self.python).exists():
            return "Apex is not installed: make apex"
        if self.suite.name == "browser" and not (os.environ.get("CHROMIUM") or shutil.which("chromium")):
            return "no Chromium here: apt install chromium"
        return ""


_BROWSER = Mode((), HERE / "browser", str(APEX_PYTHON))
MODES: Mapping[str, Mode] = {
    "plain": Mode(),
    "-n 2": Mode(("-n", "2")),
    "-n 2, one port for all": Mode(("-n", "2", *_SHARED)),
    "crowd": Mode((), HERE / "crowd"),
    "crowd, -n 2": Mode(("-n", "2"), HERE / "crowd"),
    "browser": _BROWSER,
    "browser, -n 2, one port for all": replace(_BROWSER, arguments=("-n", "2", *_SHARED)),
}
"""With the addresses in the command line, the workers share one port and are joined by source port and process."""
KNOWN: Mapping[str, str] = {
    "outlived-thread-shared-session": "sends over a client that other cases share; to doubt that client for every later"
    " case would leave nothing certain in a suite that once forgot a thread",
    "outlived-browser-shared-page-polls": "one page for several cases goes on with what an earlier one has begun, until"
    " the next takes it; give each case a page of its own",
    "outlived-asyncio-task": "opens a connection in the thread of the running case",
}
"""Ways in which exchanges are given to a wrong case or lost, and why. They count as wrong all the same."""
_UNWANTED = ("PYTEST_", "GREENPROOF_", "COV_")


@dataclass(frozen=True)
class Measured:
    """What one run of the suite showed."""

    mode: str
    tallies: dict[str, Tally]
    exit_code: int | None
    troubles: tuple[str, ...]
    """Anything that makes the figures worthless."""
    seconds: float


def measure(modes: Sequence[str], turns: int, timeout: float = 240.0, only: str = "") -> list[Measured]:
    """Run the suite in each of the modes, against one server; `only` the tests that pytest's `-k` picks."""
    with tempfile.TemporaryDirectory(prefix="joining-") as folder:
        state = Path(folder)
        with serve(state) as served:
            return [_measure(served, mode, turns, state, timeout, only) for mode in modes]


def _measure(served: Served, mode: str, turns: int, state: Path, timeout: float, only: str) -> Measured:
    served.truth.clear()
    execution = execute(_request(served, mode, turns, state, timeout, only), Listener())
    tallies = count(served.truth, execution.plain.exchanges)
    plain = execution.plain
    return Measured(mode, tallies, plain.exit_code, _troubles(execution, turns), plain.duration_s)


def _request(served: Served, mode: str, turns: int, state: Path, timeout: float, only: str) -> ProofRequest:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_UNWANTED)}
    way = MODES[mode]
    command = (way.python, "-m", "pytest", "-q", "--turns", str(turns), "-k", only, *way.arguments)
    return ProofRequest(
        command=command,
        directory=way.suite,
        state=state / "state",
        targets=(
            ProofTarget("plain", served.plain, ("PLAIN_URL",)),
            ProofTarget("secure", served.secure, ("SECURE_URL",), ca=served.ca),
            ProofTarget("early", served.early, ("EARLY_URL",)),
        ),
        claims=Claims((), ()),
        faults=False,
        timeout=timeout,
        environment=environment,
    )


def _troubles(execution: Execution, turns: int) -> tuple[str, ...]:
    plain: RunObservation = execution.plain
    found = [f"relay: {text}" for text in plain.hook_errors]
    if plain.relay_lost or plain.lost_targets or plain.timed_out:
        found.append(f"relay lost: {plain.relay_lost}, targets: {plain.lost_targets}, timed out: {plain.timed_out}")
    red = [f"{c.id}: {c.outcome} {c.failure.text[:200] if c.failure else ''}" for c in plain.cases
           if c.outcome is not Outcome.PASSED]  # fmt: skip
    if not plain.cases or plain.exit_code != 0:
        found += [f"the suite ended with {plain.exit_code}", *execution.tail[-15:]]
    return (*found, *red[:10])


def total(measured: Sequence[Measured], outlived: bool) -> Tally:
    """All ways in one; `outlived`: those of work that outlives its case, else those of all other work."""
    summed = Tally()
    for run in measured:
        for way, tally in run.tallies.items():
            if is_outlived(way) is outlived:
                summed.add(tally)
    return summed


def is_outlived(way: str) -> bool:
    """Whether a way is about work that no case may have."""
    return way.startswith(("outlived-", "outside-"))


def table(measured: Sequence[Measured]) -> str:
    """The tallies of all runs, way by way."""
    summed: dict[str, Tally] = {}
    for run in measured:
        for way, tally in run.tallies.items():
            summed.setdefault(way, Tally()).add(tally)
    lines = [_row("way", "sent", "right", "wrong", "lost", "ambiguous")]
    lines += [_line(way, tally) for way, tally in sorted(summed.items()) if not is_outlived(way)]
    lines += [_line("all", total(measured, outlived=False)), "", "work of no running case: it must be ambiguous"]
    lines += [_line(way, tally) for way, tally in sorted(summed.items()) if is_outlived(way)]
    lines += [_line("all", total(measured, outlived=True))]
    return "\n".join(lines)


def surprises(measured: Sequence[Measured]) -> Counter[str]:
    """Way -> exchanges that were wrong or lost, of the ways for which that is not known."""
    found = Counter[str]()
    for run in measured:
        found += _wrong(run)
    return Counter({way: number for way, number in found.items() if way not in KNOWN})


def _line(way: str, t: Tally) -> str:
    return _row(way, str(t.sent), str(t.right), str(t.wrong), str(t.lost), str(t.ambiguous))


def _row(way: str, *cells: str) -> str:
    return f"{way:<42}" + "".join(f"{cell:>10}" for cell in cells)


def report(measured: Sequence[Measured]) -> str:
    """Everything that a reader of the figures should see."""
    runs = [f"{m.mode}: exit {m.exit_code}, {m.seconds:.1f} s, n = {sum(t.sent for t in m.tallies.values())}, "
            f"wrong by way: {dict(_wrong(m)) or 'none'}" for m in measured]  # fmt: skip
    samples = [f"  {text}" for m in measured for t in m.tallies.values() for text in t.samples[:1]]
    troubles = [f"{m.mode}: {text}" for m in measured for text in m.troubles]
    bad = {way for m in measured for way in _wrong(m)}
    known = [f"known: {way}: {why}" for way, why in KNOWN.items() if way in bad]
    return "\n".join([table(measured), "", *runs, *(["wrong:"] if samples else []), *samples, *known, *troubles])


def _wrong(run: Measured) -> Counter[str]:
    return Counter({way: t.wrong + t.lost for way, t in sorted(run.tallies.items()) if t.wrong + t.lost})


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS, help="how often each way is tried in each run")
    parser.add_argument("--mode", choices=list(MODES), action="append", help="default: all")
    options = parser.parse_args(arguments)
    here = [mode for mode in options.mode or MODES if not MODES[mode].lacking]
    measured = measure(here, options.turns)
    print(report(measured))
    print(*(f"not run: {mode}: {MODES[mode].lacking}" for mode in options.mode or MODES if mode not in here), sep="\n")
    bad = any(t.wrong or t.lost for m in measured for t in m.tallies.values())
    return 1 if bad or any(m.troubles for m in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
