"""The catalogue of reasons: each code once, with its meaning and what to do about it."""

from dataclasses import dataclass

from greenproof.model.verdicts import Reason, Verdict


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """A documented reason code."""

    code: str
    verdict: Verdict | None
    """The verdict that it leads to; None: a finding about the run."""
    meaning: str
    remedy: str

    def reason(self, text: str | None = None, *evidence: str) -> Reason:
        """This reason for one case, with the particulars and the ids of the evidence."""
        return Reason(self.code, text or self.meaning, evidence)


_ALL: dict[str, ReasonKind] = {}


def _kind(code: str, verdict: Verdict | None, meaning: str, remedy: str) -> ReasonKind:
    _ALL[code] = kind = ReasonKind(code, verdict, meaning, remedy)
    return kind


# Hollow: evidence refutes the green.
NO_CONTACT = _kind(
    "no-contact",
    Verdict.HOLLOW,
    "No socket was opened, no child process was started, and the relay saw nothing.",
    "Let the test talk to the deployed service through the address variable of the target.",
)
MOCKED = _kind(
    "mocked",
    Verdict.HOLLOW,
    "Nothing reached the service, and mocks answered in its place.",
    "Remove the mock from the end-to-end test, or move the test to an offline suite.",
)
FALLBACK = _kind(
    "fallback-after-failure",
    Verdict.HOLLOW,
    "The service did not answer, and the test passed all the same.",
    "Let the test fail when the service can't be reached; remove the fallback.",
)
WRONG_ROUTE = _kind(
    "wrong-route",
    Verdict.HOLLOW,
    "Only routes that prove nothing here were reached: plumbing, or routes that the case does not claim.",
    "Exercise the feature's own route, or correct the claim.",
)
SETUP_ONLY = _kind(
    "set-up-only",
    Verdict.HOLLOW,
    "The service was reached only in set-up, by nothing whose value the test uses.",
    "Exercise the feature in the test itself.",
)
STALE_REVISION = _kind(
    "stale-revision",
    Verdict.HOLLOW,
    "The answers came from another revision than the expected one.",
    "Deploy the release, or point the test at it.",
)
BYPASS = _kind(
    "bypass",
    Verdict.HOLLOW,
    "The service itself says that its answer was canned: a stub, a bypass or a fallback.",
    "Switch the bypass off for this route, or register the missing part.",
)
CACHED = _kind(
    "cached",
    Verdict.HOLLOW,
    "The service itself says that its answer came from a cache.",
    "Use data that is made in the test, so that no cache can hold the answer.",
)
UNCHECKED = _kind(
    "unchecked",
    Verdict.HOLLOW,
    "No check of the test ran after the first answer, and none failed under a fault.",
    "Assert on what the service answered.",
)
SURVIVES_FAULT = _kind(
    "survives-fault",
    Verdict.HOLLOW,
    "The answer on its route was replaced by an error, and the test stayed green.",
    "Assert the exact status and a value of the answer; do not swallow failures.",
)
TOLERATES_FAILURE = _kind(
    "tolerates-failure",
    Verdict.HOLLOW,
    "It stayed green under a failure that its source lets through: a status, a broken connection, or an error page.",
    "Let that failure fail the test; if it may happen in between, repeat the request and assert on the last answer.",
)
SKIPS_ON_FAILURE = _kind(
    "skips-on-failure",
    Verdict.HOLLOW,
    "The answer on its route was replaced by an error, and the test skipped itself.",
    "Let the test fail when the service fails.",
)
REPORT_FLIPPED = _kind(
    "report-flipped",
    Verdict.HOLLOW,
    "The test raised a failure, but a hook reported it as passed.",
    "Remove the hook that changes reports.",
)

# Unproven: evidence is missing.
UNSEEN_CONTACT = _kind(
    "unseen-contact",
    Verdict.UNPROVEN,
    "The relay saw nothing, but the test used a way out that it can't see into.",
    "Give the client the address of the target from the variable.",
)
AMBIGUOUS = _kind(
    "ambiguous",
    Verdict.UNPROVEN,
    "The exchanges can't be given to this case with certainty: a thread, a child process or a page of a browser"
    " outlived its test, or a port was shared.",
    "Join threads and close pages before the test ends; take the address from the variable.",
)
NO_ANSWER = _kind(
    "no-answer",
    Verdict.UNPROVEN,
    "Requests on its routes were sent, but no answer was seen.",
    "Wait for the answer and check it.",
)
NO_RECEIPT = _kind(
    "no-receipt",
    Verdict.UNPROVEN,
    "Nothing from the serving side names the revision that answered.",
    "Let the service name its revision: a response header, the middleware, or a log field.",
)
NO_FAULT_RUN = _kind(
    "no-fault-run",
    Verdict.UNPROVEN,
    "No fault run was made, so it is not known whether the test can go red.",
    "Run without --no-faults.",
)
FAULT_NOT_DELIVERED = _kind(
    "fault-not-delivered",
    Verdict.UNPROVEN,
    "In the fault run no answer on its routes could be replaced.",
    "Let the test make its own requests in the test itself, the same each time.",
)
RED_OUTSIDE_CALL = _kind(
    "red-outside-call",
    Verdict.UNPROVEN,
    "Under the fault it turned red before or after the test itself, which says nothing about its checks.",
    "Make the set-up independent of the claimed route.",
)
SURVIVES_VALUES = _kind(
    "survives-values",
    Verdict.UNPROVEN,
    "Only a fixture fetched its answers; with other values in them it stayed green, and an error could not be tried.",
    "Fetch the answer in the test itself, or check a value of it.",
)
RED_BY_ACCIDENT = _kind(
    "red-by-accident",
    Verdict.UNPROVEN,
    "Under the error it stumbled over the shape of the answer before a check; no check noticed changed values.",
    "Assert the status first, and a value that the test itself determined.",
)
SERVER_ERROR_ONLY = _kind(
    "server-error-only",
    Verdict.UNPROVEN,
    "Every answer on its routes was an error of the server (5xx), as a system gives that is not there at all.",
    "If the error is what the feature promises, let the service say that its handler made it (depth `core`).",
)
PLUMBING_ONLY = _kind(
    "plumbing-only",
    Verdict.UNPROVEN,
    "It reached nothing but plumbing such as a log-in, and no claim says that this is what it tests.",
    "Name the route in a claim if it is; else exercise the feature's own route.",
)
HANDSHAKE_ONLY = _kind(
    "handshake-only",
    Verdict.UNPROVEN,
    "It checks what a WebSocket agrees on when it opens, which no error replaces, and nothing that comes after.",
    "Let it also wait for a message, and check it.",
)
ANY_ERROR_WILL_DO = _kind(
    "any-error-will-do",
    Verdict.UNPROVEN,
    "It expects to be refused, and stayed green when the refusal was replaced by a server's error.",
    "Assert the exact status that the service refuses with.",
)
LATER_UNCHECKED = _kind(
    "later-unchecked",
    Verdict.UNPROVEN,
    "Only its first answers, or those that a helper checks for every test, are checked: errors in place of all later "
    "ones were not noticed.",
    "Check what the later requests answer, or the event that the test waits for; or leave them out.",
)
CONTENT_UNCHECKED = _kind(
    "content-unchecked",
    Verdict.UNPROVEN,
    "A helper or a library refuses errors, but no check looks at what an answer says: it stayed green when the values "
    "were others, or when nothing was in them.",
    "Assert on a value of the answer.",
)
NOT_REPEATABLE = _kind(
    "not-repeatable",
    Verdict.UNPROVEN,
    "When it was repeated, the service itself answered it otherwise, or it turned red without a fault: so its red may "
    "not come from the fault.",
    "Let the test make data of its own each time, under names that are not used again, and leave nothing behind.",
)
NO_OWN_CHECK = _kind(
    "no-own-check",
    Verdict.UNPROVEN,
    "No check of the test's own ran; under a fault a library raised an error.",
    "Assert on the answer; an error of a library says only that something was wrong.",
)
FAULT_RUN_CUT = _kind(
    "fault-run-cut",
    Verdict.UNPROVEN,
    "The fault run did not finish this case.",
    "Give the test a time-out of its own; look at the output of the fault run.",
)
CHECKS_UNKNOWN = _kind(
    "checks-unknown",
    Verdict.UNPROVEN,
    "It could not be seen whether a check ran.",
    "Run with pytest's assertion rewriting on.",
)
WITNESS_MISSING = _kind(
    "witness-missing",
    Verdict.UNPROVEN,
    "The process that ran the case never introduced itself, or the relay had a failure of its own.",
    "Look at the findings of the run.",
)

# Failed.
CHECK_FAILED = _kind(
    "check-failed",
    Verdict.FAILED,
    "A check of the test failed.",
    "See the failure.",
)
ERROR_RAISED = _kind(
    "error-raised",
    Verdict.FAILED,
    "The test raised an error.",
    "See the failure.",
)
SETUP_FAILED = _kind(
    "set-up-failed",
    Verdict.FAILED,
    "Set-up or teardown failed.",
    "See the failure.",
)
XPASSED = _kind(
    "xpassed",
    Verdict.FAILED,
    "Expected to fail, but passed.",
    "Remove the xfail mark.",
)
KILLED = _kind(
    "killed",
    Verdict.FAILED,
    "The case started and never ended: killed, crashed or timed out.",
    "Look at the output; give the test a time-out.",
)
TARGET_DIED_HERE = _kind(
    "target-died-here",
    Verdict.FAILED,
    "The target stopped answering while this case ran.",
    "Look at the service's log at that time.",
)

# Not run.
SKIPPED = _kind("skipped", Verdict.NOT_RUN, "Skipped: nothing was tested.", "Remove the reason for the skip.")
XFAILED = _kind("xfailed", Verdict.NOT_RUN, "Expected to fail, and did.", "Mend it and remove the mark.")
DESELECTED = _kind(
    "deselected", Verdict.NOT_RUN, "Collected, then dropped.", "Select it, or accept that it is not tested."
)
NEVER_COLLECTED = _kind(
    "never-collected",
    Verdict.NOT_RUN,
    "The file holds this test, but pytest never collected it.",
    "Look for import errors, naming rules and hooks that drop tests.",
)
SILENCED = _kind(
    "silenced",
    Verdict.NOT_RUN,
    "It looks like a test, and the rules of collection leave it out.",
    "Rename it so that it is collected; or, if it is no test, so that it doesn't look like one.",
)
LOST = _kind(
    "lost",
    Verdict.NOT_RUN,
    "It was planned in the last good run, and this run did not collect it.",
    "Put the test back; or, if it was taken away on purpose, say so once with --removed GLOB.",
)
IMPORT_ERROR = _kind(
    "import-error",
    Verdict.NOT_RUN,
    "Its file could not be imported.",
    "See the collection error.",
)
NOT_REACHED = _kind(
    "not-reached",
    Verdict.NOT_RUN,
    "The run ended before this case started.",
    "Run it again without fail-fast.",
)
TARGET_LOST = _kind(
    "target-lost",
    Verdict.NOT_RUN,
    "A target had stopped answering before this case could be tested.",
    "Mend the target; run again.",
)
RELAY_LOST = _kind(
    "relay-lost",
    Verdict.NOT_RUN,
    "The relay was lost; this says nothing about the system.",
    "Run again.",
)

# Flaky.
FLAKY = _kind("flaky", Verdict.FLAKY, "Both red and green on the same release.", "Find what it depends on.")

# Findings about the run.
ENDED_EARLY = _kind(
    "process-ended-early",
    None,
    "A test process ended without saying so.",
    "Look for os._exit, a crash or a kill.",
)
EXIT_DISAGREES = _kind(
    "exit-status-disagrees",
    None,
    "The exit status of the command does not agree with the reports.",
    "Look for '|| true', a pipe without pipefail, or a hook that sets the status.",
)
EXIT_UNEXPLAINED = _kind(
    "exit-status-unexplained",
    None,
    "The command exited with an error, but no report is red.",
    "Look at its output: a plugin, a coverage limit or a wrapper may have failed it.",
)
NOT_COLLECTED = _kind(
    "files-not-collected",
    None,
    "Files could not be collected, so their tests were not run.",
    "See the collection errors in the output.",
)
NOTHING_GATES = _kind(
    "nothing-gates",
    None,
    "No case belongs to a priority that gates, so nothing decides about the run.",
    "Look at the globs of [[priorities]]; '[' stands for itself in them.",
)
NO_WITNESS = _kind(
    "no-witness",
    None,
    "No process of the command introduced itself: nothing could be observed.",
    "Check that the command runs pytest, and that nothing clears PYTHONPATH or PYTEST_ADDOPTS.",
)
NOTHING_COLLECTED = _kind(
    "nothing-collected",
    None,
    "No test was collected.",
    "Check the paths, the naming rules and the import errors.",
)
ASSERTS_OFF = _kind(
    "asserts-off",
    None,
    "A process of the tests ran with -O: asserts that pytest did not rewrite, such as those of unittest and of helper"
    " modules, do nothing.",
    "Run without -O and PYTHONOPTIMIZE.",
)
RELAY_FAULT = _kind(
    "relay-failed",
    None,
    "The relay had a failure of its own; the run is inconclusive.",
    "Report it with the text.",
)
RELEASE_CHANGED = _kind(
    "release-changed",
    None,
    "A target changed its revision while the suite ran.",
    "Run again when nobody deploys.",
)
NOT_READ_ONLY = _kind(
    "not-read-only",
    None,
    "Something was changed while a read-only loop looked: working tree, release, traffic or data.",
    "If the suite writes, leave `writes = false` out; else find out who else was at work, and run again.",
)
RUN_TIMED_OUT = _kind("run-timed-out", None, "The suite was stopped at its time limit.", "Raise the limit or run less.")
TARGET_DIED = _kind("target-died", None, "A target stopped answering while the suite ran.", "Look at its log.")

PERFORMANCE_MISSED = _kind(
    "performance-missed",
    None,
    "A promise about time that gates was not kept, measured at the relay in the plain run.",
    "Look at the slowest exchange in the worklog; a promise without `gates = true` is only reported.",
)
PERFORMANCE_NOT_MEASURED = _kind(
    "performance-not-measured",
    None,
    "A promise about time that gates could not be measured: the run had too few samples of it.",
    "The result says what was left out and why; run the cases that use these routes, or lower `minimum`.",
)

MEASURE_WEAKENED = _kind(
    "measure-weakened",
    None,
    "Tests or their configuration were changed since the last good run so that they may be green for less.",
    "`greenproof measure diff` shows each change; undo it, or accept it with a reason and an expiry.",
)

CATALOGUE = dict(sorted(_ALL.items()))
