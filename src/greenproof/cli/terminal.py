"""The live line of a terminal, drawn by rich: a spinner, a bar where the total is known, counts, and the time."""

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

_REDRAWN_A_SECOND = 8
_BAR = 20
_BESIDE = 50
"""Columns that bar, counts and time need beside the text."""
_SHORTEST = 12


class _Count(ProgressColumn):
    """`12/40`, `12`, or nothing before the first case."""

    def render(self, task: Task) -> Text:
        done = int(task.completed)
        if task.total is None:
            return Text(str(done) if done else "")
        return Text(f"{done}/{int(task.total)}")


class _KnownBar(BarColumn):
    """A bar only where there is something to fill it up to: an endless one tells nothing that the spinner doesn't."""

    def render(self, task: Task) -> "Text":  # type: ignore[override]
        return super().render(task) if task.total else Text("")  # type: ignore[return-value]


class TerminalMeter:
    """One line at the bottom of stderr. It is drawn a few times a second, whatever happens meanwhile."""

    def __init__(self, *, colour: bool) -> None:
        self._console = Console(
            stderr=True, no_color=not colour, force_terminal=True, highlight=False, markup=False, emoji=False
        )
        self._colour = colour
        self._progress: Progress | None = None
        self._what: tuple[str, int | None] | None = None

    def show(self, what: str, total: int | None, done: int, told: str) -> None:
        """Draw the line, or draw it again. The time begins anew with each `what`."""
        if self._progress is None:
            self._progress = self._begun()
        if self._what != (what, total):
            self._what = (what, total)
            room = max(_SHORTEST, self._console.width - _BESIDE)
            what = what if len(what) <= room else f"{what[: room - 1]}…"
            for task in self._progress.task_ids:
                self._progress.remove_task(task)
            self._progress.add_task(what, total=total, told="")
        self._progress.update(self._progress.task_ids[-1], completed=done, told=told)

    def above(self, text: str) -> None:
        """Write a line that stays, above the live one. It is not cut: the terminal wraps it."""
        self._console.print(Text(text), soft_wrap=True)

    def clear(self) -> None:
        """Take the line away, and give the cursor back."""
        if self._progress is not None:
            self._progress.stop()
            self._progress, self._what = None, None

    def _begun(self) -> Progress:
        spinner = "dots" if self._console.encoding.startswith("utf") else "line"
        progress = Progress(
            SpinnerColumn(spinner),
            TextColumn("{task.description}", markup=False),
            _KnownBar(bar_width=_BAR),
            _Count(),
            TextColumn("{task.fields[told]}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            refresh_per_second=_REDRAWN_A_SECOND,
            # What the command prints goes through `above`; nothing else of this process is to be caught.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        progress.start()
        return progress
