"""The door for people: `greenproof COMMAND`. Each is imported when it is called, so that `--help` is instant."""

from greenproof.cli.main import main

__all__ = ["main"]
