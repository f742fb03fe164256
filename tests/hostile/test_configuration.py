"""A configuration that is no configuration: every mistake at once, exit code 4, and nothing is touched."""

import sys
from pathlib import Path

import pytest
from hostile import assert_decent, run

TEN = """
schema = "one"
unknown = 1
[project]
name = 7
[environments.Local]
kind = "moon"
[services.shop]
source = "../../etc"
command = []
health = "no slash"
[targets.api]
service = "nobody"
env = ["NOT A NAME"]
[[claims]]
tests = []
routes = ["FETCH"]
[[features]]
name = "x"
value = -1
tests = ["*"]
[[priorities]]
name = "P1"
tests = "all"
[suites.e2e]
command = "pytest"
timeout = "soon"
"""
COMMANDS = {
    "prove": ("--target", "api=http://127.0.0.1:9", "--", sys.executable, "-m", "pytest"),
    "floor": ("--target", "api=http://127.0.0.1:9", "--", sys.executable, "-m", "pytest"),
    "loop": (),
    "up": (),
    "down": (),
    "deploy": (),
    "rollback": (),
    "ready": (),
    "status": (),
    "logs": ("shop",),
}


def files(place: Path) -> dict[str, bytes | str]:
    made: dict[str, bytes | str] = {
        "ten mistakes": TEN,
        "not utf-8": "name = 'é'\n".encode("latin-1"),
        "utf-16": "[project]\nname = 'x'\n".encode("utf-16"),
        "10 MB": b"# " + b"x" * (10 << 20) + b"\n",
        "nul": b"[project]\0\n",
        "deep": "a = " + "[" * 5000 + "]" * 5000,
        "deep keys": ".".join(["a"] * 5000) + " = 1",
        "no toml": '{"schema": 1}',
        "binary": bytes(range(256)) * 40,
        "escapes": '[project]\nname = "\\u001b[31m\\u0007"\n["\\u001b[2J"]\n',
    }
    for name, content in made.items():
        (place / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return made


def test_every_kind_of_broken_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    names = [*files(tmp_path), ".", "missing", "/dev/null/x"]
    if not request.config.getoption("--hostile"):
        # The reader itself is tried with all of them elsewhere; here it is the program that counts.
        names = ["not utf-8", "10 MB", "deep", "escapes", "."]
    for name in names:
        outcome = run("status", "--config", str(tmp_path / name), cwd=tmp_path)
        assert_decent(outcome, 4, seconds=10)
        assert "expected: " in outcome.err, (name, outcome.err)
        assert len(outcome.err) < 20_000, name
        assert outcome.out == ""
    assert not (tmp_path / ".greenproof").exists()


@pytest.mark.parametrize(
    "command", [c if c in ("prove", "deploy") else pytest.param(c, marks=pytest.mark.hostile) for c in COMMANDS]
)
def test_ten_mistakes_at_once_are_told_at_once(command: str, tmp_path: Path) -> None:
    (tmp_path / "greenproof.toml").write_text(TEN)
    outcome = run(command, *COMMANDS[command], cwd=tmp_path)
    assert_decent(outcome, 4, seconds=10)
    told = [line for line in outcome.err.splitlines() if line.startswith(str(tmp_path / "greenproof.toml") + ":")]
    assert len(told) >= 10, outcome.err
    assert outcome.err.count("expected: ") >= 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["greenproof.toml"]


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "greenproof.toml").mkdir()
    outcome = run("status", cwd=tmp_path)
    assert_decent(outcome, 4, seconds=10)
    assert "hint: " in outcome.err
