"""Presence: is there a supervisor, how is one started, how is everything of an environment ended."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import greenproof
from greenproof.adapters.logs.files import quoted
from greenproof.adapters.platforms.base import ServiceFailed
from greenproof.adapters.platforms.local import control, processes, registry
from greenproof.adapters.platforms.local.layout import (
    Layout,
    exclusive,
    read_json,
    try_exclusive,
    writing,
)
from greenproof.adapters.platforms.local.owners import Owner
from greenproof.model.errors import PlatformError

START_TIMEOUT = 30.0
"""Seconds until a supervisor answers; clearing what is left is included."""
STOP_TIMEOUT = 60.0

Tell = Callable[[str], None]


def find_supervisor(layout: Layout) -> int | None:
    """The control port of the living supervisor, known by pid and birth."""
    found = read_json(layout.supervisor)
    if not isinstance(found, dict) or not {"pid", "born", "port"} <= set(found):
        return None
    if processes.birth(found["pid"]) != found["born"]:
        return None
    return int(found["port"])


def ensure_supervisor(layout: Layout, tell: Tell, owner: Owner | None = None) -> None:
    """Start a supervisor unless one runs; of several commands at once only one starts it. It ends with the `owner`."""
    if find_supervisor(layout) is not None:
        return
    with exclusive(layout.commands_lock):
        if find_supervisor(layout) is not None:
            return
        os.close(_await_lock(layout))
        answer = _spawn(layout, owner)
        if answer.get("cleared"):
            tell(f"cleared {answer['cleared']} processes that a killed supervisor had left")


@contextlib.contextmanager
def resting(layout: Layout, tell: Tell) -> Iterator[bool]:
    """Whether nothing of an environment runs; if so, nobody can start it meanwhile, and what was left is cleared."""
    if find_supervisor(layout) is not None:
        yield False
        return
    with exclusive(layout.commands_lock):
        if find_supervisor(layout) is not None:
            yield False
            return
        descriptor = _await_lock(layout)
        try:
            if cleared := registry.clear(layout):
                tell(f"cleared {cleared} processes that a killed supervisor had left")
            yield True
        finally:
            os.close(descriptor)


def clear_environment(layout: Layout, tell: Tell, fence: int | None = None) -> None:
    """End the supervisor with all that it owns, or what is left of it if it is dead or deaf.

    Raises PlatformError with the code `fenced-off` for a loop that may not act any more.
    """
    with exclusive(layout.commands_lock):
        port = find_supervisor(layout)
        if port is not None:
            tell("stop services and dependencies")
            _ask_to_stop(layout, port, fence)
        descriptor = _await_lock(layout)
        try:
            cleared = registry.clear(layout)
        finally:
            os.close(descriptor)
        if cleared:
            tell(f"cleared {cleared} processes that a killed supervisor had left")


def _ask_to_stop(layout: Layout, port: int, fence: int | None) -> None:
    found = read_json(layout.supervisor)
    token = layout.token.read_text(encoding="utf-8").strip()
    try:
        control.call(port, token, "down", {"fence": fence})
    except PlatformError as error:
        if error.code == "fenced-off":
            raise
        # It does not answer: what it owns is cleared by us, once it is dead.
        if isinstance(found, dict) and processes.birth(found["pid"]) == found["born"]:
            processes.kill([found["pid"]], signal.SIGKILL)


def _await_lock(layout: Layout) -> int:
    """Wait until no supervisor lives, also one that is just leaving; the lock's descriptor."""
    deadline = time.monotonic() + STOP_TIMEOUT
    # Polls: flock cannot be waited for with a deadline.
    while (descriptor := try_exclusive(layout.alive_lock)) is None:
        if time.monotonic() > deadline:
            raise PlatformError(
                "a supervisor holds the environment but cannot be talked to",
                code="supervisor-stuck",
                where=str(layout.alive_lock),
                expected="that it answers, or ends",
                hint=f"see {layout.logs / 'supervisor.log'}",
            )
        time.sleep(0.02)
    return descriptor


def _spawn(layout: Layout, owner: Owner | None) -> dict[str, Any]:
    log = layout.logs / "supervisor.log"
    reading, writing_end = os.pipe()
    try:
        with writing(log), log.open("ab") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "greenproof.adapters.platforms.local.supervisor",
                    layout.name,
                    str(layout.folder),
                    str(writing_end),
                    *((str(owner.pid), owner.born) if owner else ()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=layout.folder,
                env=_environment(),
                pass_fds=(writing_end,),
                start_new_session=True,
            )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing_end)
    try:
        answer = _first_line(reading, process)
    except BaseException:
        # Whoever is interrupted here leaves no half supervisor behind; it has started nothing yet.
        process.kill()
        process.wait()
        raise
    if answer.get("ready"):
        return answer
    raise ServiceFailed(
        f"the supervisor did not start: {answer.get('error', 'it said nothing')}",
        code="supervisor-failed",
        where=str(log),
        expected=f"a supervisor that answers within {START_TIMEOUT:g} s",
        log=quoted(log),
    )


def _environment() -> dict[str, str]:
    """The caller's, so that PATH and locale hold; and where this package is imported from."""
    source = str(Path(greenproof.__file__).parent.parent)
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _first_line(descriptor: int, process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    with os.fdopen(descriptor, "rb") as pipe:
        # The end of the supervisor is the end of the pipe: no need to poll for either.
        if not select.select([pipe], [], [], START_TIMEOUT)[0]:
            process.kill()
            return {"error": f"it did not answer within {START_TIMEOUT:g} s"}
        line = pipe.readline()
    # Not waited for when it goes on living: say so, or Python warns about it.
    process.returncode = process.poll() if not line else 0
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"error": "it ended at once"}
    return answer
