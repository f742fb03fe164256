"""The one clock: nanoseconds of the machine's monotonic clock, comparable between its processes."""

import time
from functools import partial

# A partial object, not `time.monotonic_ns` itself: libraries that freeze time replace every module
# attribute that is one of the `time` functions.
if hasattr(time, "clock_gettime_ns"):
    now = partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)
else:
    now = partial(time.monotonic_ns)
