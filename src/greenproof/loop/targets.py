"""The targets of a run: who they are before the suite begins, and whether they still are afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from greenproof.adapters.probes.identity import TargetIdentity, identify
from greenproof.analysis.authenticity import reasons
from greenproof.loop.proof_request import Listener, ProofRequest, ProofTarget
from greenproof.model.errors import GreenproofError
from greenproof.model.exits import ExitCode
from greenproof.model.facts import TARGET_PROBE, Reading
from greenproof.model.proof import TargetSeen
from greenproof.model.verdicts import Reason


class TargetDownError(GreenproofError):
    """No target could be reached before the suite began, so nothing can be verified."""

    exit_code = ExitCode.NOTHING_VERIFIED


def looked_at(request: ProofRequest, listener: Listener) -> tuple[tuple[TargetSeen, ...], frozenset[str]]:
    """What each target says before the suite begins, and which of them can't be reached.

    A target that is slow or talks nonsense is told and judged by the tests all the same, and so is one of several that
    is down. If none can be reached, a run would only make noise: TargetDownError.
    """
    seen, dead, told = [], {}, []
    for target in request.targets:
        identity = _identify(target)
        detail = request.redact(identity.detail)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        state, revision = identity.state, identity.revision
        listener.reading(
            Reading(target.name, TARGET_PROBE, at, identity.answered, state, revision, identity.latency_ms, detail)
        )
        if not identity.answered:
            told.append(f"target {target.name} at {request.redact(target.url)}: {detail}")
        if not identity.reachable:
            dead[target.name] = (detail, identity.hint)
        seen.append(_seen(target, identity, request))
    if dead and len(dead) == len(request.targets):
        raise _down(dead, request)
    for line in told:
        listener.say(line)
    return tuple(seen), frozenset(dead)


def _down(dead: Mapping[str, tuple[str, str]], request: ProofRequest) -> TargetDownError:
    what = "; ".join(f"{name}: {detail}" for name, (detail, _) in dead.items())
    hints = dict.fromkeys(hint for _, hint in dead.values())
    return TargetDownError(
        f"no target can be reached, so nothing was run: {what}",
        code="target-down",
        where=", ".join(request.redact(t.url) for t in request.targets),
        expected="a service that answers HTTP",
        hint="; ".join(hints),
    )


def _seen(target: ProofTarget, identity: TargetIdentity, request: ProofRequest) -> TargetSeen:
    """What the target names at the start, and what is therefore expected of every answer."""
    if expected := request.expect.get(target.name):
        return TargetSeen(target.name, target.url, expected, "--expect", identity.revision)
    if target.revision:
        return TargetSeen(target.name, target.url, target.revision, "platform", identity.revision)
    named_by = "seen at the start" if identity.revision else "nobody"
    return TargetSeen(target.name, target.url, identity.revision, named_by, identity.revision)


def _identify(target: ProofTarget) -> TargetIdentity:
    return identify(target.url, target.identity, ca=str(target.ca) if target.ca else None)


def still_the_same(
    targets: Sequence[TargetSeen], request: ProofRequest
) -> tuple[tuple[TargetSeen, ...], tuple[Reason, ...]]:
    """Ask each named target again: a release that changed under the suite proves nothing."""
    after, changed = [], []
    by_name = {t.name: t for t in request.targets}
    for target in targets:
        now = _identify(by_name[target.name]).revision if target.at_start else None
        after.append(replace(target, at_end=now))
        if now is not None and now != target.at_start:
            text = f"{target.name}: named {target.at_start} before the run, and {now} after it."
            changed.append(reasons.RELEASE_CHANGED.reason(text))
    return tuple(after), tuple(changed)
