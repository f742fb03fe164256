"""`greenproof measure` with a real git: what it finds, what it refuses, and that it touches nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenproof.cli.main import root

TEST = "from shop import client\ndef test_total():\n    assert client.get('/orders').status_code == 200\n"


def git(place: Path, *arguments: str) -> str:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments]
    return subprocess.run(command, cwd=place, check=True, capture_output=True, text=True, env=own).stdout


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a test below a folder with a name that is not plain, and one commit."""
    project = tmp_path / "a project ü"
    (project / "tests").mkdir(parents=True)
    (project / "tests" / "test_shop.py").write_text(TEST)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    monkeypatch.chdir(project)
    return project


def measure(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "greenproof", "measure", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_revision_is_compared_with_the_working_tree_and_nothing_is_touched(place: Path) -> None:
    assert measure("diff", "HEAD")[0] == 0
    (place / "tests" / "test_shop.py").write_text("\n\n" + TEST.replace("== 200", "in (200, 503)"))
    before = git(place, "status", "--porcelain")
    code, out, _ = measure("diff", "HEAD", "--json")
    assert code == 6
    (finding,) = json.loads(out)["weakened"]
    assert (finding["code"], finding["path"], finding["line"]) == ("statuses-widened", "tests/test_shop.py", 5)
    assert (finding["was"][-6:], finding["now"][-10:]) == ("== 200", "(200, 503)")
    assert git(place, "status", "--porcelain") == before

    said = ("--since", "HEAD", "--reason", 'it is "down" often', "--expires", "10")
    assert measure("accept", finding["id"], *said)[0] == 0
    assert "accepted (1)" in measure("diff", "HEAD")[1]
    assert measure("diff", "HEAD")[0] == 0
    text = (place / "greenproof-accepted.toml").read_text()
    assert 'reason = "it is \\"down\\" often"' in text


@pytest.mark.parametrize(
    "revision", ["--output=x", "-x", "no-such", "HEAD:tests", "HEAD~9", "a\nb", "", "HEAD^{tree}", "x" * 500]
)
def test_what_is_no_revision_is_refused(place: Path, revision: str) -> None:
    code, out, err = measure("diff", "--", revision)
    assert (code, out) == (4, "")
    assert "[unknown-revision]" in err
    assert [path.name for path in place.iterdir()] == ["tests"]


def test_a_folder_without_git_and_a_folder_that_was_not_there(
    place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (place.parent / "new").mkdir()
    os.chdir(place.parent / "new")
    assert "[revision-empty]" in measure("diff", "HEAD")[2]
    os.chdir(tmp_path_factory.mktemp("nowhere"))
    code, _, err = measure("diff", "HEAD")
    assert code == 4
    assert "[no-repository]" in err


def test_odd_files_are_named_and_survived(place: Path, tmp_path: Path) -> None:
    tests = place / "tests"
    (tmp_path / "outside.py").write_text(TEST)
    (tests / "test_link.py").symlink_to(tmp_path / "outside.py")
    (tests / "test_loop.py").symlink_to("test_loop.py")
    (tests / "test_gone.py").symlink_to("nowhere.py")
    (tests / "test_binary.py").write_bytes(b"\x00\xff" * 99)
    (tests / "test_latin.py").write_bytes(b"# coding: latin-1\ndef test_l():\n    assert client.x == '\xe9'\n")
    (tests / "test_unknown.py").write_bytes(b"# coding: no-such\n")
    (tests / "test_large.py").write_text("x = 1\n" * 300_000)
    (tests / "test_broken.py").write_text("def (:\n")
    os.mkfifo(tests / "test_pipe.py")
    code, out, _ = measure("diff", "HEAD", "--json")
    assert code == 0
    assert {n["path"].rpartition("/")[2] for n in json.loads(out)["notes"]} >= {
        "test_link.py", "test_binary.py", "test_unknown.py", "test_large.py", "test_broken.py",
    }  # fmt: skip
    (tests / "test_shop.py").write_text("def (:\n")
    found = json.loads(measure("diff", "HEAD", "--json")[1])
    assert {"id-lost", "file-unreadable"} <= {f["code"] for f in found["weakened"]}


@pytest.mark.parametrize(
    "expires", ["0", "-3", "yesterday", "2020-01-01", "9999-01-01", "99999999999", "2030-13-01", "", "1e3"]
)
def test_an_acceptance_needs_a_day_to_come(place: Path, expires: str) -> None:
    code, _, err = measure("accept", "m-1", "--reason", "x", f"--expires={expires}", "--since", "HEAD")
    assert code == 4
    assert "[acceptance-expiry]" in err


def test_only_what_was_found_can_be_accepted(place: Path) -> None:
    code, _, err = measure("accept", "m-0000000000", "--reason", "x", "--expires", "3", "--since", "HEAD")
    assert code == 4
    assert "[unknown-finding]" in err
    assert not (place / "greenproof-accepted.toml").exists()


@pytest.mark.parametrize(
    "text",
    [
        "accepted = 1",
        "[[accepted]]\nfinding = 'm-1'",
        "[[accepted]]\nfinding='a'\nreason='b'\nby='c'\non='2026-01-01'\nexpires='2099-01-01'",
    ],
)
def test_a_file_of_acceptances_that_is_wrong_is_refused(place: Path, text: str) -> None:
    (place / "greenproof-accepted.toml").write_text(text)
    code, _, err = measure("diff", "HEAD")
    assert code == 4
    assert "[acceptances-invalid]" in err


def test_the_command_is_listed() -> None:
    assert "measure" in root.list_commands(None)  # type: ignore[arg-type]
