"""The command line starts at once, and every mistake has its exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pydantic", "rich", "starlette", "mitmproxy", "dbos", "httpx2", "httpcore2", "psutil", "asyncio", "sqlite3")


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greenproof", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from greenproof.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["prove", "--no-such-option"],
        ["prove", "--target", "api", "--", "pytest"],
        ["prove", "--target", "api=ftp://x", "--", "pytest"],
        ["prove", "--target", "api=http://127.0.0.1:9", "--env", "A=other", "--", "pytest"],
        ["prove", "--target", "api=http://127.0.0.1:9", "--", "no-such-executable"],
        ["prove", "--target", "api=http://127.0.0.1:9"],
        ["prove", "--", "pytest"],
        ["loop"],
        ["status"],
        ["explain", "no-such-code"],
        ["ledger", "verify"],
        ["up", "--config", "no-such.toml"],
    ],
)
def test_a_mistake_of_the_user_is_exit_4_and_one_message(arguments: list[str], tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert "rror" in done.stderr
    assert done.stdout == ""


def test_a_target_that_is_down_verifies_nothing(tmp_path: Path) -> None:
    done = run("prove", "--target", "api=http://127.0.0.1:9", "--", sys.executable, "-m", "pytest", cwd=tmp_path)
    assert done.returncode == 5
    assert "nothing listens on 127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_lists_and_explains() -> None:
    assert "survives-fault" in run("explain").stdout
    assert "What to do:" in run("explain", "survives-fault").stdout
