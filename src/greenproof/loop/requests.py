"""From a plan and a command line to a request for a proof."""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from greenproof.adapters.platforms.base import Serving
from greenproof.adapters.runners.addresses import check_url
from greenproof.adapters.runners.witnessed import own_bundle
from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.conclusion import Gate
from greenproof.loop.proof_request import ProofRequest, ProofTarget
from greenproof.model.errors import UsageError
from greenproof.model.plan import Environment, Plan, Suite, Target
from greenproof.model.redaction import Redactor

_REFERENCE = re.compile(r"\{([a-z0-9_-]+)\.([a-z0-9_-]+)\}")


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says beside the configuration."""

    targets: Mapping[str, str] = field(default_factory=dict)
    """Name to URL."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variable to target name."""
    expect: Mapping[str, str] = field(default_factory=dict)
    faults: bool = True
    fail_fast: bool = False
    timeout: float = 900.0
    removed: tuple[str, ...] = ()
    """Globs of cases that are gone on purpose."""
    confine: bool = False
    side: bool = False
    """The platform is a side release: services are asked there and nowhere else."""


def pairs(option: str, values: Iterable[str]) -> dict[str, str]:
    """Parse repeated `NAME=VALUE` options; UsageError that names the option otherwise."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name or not rest:
            raise UsageError(
                f"{option} {value!r} is not of the form NAME=VALUE",
                code="option-pair",
                where=option,
                expected="NAME=VALUE, both not empty",
            )
        if found.get(name, rest) != rest:
            raise UsageError(
                f"{option} names {name!r} twice", code="option-twice", where=option, expected="each name once"
            )
        found[name] = rest
    return found


def environment_of(plan: Plan, name: str | None) -> Environment:
    """The named environment, else the first of the plan."""
    for environment in plan.environments:
        if name in (None, environment.name):
            return environment
    known = ", ".join(e.name for e in plan.environments)
    raise UsageError(
        f"there is no environment {name!r}",
        code="unknown-environment",
        where="--environment",
        expected=f"one of {known}",
    )


def suite_of(plan: Plan, name: str | None) -> Suite:
    """The named suite, else the first of the plan."""
    for suite in plan.suites:
        if name in (None, suite.name):
            return suite
    known = ", ".join(s.name for s in plan.suites)
    if not known:
        raise UsageError(
            "no suite is configured" if name is None else f"there is no suite {name!r}: none is configured",
            code="unknown-suite",
            where="greenproof.toml, [suites.NAME]",
            expected='a suite: `[suites.e2e]` with its `command`, such as ["pytest", "e2e"]',
            hint="`greenproof init` proposes one; `greenproof prove -- COMMAND` needs none",
        )
    raise UsageError(f"there is no suite {name!r}", code="unknown-suite", where="--suite", expected=f"one of: {known}")


def prove_request(
    plan: Plan, environment: Environment, platform: Serving | None, command: tuple[str, ...], overrides: Overrides
) -> ProofRequest:
    """The request for `greenproof prove`."""
    if environment.kind == "production" and overrides.faults:
        raise UsageError(
            f"faults are refused on {environment.name}, which is a production environment",
            code="production-faults",
            where=f"environments.{environment.name}",
            expected="--no-faults, which reaches 'inconclusive' at best",
        )
    targets = _targets(plan, platform, overrides)
    _check_names("--env", overrides.variables.values(), targets)
    _check_names("--expect", overrides.expect, targets)
    return ProofRequest(
        command=command,
        directory=Path.cwd(),
        state=plan.state,
        targets=targets,
        claims=Claims(plan.claims, plan.plumbing),
        performance=plan.performance,
        expect=overrides.expect,
        gate=Gate(plan.priorities, command),
        faults=overrides.faults,
        fail_fast=overrides.fail_fast,
        timeout=overrides.timeout,
        removed=overrides.removed,
        confine=overrides.confine,
        redact=_redactor(platform),
    )


def suite_request(plan: Plan, environment: Environment, platform: Serving, suite: Suite) -> ProofRequest:
    """The request for a configured suite."""
    python = _python(suite)
    variables = {name: _filled(value, platform, f"suites.{suite.name}.env.{name}") for name, value in suite.env.items()}
    command = tuple(token.replace("{python}", python) for token in suite.command)
    return ProofRequest(
        command=command,
        directory=suite.directory or plan.root,
        state=plan.state,
        targets=_targets(plan, platform, Overrides()),
        claims=Claims(plan.claims, plan.plumbing),
        # Tests that need no system measure none.
        performance=() if suite.kind == "offline" else plan.performance,
        gate=Gate(plan.priorities, command),
        faults=environment.kind != "production",
        timeout=suite.timeout,
        environment={**os.environ, **variables},
        offline=suite.kind == "offline",
        redact=_redactor(platform),
    )


def _redactor(platform: Serving | None) -> Callable[[str], str]:
    return Redactor(platform.secrets().values() if platform else ()).text


def _filled(value: str, platform: Serving, where: str) -> str:
    """A value with `{secret.NAME}` and `{SERVICE.url}` in place; only the test process ever gets it."""

    def one(match: re.Match[str]) -> str:
        owner, field = match.groups()
        found = platform.secrets().get(field) if owner == "secret" else _part(platform.address(owner), field)
        if found is None:
            raise UsageError(
                f"{match.group()} has no value",
                code="suite-reference",
                where=where,
                expected="{secret.NAME} of [secrets], or {SERVICE.url}, .host or .port of a deployed service",
            )
        return found

    return _REFERENCE.sub(one, value)


def _part(url: str | None, field: str) -> str | None:
    """`url`, `host` or `port` of an address."""
    if url is None:
        return None
    parts = urlsplit(url)
    return {"url": url, "host": parts.hostname, "port": str(parts.port or "")}.get(field)


def _python(suite: Suite) -> str:
    if suite.python is None:
        return shutil.which("python3") or "python3"
    python = suite.python / "bin" / "python"
    if not python.exists():
        raise UsageError(
            f"the suite {suite.name} has no interpreter",
            code="suite-python",
            where=str(python),
            expected="a virtual environment with the suite's own dependencies",
            hint=f"python3 -m venv {suite.python}, and install what the suite needs",
        )
    return str(python)


def _targets(plan: Plan, platform: Serving | None, overrides: Overrides) -> tuple[ProofTarget, ...]:
    known = {target.name: target for target in plan.targets}
    # With addresses on the command line, only those are meant.
    names = list(overrides.targets) or list(known)
    if not names:
        raise UsageError(
            "there is no target, so nothing would be run against a real host",
            code="no-target",
            where="--target",
            expected="--target NAME=URL, or [targets.NAME] in greenproof.toml",
            hint="greenproof prove --target api=http://localhost:8000 -- pytest tests",
        )
    release = platform.status().current if platform else None
    revisions = {r.service: r.name for r in release.revisions} if release else {}
    found = []
    for name in names:
        target = known.get(name, Target(name))
        extra = tuple(variable for variable, of in overrides.variables.items() if of == name)
        url = overrides.targets.get(name) or (None if overrides.side and target.service else target.url)
        if url is None:
            found.append(_service_target(target, platform, revisions, extra, overrides.side))
        else:
            found.append(
                ProofTarget(
                    name,
                    check_url(name, url),
                    (*target.env, *extra),
                    target.service,
                    identity=target.identity,
                    log=target.log.file,
                    log_source=target.log,
                    ca=own_bundle(os.environ) if url.startswith(("https", "wss")) else None,
                )
            )
    return tuple(found)


def _service_target(
    target: Target, platform: Serving | None, revisions: Mapping[str, str], extra: tuple[str, ...], side: bool
) -> ProofTarget:
    service = target.service or target.name
    url = platform.address(service) if platform else None
    if platform is None or url is None or service not in revisions:
        raise UsageError(
            f"the target {target.name} is the service {service}, and that is not deployed",
            code="not-deployed",
            where=f"targets.{target.name}",
            expected="a running environment with a release",
            hint="greenproof up, then greenproof deploy; or name an address: --target NAME=URL",
        )
    return ProofTarget(
        target.name,
        url,
        (*target.env, *extra),
        service,
        revisions[service],
        target.identity,
        platform.log_path(service) if side else target.log.file or platform.log_path(service),
        target.log,
    )


def check_side(plan: Plan, overrides: Overrides) -> None:
    """Whether any target would be asked at a side release. Raises UsageError."""
    if overrides.targets or not any(target.service for target in plan.targets):
        raise UsageError(
            "no target is a service of the configuration, so nothing of the side release would be tested",
            code="side-unused",
            where="the targets",
            expected="[targets.NAME] with a service, and no --target",
        )


def _check_names(option: str, names: Iterable[str], targets: tuple[ProofTarget, ...]) -> None:
    known = [t.name for t in targets]
    for name in names:
        if name not in known:
            raise UsageError(
                f"{option} names {name!r}, which is no target",
                code="unknown-target",
                where=option,
                expected=f"one of {', '.join(known)}",
            )
