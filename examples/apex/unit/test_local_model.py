"""The deterministic model: which tools it plans for a question, how it words the findings."""

import asyncio
from typing import Any

import pytest
from apex.backend.local_model import LocalModel, number
from apex.backend.model import COST_ANALYSIS, MCP_TOOL, THREAD_SEARCH, Finding, ToolCall, Vocabulary

KNOWN = Vocabulary(services=("checkout", "checkout-eu", "search"), metrics=("cost", "tokens"))


def _plan(question: str) -> tuple[ToolCall, ...]:
    return asyncio.run(LocalModel().plan(question, KNOWN)).calls


@pytest.mark.parametrize(
    ("question", "operation"),
    [
        ("What is the total cost of search?", "sum"),
        ("average cost of search", "average"),
        ("What was the highest cost of search?", "maximum"),
        ("lowest cost of search", "minimum"),
        ("top 5 services", "top"),
        ("how many events has search", "count"),
        ("search in 2026-03", "sum"),
    ],
)
def test_the_operation_comes_from_the_words(question: str, operation: str) -> None:
    [call] = _plan(question)
    assert (call.tool, call.arguments["operation"]) == (COST_ANALYSIS, operation)


def test_a_name_inside_a_longer_name_is_not_meant() -> None:
    [call] = _plan("total tokens of checkout-eu")
    assert call.arguments["services"] == ["checkout-eu"]
    assert call.arguments["metric"] == "tokens"


def test_a_comparison_is_one_call_for_each_service() -> None:
    calls = _plan("compare search and checkout")
    assert [call.arguments["services"] for call in calls] == [["search"], ["checkout"]]


def test_a_question_about_the_talk_searches_the_thread() -> None:
    [call] = _plan("What did I say about the harbour?")
    assert call == ToolCall(THREAD_SEARCH, {"terms": ["harbour"]})


def test_a_question_can_need_both() -> None:
    tools = [call.tool for call in _plan("What did I say about the total cost of search?")]
    assert tools == [COST_ANALYSIS, THREAD_SEARCH]


def _answer(findings: list[Finding]) -> str:
    async def joined() -> str:
        return "".join([piece async for piece in LocalModel().answer("", findings)])

    return asyncio.run(joined())


def test_a_tool_of_the_user_is_called_by_its_name() -> None:
    known = Vocabulary(tools=("desk.weather", "desk.weather-map"))
    question = "Ask desk.weather about Rome"
    [call] = asyncio.run(LocalModel().plan(question, known)).calls
    assert call == ToolCall(MCP_TOOL, {"name": "desk.weather", "question": question})


def _finding(service: str, value: float | None) -> Finding:
    asked: dict[str, Any] = {
        "operation": "compare",
        "metric": "cost",
        "period_text": "2026",
        "services": [service],
    }
    return Finding(ToolCall(COST_ANALYSIS, asked), {"value": value, "events": 1})


def test_a_comparison_says_by_how_much() -> None:
    findings = [_finding("search", 10.5), _finding("checkout", 12.0)]
    answer = _answer(findings)
    assert answer.endswith("checkout is above search by 1.5.")


def test_no_data_is_not_zero() -> None:
    answer = _answer([_finding("search", None)])
    assert answer == "There is no cost recorded for search (2026)."


@pytest.mark.parametrize(
    ("value", "text"), [(10, "10"), (0, "0"), (1.5, "1.5"), (0.12344, "0.1234")]
)
def test_numbers_have_no_tail(value: float, text: str) -> None:
    assert number(value) == text
