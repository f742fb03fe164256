"""What the plugin and the relay cost on a fixed suite, beside plain pytest and two peers, interleaved in one run."""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ways
from ways import TESTS, Cost, Place

WALL_LIMIT = 1.05
"""Wall time of plugin and relay to that of plain pytest, where the service takes 50 ms."""
RELAY_LIMIT_MS = 0.3
"""CPU of the relay's process an exchange."""
WAYS: Mapping[str, Callable[[Place], Cost]] = {
    "plain pytest": ways.plain,
    "plugin": ways.plugin,
    "plugin and relay": ways.relay,
    "ddtrace": ways.ddtrace,
    "pytest-opentelemetry": ways.opentelemetry,
    "plain pytest, 50 ms": lambda here: ways.plain(here, "delayed"),
    "plugin and relay, 50 ms": lambda here: ways.relay(here, "delayed"),
}
SLOW = "50 ms"
_NOT_SHOWN = """\
not shown: the start of the relay (0.5-1 s once a session), the two fault runs (each repeats what passed), browsers,
TLS, large bodies, suites under xdist, and machines with many cores, where relay and tests do not compete."""

type Costs = dict[str, list[Cost]]


def measure(rounds: int, slow: bool, say: Callable[[str], None]) -> Costs:
    """Each way once a round, one after the other; the round before the first warms caches and is thrown away."""
    chosen = [name for name in WAYS if slow or SLOW not in name]
    costs: Costs = {name: [] for name in chosen}
    with ways.place() as here:
        for number in range(rounds + 1):
            for name in chosen:
                if number or SLOW not in name:
                    cost = WAYS[name](here)
                    say(f"round {number}: {name}: CPU {cost.cpu_s:.2f} s, wall {cost.wall_s:.2f} s")
                    if number:
                        costs[name].append(cost)
    return costs


def ratios(costs: Sequence[Cost], base: Sequence[Cost], of: Callable[[Cost], float]) -> list[float]:
    """Each round's cost to that of the plain run of the same round."""
    return [of(cost) / of(plain) for cost, plain in zip(costs, base, strict=True)]


def relay_ms(costs: Sequence[Cost]) -> list[float]:
    """CPU of the relay's process an exchange (or a case), in milliseconds."""
    return [cost.relay_cpu_s * 1000 / TESTS for cost in costs if cost.relay_cpu_s is not None]


def figures(costs: Costs) -> dict[str, list[float]]:
    """Name -> one figure a round."""
    plain = costs["plain pytest"]
    found = {
        f"CPU of {name} to plain pytest": ratios(held, plain, lambda cost: cost.cpu_s)
        for name, held in costs.items()
        if SLOW not in name and held is not plain
    }
    for name in ("plugin", "plugin and relay"):
        found[f"  {name}, with the relay's process"] = ratios(
            costs[name], plain, lambda cost: cost.cpu_s + (cost.relay_cpu_s or 0.0)
        )
    delayed = costs.get("plain pytest, 50 ms")
    if delayed:
        found["wall of plugin and relay to plain, 50 ms"] = ratios(
            costs["plugin and relay, 50 ms"], delayed, lambda cost: cost.wall_s
        )
    found["relay process, ms an exchange"] = relay_ms(costs["plugin and relay"])
    found["  of it for the plugin's messages alone"] = relay_ms(costs["plugin"])
    return found


_LIMITS = {"wall of plugin and relay to plain, 50 ms": WALL_LIMIT, "relay process, ms an exchange": RELAY_LIMIT_MS}


def table(costs: Costs) -> str:
    """Seconds, then ratios with their limits."""
    lines = [f"{TESTS} tests, one request and three asserts each, {os.cpu_count()} cores", "", _head("seconds")]
    for name, held in costs.items():
        lines.append(_row(f"CPU of {name}", [cost.cpu_s for cost in held]))
        lines.append(_row(f"wall of {name}", [cost.wall_s for cost in held]))
    lines += ["", _head("ratio of the same round") + "     limit"]
    for name, values in figures(costs).items():
        limit = _LIMITS.get(name)
        lines.append(_row(name, values) + (f"{limit:>10.2f}" if limit else ""))
    return "\n".join([*lines, "", _NOT_SHOWN])


def _head(what: str) -> str:
    return f"{what:<46}{'n':>3}{'median':>10}{'min':>10}{'max':>10}"


def _row(name: str, values: Sequence[float]) -> str:
    middle = statistics.median(values)
    return f"{name:<46}{len(values):>3}{middle:>10.3f}{min(values):>10.3f}{max(values):>10.3f}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single figure there")
    parser.add_argument("--no-slow", action="store_true", help="leave out the service that takes 50 ms")
    options = parser.parse_args()
    costs = measure(max(1, options.rounds), not options.no_slow, lambda text: print(text, file=sys.stderr, flush=True))
    print(table(costs))
    if options.json:
        seconds = {name: [vars(cost) for cost in held] for name, held in costs.items()}
        options.json.write_text(json.dumps({"runs": seconds, "figures": figures(costs)}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
