"""What becomes of earlier conclusions: pure, so every combination can be tried."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.conclusions import recheck
from greenproof.model.conclusions import LIFETIME_DAYS, Conclusion, Standing
from greenproof.model.verdicts import CaseVerdict, Verdict

THEN = datetime(2026, 1, 1, tzinfo=UTC)
SOON = (THEN + timedelta(hours=1)).isoformat()
LATER = (THEN + timedelta(days=LIFETIME_DAYS, seconds=1)).isoformat()


def concluded(said: str = "proven", release: str | None = "r-1", evidence: bool = True) -> Conclusion:
    return Conclusion("case", "a", said, "run-1", THEN.isoformat(), release, 7, "00", evidence)


def standing(one: Conclusion, verdict: Verdict | None, release: str | None = "r-1", now: str = SOON) -> Standing:
    verdicts = () if verdict is None else (CaseVerdict("a", None, verdict, ()),)
    known = recheck((one,), verdicts, (), release, now)
    assert known is not None
    return known.rechecked[0].standing


def test_each_standing() -> None:
    assert standing(concluded(), Verdict.PROVEN) is Standing.CONFIRMED
    assert standing(concluded(), Verdict.PROVEN, "r-2") is Standing.CARRIED
    assert standing(concluded(), Verdict.FAILED) is Standing.OVERTURNED
    assert standing(concluded("failed"), Verdict.PROVEN, "r-2") is Standing.OVERTURNED
    assert standing(concluded(), None) is Standing.UNCHECKED
    assert standing(concluded(), None, "r-2") is Standing.DROPPED
    assert standing(concluded(), None, now=LATER) is Standing.DROPPED
    assert standing(concluded(evidence=False), None) is Standing.DROPPED
    # What was planned and did not run was not looked at.
    assert standing(concluded(), Verdict.NOT_RUN) is Standing.UNCHECKED
    # Observed again: the age of the earlier conclusion does not matter any more.
    assert standing(concluded(evidence=False), Verdict.PROVEN, now=LATER) is Standing.CONFIRMED


def test_without_an_earlier_run_there_is_nothing() -> None:
    assert recheck((), (), (), "r-1", SOON) is None


@given(
    said=st.sampled_from([v.value for v in Verdict]),
    seen=st.none() | st.sampled_from(list(Verdict)),
    releases=st.tuples(st.sampled_from(["r-1", "r-2", None]), st.sampled_from(["r-1", "r-2", None])),
    evidence=st.booleans(),
    now=st.sampled_from([SOON, LATER]),
)
def test_only_what_was_observed_now_stands_without_its_own_release_evidence_and_age(
    said: str, seen: Verdict | None, releases: tuple[str | None, str | None], evidence: bool, now: str
) -> None:
    found = standing(concluded(said, releases[0], evidence), seen, releases[1], now)
    looked = seen is not None and seen is not Verdict.NOT_RUN
    assert looked == (found in (Standing.CONFIRMED, Standing.CARRIED, Standing.OVERTURNED))
    if found is Standing.UNCHECKED:
        assert releases[0] == releases[1]
        assert evidence
        assert now == SOON
    if found in (Standing.CONFIRMED, Standing.CARRIED):
        assert seen == said
