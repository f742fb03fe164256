"""Mixes: from a request for a side release to the revisions that it consists of, each ready to be started."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from greenproof.adapters.platforms.local.credentials import Credentials
from greenproof.adapters.platforms.local.launches import Launch, check_references, levels_of, prepare_launch
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.manifests import check_unchanged, load_release
from greenproof.adapters.platforms.local.revisions import (
    Contents,
    describe_revision,
    look_at,
    name_release,
    read_snapshot,
    with_variables,
)
from greenproof.adapters.platforms.local.state import State
from greenproof.model.errors import PlanError, PlatformError
from greenproof.model.facts import Release
from greenproof.model.plan import Plan
from greenproof.model.sides import SideRequest, is_variable
from greenproof.model.text import printable

_RELEASE = re.compile(r"r-[0-9a-f]{12}")
_OURS = frozenset({"PORT", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"})
_LONGEST_VALUE = 32_768
_ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]|0\.0\.0\.0):(\d{1,5})\b")


@dataclass(frozen=True, slots=True)
class Part:
    """One service of a mix."""

    contents: Contents
    launch: Launch
    known_as: str
    """The revision that it was taken from: the same files, perhaps with other variables."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What a side release consists of."""

    release: Release
    base: str | None
    parts: tuple[Part, ...]
    levels: tuple[tuple[str, ...], ...]
    changed: tuple[str, ...]
    migrated: tuple[str, ...]
    notes: tuple[str, ...]

    def launches(self, layout: Layout) -> list[Launch]:
        """How its services are started in the folder of the side release: on any port, and migrated where need be."""
        return [
            replace(
                part.launch,
                folder=str(layout.revisions / part.launch.revision),
                port=None,
                migrate=part.launch.migrate if part.launch.revision in self.migrated else None,
            )
            for part in self.parts
        ]


class Composer:
    """Makes mixes of what an environment has kept."""

    def __init__(
        self,
        layout: Layout,
        plan: Plan,
        credentials: Credentials,
        state: State,
        surroundings: Mapping[str, str],
        taken: Mapping[int, str],
    ) -> None:
        """`surroundings`: the caller's variables. `taken`: addresses of the environment, by port."""
        self._layout, self._plan, self._credentials, self._state = layout, plan, credentials, state
        self._surroundings, self._taken = surroundings, taken
        self._services = {service.name: service for service in plan.services}

    def compose(self, request: SideRequest) -> Mix:
        """The mix that is asked for. Raises PlatformError; writes nothing but secrets that are missing."""
        base = self._base(request)
        held = {one.service: one.name for one in base.revisions} if base else {}
        named = {*request.revisions, *request.sources, *request.configuration}
        self._check_names(named, held)
        parts = []
        # In the order of the plan; what it has no more comes last.
        planned = [one for one in self._services if one in held or one in named]
        for service in (*planned, *sorted(held.keys() - self._services)):
            part = self._part(service, request, held.get(service))
            variables = request.configuration.get(service)
            parts.append(self._changed(part, variables, {*self._services, *held}) if variables else part)
        dependencies = {one.name for one in self._plan.dependencies}
        levels = levels_of({one.launch.service: one.launch.needs for one in parts}, dependencies)
        revisions = tuple(one.contents.revision for one in parts)
        return Mix(
            release=name_release(revisions),
            base=base.name if base else None,
            parts=tuple(parts),
            levels=tuple(map(tuple, levels)),
            changed=tuple(one.service for one in revisions if held.get(one.service) != one.name),
            migrated=tuple(self._migrated(parts, request)),
            notes=(*self._out_of_the_mix(parts), *self._ahead(request, base)),
        )

    def _base(self, request: SideRequest) -> Release | None:
        name = request.base or self._state.current
        found = load_release(self._layout, name) if name and _RELEASE.fullmatch(name) else None
        if found is None and request.base is not None:
            raise self._unknown_release(request.base)
        return found

    def _check_names(self, named: Iterable[str], held: Mapping[str, str]) -> None:
        known = [*self._services, *sorted(held.keys() - self._services)]
        for service in named:
            if service not in known:
                raise PlanError(
                    f"no service is called {printable(service[:60])!r}",
                    code="unknown-service",
                    where="what the side release is made of",
                    expected=f"one of {', '.join(known)}",
                )
        missing = self._services.keys() - set(named)
        if missing and not held:
            raise PlanError(
                f"nothing says which revision of {', '.join(sorted(missing))} is meant: nothing is deployed",
                code="side-incomplete",
                where=self._layout.name,
                expected="a release to take the rest from, or a revision or folder for every service",
                hint="deploy first",
            )

    def _part(self, service: str, request: SideRequest, held: str | None) -> Part:
        folder, revision = request.sources.get(service), request.revisions.get(service)
        if folder is not None and revision is not None:
            raise PlanError(
                f"{service} is given both a folder and a revision",
                code="option-twice",
                where="what the side release is made of",
                expected="one of the two",
            )
        if folder is not None and service in self._services:
            return self._from_folder(service, folder)
        if folder is None and (revision or held):
            return self._kept(service, self._revision(service, revision) if revision else str(held))
        if folder is None:
            # New since the release, and only its variables were named.
            return self._from_folder(service, self._services[service].source)
        raise PlanError(
            f"{service} is not in the configuration any more, so nothing says what belongs to it",
            code="unknown-service",
            where="what the side release is made of",
            expected=f"a folder for one of {', '.join(self._services)}",
        )

    def _from_folder(self, service: str, folder: Any) -> Part:
        planned = self._services[service]
        contents = look_at(planned, self._credentials, folder)
        launch = prepare_launch(self._layout, self._plan, planned, contents.revision, self._surroundings)
        return Part(contents, launch, contents.revision.name)

    def _revision(self, service: str, name: str) -> str:
        """The name of a revision; that of a release stands for the service's revision in it."""
        if not _RELEASE.fullmatch(name):
            return name
        release = load_release(self._layout, name)
        found = next((one.name for one in release.revisions if one.service == service), None) if release else None
        if release is None:
            raise self._unknown_release(name)
        if found is None:
            raise self._unknown_revision(service, name)
        return found

    def _kept(self, service: str, name: str) -> Part:
        manifest = None
        if re.fullmatch(rf"{re.escape(service)}-[0-9a-f]{{12}}", name):
            manifest = describe_revision(self._layout, name)
        if not isinstance(manifest, Mapping) or not {"files", "launch", "configuration", "digest"} <= set(manifest):
            raise self._unknown_revision(service, name)
        launch = Launch.load(manifest["launch"])
        check_unchanged(self._layout, launch, self._credentials.declared())
        return Part(read_snapshot(self._layout, manifest), launch, name)

    def _changed(self, part: Part, variables: Mapping[str, str | None], known: set[str]) -> Part:
        """The same service with other variables: another revision."""
        service, env = part.launch.service, dict(part.launch.env)
        for name, value in variables.items():
            self._check_variable(service, name, value, env)
            env.pop(name, None)
            if value is not None:
                env[name] = value
        check_references(env, known | {one.name for one in self._plan.dependencies}, f"the variables of {service}")
        contents = with_variables(part.contents, env, self._credentials)
        revision = contents.revision
        launch = replace(part.launch, revision=revision.name, digest=revision.digest, env=env)
        return Part(contents, launch, part.known_as)

    @staticmethod
    def _check_variable(service: str, name: str, value: str | None, env: Mapping[str, str]) -> None:
        why = ""
        if not is_variable(name):
            why = f"{printable(name[:60])!r} can't be the name of a variable"
        elif name in _OURS or name.startswith("GREENPROOF_"):
            why = f"{name} is set by Greenproof itself"
        elif value is None and name not in env:
            why = f"{service} has no variable {name} that could be taken away"
        elif value is not None and ("\0" in value or len(value) > _LONGEST_VALUE):
            why = f"the value of {name} has a zero byte or more than {_LONGEST_VALUE} characters"
        if why:
            raise PlanError(
                why,
                code="side-variable",
                where=f"the variables of {service}",
                expected=f"letters, digits and _; {service} has {', '.join(sorted(env)) or 'none'}",
            )

    def _migrated(self, parts: Sequence[Part], request: SideRequest) -> Iterable[str]:
        """Revisions whose migration has to run: on a copy, those that never ran it on what was copied."""
        whole = [load_release(self._layout, name) for name in self._state.known if not self._state.lacking(name)]
        ran = {one.name for release in whole if release for one in release.revisions}
        for part in parts:
            if part.launch.migrate and (request.data == "empty" or part.known_as not in ran):
                yield part.launch.revision

    def _out_of_the_mix(self, parts: Sequence[Part]) -> Iterable[str]:
        """Variables that hold an address of the environment itself: what they lead to is not the mix."""
        for part in parts:
            for name, value in sorted(part.launch.env.items()):
                for port in map(int, _ADDRESS.findall(value)):
                    if port in self._taken:
                        yield (
                            f"{part.launch.service}: {name} names port {port}, which is {self._taken[port]} of the "
                            "environment and not of the side release; {NAME.url} would lead into the mix"
                        )

    def _ahead(self, request: SideRequest, base: Release | None) -> Iterable[str]:
        """Migrations that came after the release that the rest is taken from."""
        if base is None or request.data == "empty":
            return
        for one in self._state.since(base.name):
            if one.kind != "compatible":
                yield f"the schema of {one.store} is ahead of {base.name}: {one.service} migrated it in {one.release}"

    def _unknown_release(self, name: str) -> PlatformError:
        known = ", ".join(reversed(tuple(self._state.known)))
        return PlanError(
            f"no release is called {printable(name[:60])!r}",
            code="unknown-release",
            where=f"environment {self._layout.name}",
            expected=f"one of {known}" if known else "a release; none is known yet",
        )

    def _unknown_revision(self, service: str, name: str) -> PlanError:
        folder = self._layout.revisions
        known = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        fitting = [path.stem for path in known if re.fullmatch(rf"{re.escape(service)}-[0-9a-f]{{12}}", path.stem)][:10]
        return PlanError(
            f"no revision of {service} is called {printable(name[:60])!r}",
            code="side-revision",
            where=f"environment {self._layout.name}",
            expected=f"one of {', '.join(fitting)}" if fitting else "a revision that was deployed; none is kept",
            hint="a release that has it will do, too; or a folder, as ./FOLDER",
        )
