"""Measure the floor: the same suite against controlled backends, in the place of every target."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from greenproof.adapters.backends import BackendServer, ClosedPort, ForwardProxy
from greenproof.adapters.backends.proxy import VARIABLES as PROXY_VARIABLES
from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.adapters.relay.targets import fill
from greenproof.adapters.runners.addresses import check_url, variable_templates
from greenproof.adapters.runners.census import census
from greenproof.adapters.runners.command import CommandResult, TestCommand, resolve
from greenproof.adapters.runners.leftovers import end_marked
from greenproof.adapters.runners.witnessed import (
    PLUGIN,
    merged_bundle,
    plugin_folder,
    witnessed_command,
    witnessed_environment,
)
from greenproof.analysis.floor import Cut, Plans, judge_floor, remaining
from greenproof.analysis.floor.resuming import joined
from greenproof.ledger import prepare
from greenproof.model.errors import UsageError
from greenproof.model.facts import CaseRecord, Outcome, RunObservation
from greenproof.model.floor import Backend, BackendRun, Floor
from greenproof.model.plan import Category, Plan, Priority, Target
from greenproof.model.redaction import redact_text

_SLACK_S = 5.0
"""Seconds beyond its two deadlines (set-up and call; teardown) that a case may take to be ended from inside."""
_COLLECTION_S = 60.0
"""Seconds that a suite may take to be collected, beyond that."""
_UNDECIDED = frozenset({Outcome.SKIPPED, Outcome.XFAILED})
_DIRECT = ("localhost", "127.0.0.1", "::1")
"""Hosts that no proxy is asked for: the stands themselves, and servers of the suite's own."""


@dataclass(frozen=True, slots=True)
class FloorTarget:
    """An address that the tests talk to. Only its scheme, its path and its variables matter."""

    name: str
    url: str
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FloorRequest:
    """What is to be measured, and how long it may take."""

    command: tuple[str, ...]
    directory: Path
    state: Path
    """The folder `.greenproof`."""
    targets: tuple[FloorTarget, ...]
    categories: tuple[Category, ...] = ()
    priorities: tuple[Priority, ...] = ()
    case_timeout: float = 30.0
    timeout: float = 900.0
    """Seconds for all backends together."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, slots=True)
class FloorListener:
    """Who is told what happens meanwhile."""

    say: Callable[[str], None] = lambda text: None
    case: Callable[[Backend, CaseRecord], None] = lambda backend, record: None
    doing: Callable[[Backend], None] = lambda backend: None
    """On which backend the suite runs from now on."""
    output: Callable[[str], None] = lambda line: None
    """A line that the suite printed."""


def floor_request(
    plan: Plan,
    command: tuple[str, ...],
    *,
    targets: Mapping[str, str],
    variables: Mapping[str, str],
    case_timeout: float,
    timeout: float,
) -> FloorRequest:
    """The request for `greenproof floor`. `targets`: name to URL; `variables`: environment variable to target."""
    return FloorRequest(
        command=command,
        directory=Path.cwd(),
        state=plan.state,
        targets=_targets(plan, targets, variables),
        categories=plan.categories,
        priorities=plan.priorities,
        case_timeout=case_timeout,
        timeout=timeout,
    )


def _targets(plan: Plan, urls: Mapping[str, str], variables: Mapping[str, str]) -> tuple[FloorTarget, ...]:
    known = {target.name: target for target in plan.targets}
    # With addresses on the command line, only those are meant.
    names = list(urls) or list(known)
    if not names:
        raise UsageError(
            "there is no target, so the tests would talk to their real hosts",
            code="no-target",
            where="--target",
            expected="--target NAME=URL, or [targets.NAME] in greenproof.toml",
            hint="greenproof floor --target api=http://localhost:8000 --env API_URL=api -- pytest tests",
        )
    for name in variables.values():
        if name not in names:
            raise UsageError(
                f"--env names {name!r}, which is no target",
                code="unknown-target",
                where="--env",
                expected=f"one of {', '.join(names)}",
            )
    found = []
    for name in names:
        target = known.get(name, Target(name))
        extra = tuple(variable for variable, of in variables.items() if of == name)
        # A service of a platform has no address until it is deployed; nothing is ever sent there anyway.
        url = check_url(name, urls.get(name) or target.url or "http://localhost")
        found.append(FloorTarget(name, url, (*target.env, *extra)))
    return tuple(found)


def measure(request: FloorRequest, listener: FloorListener) -> Floor:
    """Run the suite on each backend in turn and judge. Leaves no process behind, whatever happens."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    resolve(request.command, request.directory, request.environment.get("PATH"))
    prepare(request.state)
    deadline = time.monotonic() + request.timeout
    runs: list[BackendRun] = []
    with _closed(request) as stand:
        runs += _measured(stand, [Backend.REFUSED], request, listener, deadline)
    with _answering(request) as stand:
        runs += _measured(stand, [Backend.UNAVAILABLE, Backend.STATIC], request, listener, deadline)
    planned = tuple(i for run in runs for process in run.observation.processes[:1] for i in census(process))
    plans = Plans(
        at=at,
        command=request.command,
        targets=tuple(t.name for t in request.targets),
        planned=tuple(dict.fromkeys(planned)),
        categories=request.categories,
        priorities=request.priorities,
        case_timeout_s=request.case_timeout,
        notes=_replaced(request),
    )
    return judge_floor(runs, plans)


@dataclass(frozen=True, slots=True)
class _Stand:
    """What stands in the place of the targets."""

    witness: Witness
    addresses: Mapping[str, str]
    """Target -> hostport."""
    proxy: str
    """In the place of every address that the tests take from no variable."""
    play: Callable[[Backend], None] = lambda backend: None
    requests: Callable[[], tuple[int, ...]] = tuple
    """When requests came to the proxy, since this was asked last."""


def _written(request: FloorRequest) -> tuple[str, ...]:
    """Hosts of this machine whose address must be written into the tests: nothing else that we know of holds it."""
    command = " ".join(request.command)
    silent = (t for t in request.targets if not t.variables and f"{{{t.name}}}" not in command)
    hosts = (urlsplit(t.url).hostname or "" for t in silent)
    return tuple(dict.fromkeys(host for host in hosts if host in _DIRECT))


def _replaced(request: FloorRequest) -> tuple[str, ...]:
    hosts = ", ".join(_written(request))
    if not hosts:
        return ()
    return (f"No variable is named for a target at {hosts}, so every address there was replaced, with any port.",)


@contextlib.contextmanager
def _closed(request: FloorRequest) -> Iterator[_Stand]:
    """A port of its own for each target, at which nothing listens.

    The relay has no target here and only hears the plugin: before a closed port it would answer 502, which is not
    what a client of a dead service sees.
    """
    with contextlib.ExitStack() as stack:
        ports = {t.name: stack.enter_context(ClosedPort()).hostport for t in request.targets}
        witness = stack.enter_context(Witness.start([], state=request.state / "cache" / "relay"))
        yield _Stand(witness, ports, f"http://{stack.enter_context(ClosedPort()).hostport}")


@contextlib.contextmanager
def _answering(request: FloorRequest) -> Iterator[_Stand]:
    """One server in the place of all targets, behind the relay, which serves TLS where a target or variable asks."""
    with BackendServer() as server:
        relayed = [RelayTarget(t.name, server.url, _templates(t, request)) for t in request.targets]
        with (
            Witness.start(relayed, state=request.state / "cache" / "relay") as witness,
            ForwardProxy(lambda: server.backend, witness.ca_certificate.parent) as proxy,
        ):
            places = {t.name: witness.address_of(t.name).partition("://")[2] for t in request.targets}

            def play(backend: Backend) -> None:
                server.backend = backend

            yield _Stand(witness, places, proxy.url, play, proxy.take_requests)


def _templates(target: FloorTarget, request: FloorRequest) -> dict[str, str]:
    return variable_templates(target.name, target.url, target.variables, request.environment)


def _measured(
    stand: _Stand, backends: Sequence[Backend], request: FloorRequest, listener: FloorListener, deadline: float
) -> Iterator[BackendRun]:
    for backend in backends:
        waiting = len(Backend) - list(Backend).index(backend)
        # A fair share of what is left: a suite that hangs on one backend must not cost the others their measurement.
        seconds = (deadline - time.monotonic()) / waiting
        if seconds <= 0:
            return
        stand.play(backend)
        listener.say(f"{backend.value}: running, for at most {seconds:.0f} s")
        listener.doing(backend)
        run = _Suite(stand, request, listener, backend).run(seconds)
        listener.say(f"{backend.value}: {_first_number(run.observation)} in {run.observation.duration_s:.1f} s")
        yield run


def _first_number(run: RunObservation) -> str:
    """The floor on one backend, as soon as it is known; the rest of the report needs all three."""
    decided = [case for case in run.cases if case.outcome not in _UNDECIDED]
    passed = sum(case.outcome is Outcome.PASSED for case in decided)
    if not decided:
        return f"{len(run.cases)} cases, none of them decided,"
    return f"floor {100 * passed / len(decided):.0f} %, {passed} of {len(decided)} decided tests pass,"


class _Suite:
    """The suite on one backend, started again if it was ended or died before its last case.

    A case that runs too long is ended in two ways. First from inside: a timer of the plugin raises in the case, which
    keeps the session and its fixtures (see `pytest_greenproof.deadline`). Where that does no good, from outside:
    once nothing has finished for longer than any case may take, the process group is ended, the cases that had used
    up their time are told as cut off, and the suite is started again with those that are left.
    """

    def __init__(self, stand: _Stand, request: FloorRequest, listener: FloorListener, backend: Backend) -> None:
        self._stand, self._request, self._listener, self._backend = stand, request, listener, backend
        self._heard = self._patience = 0.0
        self._stopped_ns: int | None = None

    def run(self, seconds: float) -> BackendRun:
        """Until every case is done, nothing moves on any more, or the time is over."""
        deadline = time.monotonic() + seconds
        starts: list[RunObservation] = []
        cuts: list[Cut] = []
        select: Sequence[str] | None = None
        tail: tuple[str, ...] = ()
        while (left := deadline - time.monotonic()) > 0:
            observation, result = self._start(select, left)
            cut = remaining(
                observation,
                stopped_at_ns=self._stopped_ns,
                limit_s=self._request.case_timeout,
                timed_out=result.timed_out,
            )
            starts.append(observation)
            cuts.append(cut)
            tail = result.tail
            if not cut.again:
                break
            select = cut.left
        stalled = self._stopped_ns is not None and bool(cuts[-1].left)
        hung = frozenset(i for cut in cuts for i in cut.hung)
        return BackendRun(
            self._backend,
            joined(starts, cuts),
            cut_off=hung,
            starts=len(starts),
            elsewhere_ns=self._stand.requests(),
            stalled=stalled,
            tail=tail,
        )

    def _start(self, select: Sequence[str] | None, seconds: float) -> tuple[RunObservation, CommandResult]:
        witness = self._stand.witness
        witness.begin(None, select, self._case)
        self._heard, self._patience = time.monotonic(), 2 * self._request.case_timeout + _COLLECTION_S
        self._stopped_ns = None
        command = TestCommand(
            witnessed_command([self._addressed(token) for token in self._request.command]),
            directory=self._request.directory,
            environment=self._environment(),
            timeout=seconds,
        )
        try:
            result = command.run(on_line=lambda line: self._listener.output(redact_text(line)), stop=self._stands_still)
        finally:
            end_marked("GREENPROOF_CONTROL", witness.control)
        observation = witness.finish(
            exit_code=result.exit_code, timed_out=result.timed_out, duration_s=result.duration_s
        )
        return observation, result

    def _stands_still(self) -> bool:
        if time.monotonic() - self._heard > self._patience:
            self._stopped_ns = time.monotonic_ns()
        return self._stopped_ns is not None

    def _case(self, record: CaseRecord) -> None:
        self._heard, self._patience = time.monotonic(), 2 * self._request.case_timeout + _SLACK_S
        self._listener.case(self._backend, record)

    def _environment(self) -> dict[str, str]:
        request, witness = self._request, self._stand.witness
        values = {
            variable: fill(template, f"http://{self._stand.addresses[target.name]}")
            for target in request.targets
            for variable, template in _templates(target, request).items()
        }
        values |= dict.fromkeys(PROXY_VARIABLES, self._stand.proxy)
        values |= dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(h for h in _DIRECT if h not in _written(request)))
        folder = request.state / "cache" / "relay"
        environment = witnessed_environment(
            request.environment,
            plugin=plugin_folder(request.state / "cache"),
            control=witness.control,
            addresses=values,
            bundle=merged_bundle(request.environment, witness.ca_certificate, folder),
            command=request.command,
            # Reds on a dead backend are as little news of the system as those under a fault.
            fault_run=True,
        )
        environment["PYTEST_ADDOPTS"] += f" -p {PLUGIN}.deadline"
        environment["GREENPROOF_CASE_TIMEOUT"] = f"{request.case_timeout:g}"
        return environment

    def _urls(self) -> dict[str, str]:
        return {t.name: f"{t.url.partition('://')[0]}://{self._stand.addresses[t.name]}" for t in self._request.targets}

    def _addressed(self, token: str) -> str:
        """`{NAME}` in the command becomes the address that stands in the place of that target."""
        for name, url in self._urls().items():
            token = token.replace(f"{{{name}}}", url)
        return token
