"""A migration of one file: `python migrating.py up.sql`. Runs with the interpreter of Greenproof, for its driver.

A line `WAIT` says in a file beside the project that it is there, and stays; `WAIT ONCE` passes if the file is there
already; `FAIL` ends with 9.
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from greenproof.adapters.probes.postgres import PostgresAddress, PostgresSession

WAITS = Path(os.environ["WAITS"])


def stay(*, once):
    if not (once and WAITS.exists()):
        WAITS.touch()
        time.sleep(60)


async def main(lines):
    parts = urlsplit(os.environ["DATABASE_URL"])
    address = PostgresAddress(parts.port, parts.username, parts.password, parts.path[1:])
    async with PostgresSession(address) as session:
        for line in lines:
            if line in {"WAIT", "WAIT ONCE"}:
                stay(once=line == "WAIT ONCE")
            elif line == "FAIL":
                sys.exit(9)
            elif line:
                await session.query(line)


asyncio.run(main(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()))
