"""One size, for real: that many tests with one request each, through `greenproof prove`. Prints JSON."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

SHOP = Path(__file__).resolve().parents[2] / "tests" / "support" / "shop.py"
FILES = 100
TEST = """
def test_{n}(shop):
    shop.request("POST", "/orders", b'{{"prices": [{n}]}}')
    answer = shop.getresponse()
    body = json.load(answer)
    assert answer.status == 201
    assert body["total"] == {n}
"""
HEAD = "import json\n"
CONFTEST = """
import http.client, os, urllib.parse, pytest

class Shop:
    def __init__(self):
        self.address = urllib.parse.urlsplit(os.environ["SHOP_URL"]).netloc
        self.connection = None

    def request(self, *words):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=10)
        self.connection.request(*words)

    def getresponse(self):
        return self.connection.getresponse()

@pytest.fixture(scope="session")
def shop():
    return Shop()
"""


def main() -> None:
    """Run it once; the peaks are those of the process and its relay, read ten times a second."""
    size = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="scale-") as name, shop() as url:
        folder = Path(name)
        (folder / "conftest.py").write_text(CONFTEST)
        for file in range(FILES):
            tests = "".join(TEST.format(n=n) for n in range(file, size, FILES))
            (folder / f"test_{file}.py").write_text(HEAD + tests)
        command = [sys.executable, "-m", "greenproof", "prove", "-q", "--json", "out.json", "--target", f"shop={url}"]
        command += ["--env", "SHOP_URL=shop", "--timeout", "1800", "--"]
        command += [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:anyio"]
        environment = {**os.environ, "SHOP_URL": url}
        start = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        peaks: dict[str, int] = {}
        done = threading.Event()
        watcher = threading.Thread(target=watch, args=(process.pid, peaks, done))
        watcher.start()
        code = process.wait()
        wall = time.monotonic() - start
        done.set()
        watcher.join()
        counts = json.loads((folder / "out.json").read_text())["summary"]["verdicts"]
        if code != 0 or counts.get("proven") != size:
            raise RuntimeError(f"exit {code}, {counts}")
        ledger = sum(f.stat().st_size for f in (folder / ".greenproof").glob("ledger.db*"))
        rows = [("prove, whole; greenproof itself", wall, peaks.get("greenproof", 0) / 1e6)]
        rows += [("the relay; ledger, MB on disk", peaks.get("relay", 0) / 1e6, ledger / 1e6)]
        print(json.dumps(rows))


def watch(pid: int, peaks: dict[str, int], done: threading.Event) -> None:
    """Resident memory of the orchestrator and of the relay below it."""
    while not done.wait(0.1):
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(pid)
            peaks["greenproof"] = max(peaks.get("greenproof", 0), top.memory_info().rss)
            for child in top.children():
                if "greenproof.adapters.relay.process" in child.cmdline():
                    peaks["relay"] = max(peaks.get("relay", 0), child.memory_info().rss)


@contextlib.contextmanager
def shop():
    """A real service."""
    command = [sys.executable, str(SHOP), "0", "shop-1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


if __name__ == "__main__":
    main()
