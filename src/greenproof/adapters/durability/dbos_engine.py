"""Durable runs on DBOS: SQLite beside the ledger, or PostgreSQL.

DBOS decides in a thread of its own which step is next; the step is taken in the thread that called `run`, because
signals reach only the main thread. A step that is interrupted leaves nothing behind, and is taken again.
"""

import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from greenproof.model.errors import CoordinationError

VERSION = "1"
"""Of the order of steps: a run that began under another one is not taken up."""
_NAME = "greenproof"
_LOOK_S = 0.2
_PATIENCE_S = 30.0
_UNFINISHED = ["PENDING", "ENQUEUED", "DELAYED"]

type Json = Any
type Act = Callable[[], Json]
type Step = Callable[[str, Act], Json]
type Body = Callable[[Step], Json]


class _Left(BaseException):
    """Whoever takes the steps has left. Not an Exception, so that DBOS records nothing."""


@dataclass(slots=True)
class _Task:
    act: Act
    done: Future[Json] = field(default_factory=Future)


class DurableRuns:
    """The runs of one environment. A context manager; one at a time in a process."""

    def __init__(self, state: Path, environment: str, url: str | None = None) -> None:
        """In `state`, or at a `postgresql://` URL. Raises CoordinationError where the database can't be used."""
        self._tasks: queue.Queue[_Task] = queue.Queue(maxsize=1)
        self._left = threading.Event()
        self._chosen: Future[tuple[str, Body]] = Future()
        self._environment = environment
        import dbos
        import sqlalchemy
        from dbos import DBOS, DBOSConfig

        self._engine: sqlalchemy.Engine | None = None
        # It warns of what is our decision, for example of a database in a file.
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        path = state / "durable.db"
        address = _address(url) if url else f"sqlite:///{path}"
        place = address.rpartition("@")[2] if url else str(path)
        try:
            state.mkdir(parents=True, exist_ok=True)
            self._engine = sqlalchemy.create_engine(
                address, **({} if url else {"connect_args": {"timeout": _PATIENCE_S}})
            )
            if not url:
                sqlalchemy.event.listen(self._engine, "connect", _mend)
            config: DBOSConfig = {
                "name": _NAME,
                "system_database_engine": self._engine,
                "system_database_url": address,
                "application_version": VERSION,
                "executor_id": environment,
                "enable_otlp": False,
                "log_level": "CRITICAL",
            }
            self._dbos = DBOS(config=config)

            def workflow(run: str) -> Json:
                return self._run(run)

            # A plain function: DBOS writes on what it decorates.
            self._workflow = DBOS.workflow(name="run")(workflow)
            DBOS.launch()
        except (OSError, sqlalchemy.exc.SQLAlchemyError, dbos.error.DBOSException) as error:
            # What was opened up to there is not left to the garbage collector.
            self.__exit__()
            raise _unusable(place, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        from dbos import DBOS

        self._left.set()
        DBOS.destroy(workflow_completion_timeout_sec=0)
        if self._engine is not None:
            self._engine.dispose()

    def unfinished(self) -> tuple[str, ...]:
        """Ids of the runs of this environment that have not come to their end, the oldest first."""
        from dbos import DBOS

        found = DBOS.list_workflows(status=_UNFINISHED, executor_id=self._environment, load_input=False)
        return tuple(run.workflow_id for run in found)

    def run(self, run: str, body: Body) -> Json:
        """Begin a run, or go on with it, to its end; what its body returns. Once in the life of this object.

        Steps that were taken before are not taken again. Whatever a step raises is raised here, and ends nothing: the
        run can be taken up again.
        """
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(run):
            handle = DBOS.start_workflow(self._workflow, run)
        self._chosen.set_result((run, body))
        ended: Future[Json] = Future()

        def wait() -> None:
            try:
                ended.set_result(handle.get_result(polling_interval_sec=_LOOK_S))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                ended.set_exception(error)

        threading.Thread(target=wait, name="greenproof-run", daemon=True).start()
        while not ended.done():
            with contextlib.suppress(queue.Empty):
                task = self._tasks.get(timeout=_LOOK_S)
                # Whatever it raises goes to the caller, and the task stays without an end.
                task.done.set_result(task.act())
        return ended.result()

    def abandon(self, run: str) -> None:
        """This run will not be taken up again."""
        from dbos import DBOS

        DBOS.cancel_workflow(run)

    def _run(self, run: str) -> Json:
        """The workflow, in a thread of DBOS."""
        chosen, body = self._awaited(self._chosen)
        if chosen != run:
            # One that was found unfinished at the start, and that nobody wants to go on with.
            raise _Left
        return body(self._step)

    def _step(self, name: str, act: Act) -> Json:
        from dbos import DBOS

        return DBOS.run_step({"name": name}, self._taken, act)

    def _taken(self, act: Act) -> Json:
        """Hand a step to whoever takes them, and wait for its result."""
        task = _Task(act)
        self._tasks.put(task)
        return self._awaited(task.done)

    def _awaited[T](self, future: Future[T]) -> T:
        while not self._left.is_set():
            with contextlib.suppress(TimeoutError):
                return future.result(timeout=_LOOK_S)
        raise _Left


def _address(url: str) -> str:
    """The URL as SQLAlchemy wants it."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url


def _mend(connection: sqlite3.Connection, record: object) -> None:
    """SQLite before 3.42 has no `unixepoch('subsec')`, on which DBOS relies."""
    if sqlite3.sqlite_version_info < (3, 42):
        connection.create_function("unixepoch", -1, _unixepoch)


def _unixepoch(*arguments: object) -> float:
    now = time.time()
    return now if "subsec" in arguments else int(now)


def _unusable(place: str, error: Exception) -> CoordinationError:
    lines = str(error).splitlines()
    return CoordinationError(
        f"the store of runs can't be used: {lines[0] if lines else type(error).__name__}",
        code="store-unusable",
        where=place,
        expected="a database that can be read and written",
        hint="look at the disk, or at [loop] store and whether that PostgreSQL answers",
    )
