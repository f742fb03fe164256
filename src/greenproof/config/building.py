"""From a valid document to a plan."""

from pathlib import Path
from types import MappingProxyType

from greenproof.config import document as shape
from greenproof.model import plan
from greenproof.model.performance import Measure, PerformanceTarget, Statistic
from greenproof.model.routes import Route


def build(document: shape.Document, root: Path) -> plan.Plan:
    """The plan of a document whose every reference is known to be right. `root` is absolute."""
    services = {name: _service(name, service, root) for name, service in document.services.items()}
    environments = tuple(plan.Environment(name, e.kind, e.platform) for name, e in document.environments.items())
    return plan.Plan(
        root=root,
        name=document.project.name,
        environments=environments or (plan.Environment("local"),),
        secrets=tuple(plan.Secret(name, s.generate, s.env, s.file) for name, s in document.secrets.items()),
        dependencies=tuple(plan.Dependency(name, d.kind, d.database) for name, d in document.dependencies.items()),
        services=tuple(services.values()),
        targets=tuple(_target(name, target, services, root) for name, target in document.targets.items()),
        plumbing=_plumbing(document.routes),
        claims=tuple(plan.Claim(tuple(c.tests), _parsed(c.routes)) for c in document.claims),
        features=tuple(plan.Feature(f.name, float(f.value), f.tier, tuple(f.tests)) for f in document.features),
        priorities=tuple(
            plan.Priority(p.name, tuple(p.tests), float(p.tolerated), p.gates) for p in document.priorities
        ),
        categories=tuple(plan.Category(c.name, tuple(c.tests), c.target) for c in document.categories),
        performance=tuple(_performance(p) for p in document.performance),
        suites=tuple(_suite(name, suite, root) for name, suite in document.suites.items()),
        loop=plan.LoopPolicy(**document.loop.model_dump()),
        sensitivity=plan.SensitivityPolicy(**document.sensitivity.model_dump()),
    )


def _performance(promise: shape.Performance) -> PerformanceTarget:
    return PerformanceTarget(
        promise.name,
        _parsed(promise.routes),
        float(promise.limit_ms),
        Measure(promise.measure),
        Statistic(promise.statistic),
        promise.event,
        promise.after,
        promise.minimum,
        promise.gates,
        promise.sent,
        promise.field,
        promise.link,
    )


def _service(name: str, service: shape.Service, root: Path) -> plan.Service:
    return plan.Service(
        name=name,
        source=(root / service.source).resolve(),
        command=tuple(service.command),
        include=tuple(service.include),
        migrate=tuple(service.migrate) if service.migrate else None,
        migrate_undo=tuple(service.migrate_undo) if service.migrate_undo else None,
        migration=service.migration,
        python=_beside(root, service.python),
        port=service.port,
        needs=tuple(service.needs),
        health=service.health,
        ready=service.ready,
        start_timeout=float(service.start_timeout),
        env=MappingProxyType(dict(service.env)),
        identity=_identity(service.identity),
        log=_log(service.log, root),
    )


def _target(name: str, target: shape.Target, services: dict[str, plan.Service], root: Path) -> plan.Target:
    """A target of a service says who it is, and keeps its log, as that service does."""
    service = services[target.service] if target.service else None
    return plan.Target(
        name=name,
        service=target.service,
        url=target.url,
        env=tuple(target.env),
        identity=service.identity if service and target.identity is None else _identity(target.identity),
        log=service.log if service and target.log is None else _log(target.log, root),
    )


def _suite(name: str, suite: shape.Suite, root: Path) -> plan.Suite:
    return plan.Suite(
        name=name,
        command=tuple(suite.command),
        kind=suite.kind,
        python=_beside(root, suite.python),
        directory=(root / suite.directory).resolve(),
        env=MappingProxyType(dict(suite.env)),
        writes=suite.writes,
        timeout=float(suite.timeout),
    )


def _identity(identity: shape.Identity | None) -> plan.IdentitySource:
    if identity is None:
        return plan.IdentitySource()
    return plan.IdentitySource(identity.header, identity.path, identity.field, identity.log_field)


def _log(log: shape.Log | None, root: Path) -> plan.LogSource:
    if log is None:
        return plan.LogSource()
    depth = log.depth or shape.Depth()
    return plan.LogSource(
        file=_beside(root, log.file),
        trace_field=log.trace_field,
        route_field=log.route_field,
        depth=plan.DepthNames(depth.field, tuple(depth.core), tuple(depth.cache), tuple(depth.canned)),
    )


def _beside(root: Path, text: str | None) -> Path | None:
    # Not resolved: the interpreter of a virtual environment is often reached through a link, and must be.
    return None if text is None else root / text


def _plumbing(routes: shape.Routes | None) -> tuple[Route, ...]:
    if routes is None or routes.plumbing is None:
        return plan.DEFAULT_PLUMBING
    return _parsed(routes.plumbing)


def _parsed(routes: list[str]) -> tuple[Route, ...]:
    return tuple(Route.parse(route) for route in routes)
