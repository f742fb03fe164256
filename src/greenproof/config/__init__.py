"""Configuration: `greenproof.toml`, turned into a plan, or into every mistake in it at once."""

from greenproof.config.finding import NAME, find
from greenproof.config.loading import load

__all__ = ["NAME", "find", "load"]
