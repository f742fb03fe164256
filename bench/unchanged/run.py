"""What it costs to prove a suite again that nothing has touched, beside its plain run alone, in one session.

    .venv/bin/python bench/unchanged/run.py [--rounds 5] [--tests 500]

A suite of real tests is proven once. Then, in turns: pytest alone; `prove --no-faults` (the plain run through the relay
and its verdicts); `prove`, which takes over the fault runs of the first; and `prove --repeat-faults`, which makes all.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

SHOP = Path(__file__).resolve().parents[2] / "tests" / "support" / "shop.py"
_SUITE = """
    import os
    import pytest, requests

    @pytest.fixture(scope="session")
    def shop():
        with requests.Session() as held:
            held.trust_env = False
            yield held

    @pytest.mark.parametrize("price", range({tests}))
    def test_order(shop, price):
        answer = shop.post(os.environ["SHOP_URL"] + "/orders", json={{"prices": [price, 1]}}, timeout=20)
        assert answer.status_code == 201
        assert answer.json()["total"] == price + 1
"""
_LIMIT_S = 300
_NOT_SHOWN = """\
not shown: suites whose cases are hollow or unproven (their fault runs are made again each time), slow services (the
plain run then weighs more, and the rest less), and suites that write files which they read."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tests", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unchanged-") as folder:
        place = Path(folder)
        (place / "test_orders.py").write_text(textwrap.dedent(_SUITE).format(tests=options.tests))
        with subprocess.Popen(
            [sys.executable, str(SHOP), "0", "shop-1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as served:
            assert served.stdout
            try:
                _measure(place, f"http://127.0.0.1:{served.stdout.readline().strip()}", options.rounds, options.tests)
            finally:
                served.kill()
    return 0


def _measure(place: Path, url: str, rounds: int, tests: int) -> None:
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    prove = [sys.executable, "-m", "greenproof", "prove", "-q", "--target", f"shop={url}", "--env", "SHOP_URL=shop"]
    ways: dict[str, Callable[[], list[str]]] = {
        "pytest alone": lambda: pytest,
        "prove --no-faults": lambda: [*prove, "--no-faults", "--", *pytest],
        "prove, nothing touched": lambda: [*prove, "--", *pytest],
        "prove --repeat-faults": lambda: [*prove, "--repeat-faults", "--", *pytest],
    }
    # The first prove is what the later ones remember.
    _run(ways["prove, nothing touched"](), place, url)
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            spent[name].append(_run(way(), place, url))
    plain = spent["prove --no-faults"]
    print(f"{tests} tests, each with one request; wall time in seconds, and beside the plain run of the same round")
    print(f"{'':26}{'n':>3}{'median':>9}{'min':>9}{'max':>9}{'ratio':>9}")
    for name, times in spent.items():
        ratio = statistics.median(one / base for one, base in zip(times, plain, strict=True))
        row = (statistics.median(times), min(times), max(times), ratio)
        print(f"{name:26}{len(times):>3}" + "".join(f"{value:>9.2f}" for value in row))
    print(f"\n{_NOT_SHOWN}")


def _run(command: list[str], place: Path, url: str) -> float:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GREENPROOF_"))}
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=place,
        env={**kept, "SHOP_URL": url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    spent = time.monotonic() - began
    # Without faults nothing is proven: 5.
    if done.returncode != (5 if "--no-faults" in command else 0):
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return spent


if __name__ == "__main__":
    sys.exit(main())
