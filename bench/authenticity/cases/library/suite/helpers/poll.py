import functools
import logging
import time

log = logging.getLogger("library.e2e")


def wait_until(probe, timeout=4.0, every=0.05, what="condition"):
    end = time.monotonic() + timeout
    last = None
    while time.monotonic() < end:
        last = probe()
        if last:
            return last
        time.sleep(every)
    raise AssertionError(f"{what} not met in {timeout}s, last value {last!r}")


def poll_for(probe, timeout=0.5, every=0.1):
    """Ask until the probe says yes; None when time is up."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            value = probe()
        except Exception as exc:
            log.debug("probe: %s", exc)
            value = None
        if value:
            return value
        time.sleep(every)
    return None


def resilient(fn):
    """The staging network hiccups now and then."""

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        for attempt in range(2):
            try:
                return fn(*args, **kwargs)
            except Exception as exc:
                log.warning("attempt %s of %s: %s", attempt, fn.__name__, exc)
        return None

    return wrapper
