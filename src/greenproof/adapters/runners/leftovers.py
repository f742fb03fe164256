"""Find and end what a test command left behind: processes that carry our mark in their environment."""

import contextlib

import psutil


def end_marked(variable: str, value: str, *, grace: float = 2.0) -> int:
    """End every process whose environment holds exactly this variable; the count of those that were found.

    The value is a secret of one run, so nothing that someone else started can carry it. We ourselves and our
    ancestors never do: the variable is only ever set for the test command.
    """
    marked = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(variable) == value:
                process.terminate()
                marked.append(process)
    _, alive = psutil.wait_procs(marked, timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return len(marked)
