"""What is printed, word for word: helps, errors and explanations, at 80 and 120 columns, without colour."""

import json
from pathlib import Path

import click
import pytest
from syrupy.assertion import SnapshotAssertion

from greenproof.analysis.authenticity.reasons import CATALOGUE
from greenproof.analysis.authenticity.ways import WAYS
from greenproof.analysis.authenticity.words import WORDS
from greenproof.analysis.measure.rules import kinds
from greenproof.cli.main import COMMANDS, _run, root
from greenproof.model.error_codes import ERRORS

WIDTHS = [80, 120]


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    columns: int = request.param
    monkeypatch.setenv("COLUMNS", str(columns))
    return columns


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = _run(arguments)
    captured = capsys.readouterr()
    return code, captured.out.replace(str(Path.cwd()), "HERE"), captured.err.replace(str(Path.cwd()), "HERE")


def at_any_width(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """As `printed`. Results and errors are not wrapped: whoever copies a path out of them gets the path."""
    found = []
    for columns in WIDTHS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            found.append(printed(capsys, *arguments))
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    "arguments",
    [[], ["prove"], ["floor"], ["loop"], ["ready"], ["ledger", "verify"], ["explain"], ["completion"]],
    ids=" ".join,
)
def test_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str], width: int, snapshot: SnapshotAssertion
) -> None:
    code, out, err = printed(capsys, *arguments, "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= width
    assert out == snapshot


def test_every_command_has_a_help_that_fits(capsys: pytest.CaptureFixture[str], width: int) -> None:
    context = click.Context(root, info_name="greenproof", **root.context_settings)
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        assert command.help
        assert max(map(len, command.get_help(click.Context(command, parent=context)).splitlines())) <= width


WRONG = [
    ["prov"],
    ["ledger", "verfy"],
    ["zzzzzz"],
    ["prove", "--tarket", "a=b"],
    ["prove", "-x", "--", "pytest"],
    ["loop", "--limit", "0"],
    ["loop", "--hours", "nan"],
    ["loop", "--hours", "inf"],
    ["prove", "--timeout", "nan"],
    ["floor", "--case-timeout", "nan"],
    ["prove", "--removed", ""],
    ["loop", "--removed", "["],
    ["floor", "--timeout", "soon"],
    ["loop", "--suite"],
    ["logs"],
    ["logs", "a", "b"],
    ["completion", "tcsh"],
    ["prove", "-q", "-v", "--", "pytest"],
    ["prove", "--target", "api", "--", "pytest"],
    ["prove", "--target", "api=http://a", "--target", "api=http://b", "--", "pytest"],
    ["prove", "--target", "api=ftp://x", "--", "pytest"],
    ["prove", "--", "pytest"],
    ["floor", "--", "pytest"],
    ["prove", "--target", "api=http://127.0.0.1:9", "--env", "A=other", "--", "pytest"],
    ["prove", "--target", "api=http://127.0.0.1:9", "--json", "no/such/folder", "--", "pytest"],
    ["prove", "--target", "api=http://127.0.0.1:9", "--", "no-such-executable"],
    ["loop"],
    ["status", "--config", "nowhere.toml"],
    ["explain", "survives-fautl"],
    ["explain", "\x1b[2J"],
    ["ledger", "verify"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=lambda words: " ".join(words).replace("\x1b", "ESC"))
def test_error(arguments: list[str], capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    code, out, err = at_any_width(capsys, *arguments)
    assert (code, out) == (4, "")
    assert err == snapshot
    complete(err)


def complete(err: str) -> None:
    lines = err.splitlines()
    code = lines[0].rpartition("[")[2].rstrip("]")
    assert lines[0].startswith("error: ")
    assert code in ERRORS
    assert any(line.strip().startswith("expected: ") for line in lines)
    assert any(line.strip().startswith("hint: ") for line in lines)
    assert all(line.isprintable() for line in lines)


BROKEN = """
schema = 1
[project]
name = "Shop"
colour = "red"
[environments.local]
platform = "locl"
[services.auth]
source = "nowhere"
command = ["{pyton}"]
port = "8801"
needs = ["auht"]
[targets.api]
service = "auth"
url = "https://me:secret@host"
[[priorities]]
name = "P1"
tests = ["test_a.py::test[1"]
"""


def test_a_broken_configuration(capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    Path("greenproof.toml").write_text(BROKEN)
    code, out, err = at_any_width(capsys, "status")
    assert (code, out) == (4, "")
    assert err == snapshot
    assert "secret" not in err
    complete(err)


def test_logs_of_nobody_names_who_there_is(capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    Path("greenproof.toml").write_text(
        'schema = 1\n[project]\nname = "x"\n[services.auth]\nsource = "."\ncommand = ["true"]\n'
    )
    assert at_any_width(capsys, "logs", "auht") == snapshot
    assert printed(capsys, "logs", "auth") == (0, "", "auth has logged nothing yet\n")


@pytest.mark.parametrize(
    "code", ["survives-fault", "no-target", "target-down", "config-glob", "[ledger-newer]", "hollow", "another-process"]
)
def test_explanation(code: str, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    assert at_any_width(capsys, "explain", code) == snapshot


def test_explain_knows_every_code(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = printed(capsys, "explain")
    listed = {line.split()[0] for line in out.splitlines() if line.startswith("  ")}
    assert listed == {*CATALOGUE, *WAYS, *WORDS, *kinds(), *ERRORS}
    for code in (*CATALOGUE, *WAYS, *WORDS, *kinds(), *ERRORS):
        assert printed(capsys, "explain", code)[0] == 0
    document = json.loads(printed(capsys, "explain", "--json")[1])
    assert {one["code"] for one in document["codes"]} == listed
