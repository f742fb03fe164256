"""The hooks, and nothing but the hooks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Generator, List, Optional

import pytest

from pytest_greenproof.notices import keep_stderr

if TYPE_CHECKING:
    from pytest_greenproof.activation import Activation

_CONTROL = "GREENPROOF_CONTROL"
_NAME = "greenproof-witness"

# pytest imports us before it redirects standard error.
_notice = keep_stderr() if _CONTROL in os.environ else None
_active: Optional[Activation] = None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start before the first conftest; a second pytest in this process belongs to its test."""
    global _active
    if _CONTROL not in os.environ or _active is not None:
        return
    from pytest_greenproof.activation import activate

    _active = activate(early_config, _notice or keep_stderr())
    if _active is not None:
        early_config.pluginmanager.register(Witness(_active), _NAME)


class Witness:
    """The hooks of an active plugin. Its wrappers of phases are the innermost of all."""

    def __init__(self, active: Activation) -> None:
        self._active = active
        self._cases = active.cases
        self._collection = active.collection
        self._collects = True
        self._distributor: Any = None
        self._flushes = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """In a fault run every good case turns red: `-x` would end it at the first."""
        if self._active.fault_run:
            config.option.maxfail = 0

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Find out whether we are xdist's controller, which registers itself late."""
        self._distributor = session.config.pluginmanager.getplugin("dsession")
        self._collects = self._distributor is None

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """An item was made."""
        self._collection.saw(item)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file was collected, or not. xdist's controller hears it from its workers."""
        if self._collects:
            self._collection.reported(report)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: List[pytest.Item]
    ) -> Generator[None, Any, None]:
        """Keep what is selected, after all others had their say."""
        yield
        self._collection.keep_selected(config, items)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell what was collected."""
        if self._collects:
            self._collection.tell(session.items)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Set-up."""
        self._cases.setup(item)
        outcome = yield
        self._cases.raised(item, "setup", _exception(outcome))

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Call."""
        self._cases.call(item)
        outcome = yield
        self._cases.called(item, _exception(outcome))

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: Optional[pytest.Item]) -> Generator[None, Any, None]:
        """Teardown."""
        # The next set-up follows at once and takes along what waits; an xdist worker may have to
        # wait for it.
        self._flushes = nextitem is None or self._active.worker
        self._cases.teardown(item)
        outcome = yield
        self._cases.raised(item, "teardown", _exception(outcome))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, None]:
        """Conclude a phase before a hook of the suite can change its exception."""
        self._cases.report(item, call)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, None]:
        """A fixture is set up."""
        yield from self._cases.fixture(fixturedef)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A report leaves the process; with xdist that is the controller's."""
        if not self._active.worker:
            self._active.reports.tell(report)
            if self._distributor is not None:
                self._active.reports.stop(report, self._distributor)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """A case is over: what waits goes out, unless another case follows at once."""
        if self._flushes:
            self._active.control.flush()

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, None]:
        """Leave, before an xdist worker says that it has finished."""
        yield
        self._active.reports.flush()
        self._active.control.ask({"m": "bye", "exit_status": int(session.exitstatus)})

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Leave the process as it is."""
        global _active
        self._active.end()
        _active = None


def _exception(outcome: Any) -> Optional[BaseException]:
    excinfo = outcome.excinfo
    return None if excinfo is None else excinfo[1]
