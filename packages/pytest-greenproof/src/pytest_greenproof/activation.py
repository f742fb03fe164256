"""The start: who are we, say hello, and put every instrument in its place."""

from __future__ import annotations

import glob
import os
import platform
from typing import Any, Callable, Dict, List, Optional

import pytest

from pytest_greenproof import browsers, imports, raises, rewriting, sockets, unittests
from pytest_greenproof.cases import Cases
from pytest_greenproof.checks import Counter
from pytest_greenproof.collection import Collection
from pytest_greenproof.control import Address, Control
from pytest_greenproof.installed import installed
from pytest_greenproof.instruments import Instruments
from pytest_greenproof.mocks import MODULES, Mocks
from pytest_greenproof.reports import Reports
from pytest_greenproof.threads import Ownership
from pytest_greenproof.tree import SuiteTree

CONTROL = "GREENPROOF_CONTROL"
WITHIN = "GREENPROOF_WITHIN"
"""Set by us for child processes: `ROLE:PID:CONTROL` of the process that they descend from."""

_XDIST_WORKER = "PYTEST_XDIST_WORKER"


class Identity:
    """Which process of the test command this is."""

    def __init__(self, control: str) -> None:
        role, _, rest = os.environ.get(WITHIN, "").partition(":")
        pid, _, ancestor = rest.partition(":")
        descends = ancestor == control and pid != str(os.getpid())
        worker = os.environ.get(_XDIST_WORKER)
        # xdist's variable alone says little: every child of a worker inherits it.
        self.worker = worker if descends and role == "main" and worker else None
        self.nested = descends and self.worker is None
        self.role = "worker" if self.worker else "main"

    def leave_mark(self, control: str) -> None:
        """Let children know that a plugin is active above them."""
        role = "nested" if self.nested else self.role
        os.environ[WITHIN] = f"{role}:{os.getpid()}:{control}"


class Activation:
    """An active plugin: its parts, and how to end them."""

    def __init__(
        self,
        control: Control,
        cases: Cases,
        collection: Collection,
        *,
        worker: bool,
        fault_run: bool,
    ) -> None:
        self.control = control
        self.cases = cases
        self.collection = collection
        self.reports = Reports(control)
        self.worker = worker
        self.fault_run = fault_run

    def end(self) -> None:
        """Leave the process as it is, silent."""
        sockets.observe(None)
        self.control.close()
        os.environ.pop(WITHIN, None)


def activate(config: pytest.Config, notice: Callable[[str], None]) -> Optional[Activation]:
    """Say hello and start to count; None if nobody answers, or if an ancestor already does this."""
    text = os.environ[CONTROL]
    try:
        address = Address.parse(text)
    except ValueError:
        notice(f"greenproof: {CONTROL} is not HOST:PORT:TOKEN; the tests go on without the witness")
        return None
    identity = Identity(text)
    control = Control(notice)
    control.connect(address)
    welcome = control.ask(_hello(config, address.token, identity)) if control.alive else {}
    if not control.alive:
        return None
    if identity.nested:
        # Its outcomes are its parent test's business; its exchanges are joined by the process
        # table.
        control.ask({"m": "bye", "exit_status": None})
        control.close()
        identity.leave_mark(text)
        return None
    identity.leave_mark(text)
    os.environ.update({str(name): str(url) for name, url in (welcome.get("addresses") or {}).items()})
    return _equip(config, control, address, identity, welcome)


def _equip(
    config: pytest.Config,
    control: Control,
    address: Address,
    identity: Identity,
    welcome: Dict[str, Any],
) -> Activation:
    ownership = Ownership()
    mocks = Mocks()
    tree = SuiteTree([str(config.rootpath), *_folders(config)])
    counted = imports.CountedImports(tree)
    counter = _count_checks(counted, ownership)
    relay = [(str(ip), int(port)) for ip, port in welcome.get("relay") or ()]
    observed = sockets.Sockets(
        relay, (address.host, address.port), lambda ip, port: cases.source(ip, port), ownership.child_starting
    )
    fault_run = welcome.get("run", "plain") != "plain"
    instruments = Instruments(counter, observed, mocks)
    cases = Cases(control, ownership, instruments, bool(identity.worker), tree.holds, exact=fault_run)
    ownership.watch_threads()
    counted.when_imported("concurrent.futures.thread", ownership.watch_pool)
    for name in MODULES:
        counted.when_imported(name, mocks.watch)
    for name in browsers.MODULES:
        counted.when_imported(name, ownership.strays.browsers.watch)
    sockets.observe(observed)
    activation = Activation(
        control,
        cases,
        Collection(control, welcome.get("select")),
        worker=bool(identity.worker),
        fault_run=fault_run,
    )
    _leave_at_fork(activation)
    return activation


def _count_checks(counted: imports.CountedImports, ownership: Ownership) -> Optional[Counter]:
    counter = Counter(lambda: ownership.of_current_thread() is ownership.running)
    try:
        rewriting.install(counted)
        raises.watch(counter.check)
        counted.when_imported("unittest.case", lambda module: unittests.watch(module, counter.check))
        counted.when_imported("unittest._log", lambda module: unittests.watch_contexts(module, counter.check))
    except Exception:
        # Private parts of an unknown pytest: better no count than a broken suite.
        return None
    return counter


def _leave_at_fork(activation: Activation) -> None:
    def leave() -> None:
        # The child shares the parent's connection: one word there, and the parent's messages are
        # broken.
        activation.control.forget()
        sockets.observe(None)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=leave)


def _hello(config: pytest.Config, token: str, identity: Identity) -> Dict[str, Any]:
    return {
        "m": "hello",
        "token": token,
        "pid": os.getpid(),
        "role": identity.role,
        "worker": identity.worker,
        "nested": identity.nested,
        "python": platform.python_version(),
        "installed": installed(),
        "pytest": pytest.__version__,
        "rootdir": str(config.rootpath),
        "arguments": _arguments(config),
        "python_files": list(config.getini("python_files")),
        "python_classes": list(config.getini("python_classes")),
        "python_functions": list(config.getini("python_functions")),
        "optimised": not __debug__,
    }


def _arguments(config: pytest.Config) -> List[str]:
    """What pytest will look for: the command line, else `testpaths`, else the folder."""
    given = list(getattr(config.known_args_namespace, "file_or_dir", None) or ())
    here = str(config.invocation_params.dir)
    if given:
        return [str(argument) for argument in given]
    if config.invocation_params.dir == config.rootpath:
        for pattern in config.getini("testpaths"):
            given.extend(sorted(glob.glob(os.path.join(here, pattern), recursive=True)))
    return given or [here]


def _folders(config: pytest.Config) -> List[str]:
    """Folders that the arguments name; a test may lie outside the root folder."""
    folders = []
    for argument in _arguments(config):
        path = os.path.join(str(config.invocation_params.dir), argument.split("::")[0])
        if os.path.exists(path):
            folders.append(path if os.path.isdir(path) else os.path.dirname(path))
    return folders
