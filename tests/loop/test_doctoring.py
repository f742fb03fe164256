"""`greenproof doctor` on real machines: this one, and ones where something is missing."""

import json
import os
import socket
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

CONFIGURATION = """
schema = 1
[project]
name = "shop"
[targets.api]
url = "{url}"
[suites.good]
command = ["{{python}}", "-m", "pytest"]
[suites.bare]
command = ["{{python}}", "-m", "unittest"]
python = "bare"
[suites.gone]
command = ["{{python}}", "-m", "pytest"]
python = "gone"
"""


def doctor(place: Path, **variables: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code, the findings by name, and what a person reads."""
    command = [sys.executable, "-m", "greenproof", "doctor", "--json", "out.json"]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    findings = json.loads((place / "out.json").read_text())["findings"]
    return done.returncode, {found["name"]: found for found in findings}, done.stdout


def test_without_a_configuration_it_looks_at_the_machine(tmp_path: Path) -> None:
    own = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    code, found, said = doctor(tmp_path, PATH=own)
    assert code == 0, said
    assert {found[name]["health"] for name in ("relay", "ledger", "a place for the ledger")} == {"ok"}
    assert found["tests of this shell's python3"]["health"] == "ok"
    assert "plugin was loaded and told of its case" in found["tests of this shell's python3"]["observed"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.json"]


def test_what_is_missing_is_told_with_its_cost(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        closed = held.getsockname()[1]
    (tmp_path / "greenproof.toml").write_text(CONFIGURATION.format(url=f"http://127.0.0.1:{closed}"))
    venv.create(tmp_path / "bare", with_pip=False)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    code, found, said = doctor(tmp_path, PATH=str(tools))
    assert found["browser"]["health"] == found["git"]["health"] == "missing"
    assert "not run" in found["browser"]["cost"]
    assert found["tests of suite bare"]["health"] == "missing"
    assert "python -m unittest the witness told of its case" in found["tests of suite bare"]["observed"]
    assert found["tests of suite gone"]["health"] == "missing"
    assert found["target api"]["health"] == "broken"
    assert "nothing listens" in found["target api"]["observed"]
    assert code == 0
    assert "costs: tests in a browser are not run" in said


def test_an_environment_in_which_nothing_is_believed_is_exit_1(tmp_path: Path) -> None:
    # A python that clears the variables through which the plugin is loaded.
    wrapper = tmp_path / "tools" / "python3"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nunset PYTHONPATH PYTEST_ADDOPTS\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    code, found, said = doctor(tmp_path, PATH=f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
    assert code == 1
    assert found["tests of this shell's python3"]["health"] == "broken"
    assert "nothing can be judged without: tests of this shell's python3" in said


@pytest.mark.parametrize("option", [["--json", "-"], ["-q"]])
def test_the_result_alone_is_on_stdout(tmp_path: Path, option: list[str]) -> None:
    command = [sys.executable, "-m", "greenproof", "doctor", *option]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout
    if option == ["--json", "-"]:
        assert json.loads(done.stdout)["schema"] == "greenproof.checkup/1"
    else:
        assert done.stderr == ""
