"""Which addresses the system's resolver has for a name: the same resolver that services and tests use."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterable

from greenproof.model.drift import Resolved

MOST = 50
"""Names that are asked for at once."""


def resolve(hosts: Iterable[str], timeout: float = 3.0) -> tuple[Resolved, ...]:
    """What each name resolves to, in the order of the names, all of it within `timeout` seconds.

    The resolver's own time-outs are longer, so each name has a thread that is left to itself when the time is over.
    """
    wanted = tuple(dict.fromkeys(hosts))
    box: queue.SimpleQueue[Resolved] = queue.SimpleQueue()
    for host in wanted[:MOST]:
        threading.Thread(target=lambda name=host: box.put(_ask(name)), name="dns", daemon=True).start()
    found: dict[str, Resolved] = {}
    deadline = time.monotonic() + timeout
    with contextlib.suppress(queue.Empty):
        while len(found) < len(wanted[:MOST]):
            one = box.get(timeout=max(deadline - time.monotonic(), 0.0))
            found[one.host] = one
    late = {host: Resolved(host, trouble=f"look: no answer within {timeout:g} s") for host in wanted[:MOST]}
    late |= {host: Resolved(host, trouble=f"look: more than {MOST} names") for host in wanted[MOST:]}
    return tuple(found.get(host) or late[host] for host in wanted)


def _ask(host: str) -> Resolved:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        # Only this says something of the name; the others say that nobody could be asked.
        asked = error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
        why = error.strerror or str(error)
        return Resolved(host, trouble=why if asked else f"look: {why}")
    except (OSError, UnicodeError) as error:
        return Resolved(host, trouble=str(error)[:200])
    return Resolved(host, tuple(sorted({str(answer[4][0]) for answer in answers})))
