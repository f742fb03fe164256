"""Does the witness work here: the relay, and the plugin in the environment in which the tests run?"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from greenproof.adapters.relay import Witness
from greenproof.adapters.runners.command import TestCommand
from greenproof.adapters.runners.witnessed import plugin_folder, witnessed_command, witnessed_environment
from greenproof.model.checkup import Finding, Health
from greenproof.model.errors import GreenproofError
from greenproof.model.facts import Outcome, RunObservation

_PROBE_S = 60.0
_PYTEST = "def test_probe():\n    assert True\n"
_UNITTEST = """import unittest


class TestProbe(unittest.TestCase):
    def test_probe(self):
        self.assertTrue(True)
"""


def relay(witness: Witness | None, trouble: str) -> Finding:
    """Whether the relay started and opened its ports."""
    if witness is None:
        cost = "nothing can be judged"
        return Finding("relay", Health.BROKEN, trouble, cost, "look at the message, and report it", required=True)
    made = witness.ca_certificate.is_file()
    observed = (
        f"process {witness.pid} listens; its certificate for https targets {'was made' if made else 'is missing'}"
    )
    return Finding("relay", Health.OK if made else Health.BROKEN, observed, required=True)


def started(state: Path) -> tuple[Witness | None, str]:
    """A relay before nothing, or the reason why there is none."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        return Witness.start([], state=state), ""
    except (GreenproofError, OSError) as error:
        return None, str(error)


def suite_environment(name: str, python: str, witness: Witness, environment: Mapping[str, str]) -> Finding:
    """Run one test of our own with the interpreter of a suite, and see whether the plugin tells of it."""
    title = f"tests of {name}"
    seen, said = _tried(python, ["-m", "pytest", "-q", "-p", "no:cacheprovider"], _PYTEST, witness, environment)
    if _passed(seen):
        return Finding(
            title, Health.OK, f"pytest under {python}: the plugin was loaded and told of its case", required=True
        )
    if "No module named pytest" in said:
        unittest, _ = _tried(python, ["-m", "unittest"], _UNITTEST, witness, environment)
        observed = f"{python} has no pytest"
        if _passed(unittest):
            observed += "; with python -m unittest the witness told of its case"
        cost = "only suites of `python -m unittest` can be judged with it"
        return Finding(title, Health.MISSING, observed, cost, f"{python} -m pip install pytest")
    cost = "its tests run, but nothing of them is believed: every green is unproven"
    observed = f"under {python} nobody told of the case: {said[-200:].strip() or 'no output'}"
    return Finding(
        title, Health.BROKEN, observed, cost, "does anything clear PYTHONPATH or PYTEST_ADDOPTS?", required=True
    )


def _passed(seen: RunObservation) -> bool:
    return len(seen.processes) == 1 and [case.outcome for case in seen.cases] == [Outcome.PASSED]


def _tried(
    python: str, options: Sequence[str], text: str, witness: Witness, base: Mapping[str, str]
) -> tuple[RunObservation, str]:
    with tempfile.TemporaryDirectory(prefix="greenproof-doctor-") as name:
        place = Path(name)
        (place / "test_probe.py").write_text(text)
        witness.begin(None, None)
        command = witnessed_command([python, *options])
        environment = witnessed_environment(
            base, plugin=plugin_folder(place / "cache"), control=witness.control, addresses={}, bundle=None,
            command=command, fault_run=False,
        )  # fmt: skip
        done = TestCommand(command, directory=place, environment=environment, timeout=_PROBE_S).run()
        seen = witness.finish(exit_code=done.exit_code, timed_out=done.timed_out, duration_s=done.duration_s)
    return seen, "\n".join(done.tail)


def user_environment() -> dict[str, str]:
    """The variables that a suite would get."""
    return dict(os.environ)
