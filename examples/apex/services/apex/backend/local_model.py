"""The deterministic model: it really plans from the question, and words what the tools found."""

import re
from collections.abc import AsyncIterator
from typing import Any

from apex.backend.model import (
    COST_ANALYSIS,
    MCP_TOOL,
    THREAD_SEARCH,
    Finding,
    Plan,
    ToolCall,
    Vocabulary,
)
from apex.backend.periods import find_period

# The first that matches wins, so the more special words come first.
_OPERATIONS = (
    ("top", r"\btop\s+\d+\b|\bmost expensive\b|\branking?\b|\bbiggest\b"),
    ("compare", r"\bcompare\b|\bversus\b|\bvs\b|\bdifference between\b"),
    ("average", r"\baverage\b|\bmean\b|\bavg\b"),
    ("maximum", r"\bmax(?:imum)?\b|\bhighest\b|\bpeak\b|\blargest\b"),
    ("minimum", r"\bmin(?:imum)?\b|\blowest\b|\bsmallest\b"),
    ("count", r"\bhow many (?:events|entries|records)\b|\bnumber of (?:events|entries|records)\b"),
    ("sum", r"\bsum\b|\btotal\b|\bhow much\b|\bspend\b|\bspent\b"),
)
_RECALL = re.compile(
    r"\bdid (?:i|we|you) (?:say|mention|tell|write|ask|decide)|\bremind me\b|\bremember\b"
    r"|\bi (?:said|mentioned|told|wrote)\b|\bin this thread\b|\bearlier\b"
)
_WORD = re.compile(r"[\w-]{3,}")
_FILLER = frozenset(
    re.findall(
        r"\w+",
        """
        what which when where who why how did does was were and the about for with this that thread
        have had has you your our say said mention mentioned tell told write wrote ask asked decide
        decided remind remember earlier please are can could would from into they them
        """,
    )
)


class LocalModel:
    """No network, no randomness: the same question over the same names gives the same plan."""

    async def plan(self, question: str, vocabulary: Vocabulary) -> Plan:
        """Choose tools by what the question is about: costs, or what was said."""
        text = question.lower()
        calls: list[ToolCall] = []
        services = _named(text, vocabulary.services)
        operation = _operation(text)
        if operation or services:
            calls += _cost_calls(text, operation or "sum", services, vocabulary)
        calls += [
            ToolCall(MCP_TOOL, {"name": name, "question": question})
            for name in _named(text, vocabulary.tools)
        ]
        if _RECALL.search(text) or not calls:
            calls.append(ToolCall(THREAD_SEARCH, {"terms": _terms(text)}))
        tools = ", then ".join(call.tool for call in calls)
        return Plan(f"this question needs {tools}", tuple(calls))

    async def answer(self, question: str, findings: list[Finding]) -> AsyncIterator[str]:
        """Word by word: one sentence for each finding, and one that compares what was found."""
        for piece in re.findall(r"\S+\s*", _text(findings)):
            yield piece


def _text(findings: list[Finding]) -> str:
    if not findings:
        return "None of my tools can answer that."
    sentences = [_sentence(finding) for finding in findings]
    compared = [each for each in findings if each.call.arguments.get("operation") == "compare"]
    if len(compared) > 1:
        sentences.append(_comparison(compared))
    return " ".join(sentences)


def _operation(text: str) -> str | None:
    return next((name for name, words in _OPERATIONS if re.search(words, text)), None)


def _named(text: str, names: tuple[str, ...]) -> list[str]:
    """The known names that the text uses as whole words, in the order of the text."""
    places = {}
    for name in names:
        found = re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", text)
        if found:
            places[name] = found.start()
    return sorted(places, key=lambda name: places[name])


def _cost_calls(
    text: str, operation: str, services: list[str], vocabulary: Vocabulary
) -> list[ToolCall]:
    period = find_period(text)
    asked: dict[str, Any] = {
        "operation": operation,
        "metric": next(iter(_named(text, vocabulary.metrics)), "cost"),
        "period": period.as_json(),
        "period_text": period.text,
    }
    if operation == "top":
        found = re.search(r"\btop\s+(\d+)", text)
        return [ToolCall(COST_ANALYSIS, {**asked, "limit": int(found[1]) if found else 3})]
    if operation == "compare" and services:
        return [ToolCall(COST_ANALYSIS, {**asked, "services": [name]}) for name in services]
    return [ToolCall(COST_ANALYSIS, {**asked, "services": services})]


def _terms(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word not in _FILLER]


def _sentence(finding: Finding) -> str:
    if finding.call.tool == THREAD_SEARCH:
        return _recollection(finding)
    if finding.call.tool == MCP_TOOL:
        return f"{finding.call.arguments['name']} says: {finding.result['text']}"
    asked, result = finding.call.arguments, finding.result
    period = asked["period_text"]
    if asked["operation"] == "top":
        ranks = "; ".join(f"{row['service']}: {number(row['value'])}" for row in result["rows"])
        return f"The top {asked['limit']} by {asked['metric']} ({period}) are {ranks or 'none'}."
    if result["value"] is None:
        return f"There is no {asked['metric']} recorded for {_subject(asked)} ({period})."
    name = "total" if asked["operation"] in ("sum", "compare") else asked["operation"]
    return (
        f"The {name} {asked['metric']} of {_subject(asked)} ({period}) "
        f"is {number(result['value'])}, over {result['events']} events."
    )


def _recollection(finding: Finding) -> str:
    matches = finding.result["matches"]
    if not matches:
        return "Nothing in this thread is about that."
    return "In this thread you said: " + " | ".join(match["content"] for match in matches)


def _comparison(findings: list[Finding]) -> str:
    values = [(each.call.arguments["services"][0], each.result["value"] or 0) for each in findings]
    ranked = sorted(values, key=lambda pair: pair[1], reverse=True)
    (first, most), (second, less) = ranked[0], ranked[1]
    return f"{first} is above {second} by {number(most - less)}."


def _subject(asked: dict[str, Any]) -> str:
    return " and ".join(asked.get("services") or ["all services"])


def number(value: float) -> str:
    """Up to four decimals, without a tail of zeros."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
