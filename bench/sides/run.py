"""From the request for a side release of Apex until each of its services is ready by identity, on a copy of the data.

    .venv/bin/python bench/sides/run.py [--rounds 20] [--json FILE]

Meanwhile clients that keep their connections ask the current release all the time, without a second try; before and
after each round what its stores hold is compared, while the side release is written into.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("tests/support", "bench/crash", "bench/rollback")]

from besides import Traces, redis, sql  # noqa: E402
from clients import Clients  # noqa: E402
from place import CASES, Place  # noqa: E402

from greenproof.adapters.platforms.base import Serving  # noqa: E402
from greenproof.adapters.platforms.local import LocalPlatform  # noqa: E402
from greenproof.adapters.platforms.local.layout import Layout  # noqa: E402
from greenproof.analysis.performance.percentiles import percentile  # noqa: E402
from greenproof.config import load  # noqa: E402
from greenproof.model.facts import Release  # noqa: E402
from greenproof.model.sides import SideRelease, SideRequest  # noqa: E402

NOBODY = contextlib.nullcontext()
"""Nobody asks the current release."""


class Bench:
    """Apex with data, an older release, and the current one."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        self.place.prepare()
        self.plan = load(folder / "greenproof.toml")
        self.platform = LocalPlatform(self.plan, self.plan.environments[0])
        self.layout = Layout.of(self.plan, self.plan.environments[0])

    def prepare(self) -> Release:
        """The older release. What is to be copied is what a few tests of Apex wrote."""
        older = self.platform.deploy()
        backend = self.place.folder / "services" / "apex" / "backend" / "app.py"
        backend.write_text(backend.read_text("utf-8") + "\n# another release\n", "utf-8")
        self.platform.deploy()
        python = str(self.place.folder / ".venv" / "bin" / "python")
        command = [sys.executable, "-m", "greenproof", "prove", "-q", "--no-faults", "--", python, "-m", "pytest", "-q"]
        done = subprocess.run([*command, *CASES], cwd=self.place.folder, capture_output=True, text=True, check=False)
        assert f"{len(CASES)} of {len(CASES)} passed" in done.stdout, done.stdout + done.stderr
        return older

    def once(self, number: int, older: Release, asked: bool) -> dict[str, float]:
        """Start one with the older back end and another variable, write into it, end it."""
        request = SideRequest(
            f"round-{number}",
            revisions={"backend": older.name},
            configuration={"auth": {"PASSWORD_COST": str(4 + number % 4)}},
        )
        before = self._tables(self.platform)
        with Clients(f"{self.platform.address('frontend')}/health", tries=1) if asked else NOBODY as clients:
            began = time.monotonic()
            side = self.platform.start_side(request)
            self._is_who_it_is(side)
            seconds = time.monotonic() - began
            traces = Traces(self.layout, side.name)
            view = self.platform.side(side.name)
            copied = self._tables(view) == before
            sql(self.platform, view, "CREATE TABLE written_beside (id int); DELETE FROM messages", "apex")
            redis(self.platform, view, "FLUSHALL")
            redis(self.platform, view, "SET", "written", "beside")
            began = time.monotonic()
            self.platform.end_side(side.name)
            ending = time.monotonic() - began
        there = redis(self.platform, self.platform, "EXISTS", "written") == "1"
        emptied = redis(self.platform, self.platform, "DBSIZE") == "0"
        return {
            "seconds": seconds,
            "ending": ending,
            "requests": clients.requests if clients else 0,
            "errors": clients.errors if clients else 0,
            "changed": float(self._tables(self.platform) != before or there or emptied),
            "not_copied": float(not copied),
            "left": float(len(traces.left)),
        }

    def _tables(self, serving: Serving) -> dict[str, str]:
        """Digests of the rows of each table. Keys of Redis expire by themselves in Apex: they are asked for by name."""
        found, not_seen = serving.data()
        assert not not_seen, not_seen
        return {name: digest for name, digest in found.items() if name.startswith("postgres: ")}

    def _is_who_it_is(self, side: SideRelease) -> None:
        for revision in side.release.revisions:
            with urllib.request.urlopen(f"{side.addresses[revision.service]}/health", timeout=10) as answer:
                assert answer.headers["X-Greenproof-Revision"] == revision.name, revision.service


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="while the current release is asked all the time")
    parser.add_argument("--quiet", type=int, default=10, help="rounds in which nobody asks it")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="sides-") as folder:
        bench = Bench(Path(folder))
        try:
            older = bench.prepare()
            for kind, count in (("asked", given.rounds), ("quiet", given.quiet)):
                found[kind] = [bench.once(number, older, kind == "asked") for number in range(count)]
        finally:
            bench.platform.down()
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    return max(_print(kind, rounds) for kind, rounds in found.items() if rounds)


def _print(kind: str, rounds: list[dict[str, float]]) -> int:
    for what, name in (("seconds", "from the request to ready by identity"), ("ending", "to its end")):
        values = sorted(one[what] for one in rounds)
        print(
            f"{kind}: {name}: n {len(values)}, median {percentile(values, 50):.2f} s, "
            f"95th percentile {percentile(values, 95):.2f} s, max {max(values):.2f} s"
        )
    total = {what: int(sum(one[what] for one in rounds)) for what in rounds[0]}
    print(
        f"{kind}: the current release meanwhile: {total['requests']} requests, {total['errors']} errors without a "
        f"second try; rounds in which its data changed {total['changed']}, in which the copy was not the same "
        f"{total['not_copied']}; things that were left {total['left']}"
    )
    return int(any(total[what] for what in ("errors", "changed", "not_copied", "left")))


if __name__ == "__main__":
    sys.exit(main())
