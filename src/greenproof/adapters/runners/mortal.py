"""Stand between us and a command: it dies with the process that started it, and can't do any harm to its parent.

    python -I -S mortal.py PARENT_PID EXECUTABLE ARGV...

Run as a script, in an interpreter without site. A function between fork and exec would do the same, but is not safe
in a process with threads. A command that kills its parent meets this process instead of ours, and the kernel then
ends the command as well: that is told as the command's own end, with everything that was seen before.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Ctrl-C and the end of a terminal are the command's to answer; we leave when it has left.
_LEFT_TO_THE_COMMAND = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)


def main() -> None:
    """Start the command and leave as it leaves: with its exit code, or by the signal that killed it."""
    parent, executable, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    _die_with(parent)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _LEFT_TO_THE_COMMAND}
    ours = os.getpid()
    child = os.fork()
    if child == 0:
        for number, handler in before.items():
            signal.signal(number, handler)
        _die_with(ours)
        try:
            os.execv(executable, argv)  # noqa: S606 - the user's own command
        except OSError as error:
            sys.stderr.write(f"{executable} can't be run: {error.strerror}\n")
            os._exit(126)
    _leave_like(os.waitpid(child, 0)[1])


def _die_with(parent: int) -> None:
    """Ask the kernel (Linux) to be killed with the parent, and make sure that it still lives."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _leave_like(status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        os._exit(code)
    # The core, if one is wanted, is the command's.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    os._exit(128 - code)


if __name__ == "__main__":
    main()
