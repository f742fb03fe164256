"""Become a command that dies with the process that started it. Run as a script, in an interpreter without site.

    python -I -S mortal.py PARENT_PID EXECUTABLE ARGV...

A function between fork and exec would do the same, but is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel (Linux) to be killed with the parent, make sure that it still lives, and become the command."""
    parent, executable, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(f"the parent {parent} has gone")
    os.execv(executable, argv)  # noqa: S606 - the user's own command


if __name__ == "__main__":
    main()
