"""A rollback as it is told."""

import pytest

from greenproof.cli.environment import _show_rollback
from greenproof.model.facts import Release
from greenproof.model.releases import Rollback


@pytest.mark.parametrize(
    ("good", "chosen", "told"),
    [
        (True, True, "it was kept warm, 0.20 s; known good"),
        (True, False, "it was kept warm, 0.20 s; known good"),
        (False, True, "it was kept warm, 0.20 s; not known good"),
        (False, False, "it was kept warm, 0.20 s; not known good: there was no other that is"),
    ],
)
def test_whether_it_is_known_good_and_why_it_was_chosen(capsys, good, chosen, told):
    done = Rollback(Release("r-1", ()), Release("r-2", ()), warm=True, duration_s=0.2, known_good=good)
    _show_rollback(done, as_json=False, chosen=chosen)
    assert capsys.readouterr().out.splitlines() == ["rolled back to r-1", told]
