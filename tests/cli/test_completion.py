"""Completion, asked as a real bash asks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from greenproof.ledger import Ledger, prepare
from greenproof.model.events import RunStarted

CONFIGURATION = """
schema = 1
[project]
name = "shop"
[environments.local]
[environments.staging]
kind = "staging"
[services.auth]
source = "."
command = ["true"]
[services.backend]
source = "."
command = ["true"]
[services."$(touch broken)"]
[dependencies.redis]
kind = "redis"
[targets.api]
service = "auth"
[suites.e2e]
command = ["true"]
"""
BASH = shutil.which("bash")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    (folder / "greenproof.toml").write_text(CONFIGURATION)
    return folder


def completed(place: Path, line: str) -> list[str]:
    """What bash offers at the end of a line, after it has read the script as a user's ~/.bashrc does."""
    words = line.split(" ")
    script = (
        'eval "$(greenproof completion bash)"\n'
        f"COMP_WORDS=({' '.join(words)})\n"
        f"COMP_CWORD={len(words) - 1}\n"
        "$(complete -p greenproof | sed -E 's/.*-F ([^ ]+).*/\\1/') greenproof\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(BASH), "--norc", "--noprofile", "-c", script],
        cwd=place, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(BASH is None, reason="needs bash: apt-get install bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("greenproof led", ["ledger"]),
        ("greenproof ledger ve", ["verify"]),
        ("greenproof loop --sui", ["--suite"]),
        ("greenproof loop --suite ", ["e2e"]),
        ("greenproof status --environment st", ["staging"]),
        ("greenproof logs ", ["auth", "backend", "redis"]),
        ("greenproof prove --expect ", ["api="]),
        ("greenproof explain survives-f", ["survives-fault"]),
        ("greenproof explain ledger-ne", ["ledger-newer"]),
        ("greenproof completion f", ["fish"]),
    ],
)
def test_bash_completes(place: Path, line: str, offered: list[str]) -> None:
    assert completed(place, line) == offered
    assert not (place / "broken").exists()


def test_what_cannot_be_read_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "greenproof.toml").write_bytes(b"\xff not [ toml")
    assert ask(tmp_path, "greenproof logs ") == []
    (tmp_path / "greenproof.toml").unlink()
    (tmp_path / "greenproof.toml").mkdir()
    assert ask(tmp_path, "greenproof logs ") == []


def ask(place: Path, line: str) -> list[str]:
    words = line.split(" ")
    variables = {
        **os.environ,
        "_GREENPROOF_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from greenproof.cli import main; main()"],
        cwd=place, env=variables, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return [row.partition(",")[2] for row in done.stdout.splitlines() if row]


@pytest.mark.parametrize(
    ("shell", "word"), [("bash", "complete "), ("zsh", "#compdef greenproof"), ("fish", "complete ")]
)
def test_each_shell_has_its_script(shell: str, word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "greenproof", "completion", shell],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert word in done.stdout
    assert "_GREENPROOF_COMPLETE" in done.stdout
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=done.stdout, text=True, timeout=60, check=True)


def test_runs_are_offered_the_latest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from greenproof.cli.completing import runs

    with Ledger.open(prepare(tmp_path / ".greenproof")) as ledger:
        for number in (1, 2):
            run = f"20260101T00000{number}Z-abc123"
            ledger.append(run, RunStarted(run, "prove", "local", "local", None, version="1"))
    monkeypatch.chdir(tmp_path)
    context = click.Context(click.Command("compare"))
    parameter = click.Argument(["run"])
    assert runs(context, parameter, "2026") == ["20260101T000002Z-abc123", "20260101T000001Z-abc123"]
    assert runs(context, parameter, "x") == []
    monkeypatch.chdir(tmp_path.parent)
    assert runs(context, parameter, "") == []
