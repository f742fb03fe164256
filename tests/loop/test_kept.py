"""What a run keeps: files that are cut off anywhere, and what is made of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.adapters.runners.command import CommandResult
from greenproof.loop.kept import MOST_ATTEMPTS, Kept, Seen
from greenproof.loop.spool import read_spool, write_spool
from greenproof.model.errors import CutOffError, PlaceError
from greenproof.model.facts import CaseRecord, Exchange, Join, Outcome, Phase, RunObservation, TestProcess

CASES = tuple(f"test_a.py::test_{number}" for number in range(6))


def process() -> TestProcess:
    return TestProcess(1, "main", None, "/suite", ("/suite",))


def exchange(case: str, number: int, start: int = 10) -> Exchange:
    return Exchange(
        f"x-{number}",
        "api",
        "http/1.1",
        "GET",
        "/",
        200,
        case,
        Phase.CALL,
        None,
        Join.PORT,
        start,
        start + 1,
        start + 2,
    )


def news(*cases: str, outcome: Outcome = Outcome.PASSED, start: int = 10, first: bool = True) -> RunObservation:
    return RunObservation(
        fault=None,
        exit_code=None,
        timed_out=False,
        processes=(process(),) if first else (),
        collected=CASES if first else (),
        deselected=(),
        collection_errors=(),
        cases=tuple(CaseRecord(case, outcome, end_ns=100) for case in cases),
        exchanges=tuple(exchange(case, CASES.index(case), start) for case in cases),
    )


def whole(*cases: str) -> Seen:
    told = news(*cases)
    result = CommandResult(0, timed_out=False, stopped=False, duration_s=1.0, tail=("done",))
    return RunObservation(
        None, 0, False, told.processes, CASES, (), (), told.cases, told.exchanges, duration_s=1.0
    ), result


def test_what_finished_before_is_not_made_again(tmp_path: Path) -> None:
    kept, asked = Kept(tmp_path), []
    taken_over: list[str] = []

    def killed(rest: Sequence[str] | None, spool: Path | None) -> Seen:
        write_spool(spool, news(*CASES[:2]))
        write_spool(spool, news(CASES[2], first=False))
        raise KeyboardInterrupt

    def rest_of_it(rest: Sequence[str] | None, spool: Path | None) -> Seen:
        asked.append(tuple(rest))
        return whole(*rest)

    with pytest.raises(KeyboardInterrupt):
        kept.seen("plain-1", None, CASES, killed)
    again = Kept(tmp_path, lambda fault, cases: taken_over.extend(case.id for case in cases))
    observation, result = again.seen("plain-1", None, CASES, rest_of_it)
    assert asked == [CASES[3:]]
    assert taken_over == list(CASES[:3])
    assert [case.id for case in observation.cases] == list(CASES)
    assert len({x.id for x in observation.exchanges}) == 6
    assert observation.exit_code == 0
    assert result.tail == ("done",)
    # A run that came to its end is never made again.
    assert Kept(tmp_path).seen("plain-1", None, CASES, killed) == (observation, result)


def test_only_the_end_of_the_command_was_not_seen(tmp_path: Path) -> None:
    kept = Kept(tmp_path)

    def killed(rest: Sequence[str] | None, spool: Path | None) -> Seen:
        write_spool(spool, news(*CASES[:5]))
        write_spool(spool, news(CASES[5], outcome=Outcome.FAILED, first=False))
        raise KeyboardInterrupt

    def never(rest: Sequence[str] | None, spool: Path | None) -> Seen:
        raise AssertionError("every case had finished")

    with pytest.raises(KeyboardInterrupt):
        kept.seen("plain", None, None, killed)
    observation, result = kept.seen("plain", None, None, never)
    # As its reports say, for nobody saw how it ended: one of them is red.
    assert (observation.exit_code, result.exit_code) == (1, 1)
    assert [p.exit_status for p in observation.processes] == [1]
    assert len(observation.cases) == 6


def test_a_run_that_is_cut_off_again_and_again_ends(tmp_path: Path) -> None:
    for number in range(1, MOST_ATTEMPTS + 1):
        (tmp_path / f"plain.{number}.jsonl").touch()
    with pytest.raises(CutOffError) as caught:
        Kept(tmp_path).seen("plain", None, CASES, lambda rest, spool: whole(*CASES))
    assert caught.value.code == "cut-off-again"


def test_an_exchange_after_the_end_of_its_case_proves_nothing(tmp_path: Path) -> None:
    write_spool(tmp_path / "a.jsonl", news(CASES[0]))
    write_spool(tmp_path / "a.jsonl", news(CASES[1], start=101, first=False))
    observation = read_spool(tmp_path / "a.jsonl", None)
    assert [x.join for x in observation.exchanges] == [Join.PORT, Join.AMBIGUOUS]


@given(st.data())
def test_a_spool_that_is_cut_off_anywhere_holds_whole_cases(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("spool") / "a.jsonl"
    for number, case in enumerate(CASES):
        write_spool(path, news(case, first=number == 0))
    text = path.read_bytes()
    path.write_bytes(text[: data.draw(st.integers(0, len(text)))])
    observation = read_spool(path, None)
    if observation is None:
        assert b"\n" not in path.read_bytes()
        return
    cases = [case.id for case in observation.cases]
    assert cases == list(CASES[: len(cases)])
    assert {x.case for x in observation.exchanges} == set(cases)
    assert observation.collected == CASES


def test_values_stay_and_damage_is_told(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    first = kept.value("beginning", CaseRecord, lambda: CaseRecord("a", Outcome.PASSED))
    assert kept.value("beginning", CaseRecord, lambda: CaseRecord("b", Outcome.FAILED)) == first
    (tmp_path / "beginning.json").write_text('{"id": 3')
    with pytest.raises(PlaceError) as caught:
        kept.get("beginning", CaseRecord)
    assert caught.value.code == "kept-damaged"


def test_marks_of_all_parts_are_found(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.of("1").mark("127.0.0.1:1 a")
    kept.of("2").mark("127.0.0.1:2 b")
    assert kept.marks() == ("127.0.0.1:1 a", "127.0.0.1:2 b")
    kept.forget()
    assert kept.marks() == ()
