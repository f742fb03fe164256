"""Side releases of the local platform: each has a supervisor, ports, processes and data of its own.

A side release is what an environment is, once more and smaller: a folder in `sides/`, made like the one of an
environment. So it is started, looked at, ended and, after a kill, cleared by the same code. Its folder is never used
twice: `NAME.` and a random part.
"""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from greenproof.adapters.platforms.local.credentials import Credentials
from greenproof.adapters.platforms.local.dependencies.copies import Origin
from greenproof.adapters.platforms.local.layout import (
    Layout,
    exclusive,
    read_json,
    try_exclusive,
    write_json,
    writing,
)
from greenproof.adapters.platforms.local.mixes import Composer, Mix
from greenproof.adapters.platforms.local.owners import Owner
from greenproof.adapters.platforms.local.presence import (
    clear_environment,
    ensure_supervisor,
    find_supervisor,
    resting,
)
from greenproof.adapters.platforms.local.recovery import refuse_fenced
from greenproof.adapters.platforms.local.remains import discard, half_removed, remove
from greenproof.adapters.platforms.local.revisions import keep_snapshot
from greenproof.adapters.platforms.local.state import read_state
from greenproof.adapters.platforms.local.view import View, plain_revision
from greenproof.model.encoding import fields_of, read
from greenproof.model.errors import GreenproofError, PlaceError, PlanError, PlatformError
from greenproof.model.facts import Release
from greenproof.model.plan import Environment, Plan
from greenproof.model.sides import LONGEST_NAME, SideRelease, SideRequest, is_side_name
from greenproof.model.text import printable

MOST = 8
"""Side releases of an environment at the same time."""
STARTING, RUNNING, LOST = "starting", "running", "lost"


@dataclass(frozen=True, slots=True)
class Home:
    """The environment that side releases are started beside."""

    plan: Plan
    environment: Environment
    layout: Layout
    credentials: Credentials
    view: View
    servers: str
    tell: Callable[[str], None]
    fence: int | None


class Sides:
    """The side releases of one environment."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def start(self, request: SideRequest) -> SideRelease:
        """See `Platform.start_side`."""
        began, home = time.monotonic(), self._home
        self._check(request)
        home.layout.create()
        mix = self._compose(request)
        while True:
            layout, held = self._place(request.name)
            if held is not None:
                break
            if (known := self._already(layout, mix, request)) is not None:
                return known
        owner = Owner.me() if request.owner else None
        try:
            side = self._begun(layout, mix, request, owner)
            side = self._run(layout, mix, side, owner)
            self._refuse_fenced()
            side = replace(side, state=RUNNING, took_s=round(time.monotonic() - began, 3))
            self._write(layout, side, owner)
        except BaseException as error:
            self._gave_up(layout, request.name, error)
            raise
        finally:
            os.close(held)
        home.tell(f"{side.name} is ready beside the current release: {side.release.name}")
        return side

    def every(self) -> tuple[SideRelease, ...]:
        """What there is, by name."""
        found = [side for layout in self._layouts() if (side := self._told(layout)) is not None]
        return tuple(sorted(found, key=lambda side: side.name))

    def view(self, name: str) -> View:
        """One of them, to look at."""
        layout = self._find(name)
        if layout is None or self._told(layout) is None:
            names = ", ".join(side.name for side in self.every())
            raise PlanError(
                f"no side release is called {printable(name[:60])!r}",
                code="unknown-side",
                where=f"environment {self._home.layout.name}",
                expected=f"one of {names}" if names else "a side release; there is none",
            )
        return View(self._home.plan, layout, self._home.credentials, self._home.tell)

    def end(self, name: str) -> bool:
        """End one with all that it has."""
        self._refuse_fenced()
        layout = self._find(name) if is_side_name(name) else None
        if layout is not None:
            self._end(layout)
        return layout is not None

    @contextlib.contextmanager
    def all_ended(self) -> Iterator[None]:
        """End all; nobody can begin another one in the meantime."""
        with contextlib.ExitStack() as stack:
            if self._home.layout.sides.is_dir():
                stack.enter_context(exclusive(self._lock))
                for layout in self._layouts():
                    self._end(layout)
            yield

    def clear_abandoned(self) -> tuple[str, ...]:
        """End those whose owner, or whose own process, was killed."""
        if not self._home.layout.sides.is_dir():
            return ()
        with exclusive(self._lock):
            abandoned = [layout for layout in self._layouts() if _abandoned(layout)]
        for layout in abandoned:
            self._end(layout)
        for layout in half_removed(self._home.layout):
            remove(layout)
        names = tuple(sorted(_name(layout) for layout in abandoned))
        if names:
            self._home.tell(f"cleared side releases that killed processes had left: {', '.join(names)}")
        return names

    @property
    def _lock(self) -> Path:
        return self._home.layout.sides / "lock"

    def _check(self, request: SideRequest) -> None:
        home = self._home
        if home.environment.kind == "production":
            raise PlanError(
                f"side releases are refused on {home.environment.name}, which is a production environment",
                code="side-production",
                where=f"environments.{home.environment.name}",
                expected="an environment of kind local or staging",
            )
        if not is_side_name(request.name):
            raise PlanError(
                f"{printable(request.name[:60])!r} can't name a side release",
                code="side-name",
                where=f"environment {home.environment.name}",
                expected=f"at most {LONGEST_NAME} small letters, digits and hyphens, beginning with a letter",
            )
        if request.data not in ("copied", "empty"):
            raise PlanError(
                f"the local platform has no {printable(str(request.data)[:20])} data for side releases",
                code="side-data",
                where=f"the side release {request.name}",
                expected="copied or empty: what a side release writes must not reach the environment",
            )
        self._refuse_fenced()

    def _refuse_fenced(self) -> None:
        home = self._home
        refuse_fenced(read_state(home.layout), home.fence, home.environment.name)

    def _compose(self, request: SideRequest) -> Mix:
        home, status = self._home, self._home.view.status()
        taken = {int(one.url.rpartition(":")[2]): one.service for one in status.services if one.url}
        taken |= {one.port: one.name for one in status.dependencies if one.port}
        state = read_state(home.layout)
        return Composer(home.layout, home.plan, home.credentials, state, os.environ, taken).compose(request)

    def _place(self, name: str) -> tuple[Layout, int | None]:
        """A new folder and the lock that says that it is being started; or the one that has this name, and None."""
        home = self._home
        with writing(home.layout.sides):
            home.layout.sides.mkdir(exist_ok=True)
        with exclusive(self._lock):
            if (found := self._find(name)) is not None:
                return found, None
            if len(here := self._layouts()) >= MOST:
                raise PlatformError(
                    f"there are {len(here)} side releases already",
                    code="side-limit",
                    where=f"environment {home.environment.name}",
                    expected=f"at most {MOST} at the same time",
                    hint=f"end one: greenproof side down {_name(here[0])}",
                )
            folder = home.layout.sides / f"{name}.{secrets.token_hex(3)}"
            layout = self._layout(folder)
            with writing(folder):
                folder.mkdir()
            held = try_exclusive(layout.starting)
            layout.create()
            return layout, held

    def _already(self, layout: Layout, mix: Mix, request: SideRequest) -> SideRelease | None:
        """What runs under the name, if it is what is asked for; None: there is nothing any more."""
        _await_start(layout)
        side = self._told(layout)
        if side is None or _abandoned(layout) or not self._whole(layout):
            self._end(layout)
            return None
        if (side.release.name, side.data, side.owner) != (mix.release.name, request.data, request.owner):
            raise PlatformError(
                f"a side release is called {side.name!r} already, and is another one: {side.release.name}",
                code="side-taken",
                where=f"environment {self._home.environment.name}",
                expected=f"another name, or the same mix, data and owner; this one would be {mix.release.name}",
                hint=f"end it: greenproof side down {side.name}",
            )
        return side

    def _whole(self, layout: Layout) -> bool:
        """Whether all of it still runs."""
        with contextlib.suppress(GreenproofError):
            status = View(self._home.plan, layout, self._home.credentials).status()
            states = {one.state for one in status.services} | {one.state for one in status.dependencies}
            return states - {"absent"} == {RUNNING}
        return False

    def _begun(self, layout: Layout, mix: Mix, request: SideRequest, owner: Owner | None) -> SideRelease:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        side = SideRelease(
            name=request.name,
            release=Release(mix.release.name, mix.release.revisions, now),
            base=mix.base,
            state=STARTING,
            data=request.data,
            owner=request.owner,
            since=now,
            changed=mix.changed,
            settings={service: tuple(sorted(given)) for service, given in request.configuration.items() if given},
            migrated=mix.migrated,
            notes=mix.notes,
        )
        self._write(layout, side, owner)
        home = read_json(self._home.layout.ports)
        mine = [*home.values()] if isinstance(home, dict) else []
        mine += [service.port for service in self._home.plan.services if service.port]
        # Ports of the environment, also if it is down now, are not to be taken.
        write_json(layout.ports, {f"environment:{port}": port for port in mine})
        launches = mix.launches(layout)
        for part, launch in zip(mix.parts, launches, strict=True):
            keep_snapshot(layout, part.contents, launch.dump())
        return side

    def _run(self, layout: Layout, mix: Mix, side: SideRelease, owner: Owner | None) -> SideRelease:
        home = self._home
        ensure_supervisor(layout, home.tell, owner)
        client = Client(home.plan, layout, home.credentials, lambda text: home.tell(f"{side.name}: {text}"))
        with contextlib.ExitStack() as stack:
            if side.data == "copied":
                # One after the other: a server serves only so many copies at a time, and has other things to do.
                stack.enter_context(exclusive(home.layout.sides / "copying.lock"))
            rests = side.data == "copied" and stack.enter_context(resting(home.layout, home.tell))
            client.bring_up([self._dependency(one, side.data, rests) for one in self._stores()])
        client.deploy(mix, mix.launches(layout))
        addresses = {one.service: one.url for one in client.status().services if one.url}
        return replace(side, addresses=addresses)

    def _stores(self) -> list[dict[str, Any]]:
        home = self._home
        return [
            {
                "name": one.name,
                "kind": one.kind,
                "database": one.database,
                # That of the environment: it is part of what is copied, and the tests know it.
                "password": home.credentials.password(one.name),
                "source": home.servers,
            }
            for one in home.plan.dependencies
        ]

    def _dependency(self, store: dict[str, Any], data: str, rests: bool) -> dict[str, Any]:
        if data != "copied":
            return store
        status = next(one for one in self._home.view.status().dependencies if one.name == store["name"])
        folder = self._home.layout.data_of(store["name"]).resolve()
        if rests:
            return {**store, "origin": asdict(Origin(str(folder)))} if folder.is_dir() else store
        if status.state != RUNNING or status.port is None:
            raise PlatformError(
                f"the data of {status.name} can't be copied: it does not run, and the environment is up",
                code="copy-failed",
                where=f"environment {self._home.environment.name}",
                expected="a running server, or an environment that is down",
                hint="`greenproof up` starts it again; --data empty copies nothing",
            )
        return {**store, "origin": asdict(Origin(status.data or str(folder), status.port))}

    def _gave_up(self, layout: Layout, name: str, error: BaseException) -> None:
        """What was started is ended; its logs, which the error may name, have moved."""
        gone = not layout.folder.is_dir()
        with contextlib.suppress(GreenproofError):
            self._end(layout)
        if isinstance(error, GreenproofError):
            kept = self._home.layout.ended / layout.folder.name
            error.where = error.where.replace(str(layout.logs), str(kept)) if error.where else None
            if gone and error.code not in ("fenced-off", "disk-full"):
                raise PlatformError(
                    f"the side release {name} was ended while it was being started",
                    code="side-ended",
                    where=f"environment {self._home.environment.name}",
                    expected="that nobody takes it, or the environment, down meanwhile",
                ) from error

    def _end(self, layout: Layout) -> None:
        try:
            if layout.identity.exists():
                self._home.tell(f"end the side release {_name(layout)}")
                clear_environment(layout, lambda text: None)
        except PlaceError:
            # Somebody else was quicker, and its folder is gone.
            if layout.folder.is_dir():
                raise
        discard(layout)

    def _write(self, layout: Layout, side: SideRelease, owner: Owner | None) -> None:
        process = asdict(owner) if owner else None
        write_json(layout.side, {"side": fields_of(side), "process": process})

    def _told(self, layout: Layout) -> SideRelease | None:
        try:
            side = read(SideRelease, read_json(layout.side)["side"])
        except (TypeError, ValueError, KeyError):
            return None
        if side.state == STARTING:
            return side
        return side if find_supervisor(layout) is not None else replace(side, state=LOST)

    def _find(self, name: str) -> Layout | None:
        return next((layout for layout in self._layouts() if _name(layout) == name), None)

    def _layouts(self) -> list[Layout]:
        folder = self._home.layout.sides
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        return [self._layout(one) for one in entries if one.is_dir() and is_side_name(one.name.partition(".")[0])]

    def _layout(self, folder: Path) -> Layout:
        return Layout(f"{self._home.layout.name}:{folder.name.partition('.')[0]}", folder)


class Client(View):
    """Tells the supervisor of a side release what to start."""

    def bring_up(self, dependencies: list[dict[str, Any]]) -> None:
        """Start the stores."""
        self._act("up", {"dependencies": dependencies, "restore": False})

    def deploy(self, mix: Mix, launches: list[Any]) -> None:
        """Start the services, in the order of their needs."""
        values: Mapping[str, Any] = {
            "name": mix.release.name,
            "revisions": [plain_revision(revision) for revision in mix.release.revisions],
            "levels": mix.levels,
            "launches": [launch.dump() for launch in launches],
            "key": "",
        }
        self._act("deploy", values)


def _name(layout: Layout) -> str:
    return layout.folder.name.partition(".")[0]


def _await_start(layout: Layout) -> None:
    """Wait for whoever is starting it."""
    with contextlib.suppress(PlaceError):
        if layout.folder.is_dir():
            with exclusive(layout.starting):
                pass


def _abandoned(layout: Layout) -> bool:
    """Whether nobody is left who could end it: its owner is gone, or what ran it is."""
    try:
        descriptor = try_exclusive(layout.starting)
    except PlaceError:
        return False
    if descriptor is None:
        return False
    os.close(descriptor)
    found = read_json(layout.side)
    if not isinstance(found, dict) or find_supervisor(layout) is None:
        return True
    with contextlib.suppress(KeyError, TypeError, json.JSONDecodeError):
        if found["process"] is not None and not Owner(**found["process"]).alive:
            return True
        return bool(found["side"]["state"] == STARTING)
    return True
