"""`greenproof init` in repositories of several kinds; what it writes can be used at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenproof.config import load

PYTEST = {
    "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests/e2e"]\n',
    "tests/e2e/conftest.py": 'import os\nBASE = os.environ.get("SHOP_URL", "http://localhost:8123")\n',
    "tests/e2e/test_shop.py": (
        "import json, os, urllib.request\n"
        "def test_order():\n"
        '    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", data=b\'{"prices": [2]}\')\n'
        "    with urllib.request.urlopen(request, timeout=5) as answer:\n"
        '        assert json.load(answer)["total"] == 2\n'
        '    assert "https://example.com/x"\n'
    ),
    "Dockerfile": "FROM python\nEXPOSE 8123\nHEALTHCHECK CMD curl localhost\nCMD uvicorn shop:app\n",
    "compose.yaml": "services:\n  shop:\n    ports: ['8123:80']\n    depends_on: [db]\n  db:\n    image: postgres\n",
    "openapi.json": json.dumps({"paths": {"/alive/healthz": {"get": {}}, "/orders": {"post": {}}}}),
    ".env.example": "SHOP_URL=http://localhost:8123\nPASSWORD=hunter2\n",
}
UNITTEST = {
    "tests/__init__.py": "",
    "tests/test_a.py": 'import os, unittest\nclass TestA(unittest.TestCase):\n    U = os.getenv("API_HOST")\n    def test_a(self): pass\n',
}
HOSTILE = {
    "test_a.py": "def (", "pyproject.toml": "= broken", "compose.yml": "a: &a [*a, *a]\nservices: [1, {x: *a}]\n",
    "openapi.yaml": "paths: [", "setup.cfg": "[tool:pytest\n", "Dockerfile": "EXPOSE 99999999 x\x00\nCMD \x1b[31m",
    "tox.ini": "[pytest]\ntestpaths = a\n b\n", "docker-compose.yml": 'services: {"a\\u001b[31m": {ports: [{published: 1}]}}\n',
}  # fmt: skip


def repository(place: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def init(place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greenproof", "init", *options]
    return subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("files", [PYTEST, UNITTEST, HOSTILE, {}], ids=["pytest", "unittest", "hostile", "empty"])
def test_what_it_writes_is_a_configuration(tmp_path: Path, files: dict[str, str]) -> None:
    done = init(repository(tmp_path, files))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + (tmp_path / "greenproof.toml").read_text()
    assert load(tmp_path / "greenproof.toml").suites[0].name == "e2e"


def test_what_was_found_is_told_with_its_place(tmp_path: Path) -> None:
    done = init(repository(tmp_path, PYTEST))
    plan = load(tmp_path / "greenproof.toml")
    assert [(t.name, t.url, t.env) for t in plan.targets] == [("shop", "http://localhost:8123", ("SHOP_URL",))]
    assert plan.suites[0].command == ("{python}", "-m", "pytest")
    assert "GET /alive/healthz" in {str(route) for route in plan.plumbing}
    for where in (".env.example:1", "tests/e2e/conftest.py:2", "openapi.json", "compose.yaml", "Dockerfile"):
        assert where in done.stdout
    text = (tmp_path / "greenproof.toml").read_text()
    assert "hunter2" not in text + done.stdout
    assert "example.com" not in text


def test_unittest_is_recognised(tmp_path: Path) -> None:
    init(repository(tmp_path, UNITTEST))
    plan = load(tmp_path / "greenproof.toml")
    assert plan.suites[0].command == ("{python}", "-m", "unittest", "discover", "-s", "tests", "-t", ".")
    assert plan.targets[0].env == ("API_HOST",)


def test_it_never_writes_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "greenproof.toml").write_text("mine")
    done = init(tmp_path)
    assert (done.returncode, (tmp_path / "greenproof.toml").read_text()) == (4, "mine")
    assert "[configuration-exists]" in done.stderr
    shown = init(tmp_path, "--stdout")
    assert shown.returncode == 0
    assert "schema = 1" in shown.stdout


def test_json_writes_no_file(tmp_path: Path) -> None:
    done = init(repository(tmp_path, PYTEST), "--json", "-")
    assert json.loads(done.stdout)["schema"] == "greenproof.proposal/1"
    assert not (tmp_path / "greenproof.toml").exists()


def test_prove_works_with_what_was_written(tmp_path: Path, shop: str) -> None:
    files = {**PYTEST, "tests/e2e/conftest.py": f'import os\nBASE = os.environ.get("SHOP_URL", "{shop}")\n'}
    del files[".env.example"]
    assert init(repository(tmp_path, files)).returncode == 0
    command = [
        sys.executable,
        "-m",
        "greenproof",
        "prove",
        "-q",
        "--",
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:anyio",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 cases are proven" in done.stdout
