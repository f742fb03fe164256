"""The door for people: `greenproof COMMAND`. Commands are imported when they are called, so that `--help` is instant."""

from greenproof.cli.main import main

__all__ = ["main"]
