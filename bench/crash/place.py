"""Where the runs happen: a copy of Apex with a small suite, changed by each seed and set back before the next."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APEX = ROOT / "examples" / "apex"
MARK = "GREENPROOF_BENCH_CRASH"
"""A variable of all that is started here, but for relays, which take no variables along."""
CASES = (
    "e2e/test_authentication.py::test_login_gives_a_token_for_this_account",
    "e2e/test_authentication.py::test_a_wrong_password_is_refused",
    "e2e/test_threads.py::test_a_thread_can_be_read_back",
    "e2e/test_threads.py::test_an_unknown_thread_is_not_found",
    "e2e/test_messages.py::test_the_answer_follows_the_message",
    "e2e/test_agent_pipeline.py::test_a_sum_is_what_was_stored",
    "e2e/test_websocket_events.py::test_five_events_come_in_order",
    "e2e/test_websocket_events.py::test_the_answer_is_computed_from_the_data",
    "e2e/test_isolation.py::test_a_thread_is_not_there_for_others",
    "e2e/test_critical_path.py::test_from_registration_to_a_computed_answer",
)
_SUITE = """
[suites.crash]
kind = "e2e"
command = [{command}]
python = ".venv"
timeout = 300
"""
# Counts for itself how often each case begins, whatever Greenproof says.
_COUNTING = """
import json
import time
from pathlib import Path

PLACE = Path(__file__).with_name("begun.jsonl")


def pytest_runtest_logstart(nodeid, location):
    with PLACE.open("a") as file:
        file.write(json.dumps([time.time(), nodeid]) + "\\n")
"""
_TAGGED = ("backend", "auth", "analytics", "frontend")
_TITLE = "            thread_id,\n            owner_id,\n            title,\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a project, and its environment."""

    folder: Path

    @property
    def state(self) -> Path:
        """`.greenproof`."""
        return self.folder / ".greenproof"

    @property
    def environment(self) -> Path:
        """The folder of the environment."""
        return self.state / "environments" / "local"

    @property
    def ledger(self) -> Path:
        """The file."""
        return self.state / "ledger.db"

    def prepare(self) -> None:
        """Make it, unless it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("e2e", "pyproject.toml"):
            if (APEX / name).is_dir():
                shutil.copytree(APEX / name, self.folder / name, ignore=_CACHES, dirs_exist_ok=True)
            else:
                shutil.copy2(APEX / name, self.folder / name)
        command = ", ".join(json.dumps(part) for part in ("{python}", "-m", "pytest", "-q", *CASES))
        text = (APEX / "greenproof.toml").read_text("utf-8")
        # Free ports: another Apex may be up.
        text = re.sub(r"^port = .*\n", "", text, flags=re.MULTILINE)
        _write(self.folder / "greenproof.toml", text + _SUITE.format(command=command))
        _write(self.folder / "conftest.py", _COUNTING)
        link = self.folder / ".venv"
        if not link.is_symlink():
            link.symlink_to(APEX / ".venv")
        self.restore()

    def restore(self) -> None:
        """The services as they are in Apex."""
        shutil.rmtree(self.folder / "services", ignore_errors=True)
        shutil.copytree(APEX / "services", self.folder / "services", ignore=_CACHES)

    def tag(self, seed: int, services: Sequence[str]) -> None:
        """Another revision of these services, which does the same."""
        for service in services:
            with (self.folder / "services" / "apex" / service / "app.py").open("a", encoding="utf-8") as file:
                file.write(f"\n# seed {seed}\n")

    def spoil(self, how: str) -> None:
        """A release that gating cases fail on (`bypass`, `titles`), or that does not come up (`dead`)."""
        backend = self.folder / "services" / "apex" / "backend"
        if how == "bypass":
            patch = ["patch", "--quiet", "-p1", "-i", str(APEX / "releases" / "broken.patch")]
            subprocess.run(patch, cwd=self.folder, check=True)
        elif how == "titles":
            _replace(backend / "threads.py", _TITLE, _TITLE.replace("title,", "title[::-1],"))
        elif how == "dead":
            text = (backend / "app.py").read_text("utf-8")
            (backend / "app.py").write_text(text + "\nraise SystemExit('no configuration')\n", encoding="utf-8")

    def begun(self) -> list[tuple[float, str]]:
        """When each case began, by the suite's own count: seconds of the clock, and its id."""
        path = self.folder / "begun.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [(float(at), str(case)) for at, case in map(json.loads, lines)]

    def command(self, *arguments: str) -> list[str]:
        """Of Greenproof."""
        return [sys.executable, "-m", "greenproof", *arguments]

    def variables(self) -> dict[str, str]:
        """Of what is started here."""
        return {**os.environ, MARK: str(self.folder), "PYTHONUNBUFFERED": "1"}

    def greenproof(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def services_to_tag() -> tuple[str, ...]:
    """Those of which a seed makes another revision."""
    return _TAGGED


_CACHES = shutil.ignore_patterns("__pycache__", ".pytest_cache")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    if old not in text:
        raise SystemExit(f"{path} is not as this benchmark knows it")
    _write(path, text.replace(old, new, 1))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
