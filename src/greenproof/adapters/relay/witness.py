"""The orchestrator's side of the witness: start it, begin and finish runs, close it."""

import contextlib
import json
import os
import queue
import select as selecting
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self, cast

from greenproof.adapters.confinement import Network
from greenproof.adapters.relay.targets import Origin, RelayTarget
from greenproof.adapters.relay.wire import PARTS, encode, load
from greenproof.model.errors import RelayError
from greenproof.model.facts import CaseRecord, LostTarget, RunObservation
from greenproof.model.faults import FaultPlan
from greenproof.model.performance import Watch

GRACE_S = 3.0
"""Seconds during which a target may refuse connections before it counts as lost."""
_ANSWER_S = 15.0
_FINISH_S = 30.0
_CLOSE_S = 3.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")

type Message = dict[str, Any]
type OnCase = Callable[[CaseRecord], None]
type OnNews = Callable[[RunObservation], None]


class Witness:
    """A process of its own that stands between tests and targets. A context manager."""

    control: str
    """The value of GREENPROOF_CONTROL."""
    ca_certificate: Path
    """PEM of the CA that https targets are served with."""

    def __init__(self, process: "subprocess.Popen[bytes]", state: Path, grace: float) -> None:
        self._process = process
        self._commands = cast("IO[bytes]", process.stdin)
        self._state = state
        self._grace = grace
        self._answers: queue.Queue[Message | None] = queue.Queue(maxsize=10_000)
        self._on_case: OnCase | None = None
        self._on_news: OnNews | None = None
        self._trouble: Exception | None = None
        self._lost: LostTarget | None = None
        self._fault: FaultPlan | None = None
        self._reader = threading.Thread(target=self._read, name="greenproof-witness", daemon=True)

    @classmethod
    def start(
        cls,
        targets: Sequence[RelayTarget],
        *,
        state: Path,
        startup_timeout: float = 20.0,
        grace: float = GRACE_S,
        lean: bool = True,
        operators: str | None = None,
        network: Network | None = None,
    ) -> Self:
        """Start the process and wait until every port is open.

        `operators` is the module that decides what the faults of sensitivity runs do (`looking.Operators`).
        `state` keeps the CA between starts; one witness at a time may use it. Without `lean`, mitmproxy serves what is
        simple, too. With a `network`, every port is opened there, also those that the targets' own URLs name. Raises
        RelayError.
        """
        for target in targets:
            Origin.parse(target.url)
        confdir = state / "ca"
        try:
            confdir.mkdir(mode=0o700, parents=True, exist_ok=True)
            process = _spawn(state / "witness.log")
        except OSError as problem:
            raise RelayError(
                f"the relay could not start: {problem.strerror}",
                code="relay-start",
                where=str(state / "witness.log"),
                expected="a process of its own",
            ) from None
        witness = cls(process, state, grace)
        witness.ca_certificate = confdir.absolute() / "mitmproxy-ca-cert.pem"
        witness._reader.start()
        settings: Message = {"targets": list(targets), "confdir": str(confdir.absolute()), "grace": grace, "lean": lean}
        settings["operators"] = operators
        if network is not None:
            settings["ask_at"] = network.ask_at
            settings["places"] = {url: (place.host, place.port) for url, place in network.places.items()}
        try:
            witness._tell(settings, startup_timeout)
            ready = witness._expect("ready", startup_timeout)
        except RelayError:
            witness.close()
            raise
        witness.control = ready["control"]
        witness._variables, witness._addresses = ready["variables"], ready["addresses"]
        return witness

    def addresses(self) -> dict[str, str]:
        """Environment variable -> value for the test command: the shared listeners."""
        return dict(self._variables)

    def address_of(self, name: str) -> str:
        """scheme://host:port of the shared listener before the target."""
        return str(self._addresses[name])

    @property
    def pid(self) -> int:
        """Of the witness."""
        return self._process.pid

    def begin(
        self,
        fault: FaultPlan | None,
        select: Sequence[str] | None,
        on_case: OnCase | None = None,
        watch: Watch | None = None,
        on_news: OnNews | None = None,
    ) -> None:
        """A new run. `on_case` is called from a thread, as cases finish; before it `on_news`, with all that was seen
        of them. Raises RelayError.

        What `watch` names is kept of WebSocket messages, unless there is a fault.
        """
        self._lost, self._trouble, self._on_case, self._fault = None, None, on_case, fault
        self._on_news = on_news
        chosen = None if select is None else list(select)
        told: Message = {"plan": fault, "select": chosen, "watch": watch, "news": on_news is not None}
        self._tell({"c": "begin", **told}, _ANSWER_S)
        self._expect("begun", _ANSWER_S)

    def finish(self, *, exit_code: int | None, timed_out: bool, duration_s: float) -> RunObservation:
        """All facts of the run. If the witness was lost, what is left says `relay_lost`."""
        own: dict[str, Any] = {
            "exit_code": exit_code, "timed_out": timed_out, "duration_s": duration_s,
        }  # fmt: skip
        try:
            self._tell({"c": "finish"}, _ANSWER_S)
            observation = replace(self._collect(), **own)
        except RelayError:
            kind = None if self._fault is None else self._fault.kind
            lost = () if self._lost is None else (self._lost,)
            observation = RunObservation(
                fault=kind, processes=(), collected=(), deselected=(), collection_errors=(),
                cases=(), exchanges=(), lost_targets=lost, relay_lost=True, **own,
            )  # fmt: skip
        self._on_case = self._on_news = None
        if self._trouble is not None:
            raise self._trouble
        return observation

    def stop_requested(self) -> LostTarget | None:
        """The target that was lost in this run, if one was."""
        return self._lost

    def close(self) -> None:
        """End the process; it does not outlive this call."""
        process = self._process
        with contextlib.suppress(OSError):
            # Its end of file is the order to go.
            self._commands.close()
        try:
            process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader.is_alive():
            self._reader.join(_CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _collect(self) -> RunObservation:
        parts: dict[str, list[Any]] = {name: [] for name in PARTS}
        deadline = time.monotonic() + _FINISH_S + 2 * self._grace
        while True:
            message = self._next(deadline)
            if message["e"] == "part":
                parts[message["name"]].extend(message["items"])
            elif message["e"] == "done":
                return load(RunObservation, {**message["result"], **parts})

    def _expect(self, event: str, timeout: float) -> Message:
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(deadline)
            if message["e"] == event:
                return message

    def _next(self, deadline: float) -> Message:
        try:
            message = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            message = None
            # Alive but silent: it is of no use any more.
            self._process.kill()
        if message is None:
            # Whoever asks next gets the same answer.
            with contextlib.suppress(queue.Full):
                self._answers.put_nowait(None)
            raise self._ended()
        return message

    def _ended(self) -> RelayError:
        return RelayError(
            "the relay was lost",
            code="relay-ended",
            where=str(self._state / "witness.log"),
            expected="a relay that lives as long as the run",
        )

    def _tell(self, command: Message, timeout: float) -> None:
        """Write a line, but never wait for ever for a process that does not read."""
        data = memoryview(encode(command))
        deadline = time.monotonic() + timeout
        try:
            pipe = self._commands.fileno()
            os.set_blocking(pipe, False)
            while data:
                left = max(0.0, deadline - time.monotonic())
                if not selecting.select([], [pipe], [], left)[1]:
                    raise OSError
                data = data[os.write(pipe, data) :]
        except (OSError, ValueError):
            raise self._ended() from None

    def _read(self) -> None:
        """Reader thread: events are dealt with here, answers are handed to whoever waits."""
        pipe = cast("IO[bytes]", self._process.stdout)
        try:
            for line in pipe:
                self._take(json.loads(line))
        except (OSError, ValueError, queue.Full):
            pass
        with contextlib.suppress(queue.Full):
            self._answers.put(None, timeout=_ANSWER_S)
        pipe.close()

    def _take(self, message: Message) -> None:
        if message["e"] in ("cases", "news"):
            if self._trouble is None:
                try:
                    self._hand_on(message)
                except Exception as trouble:  # noqa: BLE001 - the caller's own; `finish` raises it
                    self._trouble = trouble
        elif message["e"] == "lost":
            self._lost = self._lost or load(LostTarget, message["lost"])
        else:
            self._answers.put(message, timeout=_ANSWER_S)

    def _hand_on(self, message: Message) -> None:
        if message["e"] == "cases":
            cases = [load(CaseRecord, case) for case in message["cases"]]
        else:
            news = load(RunObservation, message["news"])
            cases = list(news.cases)
            if self._on_news is not None:
                self._on_news(news)
        for case in cases:
            if self._on_case is not None:
                self._on_case(case)

    _variables: dict[str, str]
    _addresses: dict[str, str]


def _spawn(log: Path) -> "subprocess.Popen[bytes]":
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    with log.open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "greenproof.adapters.relay.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            # Ctrl-C is for the orchestrator, which still wants the facts.
            start_new_session=True,
        )
