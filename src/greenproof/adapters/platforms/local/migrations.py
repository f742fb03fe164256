"""Migrations: run with the schema looked at before and after, taken back where they can be, and remembered."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from greenproof.adapters.platforms.base import ServiceFailed
from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.dependencies.base import Server
from greenproof.adapters.platforms.local.instances import Instance, Lookup
from greenproof.adapters.platforms.local.launches import Launch
from greenproof.adapters.platforms.local.manifests import check_unchanged, load_release
from greenproof.adapters.platforms.local.recovery import told
from greenproof.adapters.platforms.local.revisions import describe_revision
from greenproof.adapters.platforms.local.schemas import Schemas
from greenproof.adapters.platforms.local.state import (
    Applied,
    Intent,
    State,
    StateFile,
    blocking,
    now,
    to_be_undone,
)
from greenproof.model.errors import GreenproofError, PlatformError
from greenproof.model.releases import SchemaChange

Progress = Callable[[str], None]


UNKNOWN = "unknown"
"""In the place of a digest: the schema could not be read after something had gone wrong."""


class Migrations:
    """The migrations of one environment."""

    def __init__(self, context: Context, servers: Mapping[str, Server], store: StateFile, lookup: Lookup) -> None:
        self._context, self._servers, self._store, self._lookup = context, servers, store, lookup
        self.schemas = Schemas(context.layout.releases / "schemas")
        self.seen: dict[str, str] = {}
        """Store to the digest of its schema, as it was read last."""

    async def look(self, *, settled: bool = False) -> dict[str, str]:
        """The schema of each store that has one, kept under its digest. Raises PlatformError."""
        found = {}
        for name, server in self._servers.items():
            if server.alive and (schema := await server.schema(settled=settled)) is not None:
                found[name] = self.schemas.keep(schema)
        self.seen = found
        return found

    async def empty(self) -> bool:
        """Whether the schemas are those of new stores, though a release with tables was live here."""
        known = self._store.state.known.get(self._store.state.current or "")
        if known is None or not known.schemas:
            return False
        found = await self.look()
        return any(
            found.get(store, digest) != digest and not self._tables(found[store]) and self._tables(digest)
            for store, digest in known.schemas.items()
        )

    async def run(self, release: str, launches: Iterable[Launch], progress: Progress) -> None:
        """Run the migrations of these, one after the other, and record what they did to schemas.

        Raises ServiceFailed; what a failed one did is recorded, too.
        """
        before: dict[str, str] | None = None
        for launch in launches:
            if not launch.migrate:
                continue
            before = before if before is not None else await self.look()
            told = {"service": launch.service, "revision": launch.revision}
            self._intend(step="migrate", migrating=told, before=before)
            progress(f"migrate {launch.revision}")
            try:
                await self._migrate(launch, launch.migrate)
            except BaseException:
                await asyncio.shield(self._after_failure(release, launch, before))
                raise
            after = await self.look()
            self._record(release, launch, before, after)
            before = after

    async def _after_failure(self, release: str, launch: Launch, before: Mapping[str, str]) -> None:
        after = dict.fromkeys(before, UNKNOWN)
        with contextlib.suppress(PlatformError):
            after |= await self.look(settled=True)
        state = self._recorded(release, launch.service, launch.revision, before, after, None)
        self._store.put(state)

    def _record(self, release: str, launch: Launch, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self._store.put(self._recorded(release, launch.service, launch.revision, before, after, launch))
        self._intend(migrating={}, before={})

    def _recorded(
        self,
        release: str,
        service: str,
        revision: str,
        before: Mapping[str, str],
        after: Mapping[str, str],
        done: Launch | None,
    ) -> State:
        """The state with what a migration changed. `done`: it came to its end, and completes what an earlier attempt
        with the same release left half done.
        """
        state = self._store.state
        for store, digest in after.items():
            mine = [one for one in state.applied if one.partial and (one.release, one.service) == (release, service)]
            half = next((one for one in mine if one.store == store), None)
            start = before.get(store, digest)
            if start == digest and (half is None or done is None):
                continue
            origin = self._without(half, before.get(store, half.after)) if half else start
            others = tuple(one for one in state.applied if one is not half)
            # A number of its own: whoever was live with the half was not with the whole.
            entry = Applied(
                number=state.next_number,
                release=release,
                service=service,
                revision=revision,
                store=store,
                before=origin,
                after=digest,
                kind=done.migration_kind if done else "irreversible",
                undo=bool(done and done.migrate_undo),
                partial=done is None,
                at=now(),
            )
            kept = others if origin == digest else (*others, entry)
            state = state.without_marks({half.number} if half else set(), kept, state.next_number + 1)
        return state

    async def on_the_way_to(self, release: str) -> list[Applied]:
        """Migrations that have to be taken back before this release can be live, the last one first.

        Raises PlatformError with the code `rollback-frozen` if that is not possible.
        """
        state = self._store.state
        since = state.since(release)
        if not since:
            return []
        schemas, found = state.known[release].schemas, await self.look()
        if schemas and all(found.get(store) == digest for store, digest in schemas.items()):
            return []
        if in_the_way := blocking(since):
            raise self._frozen(release, in_the_way)
        return to_be_undone(since)

    async def take_back(self, entries: Sequence[Applied], progress: Progress) -> None:
        """Take these back, in this order. Raises PlatformError with the code `migration-undo-failed`; what was taken
        back until then stays so, unless `do_again` runs it again.
        """
        ways = {entry.number: self._ways_back(entry) for entry in entries}
        done: set[tuple[str, str]] = set()
        for entry in entries:
            which = (entry.release, entry.revision)
            if which in done:
                continue
            done.add(which)
            together = [one for one in entries if (one.release, one.revision) == which]
            first: PlatformError | None = None
            for launch in ways[entry.number] or [None]:
                try:
                    await self._undo(entry, together, launch)
                except PlatformError as error:
                    first = first or error
                    if any(one not in self._store.state.applied for one in together):
                        raise
                else:
                    break
            else:
                assert first is not None
                raise first
            progress(f"the migration of {entry.revision} is taken back")

    def _ways_back(self, entry: Applied) -> list[Launch | None]:
        """Revisions whose `migrate_undo` takes this back, in the order in which they are tried: that of the present
        release, if it went live upon this and brought no change of its own, for there it can be mended; then its own.
        """
        state, own = self._store.state, self._launch(entry.revision)
        found: list[Launch | None] = [own] if own is not None and own.migrate_undo else []
        known = state.known.get(state.current or "")
        release = load_release(self._context.layout, state.current)
        if known is None or release is None or entry.number not in known.applied:
            return found
        name = next((one.name for one in release.revisions if one.service == entry.service), None)
        if name is None or any(one.revision == name for one in state.applied):
            return found
        mended = self._launch(name)
        return [mended, *found] if mended is not None and mended.migrate_undo else found

    async def _undo(self, entry: Applied, together: Sequence[Applied], launch: Launch | None) -> None:
        if launch is None or launch.migrate_undo is None:
            raise self._undo_failed(entry, "its revision, or the command that takes it back, is gone")
        check_unchanged(self._context.layout, launch, self._context.means.secrets)
        present = await self.look()
        if any(one.store not in present for one in together):
            raise self._undo_failed(entry, "its store is not there")
        expected = {one.store: self._without(one, present[one.store]) for one in together}
        self._intend(step="undo", undoing=entry.number, before=present)
        instance = Instance(self._context, launch, self._lookup)
        try:
            if any(present[store] != digest for store, digest in expected.items()):
                # Else it was mended by hand.
                if (manner := await instance.run_to_end("undoing of the migration", launch.migrate_undo)) is not None:
                    raise self._undo_failed(entry, manner, log=instance.last_lines())
                found = await self.look()
                for one in together:
                    if found.get(one.store) != expected[one.store]:
                        raise self._undo_failed(one, "the schema is not as it was", found.get(one.store))
        except BaseException:
            await asyncio.shield(self._after_failed_undo(together, present))
            raise
        gone = {one.number for one in together}
        self._store.change(applied=tuple(one for one in self._store.state.applied if one.number not in gone))
        self._intend(undoing=None, before={})

    def _without(self, entry: Applied, digest: str) -> str:
        """The digest of the present schema without what a migration changed, whatever else has changed since."""
        before, after = self.schemas.load(entry.before), self.schemas.load(entry.after)
        present = self.schemas.load(digest)
        if digest == entry.after or before is None or after is None or present is None:
            return entry.before
        names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        kept = {name: said for name, said in present.items() if name not in names}
        return self.schemas.keep({**kept, **{name: before[name] for name in names if name in before}})

    async def _after_failed_undo(self, together: Sequence[Applied], present: Mapping[str, str]) -> None:
        found = {one.store: UNKNOWN for one in together}
        with contextlib.suppress(PlatformError):
            found |= await self.look(settled=True)
        for entry in together:
            self._settle_undo(entry, found, present)

    def _settle_undo(self, entry: Applied, found: Mapping[str, str], present: Mapping[str, str]) -> None:
        """What became of a migration whose undoing did not come to its end; `present` was the schema before it."""
        before = present.get(entry.store, entry.after)
        digest = found.get(entry.store, before)
        if digest == before:
            return
        state = self._store.state
        others = tuple(one for one in state.applied if one.number != entry.number)
        if digest == self._without(entry, before):
            self._store.change(applied=others)
            return
        # A number of its own: no release was ever live with this, not even the present one.
        half = replace(entry, number=state.next_number, after=digest, partial=True, kind="irreversible")
        self._store.put(state.without_marks({entry.number}, (*others, half), state.next_number + 1))

    async def do_again(self, before: State, schemas: Mapping[str, str], progress: Progress) -> bool:
        """Run again what was taken back, also half, because the rollback did not succeed; whether all is as it was.

        `before` is the state before anything was taken back, `schemas` are those of then. Raises PlatformError.
        """
        for entry in before.applied:
            if entry in self._store.state.applied:
                continue
            launch = self._launch(entry.revision)
            if launch is None or not launch.migrate:
                continue
            present = await self.look()
            told = {"service": entry.service, "revision": entry.revision, "release": entry.release}
            self._intend(step="migrate", migrating=told, undoing=None, before=present)
            progress(f"migrate {launch.revision} again")
            try:
                await self._migrate(launch, launch.migrate)
            except BaseException:
                await asyncio.shield(self._after_failure(entry.release, launch, present))
                raise
            found = await self.look()
            if found == schemas:
                break
            # A half that did not become whole again stays one: nobody knows what is missing.
            mine = (entry.release, entry.service, True)
            half = any((one.release, one.service, one.partial) == mine for one in self._store.state.applied)
            whole = None if half else launch
            self._store.put(self._recorded(entry.release, entry.service, entry.revision, present, found, whole))
        if await self.look() != schemas:
            return False
        self._store.change(applied=before.applied, known=before.known)
        self._intend(migrating={}, undoing=None, before={})
        return True

    async def settle(self, intent: Intent) -> list[SchemaChange]:
        """After everything ended in the middle: what is half done of schemas, compared with how they were."""
        release, revision = intent.migrating.get("release", intent.release), intent.migrating.get("revision")
        if intent.undoing is not None:
            found = await self.look(settled=True)
            entry = next((one for one in self._store.state.applied if one.number == intent.undoing), None)
            if entry is None:
                return []
            release, revision = entry.release, entry.revision
            for one in self._store.state.applied:
                if (one.release, one.revision) == (release, revision):
                    self._settle_undo(one, found, intent.before)
        elif revision is not None:
            found = await self.look(settled=True)
            self._store.put(self._recorded(release, intent.migrating["service"], revision, intent.before, found, None))
        mine = [one for one in self._store.state.applied if (one.release, one.revision) == (release, revision)]
        return [self.told(one) for one in mine if one.partial]

    def told(self, entry: Applied) -> SchemaChange:
        """A migration as it is told."""
        return told(self.schemas, entry, self._context.redact)

    def prune(self) -> None:
        """Remove schemas that nothing refers to any more."""
        state = self._store.state
        needed = {digest for one in state.applied for digest in (one.before, one.after)}
        needed |= {digest for known in state.known.values() for digest in known.schemas.values()}
        self.schemas.prune(needed | set(state.intent.before.values() if state.intent else ()) | set(self.seen.values()))

    def _tables(self, digest: str) -> bool:
        return any(name.startswith("table ") for name in self.schemas.load(digest) or ())

    def _intend(self, **fields: object) -> None:
        if self._store.state.intent is not None:
            self._store.change(intent=replace(self._store.state.intent, **fields))  # type: ignore[arg-type]

    def _launch(self, revision: str) -> Launch | None:
        manifest = describe_revision(self._context.layout, revision)
        return Launch.load(manifest["launch"]) if manifest and "launch" in manifest else None

    def _frozen(self, release: str, in_the_way: Sequence[Applied]) -> PlatformError:
        first = self.told(in_the_way[0])
        manner = "was cut off in the middle" if first.partial else "can't be taken back"
        changed = [f"{one.store}: {text}" for one in map(self.told, in_the_way) for text in one.changes]
        return PlatformError(
            f"there is no way back to {release}: the migration of {first.service} in {first.release} changed the "
            f"schema of {first.store} and {manner}",
            code="rollback-frozen",
            where="; ".join(changed),
            expected="a migration that is declared compatible, or has a migrate_undo",
            hint="nothing was changed; mend the present release and deploy it. If older revisions run on what a "
            f'migration leaves, say so before it is deployed: migration = "compatible" in services.{first.service}',
        )

    def _undo_failed(
        self, entry: Applied, why: str, digest: str | None = None, log: tuple[str, ...] = ()
    ) -> ServiceFailed:
        wrong = self.schemas.changes(entry.before, digest) if digest is not None else ()
        return ServiceFailed(
            f"the migration of {entry.service} in {entry.release} could not be taken back: {why}",
            code="migration-undo-failed",
            where="; ".join(f"{entry.store}: {self._context.redact(text)}" for text in wrong) or entry.revision,
            expected="exit code 0, and the schema that was there before the migration",
            hint="traffic stays where it is; mend migrate_undo and deploy, then the mended one is used; or mend the "
            "schema by hand",
            log=log,
        )

    async def _migrate(self, launch: Launch, command: tuple[str, ...]) -> None:
        instance = Instance(self._context, launch, self._lookup)
        if (manner := await instance.run_to_end("migration", command)) is not None:
            raise ServiceFailed(
                f"the migration of {launch.service} failed: {manner}",
                code="migration-failed",
                where=str(instance.log),
                expected="exit code 0",
                hint="the old release goes on serving; mend the migration and deploy again",
                log=instance.last_lines(),
            )


def failure_of(error: BaseException) -> GreenproofError | None:
    """What one task of several raised; the others were only cancelled."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, GreenproofError) else None
