"""A plan as people and programs read it."""

import json
from dataclasses import replace

import jsonschema
import pytest
from syrupy.assertion import SnapshotAssertion

from greenproof.model.releases import (
    DeployPlan,
    Difference,
    Outlook,
    SchemaChange,
    ServicePlan,
    SettingChange,
    TrafficMove,
)
from greenproof.reporting.planned import plan_document, plan_lines, schema

CHANGE = SchemaChange("r-2", "api", "postgres", "irreversible", False, ("column public.a.b: removed",))
PLAN = DeployPlan(
    environment="local",
    before="r-1",
    after="r-2",
    services=(
        ServicePlan(
            "api",
            "api-1",
            "api-2",
            "start",
            Difference(("new\x1b[2J.py",), tuple(f"{number:02}.py" for number in range(25)), ("old.py",)),
            (
                SettingChange("env.LIMIT", "8", "9"),
                SettingChange("env.NEW", None, "x"),
                SettingChange("secrets.jwt", "(redacted)", None),
            ),
            Difference(("left 1.0",), ("httpx 1.0, now 1.1",), ()),
            "undeclared",
        ),
        ServicePlan("docs", "docs-1", None, "stop"),
        ServicePlan("new", None, None, "start", unnamed=True),
        ServicePlan("web", "web-1", "web-1", "keep"),
    ),
    order=(("api",), ("new",)),
    traffic=(
        TrafficMove("api", "http://127.0.0.1:8801", "api-1", "api-2"),
        TrafficMove("docs", "http://127.0.0.1:8802", "docs-1", None),
        TrafficMove("new", None, None, None),
    ),
    warm="r-1",
    rollback=Outlook("r-1", known_good=True, warm=True, may_freeze=True),
    secrets=("jwt",),
    remarks=("the environment is not up: the deploy brings it up",),
)
NOTHING = replace(
    PLAN, after="r-1", services=PLAN.services[3:], order=(), traffic=(), warm=None, rollback=Outlook(None), remarks=()
)
UNDONE = replace(NOTHING, rollback=Outlook("r-0", warm=True, undone=(CHANGE,), may_undo=("api",)))
EMPTY = replace(NOTHING, before=None, after="r-0", services=())
FROZEN = replace(NOTHING, rollback=Outlook("r-0", frozen=(CHANGE,)))


@pytest.mark.parametrize(
    "plan", [PLAN, NOTHING, FROZEN, UNDONE, EMPTY], ids=["changes", "nothing", "frozen", "undone", "empty"]
)
def test_a_plan_as_it_is_printed(plan: DeployPlan, snapshot: SnapshotAssertion) -> None:
    assert "\n".join(plan_lines(plan)) == snapshot


def test_long_lists_are_told_as_a_whole_if_wanted() -> None:
    assert len(list(plan_lines(PLAN, verbose=True))) == len(list(plan_lines(PLAN))) + 4


@pytest.mark.parametrize(
    "plan", [PLAN, NOTHING, FROZEN, UNDONE, EMPTY], ids=["changes", "nothing", "frozen", "undone", "empty"]
)
def test_a_plan_is_as_published(plan: DeployPlan) -> None:
    document = json.loads(json.dumps(plan_document(plan)))
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema())
    assert document["changes"] is (plan in (PLAN, EMPTY))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "more": 1}, schema())
