"""The options of `prove` that concern further faults."""

import pytest

from greenproof.cli.sensing import Sensing
from greenproof.model.errors import UsageError
from greenproof.model.plan import SensitivityPolicy

CONFIGURED = SensitivityPolicy(runs=3, seed=5, tenant="TENANT")


def test_options_count_more_than_the_configuration():
    assert Sensing(wanted=True).policy(CONFIGURED, faults=True) == CONFIGURED
    asked = Sensing(wanted=True, runs=9, seed=0, repeat_writes=True).policy(CONFIGURED, faults=True)
    assert asked == SensitivityPolicy(runs=9, seed=0, repeat_writes=True, tenant="TENANT")
    kept = Sensing(wanted=True).policy(SensitivityPolicy(repeat_writes=True), faults=True)
    assert kept is not None
    assert kept.repeat_writes


def test_it_is_on_demand():
    assert Sensing().policy(CONFIGURED, faults=True) is None
    assert Sensing().policy(CONFIGURED, faults=False) is None


@pytest.mark.parametrize(
    ("sensing", "faults", "named"),
    [
        (Sensing(wanted=True), False, "--no-faults"),
        (Sensing(runs=3), True, "--sensitivity-runs"),
        (Sensing(seed=0), True, "--sensitivity-seed"),
        (Sensing(repeat_writes=True), True, "--repeat-writes"),
    ],
)
def test_options_that_make_no_sense_are_refused(sensing, faults, named):
    with pytest.raises(UsageError) as met:
        sensing.policy(CONFIGURED, faults=faults)
    assert met.value.code == "option-conflict"
    assert named in met.value.message
