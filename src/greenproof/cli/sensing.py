"""The options of `prove` that concern further faults, and what they ask for."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click

from greenproof.model.errors import UsageError
from greenproof.model.plan import SensitivityPolicy


@dataclass(frozen=True, slots=True)
class Sensing:
    """What the command line says of sensitivity."""

    wanted: bool = False
    runs: int | None = None
    seed: int | None = None
    repeat_writes: bool = False

    def policy(self, configured: SensitivityPolicy, *, faults: bool) -> SensitivityPolicy | None:
        """How far to go; None: not at all. Raises UsageError for options that make no sense together."""
        if not self.wanted:
            alone = (
                ("--sensitivity-runs", self.runs is not None),
                ("--sensitivity-seed", self.seed is not None),
                ("--repeat-writes", self.repeat_writes),
            )
            for option, told in alone:
                if told:
                    raise _conflict(f"{option} without --sensitivity", option, "--sensitivity beside it")
            return None
        if not faults:
            raise _conflict(
                "--no-faults and --sensitivity exclude each other", "--no-faults, --sensitivity", "one of them"
            )
        given = {"runs": self.runs, "seed": self.seed, "repeat_writes": self.repeat_writes or None}
        chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return replace(configured, **chosen)


def _conflict(message: str, where: str, expected: str) -> UsageError:
    return UsageError(message, code="option-conflict", where=where, expected=expected)


def sensitivity_options[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Give a command the options of sensitivity, as one value `sensing`."""

    @click.option(
        "--sensitivity",
        is_flag=True,
        help="Afterwards try further faults on what was proven: what else would it notice? Changes no verdict.",
    )
    @click.option(
        "--sensitivity-runs",
        type=click.IntRange(1, 200),
        metavar="N",
        help="Most extra runs for that; 8 if nothing else is configured.",
    )
    @click.option("--sensitivity-seed", type=click.IntRange(0, 2**31), metavar="N", help="Chooses among the faults.")
    @click.option(
        "--repeat-writes", is_flag=True, help="Also try cases that may write: each extra run repeats their writes."
    )
    @functools.wraps(command)
    def told(
        *arguments: Any,
        sensitivity: bool,
        sensitivity_runs: int | None,
        sensitivity_seed: int | None,
        repeat_writes: bool,
        **options: Any,
    ) -> R:
        sensing = Sensing(sensitivity, sensitivity_runs, sensitivity_seed, repeat_writes)
        return command(*arguments, **options, sensing=sensing)  # type: ignore[arg-type]

    return told  # type: ignore[return-value]
