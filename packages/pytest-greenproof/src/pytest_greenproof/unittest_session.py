"""One process of a unittest run: hello, the cases with their phases, and good-bye."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from pytest_greenproof import browsers, imports, sockets, unittests
from pytest_greenproof.blame import is_deliberate, text_of
from pytest_greenproof.checks import Counter
from pytest_greenproof.clock import now
from pytest_greenproof.control import Address, Control
from pytest_greenproof.installed import installed
from pytest_greenproof.instruments import Instruments
from pytest_greenproof.mocks import MODULES, Mocks
from pytest_greenproof.texts import PART, head, parts
from pytest_greenproof.threads import Case, Ownership
from pytest_greenproof.tree import SuiteTree

CONTROL = "GREENPROOF_CONTROL"
WITHIN = "GREENPROOF_WITHIN"
# No name of Python begins so: only methods of TestCase classes are tests here.
_NO_NAME = ":"

_REPORTS = {
    "passed": ("passed", False), "failed": ("failed", False), "skipped": ("skipped", False),
    "xfailed": ("skipped", True), "xpassed": ("passed", True),
}  # fmt: skip


class Session:
    """Tells the witness where each case is. unittest's own set-up and teardown of a case belong to its call phase."""

    def __init__(
        self, control: Control, ownership: Ownership, instruments: Instruments, tree: SuiteTree, welcome: Dict[str, Any]
    ) -> None:
        self.fault_run = welcome.get("run") in ("error", "value")
        self._control = control
        self._ownership = ownership
        self._instruments = instruments
        self._tree = tree
        select = welcome.get("select")
        self._select = None if select is None else frozenset(select)
        self._root = os.getcwd()
        self._begun: Optional[str] = None
        """The case whose set-up was told: by the set-up of its class, or by itself."""
        self._spans: List[List[Any]] = []
        self._mocks_before = 0
        self.stopped = False

    @property
    def selects(self) -> bool:
        """Whether only some cases are to run."""
        return self._select is not None

    def wants(self, case: str) -> bool:
        """Whether a case is to run."""
        return self._select is None or case in self._select

    def name(self, test: Any) -> str:
        """The node id of a test, as pytest would call it: `tests/test_shop.py::TestShop::test_order`."""
        kind = type(test)
        method = getattr(test, "_testMethodName", None)
        path = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if method is None or path is None:
            return str(test.id())
        inside = os.path.relpath(os.path.abspath(path), self._root).replace(os.sep, "/")
        return "::".join([inside, *kind.__qualname__.split("."), method])

    def collected(self, ids: Sequence[str], errors: Sequence[Tuple[str, str]]) -> None:
        """What was found."""
        dropped = [case for case in ids if not self.wants(case)]
        kept = [case for case in ids if self.wants(case)]
        told = {"ids": kept, "deselected": dropped, "errors": [] if self.selects else [list(pair) for pair in errors]}
        empty: Dict[str, Any] = {"m": "collected", "ids": [], "deselected": [], "errors": [], "skipped": []}
        for field, entries in told.items():
            for part in parts(entries, PART):
                self._control.tell({**empty, field: part})
        self._control.flush()

    def begin(self, test: Any) -> None:
        """The set-up of a case starts, perhaps with that of its class."""
        case = self.name(test)
        if self._begun == case:
            return
        self._begun = case
        self._mocks_before = self._instruments.mocks.calls
        owned = Case(case)
        self._ownership.begin(owned)
        message: Dict[str, Any] = {"m": "setup", "case": case, "ns": now()}
        strays = self._ownership.strays.left()
        if strays:
            message["strays"] = strays
            message["stray_children"] = self._ownership.strays.children()
        self._ask(message)

    def class_was_set_up(self, test: Any, start_ns: int) -> None:
        """The set-up of the test's class (or module) ended, for this case and the others of the class."""
        self._spans.append([self._class_key(test), self.name(test), start_ns, now()])

    def call(self, test: Any) -> None:
        """The case itself starts."""
        self.begin(test)
        case = self.name(test)
        spans, self._spans = self._spans, []
        self._ask({"m": "call", "case": case, "ns": now(), "fixtures": [self._class_key(test)], "spans": spans})
        running = self._ownership.running
        if running is not None:
            self._ownership.strays.enter_call(running)
        self._instruments.start(self._ownership.strangers())

    def end(self, test: Any, outcome: str, exception: Optional[BaseException], reason: Optional[str]) -> None:
        """The case is over."""
        case = self.name(test)
        self._ownership.strays.leave_call()
        shown = self._instruments.stop(self._mocks_before)
        if self._instruments.counter is None and not shown["checks"]:
            shown["checks"] = None
        self._ask({"m": "teardown", "case": case, "ns": now(), "spans": [], "fixtures": [], **shown})
        failure = self._failure(test, exception) if outcome == "failed" and exception is not None else None
        self._conclude(case, outcome, failure, reason, "call")

    def never_called(self, test: Any, outcome: str, exception: BaseException) -> None:
        """The set-up of its class failed, or skipped the class."""
        self.begin(test)
        case = self.name(test)
        self._ask({"m": "teardown", "case": case, "ns": now(), "spans": [], "fixtures": []})
        failure = {
            "phase": "setup",
            "kind": "error",
            "type": type(exception).__name__,
            "text": head(text_of(exception)),
        }
        failed = outcome == "failed"
        told = "error" if failed else outcome
        self._conclude(case, told, failure if failed else None, None if failed else text_of(exception), "setup")

    def leave(self, status: int) -> None:
        """The process is about to exit with this status."""
        self._control.ask({"m": "bye", "exit_status": status})
        sockets.observe(None)
        self._control.close()
        os.environ.pop(WITHIN, None)

    def source(self, ip: str, port: int) -> None:
        """A socket of the calling thread is about to connect to the relay from here."""
        owner = self._ownership.of_current_thread()
        case = None if owner is None else owner.id
        ambiguous = owner is not self._ownership.running
        self._ask({"m": "source", "ip": ip, "port": port, "case": case, "ambiguous": ambiguous})

    def _conclude(
        self, case: str, outcome: str, failure: Optional[Dict[str, Any]], reason: Optional[str], phase: str
    ) -> None:
        text = None if reason is None else head(reason)
        end = {"m": "end", "case": case, "ns": now(), "executed": outcome, "failure": failure, "skip_reason": text}
        self._control.tell(end)
        self._begun = None
        self._ownership.end()
        said, expected = _REPORTS["failed" if outcome == "error" else outcome]
        reports = [
            (when, said if when == phase else "passed", expected and when == phase)
            for when in ("setup", "call", "teardown")
            if phase != "setup" or when != "call"
        ]
        self._control.tell({"m": "reported", "case": case, "reports": reports})
        self._control.flush()

    def _failure(self, test: Any, exception: BaseException) -> Dict[str, Any]:
        kind = getattr(test, "failureException", AssertionError)
        check = isinstance(exception, (AssertionError, kind)) or is_deliberate(exception, self._tree.holds)
        return {
            "phase": "call",
            "kind": "check" if check else "error",
            "type": type(exception).__name__,
            "text": head(text_of(exception)),
        }

    def _class_key(self, test: Any) -> str:
        return f"{self.name(test).rpartition('::')[0]}::setUpClass"

    def _ask(self, message: Dict[str, Any]) -> None:
        if self._control.ask(message).get("stop"):
            self.stopped = True


def start(arguments: Sequence[str], notice: Callable[[str], None]) -> Optional[Session]:
    """Say hello and put every instrument in its place; None if nobody listens, or an ancestor already does this."""
    text = os.environ.get(CONTROL, "")
    if not text or os.environ.get(WITHIN, "").endswith(text):
        return None
    try:
        address = Address.parse(text)
    except ValueError:
        notice(f"greenproof: {CONTROL} is not HOST:PORT:TOKEN; the tests go on without the witness")
        return None
    control = Control(notice)
    control.connect(address)
    places, pattern = _asked_for(arguments)
    hello = {
        "m": "hello", "token": address.token, "pid": os.getpid(), "role": "main", "worker": None, "nested": False,
        "python": platform.python_version(), "pytest": "unittest", "rootdir": os.getcwd(), "arguments": places,
        "python_files": [pattern], "python_classes": [_NO_NAME], "python_functions": [_NO_NAME],
        "optimised": not __debug__, "installed": installed(),
    }  # fmt: skip
    welcome = control.ask(hello) if control.alive else {}
    if not control.alive:
        return None
    os.environ[WITHIN] = f"main:{os.getpid()}:{text}"
    os.environ.update({str(name): str(url) for name, url in (welcome.get("addresses") or {}).items()})
    return _equip(control, address, welcome, places)


def _equip(control: Control, address: Address, welcome: Dict[str, Any], places: Sequence[str]) -> Session:
    ownership, mocks = Ownership(), Mocks()
    tree = SuiteTree([os.getcwd(), *(place for place in places if os.path.isdir(place))])
    counted = imports.CountedImports(tree)
    counter = Counter(lambda: ownership.of_current_thread() is ownership.running)
    imports.install_plainly(counted)
    counted.when_imported("unittest.case", lambda module: unittests.watch(module, counter.check))
    counted.when_imported("unittest._log", lambda module: unittests.watch_contexts(module, counter.check))
    relay = [(str(ip), int(port)) for ip, port in welcome.get("relay") or ()]
    observed = sockets.Sockets(
        relay, (address.host, address.port), lambda ip, port: session.source(ip, port), ownership.child_starting
    )
    session = Session(control, ownership, Instruments(counter, observed, mocks), tree, welcome)
    ownership.watch_threads()
    counted.when_imported("concurrent.futures.thread", ownership.watch_pool)
    for name in MODULES:
        counted.when_imported(name, mocks.watch)
    for name in browsers.MODULES:
        counted.when_imported(name, ownership.strays.browsers.watch)
    sockets.observe(observed)

    def leave() -> None:
        control.forget()
        sockets.observe(None)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=leave)
    return session


def _asked_for(arguments: Sequence[str]) -> Tuple[List[str], str]:
    """The places that the command line names, as node ids, and the pattern of file names."""
    names, pattern, start = [], "test*.py", None
    words = iter(arguments)
    for word in words:
        option, _, value = word.partition("=")
        if option in ("-s", "--start-directory"):
            start = value or next(words, ".")
        elif option in ("-p", "--pattern"):
            pattern = value or next(words, pattern)
        elif option in ("-k", "-t", "--top-level-directory", "--durations"):
            value or next(words, None)
        elif not word.startswith("-"):
            names.append(word)
    if names[:1] == ["discover"] or not names:
        return [start or (names[1] if len(names) > 1 else ".")], pattern
    return [_place(name) for name in names], pattern


def _place(name: str) -> str:
    """`tests.test_shop.TestShop.test_order` as a node id; a path stays one."""
    if os.path.exists(name):
        return name
    pieces = name.split(".")
    for count in range(len(pieces), 0, -1):
        path = os.path.join(*pieces[:count])
        if os.path.isfile(path + ".py"):
            return "::".join([path + ".py", *pieces[count:]])
        if os.path.isdir(path) and count == len(pieces):
            return path
    return name
