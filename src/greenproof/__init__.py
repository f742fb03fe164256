"""Greenproof: a release loop that proves that every green is real."""

__version__ = "0.1.0"
