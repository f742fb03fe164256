"""One relay and one prepared environment for all runs of a suite: the plain one and those under faults."""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from greenproof.adapters.confinement import Network
from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.adapters.runners.addresses import variable_templates
from greenproof.adapters.runners.command import CommandResult, TestCommand
from greenproof.adapters.runners.leftovers import end_marked
from greenproof.adapters.runners.sources import suite_sources
from greenproof.adapters.runners.witnessed import (
    merged_bundle,
    plugin_folder,
    witnessed_command,
    witnessed_environment,
)
from greenproof.analysis.authenticity import plan_faults
from greenproof.analysis.authenticity.apart import Apart, told_apart
from greenproof.analysis.authenticity.shared import Statements
from greenproof.analysis.authenticity.tailoring import tailored
from greenproof.analysis.authenticity.tolerance import Sources
from greenproof.analysis.performance import watch_for
from greenproof.loop.kept import Keeper, NothingKept
from greenproof.loop.merging import merge
from greenproof.loop.proof_request import Listener, ProofRequest, ProofTarget
from greenproof.loop.redacting import redacted, redacted_case
from greenproof.loop.spool import write_spool
from greenproof.model.facts import CaseRecord, Outcome, RunObservation
from greenproof.model.faults import FaultPlan

_FAULT_RUN_FLOOR_S = 60.0
_FAULT_RUN_FACTOR = 3.0
_WAIT_FOR_EVENT_S = 15.0


class Session:
    """One relay and one prepared environment for all runs of a suite."""

    def __init__(
        self, request: ProofRequest, witness: Witness, network: Network | None = None, keeper: Keeper | None = None
    ) -> None:
        self._keeper = keeper or NothingKept()
        self._network = None if network is None else network.pid
        self._request = request
        self._witness = witness
        self._plugin = plugin_folder(request.state / "cache")
        secure = any(v.startswith(("https", "wss")) for v in witness.addresses().values())
        self._bundle = (
            merged_bundle(request.environment, witness.ca_certificate, request.state / "cache" / "relay")
            if secure
            else None
        )

    def plain(self, listener: Listener) -> tuple[RunObservation, CommandResult]:
        """The plain run: in one go, or phase by phase until a gating phase fails."""
        request = self._request
        self._addresses_told(listener)
        if not request.phases:
            listener.say("plain run: the system as it is")
            listener.doing("plain run", None, False)
            return self._kept("plain", None, None, listener, request.timeout)
        done = []
        for number, phase in enumerate(request.phases, 1):
            listener.doing(f"phase {phase.name}", len(phase.cases), False)
            listener.say(f"phase {phase.name}: {len(phase.cases)} cases")
            done.append(self._kept(f"plain-{number}", None, phase.cases, listener, request.timeout))
            red = any(c.outcome is not Outcome.PASSED for c in done[-1][0].cases)
            if request.fail_fast and phase.gates and red:
                listener.say(f"phase {phase.name} is red and gates: the phases after it are not run")
                break
        wanted = tuple(case for phase in request.phases for case in phase.cases)
        return merge([observation for observation, _ in done], wanted), done[-1][1]

    def _addresses_told(self, listener: Listener) -> None:
        for target in self._request.targets:
            place = self._witness.address_of(target.name)
            listener.detail(f"relay: {target.name} is {place}, before {self._request.redact(target.url)}")

    def faulted(
        self, plain: RunObservation, listener: Listener, known: Collection[str] = ()
    ) -> tuple[RunObservation | None, RunObservation | None]:
        """The two fault runs over the cases that they can tell something new about."""
        candidates = plan_faults(plain, self._request.claims, known)
        if known:
            listener.say(f"fault runs: {len(known)} cases were proven before under the same conditions")
        if not candidates.ids:
            return None, None
        limit = min(self._request.timeout, max(_FAULT_RUN_FLOOR_S, plain.duration_s * _FAULT_RUN_FACTOR))
        listener.doing("fault run 1 of 2", len(candidates.ids), True)
        listener.say(f"fault run 1 of 2: {len(candidates.ids)} cases, their answers replaced by errors")
        error, _ = self._kept("fault-1", candidates.error, candidates.ids, listener, limit)
        texts = suite_sources(plain.processes[0]) if plain.processes else {}
        sources, statements, apart = Sources.read(texts), Statements(texts), Apart(texts)
        error = told_apart(error, apart)
        second = tailored(
            candidates.value, plain, error, self._request.claims, sources.tolerance, statements, sources.looks
        )
        listener.doing("fault run 2 of 2", len(candidates.ids), True)
        listener.say(f"fault run 2 of 2: {len(candidates.ids)} cases, {_second_faults(second)}")
        # Who listens for an event that is replaced waits for it to the end of its own patience.
        limit = min(self._request.timeout, limit + second.listening * _WAIT_FOR_EVENT_S)
        value, _ = self._kept("fault-2", second, candidates.ids, listener, limit)
        return error, told_apart(value, apart)

    def _kept(
        self,
        name: str,
        fault: FaultPlan | None,
        select: Sequence[str] | None,
        listener: Listener,
        timeout: float,
    ) -> tuple[RunObservation, CommandResult]:
        """A run of the command, or what is kept of it."""

        def make(rest: Sequence[str] | None, spool: Path | None) -> tuple[RunObservation, CommandResult]:
            if rest is not None and select is not None and len(rest) < len(select):
                listener.say(f"{name}: {len(select) - len(rest)} cases finished before, {len(rest)} are left")
            return self.run(fault, rest, listener, timeout, spool=spool)

        return self._keeper.seen(name, None if fault is None else fault.kind, select, make)

    def run(
        self,
        fault: FaultPlan | None,
        select: Sequence[str] | None,
        listener: Listener,
        timeout: float,
        extra: Mapping[str, str] | None = None,
        spool: Path | None = None,
    ) -> tuple[RunObservation, CommandResult]:
        """One run of the command, with all facts about it. `extra` variables are for this run alone."""
        request, witness = self._request, self._witness
        kind = fault.kind.value if fault else None
        watch = watch_for(request.performance) if fault is None else None

        def on_case(record: CaseRecord) -> None:
            listener.case(kind, redacted_case(record, request.redact))

        def on_news(news: RunObservation) -> None:
            if spool is not None:
                write_spool(spool, redacted(news, request.redact))

        witness.begin(fault, select, on_case, watch, on_news if spool else None)
        environment = witnessed_environment(
            {**request.environment, **(extra or {})},
            plugin=self._plugin,
            control=witness.control,
            addresses=witness.addresses(),
            bundle=self._bundle,
            command=request.command,
            fault_run=fault is not None,
        )
        argv = witnessed_command([_addressed(token, witness, request.targets) for token in request.command])
        if request.fail_fast and fault is None and not request.phases:
            environment["PYTEST_ADDOPTS"] += " --maxfail=1"

        def tell(line: str) -> None:
            listener.output(request.redact(line))

        command = TestCommand(
            argv, directory=request.directory, environment=environment, timeout=timeout, network=self._network
        )
        try:
            # The output of a fault run is full of reds that we caused: it would only mislead.
            result = command.run(on_line=tell if fault is None else None)
        finally:
            end_marked("GREENPROOF_CONTROL", witness.control)
        observation = witness.finish(
            exit_code=result.exit_code, timed_out=result.timed_out, duration_s=result.duration_s
        )
        listener.detail(
            f"{f'{kind} fault run' if kind else 'run'}: exit status {result.exit_code}, {result.duration_s:.1f} s, "
            f"test processes: {len(observation.processes)}, exchanges: {len(observation.exchanges)}"
        )
        return redacted(observation, request.redact), replace(result, tail=tuple(map(request.redact, result.tail)))


@contextlib.contextmanager
def session(
    request: ProofRequest,
    dead: Collection[str] = (),
    operators: str | None = None,
    keeper: Keeper | None = None,
) -> Iterator[Session]:
    """A relay before the targets, for as many runs as are wanted. `operators`: who decides about further faults."""
    relayed = [
        RelayTarget(
            name=t.name,
            url=t.url,
            variables=variable_templates(t.name, t.url, t.variables, request.environment),
            identity_header=t.identity.header or "X-Greenproof-Revision",
            ca=t.ca,
            down=t.name in dead,
        )
        for t in request.targets
    ]
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network.start(t.url for t in request.targets)) if request.confine else None
        state = request.state / "cache" / "relay"
        witness = stack.enter_context(Witness.start(relayed, state=state, network=network, operators=operators))
        if keeper is not None:
            keeper.mark(witness.control)
        yield Session(request, witness, network, keeper)


def _second_faults(plan: FaultPlan) -> str:
    own = sum(case.instead is not None for case in plan.cases.values())
    changed = "the values in their answers changed"
    return f"{changed}, or for {own} of them a failure that they may be putting up with" if own else changed


def _addressed(token: str, witness: Witness, targets: Sequence[ProofTarget]) -> str:
    """`{NAME}` in the command becomes the address of that target at the relay."""
    for target in targets:
        token = token.replace(f"{{{target.name}}}", witness.address_of(target.name))
    return token
