"""Soft assertions: collect first, tell all at the end."""


class Soft:
    """Use as context manager (tells at the end) or call report() yourself."""

    def __init__(self):
        self.problems = []

    def equal(self, got, wanted, what=""):
        if got != wanted:
            self.problems.append(f"{what}: {got!r} is not {wanted!r}")

    def true(self, condition, what=""):
        if not condition:
            self.problems.append(what or "not true")

    def report(self):
        assert not self.problems, "\n".join(self.problems)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.report()


def quietly(function):
    """For steps that must not stop a nightly run."""
    import functools
    import logging

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (AssertionError, Exception) as problem:
            logging.getLogger("deskkit").warning("%s: %s", function.__name__, problem)
            return None

    return wrapper
