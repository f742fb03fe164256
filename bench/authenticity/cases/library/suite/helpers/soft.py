"""Collect several findings before failing."""


class Soft:
    def __init__(self):
        self.findings = []

    def equal(self, got, want, label=""):
        if got != want:
            self.findings.append(f"{label or 'value'}: {got!r} != {want!r}")
        return self

    def truthy(self, value, label=""):
        if not value:
            self.findings.append(f"{label or 'value'} is falsy: {value!r}")
        return self

    def verify(self):
        assert not self.findings, "\n".join(self.findings)


class StepLog:
    """Context manager that logs a scenario step."""

    def __init__(self, title, log):
        self.title, self.log = title, log

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        self.log.append((self.title, "failed" if kind else "ok"))
        return True
