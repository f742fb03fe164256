"""From the order to go back to the last known good release serving by identity, on Apex, under load.

    .venv/bin/python bench/rollback/run.py [--warm 40] [--cold 10] [--json FILE]

Warm: the good release runs beside the live one. Cold: its processes were killed before. Clients that keep their
connections ask all the time, each request once more if it fails.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "bench" / "crash"), str(Path(__file__).parent)]

from clients import Clients  # noqa: E402
from environments import wait_until  # noqa: E402
from place import Place  # noqa: E402

from greenproof.adapters.platforms.local import LocalPlatform, processes  # noqa: E402
from greenproof.adapters.platforms.local.layout import Layout  # noqa: E402
from greenproof.analysis.performance.percentiles import percentile  # noqa: E402
from greenproof.config import load  # noqa: E402
from greenproof.model.facts import Release  # noqa: E402

LIMITS = {"warm": 1.0, "cold": 15.0}
"""Seconds, 95th percentile."""


class Bench:
    """Apex with a good release and another one."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        self.place.prepare()
        self.plan = load(folder / "greenproof.toml")
        self.platform = LocalPlatform(self.plan, self.plan.environments[0])
        self.layout = Layout.of(self.plan, self.plan.environments[0])

    def prepare(self) -> Release:
        good = self.platform.deploy()
        self.platform.mark_good(good.name, "bench")
        # Shared code: every service gets another revision.
        shared = self.place.folder / "services" / "apex" / "shared" / "__init__.py"
        shared.write_text(shared.read_text("utf-8") + "\n# another release\n", "utf-8")
        self.platform.deploy()
        return good

    def once(self, good: Release, cold: bool) -> dict[str, float]:
        """Go back once; then forward again, for the next time."""
        if cold:
            self._end(good)
        frontend = str(self.platform.address("frontend"))
        with Clients(f"{frontend}/health") as clients:
            began = time.monotonic()
            done = self.platform.rollback(good.name)
            self._serves(good)
            spent = time.monotonic() - began
        assert done.warm is not cold, "it was not as it was meant to be"
        self.platform.mark_good(good.name, "bench")
        self.platform.deploy()
        counted = {"requests": clients.requests, "retried": clients.retried, "errors": clients.errors}
        return {"seconds": spent, "platform": done.duration_s, **counted}

    def _serves(self, release: Release) -> None:
        """Every service says at its public address that it is of this release."""
        for revision in release.revisions:
            url = f"{self.platform.address(revision.service)}/health"
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.headers["X-Greenproof-Revision"] == revision.name, revision.service

    def _end(self, release: Release) -> None:
        """Kill the processes of a release that is kept warm."""
        live = {one.revision for one in self.platform.status().services}
        names = {revision.name for revision in release.revisions} - live
        entries = json.loads(self.layout.registry.read_text())
        births = {e["pid"]: e["born"] for e in entries if e["role"].partition(":")[2] in names}
        processes.kill(births, signal.SIGKILL)
        wait_until(lambda: not any(processes.birth(pid) == born for pid, born in births.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warm", type=int, default=40)
    parser.add_argument("--cold", type=int, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="rollback-") as folder:
        bench = Bench(Path(folder))
        try:
            good = bench.prepare()
            for kind, count in (("warm", given.warm), ("cold", given.cold)):
                found[kind] = [bench.once(good, cold=kind == "cold") for _ in range(count)]
        finally:
            bench.platform.down()
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    return max(_print(kind, rounds) for kind, rounds in found.items() if rounds)


def _print(kind: str, rounds: list[dict[str, float]]) -> int:
    seconds = sorted(one["seconds"] for one in rounds)
    p95 = percentile(seconds, 95)
    errors = int(sum(one["errors"] for one in rounds))
    print(
        f"{kind}: n {len(rounds)}, median {percentile(seconds, 50):.2f} s, 95th percentile {p95:.2f} s "
        f"(limit {LIMITS[kind]:g}), max {max(seconds):.2f} s; requests {sum(int(one['requests']) for one in rounds)}, "
        f"asked again {sum(int(one['retried']) for one in rounds)}, errors with one retry {errors}"
    )
    return int(p95 > LIMITS[kind] or errors > 0)


if __name__ == "__main__":
    sys.exit(main())
