"""`greenproof doctor`: look at everything that a run needs, and say what each missing thing costs."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from greenproof.adapters.checkup import machine, witnessing
from greenproof.adapters.probes.identity import identify
from greenproof.adapters.relay import Witness
from greenproof.ledger import Ledger
from greenproof.model.checkup import Finding, Health
from greenproof.model.errors import GreenproofError
from greenproof.model.plan import Plan, Target


def checkup(plan: Plan, say: Callable[[str], None]) -> Iterator[Finding]:
    """Every finding, as soon as it is made. Nothing of the project is changed, and nothing is left running."""
    say("the machine")
    yield machine.own_interpreter()
    yield machine.state_folder(plan.root)
    yield machine.descriptors()
    yield machine.certificates()
    yield _ledger(plan)
    yield from _witness(plan, say)
    say("programs")
    yield from machine.programs()
    for service in plan.services:
        if service.port:
            yield machine.port(service.name, service.port)
    for target in plan.targets:
        if target.url:
            say(f"target {target.name}")
            yield _target(target)


def _witness(plan: Plan, say: Callable[[str], None]) -> Iterator[Finding]:
    say("the relay")
    with tempfile.TemporaryDirectory(prefix="greenproof-doctor-") as name:
        witness, trouble = witnessing.started(Path(name))
        yield witnessing.relay(witness, trouble)
        if witness is None:
            return
        with witness:
            for suite, python in _interpreters(plan):
                say(f"the plugin under {python}")
                yield _suite(suite, python, witness)


def _suite(suite: str, python: str, witness: Witness) -> Finding:
    if not shutil.which(python):
        cost, remedy = "its tests can't be run", f"python3 -m venv {Path(python).parent.parent}, then install them"
        return Finding(f"tests of {suite}", Health.MISSING, f"there is no {python}", cost, remedy)
    return witnessing.suite_environment(suite, python, witness, witnessing.user_environment())


def _interpreters(plan: Plan) -> Iterator[tuple[str, str]]:
    """(suite, its Python); without a suite the Python of PATH, each once."""
    seen: dict[str, str] = {}
    for suite in plan.suites:
        python = str(suite.python / "bin" / "python") if suite.python else shutil.which("python3") or "python3"
        seen.setdefault(python, f"suite {suite.name}")
    if not seen:
        seen[shutil.which("python3") or "python3"] = "this shell's python3"
    for python, name in seen.items():
        yield name, python


def _ledger(plan: Plan) -> Finding:
    path = plan.state / "ledger.db"
    if not path.exists():
        return Finding("ledger", Health.OK, "there is none yet; the first run makes it")
    try:
        with Ledger.open(path, create=False) as ledger:
            found = ledger.verify()
    except GreenproofError as error:
        return Finding(
            "ledger", Health.BROKEN, error.message, "no run can be recorded", error.hint or "", required=True
        )
    if found.findings:
        cost = "what earlier runs recorded can't be believed"
        remedy = "`greenproof ledger verify` says what was changed"
        return Finding("ledger", Health.BROKEN, f"{len(found.findings)} findings", cost, remedy)
    return Finding("ledger", Health.OK, f"{found.entries} events, each hash is right")


def _target(target: Target) -> Finding:
    seen = identify(target.url or "", target.identity, timeout=5.0)
    name = f"target {target.name}"
    if not seen.answered:
        cost = "tests against it can't pass; if no target answers, nothing is run (exit code 5)"
        return Finding(name, Health.BROKEN, f"{target.url}: {seen.detail}", cost, seen.hint)
    named = f"revision {seen.revision}" if seen.revision else "it names no revision, so verdicts say release unnamed"
    return Finding(name, Health.OK, f"{target.url}: {seen.detail}; {named}")
