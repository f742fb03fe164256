"""What was cut off, and what a sleeping environment remembers: told from the files alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.manifests import load_release
from greenproof.adapters.platforms.local.redaction import Redactor
from greenproof.adapters.platforms.local.schemas import Schemas
from greenproof.adapters.platforms.local.state import Applied, Intent, State, read_state
from greenproof.model.errors import PlatformError
from greenproof.model.facts import Release
from greenproof.model.releases import CutOff, ReleaseBook, SchemaChange


def told(schemas: Schemas, entry: Applied, redact: Callable[[str], str]) -> SchemaChange:
    """A migration as it is told."""
    changes = tuple(redact(text) for text in schemas.changes(entry.before, entry.after))
    kind = "irreversible" if entry.partial else entry.kind
    return SchemaChange(entry.release, entry.service, entry.store, kind, entry.partial, changes)


def cut_off(intent: Intent, outcome: str, why: str, schema: Sequence[SchemaChange] = ()) -> CutOff:
    """What became of something that did not come to its end."""
    what = f"the {intent.effect} of" if intent.effect == "deploy" else "the rollback to"
    begin = f"{what} {intent.release}, begun {intent.since[:19]} UTC, was cut off at the step {intent.step} ({why})"
    changes = "; ".join(text for one in schema for text in one.changes)
    ends = {
        "finished": f"it is finished, traffic is on {intent.release}",
        "undone": "it is undone, the release before stays",
        "half-migrated": f"it is undone, but a migration stays half done: {changes}. "
        "Deploy the same release again to finish it",
        "pending": "the next `up`, `deploy` or `rollback` finishes or undoes it",
    }
    detail = f"{begin}: {ends[outcome]}"
    code = "deploy-cut-off" if intent.effect == "deploy" else "rollback-cut-off"
    return CutOff(
        effect=intent.effect,
        release=intent.release,
        since=intent.since,
        step=intent.step,
        outcome=outcome,
        key=intent.key,
        detail=detail,
        schema=tuple(schema),
        code="migration-cut-off" if outcome == "half-migrated" else code,
    )


def book(
    state: State,
    schemas: Schemas,
    redact: Callable[[str], str],
    *,
    warm: str | None = None,
    remembered: Release | None = None,
    unrestored: str = "",
) -> ReleaseBook:
    """What is remembered, for people and for the loop."""
    ahead = [one for one in state.since(state.current) if one.kind != "compatible"] if state.current else []
    return ReleaseBook(
        good=state.good,
        warm=warm,
        remembered=remembered,
        unrestored=unrestored,
        cut_off=state.cut_off,
        schema=tuple(told(schemas, one, redact) for one in ahead),
        switches=state.switches,
        fence=state.fence,
        known=tuple(state.known),
    )


def asleep(layout: Layout) -> tuple[Release | None, ReleaseBook]:
    """The release before and what is remembered, of an environment that is not up."""
    state, schemas = read_state(layout), Schemas(layout.releases / "schemas")
    found = book(state, schemas, Redactor(), remembered=load_release(layout, state.current))
    if state.intent is not None:
        pending = cut_off(state.intent, "pending", "the platform's own process ended")
        found = replace(found, cut_off=pending)
    return load_release(layout, state.previous), found


def refuse_fenced(state: State, fence: int | None, environment: str) -> None:
    """Raises PlatformError for a loop in whose place another one acts."""
    if fence is not None and fence < state.fence:
        raise PlatformError(
            f"this loop may not act any more: its number is {fence}, and number {state.fence} has taken over",
            code="fenced-off",
            where=f"environment {environment}",
            expected="the newest loop of the environment",
            hint="end this loop; the other one goes on",
        )
