"""`python -m greenproof`, and the installed command."""

import os
import signal
from types import FrameType


def main() -> None:
    """Start the command line. Whoever stops it while it is still being loaded gets an answer, too."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    from greenproof.cli import main as door

    door()


def _leave(number: int, frame: FrameType | None) -> None:
    # Nothing was started yet, and an exception in the middle of an import would be a page of text.
    os.write(2, b"interrupted [interrupted]\n")
    os._exit(2)


if __name__ == "__main__":
    main()
