"""Reads what a repository says of its tests and services. Bounded, and nothing in it is run or imported."""

from greenproof.adapters.repository.reading import read

__all__ = ["read"]
