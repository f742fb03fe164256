"""Anything may stand in a repository, and it is read or left out; nothing of it is run."""

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from greenproof.adapters.repository import read
from greenproof.analysis.proposing import propose
from greenproof.reporting.proposal import proposal_toml

NAMES = st.sampled_from(
    ["test_a.py", "conftest.py", "pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", ".env.example", "Dockerfile",
     "compose.yaml", "docker-compose.yml", "openapi.json", "openapi.yaml", "e2e/test_b.py"]
)  # fmt: skip
CONTENT = st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, CONTENT, max_size=5))
def test_any_bytes_are_read_or_left_out(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        for inside, content in files.items():
            path = Path(name) / inside
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        assert proposal_toml(propose(read(Path(name))))


def test_links_environments_and_folders_of_others_are_not_entered(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "test_secret.py").write_text("U = 'http://secret.test'\n")
    (tmp_path / "project" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "project" / "link.py").symlink_to(tmp_path / "elsewhere" / "test_secret.py")
    (tmp_path / "project" / "node_modules").mkdir()
    (tmp_path / "project" / "node_modules" / "test_x.py").write_text("U = 'http://module.test'\n")
    (tmp_path / "project" / ".venv").mkdir()
    (tmp_path / "project" / ".venv" / "pyvenv.cfg").touch()
    (tmp_path / "project" / ".venv" / "test_y.py").write_text("U = 'http://venv.test'\n")
    os.mkfifo(tmp_path / "project" / "test_pipe.py")
    found = read(tmp_path / "project")
    assert found.urls == ()
    assert [one.value for one in found.environments] == [".venv"]


def test_a_folder_of_somebody_else_is_left_out() -> None:
    # Even for root there are folders below /proc/1 that can't be looked into; for others most can't.
    assert read(Path("/proc/1")).tests == ()


def test_aliases_of_aliases_are_not_followed(tmp_path: Path) -> None:
    bomb = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [{', '.join(['*a'] * 9)}]\n" for n in range(40))
    (tmp_path / "compose.yaml").write_text(bomb + "services: {shop: {ports: ['1:1']}}\n")
    assert read(tmp_path).containers == ()
