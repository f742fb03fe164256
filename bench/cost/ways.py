"""The ways in which the suite is run, and what each run costs."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from environment import HERE, interpreter

from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.adapters.runners.witnessed import plugin_folder, witnessed_environment
from greenproof.model.facts import Outcome

TESTS = 500
TIMEOUT_S = 240.0
_SUITE = HERE / "suite"
_UNWANTED = ("PYTEST_", "GREENPROOF_", "DD_", "OTEL_", "PYTHONPATH", "TRACEPARENT")


@dataclass(frozen=True)
class Cost:
    """What one run cost."""

    cpu_s: float
    """User and system time of the test command and all that it waited for."""
    wall_s: float
    relay_cpu_s: float | None = None


@dataclass
class Place:
    """What all runs share."""

    ports: Mapping[str, int]
    state: Path
    python: Path = field(default_factory=interpreter)

    def url(self, port: str) -> str:
        """Address of one of the ports."""
        return f"http://127.0.0.1:{self.ports[port]}"

    def environment(self, service: str) -> dict[str, str]:
        """The environment of plain pytest: no plugin is loaded that is not asked for."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_UNWANTED)}
        return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "SERVICE_URL": self.url(service)}

    def command(self, *options: str) -> list[str]:
        """The test command."""
        return [str(self.python), "-m", "pytest", *options]

    def received(self) -> dict[str, int]:
        """What came to the sink."""
        with urllib.request.urlopen(f"{self.url('sink')}/received", timeout=10) as answer:
            return dict(json.load(answer))


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """The servers, in a process of their own."""
    with tempfile.TemporaryDirectory(prefix="cost-") as folder:
        command = [str(interpreter()), str(HERE / "serving.py")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield Place(json.loads(process.stdout.readline()), Path(folder))
        finally:
            process.kill()
            process.communicate(timeout=10)


def plain(here: Place, service: str = "at_once") -> Cost:
    """pytest and nothing else."""
    return _run(here.command(), here.environment(service))


def plugin(here: Place, service: str = "at_once") -> Cost:
    """The plugin and its control connection; requests go straight to the service."""
    return _witnessed(here, service, {}, exchanges=0)


def relay(here: Place, service: str = "at_once") -> Cost:
    """The plugin, and each request through the relay."""
    return _witnessed(here, service, {"SERVICE_URL": "http://{hostport}"}, exchanges=TESTS)


def ddtrace(here: Place, service: str = "at_once") -> Cost:
    """Datadog's test visibility, its agent a local sink."""
    environment = here.environment(service) | {
        "DD_TRACE_AGENT_URL": here.url("sink"),
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
        "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    }
    before = here.received()
    cost = _run(here.command("-p", "ddtrace.testing.internal.pytest.entry_point", "--ddtrace"), environment)
    _expect_export(before, here.received(), "citestcycle")
    return cost


def opentelemetry(here: Place, service: str = "at_once") -> Cost:
    """pytest-opentelemetry, exporting to a local sink."""
    environment = here.environment(service) | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": here.url("sink"),
        "OTEL_TRACES_EXPORTER": "otlp_proto_http",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    before = here.received()
    cost = _run(here.command("-p", "pytest_opentelemetry.plugin", "--export-traces"), environment)
    _expect_export(before, here.received(), "/v1/traces")
    return cost


def _expect_export(before: Mapping[str, int], after: Mapping[str, int], path: str) -> None:
    """A peer that exports nothing costs too little: that would be no comparison."""
    if not any(path in name and number > before.get(name, 0) for name, number in after.items()):
        raise RuntimeError(f"nothing was exported to {path}: {sorted(after)}")


def _witnessed(here: Place, service: str, variables: dict[str, str], exchanges: int) -> Cost:
    target = RelayTarget("service", here.url(service), variables)
    with Witness.start([target], state=here.state / "relay") as witness:
        process = psutil.Process(witness.pid)
        before = _cpu(process)
        witness.begin(None, None)
        environment = witnessed_environment(
            here.environment(service), plugin=plugin_folder(here.state), control=witness.control,
            addresses=witness.addresses(), bundle=None, command=here.command(), fault_run=False,
        )  # fmt: skip
        cost = _run(here.command(), environment)
        seen = witness.finish(exit_code=0, timed_out=False, duration_s=cost.wall_s)
        spent = _cpu(process) - before
    passed = sum(case.outcome is Outcome.PASSED for case in seen.cases)
    joined = sum(exchange.case is not None for exchange in seen.exchanges)
    if (passed, joined) != (TESTS, exchanges) or seen.hook_errors:
        raise RuntimeError(f"{passed} cases passed, {joined} exchanges were joined: {seen.hook_errors}")
    return Cost(cost.cpu_s, cost.wall_s, spent)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run to the end; the kernel says what it cost."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=_SUITE, env=dict(environment), stdout=output, stderr=output, start_new_session=True
        )
        guard = threading.Timer(TIMEOUT_S, os.killpg, (process.pid, signal.SIGKILL))
        guard.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            guard.cancel()
            with contextlib.suppress(ProcessLookupError):
                # What it left behind, or all of it when we were interrupted.
                os.killpg(process.pid, signal.SIGKILL)
        wall = time.monotonic() - started
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode or f"{TESTS} passed" not in text:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {text[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall)
