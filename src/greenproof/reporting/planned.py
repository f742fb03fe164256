"""What a deploy would change: for people, and as JSON (`planned.schema.json` beside this file)."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from greenproof.model.encoding import fields_of
from greenproof.model.releases import DeployPlan, Difference, Outlook, SchemaChange, ServicePlan, TrafficMove
from greenproof.model.text import printable

SCHEMA = "greenproof.plan/1"
_SHOWN = 20
_ACTIONS = {"keep": "keeps running", "start": "is started", "stop": "goes"}


def plan_lines(plan: DeployPlan, *, verbose: bool = False) -> Iterator[str]:
    """The first line says whether anything would change."""
    environment = printable(plan.environment)
    if plan.changes:
        yield f"a deploy to {environment} would lead from {plan.before or 'nothing'} to {plan.after or 'a new release'}"
    else:
        yield f"a deploy to {environment} would change nothing: {plan.before} is live"
    yield "nothing was changed or started to find that out"
    for remark in plan.remarks:
        yield printable(f"note: {remark}")
    if plan.changes:
        for service in plan.services:
            yield ""
            yield from _service(service, verbose)
        yield ""
        yield from _effects(plan)
    yield ""
    yield from _back(plan.rollback, plan.warm)


def _service(one: ServicePlan, verbose: bool) -> Iterator[str]:
    after = "a revision that is named once its secrets are made" if one.unnamed else one.after or "nothing"
    unchanged = one.before == one.after and not one.unnamed
    moved = f"{one.after}, unchanged" if unchanged else f"{one.before or 'new'} to {after}"
    yield printable(f"{one.service}: {moved}; {_ACTIONS[one.action]}")
    yield from _difference("file", one.files, verbose)
    for setting in one.settings:
        before, after = setting.before or "(empty)", setting.after or "(empty)"
        if setting.before is None:
            yield printable(f"  setting {setting.key}: added, {after}")
        elif setting.after is None:
            yield printable(f"  setting {setting.key}: removed, it was {before}")
        else:
            yield printable(f"  setting {setting.key}: {before}, now {after}")
    yield from _difference("package", one.packages, verbose)
    if one.migration:
        yield f"  its migration runs ({one.migration})"


def _difference(noun: str, found: Difference, verbose: bool) -> Iterator[str]:
    for what, names in (("added", found.added), ("changed", found.changed), ("removed", found.removed)):
        shown = names if verbose else names[:_SHOWN]
        yield from (printable(f"  {noun} {name}: {what}") for name in shown)
        if len(names) > len(shown):
            yield f"  and {len(names) - len(shown)} more {noun}s {what} (-v shows them)"


def _effects(plan: DeployPlan) -> Iterator[str]:
    groups = " -> ".join(" + ".join(group) for group in plan.order)
    yield f"order of start: {groups or 'nothing is started'}"
    for secret in plan.secrets:
        yield f"secret {secret}: made"
    gone = {one.service for one in plan.services if one.action == "stop"}
    for move in plan.traffic:
        yield printable(f"traffic of {move.service}{f' at {move.url}' if move.url else ''}: {_move(move, gone)}")


def _move(move: TrafficMove, gone: set[str]) -> str:
    after = move.after or "its new revision"
    if move.service in gone:
        return f"from {move.before} to nothing, which answers 503"
    # Nobody is taken from where nothing serves now.
    return f"from {move.before} to {after}, with all others" if move.before else f"to {after}, once it is ready"


def _back(outlook: Outlook, warm: str | None) -> Iterator[str]:
    yield f"kept warm: {warm or 'no other release'}"
    if outlook.release is None:
        yield "a rollback would have nowhere to go"
        return
    proven = "known good" if outlook.known_good else "not known to be good"
    manner = "at once" if outlook.warm else "after its services were started"
    if outlook.frozen:
        yield f"a rollback would be refused: there is no way back to {outlook.release} ({proven}) over"
        yield from (printable(f"  {_change(change)}") for change in outlook.frozen)
        return
    if outlook.undone or outlook.may_undo:
        yield f"a rollback would lead to {outlook.release} ({proven}), {manner} after taking back"
        yield from (f"  the migration of {name}, if it changes the schema" for name in outlook.may_undo)
        yield from (printable(f"  {_change(change)}") for change in outlook.undone)
    else:
        yield f"a rollback would lead to {outlook.release} ({proven}), {manner}"
    if outlook.may_freeze:
        yield "  unless a migration changes the schema that is declared neither compatible nor reversible: then refused"


def _change(change: SchemaChange) -> str:
    return f"the migration of {change.service} in {change.release}: {'; '.join(change.changes)}"


def plan_document(plan: DeployPlan) -> dict[str, Any]:
    """Plain JSON values."""
    return {"schema": SCHEMA, "changes": plan.changes, **fields_of(plan)}


def schema() -> dict[str, Any]:
    """The published JSON Schema of a plan."""
    loaded: dict[str, Any] = json.loads(
        files("greenproof.reporting").joinpath("planned.schema.json").read_text("utf-8")
    )
    return loaded
