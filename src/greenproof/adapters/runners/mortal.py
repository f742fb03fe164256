"""Stand between us and a command: nothing of it outlives us, and it can't do any harm to its parent.

    python -I -S mortal.py PARENT_PID NETWORK EXECUTABLE ARGV...

NETWORK is the process whose network (and rights, and mounts) the command gets; `-`: it stays in ours.

Run as a script, in an interpreter without site. A function between fork and exec would do the same, but is not safe
in a process with threads. A command that kills its parent meets this process instead of ours, and the kernel then
ends the command as well: that is told as the command's own end, with everything that was seen before. Daemons that
the command leaves behind become children of this process, whatever they did to hide, and are ended with it: when the
command ends, and when the process that started it has gone.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PARENT_DIED = signal.SIGUSR1
_GRACE_S = 2.0
# Ctrl-C and the end of a terminal are the command's to answer; we leave when it has left.
_LEFT_TO_THE_COMMAND = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)


def main() -> None:
    """Start the command and leave as it leaves: with its exit code, or by the signal that killed it."""
    parent, network, executable, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    signal.signal(_PARENT_DIED, lambda number, frame: _follow(parent))
    _ask_kernel(_PR_SET_PDEATHSIG, _PARENT_DIED)
    _ask_kernel(_PR_SET_CHILD_SUBREAPER, 1)
    _leave_without(parent)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _LEFT_TO_THE_COMMAND}
    ours = os.getpid()
    child = os.fork()
    if child == 0:
        for number, handler in (*before.items(), (_PARENT_DIED, signal.SIG_DFL)):
            signal.signal(number, handler)
        try:
            if network != "-":
                _enter(network)
            # After that: a change of rights takes this order back.
            _ask_kernel(_PR_SET_PDEATHSIG, signal.SIGKILL)
            _leave_without(ours)
            os.execv(executable, argv)  # noqa: S606 - the user's own command
        except OSError as error:
            sys.stderr.write(f"{executable} can't be run: {error.strerror}\n")
            os._exit(126)
    pid = status = 0
    while pid != child:
        # Orphans that end meanwhile are collected, too.
        pid, status = os.wait()
    _end_orphans()
    _leave_like(status)


def _ask_kernel(option: int, value: int) -> None:
    """Linux only; elsewhere nothing is asked."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(option, int(value), 0, 0, 0)


def _enter(holder: str) -> None:
    """The namespaces of another process; those of users first, for they give the right to the others."""
    opened = []
    for space in ("user", "mnt", "net"):
        handle = os.open(f"/proc/{holder}/ns/{space}", os.O_RDONLY)
        # Nobody may enter the users' namespace in which he is already.
        if os.fstat(handle).st_ino != os.stat(f"/proc/self/ns/{space}").st_ino:  # noqa: PTH116
            opened.append(handle)
    here = os.getcwd()  # noqa: PTH109 - quick to start
    for handle in opened:
        os.setns(handle)
        os.close(handle)
    # Other mounts: the folder is entered anew.
    os.chdir(here)


def _leave_without(parent: int) -> None:
    """The parent may have gone before the kernel was asked."""
    if os.getppid() != parent:
        os._exit(1)


def _follow(parent: int) -> None:
    """The parent has gone, unless the command only says so: everything goes."""
    if os.getppid() == parent:
        return
    _end_orphans(grace=0.0)
    os._exit(1)


def _end_orphans(grace: float = _GRACE_S) -> None:
    """Ask what the command left to go, then make it."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while orphans := _children():
        over = time.monotonic() > deadline
        for pid in orphans if over else orphans - asked:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL if over else signal.SIGTERM)
                # One that is stopped hears nothing else.
                os.kill(pid, signal.SIGCONT)
        asked |= orphans
        if time.monotonic() > deadline + _GRACE_S:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def _children() -> set[int]:
    """Of this process, as Linux tells; zombies are nobody's trouble."""
    ours, found = str(os.getpid()), set()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():  # noqa: PTH208, PTH112 - quick to start
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                state, parent = file.read().rpartition(b")")[2].split()[:2]
                if parent.decode() == ours and state != b"Z":
                    found.add(int(name))
    return found


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
