"""How judging, reporting and recording grow with the number of cases: time and peak memory, a process for each size.

.venv/bin/python bench/scale/run.py [--sizes 1250 2500 5000 10000] [--rounds 3] [--real] [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
STEEP = 1.3
"""Growth over that of the number of cases: 1.0 is linear, 2.0 for a doubling is quadratic."""


def main() -> int:
    """Measure, print, and say whether anything grows faster than the number of cases."""
    arguments = _arguments()
    sizes = sorted(arguments.sizes)
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    memory: dict[tuple[str, int], list[float]] = defaultdict(list)
    for number in range(arguments.rounds):
        for size in sizes:
            for stage, spent, grown in _measured(size, "real" if arguments.real else "pure"):
                seconds[stage, size].append(spent)
                memory[stage, size].append(grown)
        print(f"round {number + 1} of {arguments.rounds} is done", file=sys.stderr, flush=True)
    stages = list(dict.fromkeys(stage for stage, _ in seconds))
    print(f"medians of {arguments.rounds}; x: to the size before, per factor of the sizes; linear is 1.0")
    print(f"{'':34}" + "".join(f"{size:>9,} cases      " for size in sizes))
    steep = []
    for name, found, unit in (("seconds", seconds, "s"), ("peak memory, MB", memory, "MB")):
        print(f"\n{name}")
        for stage in stages:
            row = [statistics.median(found[stage, size]) for size in sizes]
            cells = [f"{row[0]:>9.2f} {unit:3}       "]
            least = 0.2 if unit == "s" else 1.0
            for before, after, small, large in zip(row, row[1:], sizes, sizes[1:], strict=False):
                # What is smaller is noise.
                ratio = (after / before) / (large / small) if before >= least else None
                cells.append(f"{after:>9.2f} {unit:3}" + (f" x{ratio:<5.2f}" if ratio else "       "))
                if ratio and ratio > STEEP:
                    steep.append(f"{stage}: {name} grew by {after / before:.1f} from {small} to {large} cases")
            print(f"{stage:34}" + "".join(cells))
    print(
        "\nnot shown: the tests themselves" + ("" if arguments.real else ", the runner, the relay (--real shows them)")
    )
    for line in steep:
        print(f"NOT LINEAR: {line}")
    if arguments.json:
        rows = {f"{s} {n}": [seconds[s, n], memory[s, n]] for s, n in seconds}
        arguments.json.write_text(json.dumps(rows, indent=1))
    return int(bool(steep))


def _measured(size: int, kind: str) -> list[tuple[str, float, float]]:
    command = [sys.executable, str(HERE / f"{kind}.py"), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800)
    return [(str(stage), float(spent), float(grown)) for stage, spent, grown in json.loads(done.stdout)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_250, 2_500, 5_000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--real", action="store_true", help="run real suites of these sizes, against a real service")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
