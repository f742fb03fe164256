"""What guarding the measure costs: `prove` of one test in a large tree of tests, beside the same in a tree of its own.

    .venv/bin/python bench/measure/run.py [--files 3000] [--rounds 3]

CPU is that of greenproof and all that it waited for (relay, pytest); the peak is that of greenproof itself.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SHOP = Path(__file__).resolve().parents[2] / "tests" / "support" / "shop.py"
_ONE = """
import os, requests
def test_order():
    answer = requests.post(os.environ["SHOP_URL"] + "/orders", json={"prices": [2, 3]}, timeout=20)
    assert answer.status_code == 201
    assert answer.json()["total"] == 5
"""
_HEAD = """
import os, pytest, requests
def fetch_{0}(path):
    answer = requests.get(os.environ["SHOP_URL"] + path, timeout=5)
    assert answer.status_code == 200
    return answer.json()
@pytest.fixture
def item_{0}():
    return fetch_{0}("/items/{0}")
"""
_TEST = """
def test_{0}_{1}(item_{0}):
    body = fetch_{0}("/items/q{1}")
    assert body["id"] == "q{1}"
    assert body["price"] == 7
    assert item_{0}["ok"] is True
"""
_IN_FOLDER = 100


@dataclass(frozen=True)
class Spent:
    """What one `prove` took."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows: dict[str, list[Spent]] = {}
    with _shop() as url, tempfile.TemporaryDirectory(prefix="measure-") as folder:
        alone, large = Path(folder, "alone"), Path(folder, "large")
        for place in (alone, large):
            place.mkdir()
            (place / "test_one.py").write_text(_ONE)
        _fill(large, options.files)
        _prove(alone, url)
        rows["first run"] = [_prove(large, url)]
        for turn in range(options.rounds):
            rows.setdefault("one test alone", []).append(_prove(alone, url))
            rows.setdefault("nothing changed", []).append(_prove(large, url))
            changed = large / "d0" / "test_0.py"
            changed.write_text(
                f"{changed.read_text()}\ndef test_more_{turn}(): assert fetch_0('/items/m')['id'] == 'm'\n"
            )
            rows.setdefault("one file changed", []).append(_prove(large, url))
    base = statistics.median(one.cpu_s for one in rows["one test alone"])
    print(f"`prove` of one test in a tree of {options.files} files with 5 tests each; medians")
    print(f"{'':18}{'n':>3}{'CPU, s':>9}{'wall, s':>9}{'peak, MiB':>11}{'CPU ratio':>11}")
    for name, spent in rows.items():
        cpu, wall, peak = (statistics.median(getattr(one, k) for one in spent) for k in ("cpu_s", "wall_s", "peak_mib"))
        print(f"{name:18}{len(spent):>3}{cpu:>9.2f}{wall:>9.2f}{peak:>11.0f}{cpu / base:>11.2f}")
    return 0


def _fill(place: Path, files: int) -> None:
    for number in range(files):
        folder = place / f"d{number // _IN_FOLDER}"
        folder.mkdir(exist_ok=True)
        tests = "".join(_TEST.format(number, n) for n in range(5))
        (folder / f"test_{number}.py").write_text(_HEAD.format(number) + tests)


@contextmanager
def _shop() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, str(SHOP), "0", "shop-1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout
        try:
            yield f"http://127.0.0.1:{served.stdout.readline().strip()}"
        finally:
            served.kill()


def _prove(place: Path, url: str) -> Spent:
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]
    options = ["-q", "--target", f"shop={url}", "--env", "SHOP_URL=shop"]
    command = [sys.executable, "-m", "greenproof", "prove", *options, "--", *pytest]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GREENPROOF_"))}
    environment = {**kept, "SHOP_URL": url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    began = time.monotonic()
    with (place.parent / "out.txt").open("w+") as out:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        if process.returncode != 0:
            out.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {out.read()[-2000:]}")
    return Spent(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


if __name__ == "__main__":
    sys.exit(main())
