"""Side releases as people read them."""

from greenproof.model.facts import Release, Revision
from greenproof.model.sides import SideRelease
from greenproof.reporting.sides import aside_line, side_document, side_lines

MIX = Release("r-1", (Revision("auth", "auth-0", "0"), Revision("web", "web-1", "1")), "now")
SIDE = SideRelease(
    "try",
    MIX,
    "r-0",
    {"auth": "http://127.0.0.1:1", "web": "http://127.0.0.1:2"},
    owner="run-1",
    changed=("web",),
    settings={"web": ("LIMIT",)},
    migrated=("web-1",),
    notes=("it\x1b[31m is so",),
)


def test_what_is_different_is_told_and_no_control_character_gets_through() -> None:
    assert list(side_lines(SIDE)) == [
        "side release try: r-1, beside r-0, running, data copied, of run run-1",
        "  auth         http://127.0.0.1:1           auth-0",
        "  web          http://127.0.0.1:2           web-1  (changed, LIMIT set, migrated on the copy)",
        "  note: it?[31m is so",
    ]


def test_a_verdict_is_not_about_the_current_release() -> None:
    assert aside_line(SIDE) == "tested: the side release try (r-1: web-1), not the current release"


def test_the_document_holds_names_of_variables_and_no_value() -> None:
    assert side_document(SIDE)["settings"] == {"web": ("LIMIT",)}
