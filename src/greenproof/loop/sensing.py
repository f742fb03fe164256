"""Sensitivity on demand: the proven cases once more, each under further faults. It changes no verdict."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from greenproof.analysis.authenticity.contact import Contacts
from greenproof.analysis.sensitivity import Fitting, Packed, by_operator, cases_of, fields_of, pack, trials_of, writes
from greenproof.loop.proof_request import Listener, ProofRequest
from greenproof.loop.session import Session, session
from greenproof.model.facts import FaultKind, Outcome, RunObservation
from greenproof.model.faults import CaseFaults, FaultPlan
from greenproof.model.plan import SensitivityPolicy
from greenproof.model.proof import Proof
from greenproof.model.sensitivity import HANG_S, Disturbance, Sensitivity, Trial
from greenproof.model.verdicts import Verdict

OPERATORS = "greenproof.analysis.sensitivity.registry"
"""The relay gets the operators by this name: hands do not know minds."""
_FLOOR_S = 60.0
_FACTOR = 3.0


@dataclass(frozen=True, slots=True)
class _Senses:
    """What all extra runs of one proof share."""

    request: ProofRequest
    policy: SensitivityPolicy
    listener: Listener
    session: Session
    run: str

    def plan(self, faults: Mapping[str, Disturbance | None]) -> FaultPlan:
        """One extra run: each case with its fault, or all of them with none."""
        claims = self.request.claims
        cases = {case: CaseFaults(claims.of(case), disturbance=fault) for case, fault in faults.items()}
        return FaultPlan(FaultKind.SENSITIVITY, cases, claims.plumbing)

    def carry_out(self, number: int, plan: FaultPlan, timeout: float) -> RunObservation:
        """Run the cases of a plan, as a tenant of their own if there is a variable for that."""
        extra = {self.policy.tenant: f"{self.run}-{number}".lower()} if self.policy.tenant else {}
        observation, _ = self.session.run(plan, tuple(plan.cases), self.listener, timeout, extra)
        return observation


def sense(proof: Proof, request: ProofRequest, policy: SensitivityPolicy, listener: Listener) -> Sensitivity:
    """What the proven cases of a proof notice. Every extra run repeats the suite's own writes, as far as it may."""
    began = time.monotonic()
    # Sorted: several workers bring them in another order each time.
    proven = sorted(v.id for v in proof.verdict.cases if v.verdict is Verdict.PROVEN)
    unsafe = {} if policy.repeat_writes or policy.tenant else _unsafe(proof, request, proven)
    cases = [case for case in proven if case not in unsafe]
    _announce(listener, policy, proven, unsafe, cases)
    if not cases:
        return Sensitivity(policy.seed, 0, policy.runs, cases_of((), unsafe, {}, proven))
    with session(request, operators=OPERATORS) as running:
        senses = _Senses(request, policy, listener, running, proof.run)
        look = _look(senses, cases, proof)
        notes = _notes(look, cases)
        fitting = {} if notes.fatal else Fitting(look, request.claims, policy.seed).of()
        packed = pack(fitting, policy.runs)
        trials, troubles = _try_all(senses, packed, look)
        listener.doing("counting", None, False)
    fields = fields_of(trials)
    return Sensitivity(
        policy.seed,
        max((trial.run for trial in trials), default=0),
        policy.runs,
        cases_of(trials, unsafe, packed.left_out, proven),
        trials,
        fields.unnoticed,
        fields.changed,
        sum(packed.left_out.values()),
        (*notes.told, *_without(fitting), *troubles, *_releases(proof, look)),
        by_operator(trials),
        round(time.monotonic() - began, 3),
        fields.noticed,
    )


def _unsafe(proof: Proof, request: ProofRequest, cases: Sequence[str]) -> dict[str, str]:
    contacts = Contacts(proof.plain, request.claims)
    records = {case.id: case for case in proof.plain.cases}
    found = {case: writes(contacts.of(records[case]), request.claims) for case in cases}
    return {case: f"it may write: {route}" for case, route in found.items() if route}


def _announce(
    listener: Listener,
    policy: SensitivityPolicy,
    proven: Sequence[str],
    unsafe: Mapping[str, str],
    cases: Sequence[str],
) -> None:
    listener.say(f"sensitivity: {len(cases)} of {len(proven)} proven cases, at most {policy.runs} runs under faults")
    if unsafe:
        listener.say(f"sensitivity: {len(unsafe)} cases may write and are left out (see --repeat-writes)")
    elif policy.tenant:
        listener.say(f"sensitivity: each run repeats the writes of these cases, with {policy.tenant} of its own")
    elif policy.repeat_writes:
        listener.say("sensitivity: each run repeats the writes of these cases")


def _look(senses: _Senses, cases: Sequence[str], proof: Proof) -> RunObservation:
    """Once more undisturbed: what the answers are made of, and who is green again."""
    listener = senses.listener
    listener.doing("sensitivity: undisturbed run", len(cases), False)
    listener.say(f"sensitivity: {len(cases)} cases once more, undisturbed, to see what their answers are made of")
    limit = min(senses.request.timeout, max(_FLOOR_S, proof.plain.duration_s * _FACTOR))
    return senses.carry_out(0, senses.plan(dict.fromkeys(cases)), limit)


@dataclass(frozen=True, slots=True)
class _Notes:
    told: tuple[str, ...]
    fatal: bool


def _notes(look: RunObservation, cases: Sequence[str]) -> _Notes:
    if look.relay_lost or look.timed_out or look.lost_targets:
        return _Notes(("the undisturbed run was cut short, so nothing was tried",), True)
    green = {case.id for case in look.cases if case.outcome is Outcome.PASSED}
    red = [case for case in cases if case not in green]
    told = f"{len(red)} cases were not green when they ran again undisturbed, and got no faults: {', '.join(red[:5])}"
    return _Notes((told,) if red else (), False)


def _without(fitting: Mapping[str, Sequence[Disturbance]]) -> tuple[str, ...]:
    """Cases that no fault fits, such as those whose answers a fixture fetched."""
    none = sorted(case for case, faults in fitting.items() if not faults)
    told = f"{len(none)} cases were answered nothing in their call phase that a fault fits: {', '.join(none[:5])}"
    return (told,) if none else ()


def _try_all(senses: _Senses, packed: Packed, look: RunObservation) -> tuple[tuple[Trial, ...], tuple[str, ...]]:
    listener, total = senses.listener, len(packed.runs)
    trials: list[Trial] = []
    troubles: list[str] = []
    for number, faults in enumerate(packed.runs, 1):
        listener.doing(f"sensitivity run {number} of {total}", len(faults), True)
        listener.say(
            f"sensitivity run {number} of {total}: {len(faults)} cases, one fault each; {total - number} runs to go"
        )
        limit = min(senses.request.timeout, max(_FLOOR_S, look.duration_s * _FACTOR + HANG_S * len(faults)))
        run = senses.carry_out(number, senses.plan(dict(faults)), limit)
        found = trials_of(number, faults, run, senses.request.claims)
        # Names of fields come from answers, and may be anything.
        trials += [replace(trial, part=senses.request.redact(trial.part)) for trial in found]
        if run.relay_lost or run.timed_out or run.lost_targets:
            troubles.append(f"sensitivity run {number} was cut short")
        elif run.hook_errors:
            troubles.append(f"sensitivity run {number}: the relay had trouble: {run.hook_errors[0]}")
        if run.relay_lost:
            break
    return tuple(trials), tuple(troubles)


def _releases(proof: Proof, look: RunObservation) -> tuple[str, ...]:
    """Answers of another release say nothing about this one."""
    expected = {target.name: target.expected for target in proof.targets if target.expected}
    other = {x.target for x in look.exchanges if x.identity and x.identity != expected.get(x.target, x.identity)}
    return tuple(f"answers of {name} came from another release than the verdicts" for name in sorted(other))
