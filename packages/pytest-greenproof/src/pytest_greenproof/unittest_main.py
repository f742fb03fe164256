"""`python -m pytest_greenproof.unittest_main ARGUMENTS`: `python -m unittest ARGUMENTS` with a witness.

The same protocol as the plugin's, without pytest. Greenproof puts this module in the place of `unittest` in a command.
Without a witness to talk to it is `python -m unittest` and nothing else.
"""

from __future__ import annotations

import os
import sys
import unittest
from typing import Any, List, Optional

from pytest_greenproof.notices import keep_stderr
from pytest_greenproof.unittest_session import Session, start
from pytest_greenproof.unittest_suite import WitnessedResult, WitnessedSuite, all_cases, failed_imports

__unittest = True


class Program(unittest.TestProgram):
    """unittest's own, whose runner tells the session."""

    session: Session

    def runTests(self) -> None:
        """Tell what was collected, run what is selected, and say how it ended."""
        session = self.session
        everything = all_cases(self.test)
        session.collected([session.name(case) for case in everything], failed_imports(self.test))
        chosen = [case for case in everything if session.wants(session.name(case))]
        broken = [] if session.selects else [case for case in _leaves(self.test) if case not in everything]
        self.test = WitnessedSuite(session, [*broken, *chosen])
        if session.fault_run:
            # In a fault run every good case turns red: `-f` would end it at the first.
            self.failfast = False
        self.testRunner = Runner
        try:
            super().runTests()
        except SystemExit as left:
            session.leave(int(left.code) if isinstance(left.code, int) else 1)
            raise
        session.leave(0)


class Runner(unittest.TextTestRunner):
    """unittest's own, with a result that tells the session."""

    def _makeResult(self) -> WitnessedResult:
        result = WitnessedResult(self.stream, self.descriptions, self.verbosity)  # type: ignore[arg-type]
        return result.tell(Program.session)


def _leaves(suite: Any) -> List[Any]:
    return [leaf for part in suite for leaf in (_leaves(part) if hasattr(part, "__iter__") else [part])]


def main(argv: Optional[List[str]] = None) -> None:
    """Run as `python -m unittest` does, and exit with its status."""
    arguments = sys.argv[1:] if argv is None else argv
    name = f"{os.path.basename(sys.executable)} -m unittest"
    session = start(arguments, keep_stderr())
    if session is None:
        unittest.main(module=None, argv=[name, *arguments])
    else:
        Program.session = session
        Program(module=None, argv=[name, *arguments])


if __name__ == "__main__":
    main()
