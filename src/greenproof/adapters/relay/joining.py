"""Which case does an exchange belong to?

By the listening port of the worker; on the shared slot by the client's source port that the plugin told before
connecting; for every other client (curl, child processes, native clients) by the process table; for a daemon in a
network of the tests' own by where it came from, and by when it was born. What is found for a connection is the
*worker*; the case is that worker's present one, asked anew for each request and message.
"""

import random
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from greenproof.adapters.relay.orphans import Instant, orphan_of, this_instant
from greenproof.adapters.relay.sockets import owner_of
from greenproof.model.facts import Join, Phase

MOST_SOURCES = 65_536
SHARED: Final = 0
"""The slot whose ports are open from the start and belong to no worker."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The part of a case in which a worker is; no case: it is between two."""

    case: str | None = None
    phase: Phase | None = None


IDLE = Moment()


@dataclass(slots=True)
class Worker:
    """A process of the test command that runs cases."""

    pid: int
    name: str | None
    """`gw0`; None for the one process of a plain run."""
    slot: int
    moment: Moment = IDLE
    began: Instant = (0, 0)
    """When the present case began, or the last one."""
    last: str | None = None
    """The case that began before the present one."""
    converses: bool = False
    """Messages may come at any time, on a connection that stays: phases are to be told before they begin."""
    fixtures: int = 0
    """Fixtures that are being set up inside the call phase."""
    strays: frozenset[str] = frozenset()
    """Cases of which work still lives, though they have ended."""
    stray_children: bool = False
    """A child process is among it."""
    disturbed: set[str] = field(default_factory=set)
    """Cases that had begun when connections of an earlier case, which nobody told of, were closed by their client."""

    def now(self) -> Moment:
        """The present moment; a fixture that is set up inside the call is set-up."""
        if self.fixtures and self.moment.phase is Phase.CALL:
            return Moment(self.moment.case, Phase.SETUP)
        return self.moment


@dataclass(frozen=True, slots=True)
class Source:
    """What the plugin told about a socket that was about to connect."""

    worker: Worker
    case: str | None
    ambiguous: bool
    phase: Phase | None = None
    """In which it was told: what a fixture opens is meant to be shared."""


@dataclass(slots=True)
class Client:
    """A connection to the relay and whose it is."""

    worker: Worker | None
    join: Join
    source: Source | None = None
    opened: Moment = IDLE
    """When it connected."""
    left: Moment = IDLE
    """When it left by its own will."""
    said: int = 0
    """Requests and messages of running cases that passed here."""
    born: Instant | None = None
    """Of a daemon: when its process was born, or the eldest that it descends from."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Everything about a request or message that follows from whose it is."""

    moment: Moment
    worker: str | None
    join: Join
    trace_id: str
    client: Client | None = None
    """The connection, if it is of another process: nobody tells what happens there."""
    said: int = 0
    """Which of its words this is, counted from one."""

    @property
    def in_the_end(self) -> Join:
        """The same, with what was seen later.

        A page of a browser that is being closed may still send when the next case has begun, and leaves at once. Who
        stays until the case is over belongs to it.
        """
        return Join.AMBIGUOUS if self.client is not None and self._may_be_earlier(self.client) else self.join

    def _may_be_earlier(self, client: Client) -> bool:
        if client.worker is None or client.left.case != self.moment.case:
            return False
        if client.opened.case != self.moment.case:
            # A page that lives on, and goes elsewhere, breaks off a request and its connection: the last word there.
            last = client.said == self.said
            return client.left.phase is Phase.SETUP or (client.left.phase is Phase.CALL and last)
        # Its last word may need a connection of its own.
        brief = client.opened.phase is client.left.phase is Phase.SETUP
        return brief and self.moment.case in client.worker.disturbed

    @property
    def certain(self) -> bool:
        """Whether it is known to belong to its case."""
        return self.moment.case is not None and self.join is not Join.AMBIGUOUS


UNKNOWN = Client(None, Join.NONE)


@dataclass(slots=True)
class Joining:
    """The workers of one run, their moments and connections."""

    workers: list[Worker] = field(default_factory=list)
    clients: dict[str, Client] = field(default_factory=dict)
    """Open connections by id: mitmproxy's, or the lean relay's own."""
    traces: dict[str, str] = field(default_factory=dict)
    idle_trace: str = field(default_factory=lambda: secrets.token_hex(16))
    """For what belongs to no case, or not surely: no case's nonce is spent on it."""
    _sources: dict[tuple[str, int], Source] = field(default_factory=dict)
    _passed_on: dict[tuple[str, int], Client] = field(default_factory=dict)
    """Connections that are about to get another id, by the client's end."""

    def enter(self, pid: int, name: str | None, slot: int) -> Worker:
        """A process introduced itself."""
        worker = Worker(pid, name, slot)
        self.workers.append(worker)
        return worker

    def begin_case(self, worker: Worker, case: str, strays: Iterable[str] = (), stray_children: bool = False) -> None:
        """The set-up of a case starts; the case gets its trace id."""
        worker.strays, worker.stray_children = frozenset(strays), stray_children
        self.traces.setdefault(case, secrets.token_hex(16))
        worker.last = worker.moment.case or worker.last
        worker.moment, worker.fixtures = Moment(case, Phase.SETUP), 0
        worker.began = this_instant()

    def enter_call(self, worker: Worker, case: str) -> None:
        """The call phase starts."""
        worker.moment, worker.fixtures = Moment(case, Phase.CALL), 0

    def enter_fixture(self, worker: Worker, on: bool) -> None:
        """A fixture inside the call phase starts or ends."""
        worker.fixtures = max(0, worker.fixtures + (1 if on else -1))

    def enter_teardown(self, worker: Worker, case: str) -> None:
        """The teardown starts."""
        worker.moment, worker.fixtures = Moment(case, Phase.TEARDOWN), 0

    def rest(self, worker: Worker) -> None:
        """No case runs in the worker."""
        worker.last = worker.moment.case or worker.last
        worker.moment, worker.fixtures = IDLE, 0

    def tell_source(self, worker: Worker, ip: str, port: int, case: str | None, ambiguous: bool) -> None:
        """A socket of this worker is about to connect. A port may be told again when it is used again."""
        while len(self._sources) >= MOST_SOURCES:
            self._sources.pop(next(iter(self._sources)))
        self._sources[ip, port] = Source(worker, case, ambiguous, worker.now().phase)

    def connect(self, connection: str, peer: tuple[str, int], local: tuple[str, int], slot: int) -> None:
        """A client connected: find out, once, whose it is."""
        known = self._passed_on.pop(peer, None)
        if known is not None:
            self.clients[connection] = known
            return
        source = self._sources.pop(peer, None)
        if slot != SHARED:
            worker = next((w for w in reversed(self.workers) if w.slot == slot), None)
            client = Client(worker, Join.PORT, source)
        elif source is not None:
            client = Client(source.worker, Join.SOURCE_PORT, source)
        else:
            client = self._by_process(peer, local)
        if client.worker is not None:
            client.opened = client.worker.moment
        self.clients[connection] = client

    def disconnect(self, connection: str, by_client: bool = False) -> None:
        """A connection has ended; its source port will be used again by somebody else."""
        client = self.clients.pop(connection, None)
        if not by_client or client is None or client.worker is None:
            return
        moment = client.left = client.worker.moment
        earlier = client.source is None and client.opened.case != moment.case
        if earlier and moment.case is not None and moment.phase is not Phase.TEARDOWN:
            client.worker.disturbed.add(moment.case)

    def converses(self, connection: str) -> None:
        """From now on messages may come on this connection at any time."""
        client = self.clients.get(connection, UNKNOWN)
        if client.worker is not None:
            client.worker.converses = True

    def pass_on(self, connection: str, peer: tuple[str, int]) -> None:
        """The connection stays whose it is, and will at once be known by another id."""
        known = self.clients.pop(connection, None)
        if known is not None:
            self._passed_on[peer] = known

    def join(self, connection: str) -> Joined:
        """Whose a request or message is that passes now on this connection."""
        client = self.clients.get(connection, UNKNOWN)
        worker = client.worker
        if worker is None:
            return Joined(IDLE, None, Join.NONE, self.idle_trace)
        moment = worker.now()
        if client.source is not None and client.source.ambiguous:
            # The thread outlived the case that started it; what it sends is nobody's proof.
            whose = Moment(client.source.case or moment.case, moment.phase)
            return Joined(whose, worker.name, Join.AMBIGUOUS, self.idle_trace)
        if moment.case is None:
            return Joined(IDLE, worker.name, Join.AMBIGUOUS, self.idle_trace)
        if client.born is not None and client.born <= worker.began:
            # A daemon of an earlier case.
            return Joined(moment, worker.name, Join.AMBIGUOUS, self.idle_trace)
        if worker.strays and _may_be_a_strays(client, worker):
            return Joined(moment, worker.name, Join.AMBIGUOUS, self.idle_trace)
        client.said += 1
        stranger = client if client.source is None else None
        return Joined(moment, worker.name, client.join, self.traces[moment.case], stranger, client.said)

    def _by_process(self, peer: tuple[str, int], local: tuple[str, int]) -> Client:
        by_pid = {worker.pid: worker for worker in self.workers}
        pid = owner_of(peer, local, list(by_pid)) if by_pid else None
        if pid is not None:
            return Client(by_pid[pid], Join.PROCESS)
        orphan = orphan_of(peer, local, list(by_pid))
        return Client(None, Join.NONE) if orphan is None else Client(by_pid[orphan[0]], Join.PROCESS, born=orphan[1])


def traceparent(trace_id: str) -> str:
    """A W3C trace context header with a span of its own."""
    return f"00-{trace_id}-{random.getrandbits(63) + 1:016x}-01"


def _may_be_a_strays(client: Client, worker: Worker) -> bool:
    """Whether work that outlived its case may be sending here: over a connection of its own case, or, if it
    is a child process, over one that nobody told of. All other connections are somebody else's; to doubt them too would
    leave nothing certain in a suite that once forgot to close a socket.
    """
    source = client.source
    if source is None:
        return worker.stray_children
    return source.case in worker.strays and source.phase is not Phase.SETUP
