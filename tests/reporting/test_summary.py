"""What a person reads: the first line says what was verified, the second what was not."""

from proofs import proof
from syrupy.assertion import SnapshotAssertion

from greenproof.reporting.summary import first_line, printable, summary_lines


def test_the_summary_as_it_is_printed(snapshot: SnapshotAssertion) -> None:
    assert "\n".join(summary_lines(proof())) == snapshot


def test_the_verbose_summary_unfolds_the_proven(snapshot: SnapshotAssertion) -> None:
    assert "\n".join(summary_lines(proof(), verbose=True)) == snapshot


def test_no_test_name_can_drive_the_terminal() -> None:
    assert all(c == "\n" or c.isprintable() for line in summary_lines(proof(), verbose=True) for c in line)
    assert printable("a\x1b[2Jb\r") == "a?[2Jb?"


def test_first_line_skips_what_is_empty() -> None:
    assert first_line("\n  \n  assert 1 == 2\nmore") == "assert 1 == 2"
