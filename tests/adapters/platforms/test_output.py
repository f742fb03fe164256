"""What a service writes is bounded, is not slowed down, and what was cut is said."""

import asyncio
import os
import re
import threading
import time
from pathlib import Path
from types import MappingProxyType

from hypothesis import given, settings
from hypothesis import strategies as st

from greenproof.adapters.platforms.local.output import BURST, LAST, LONGEST_LINE, STEADY, Capture, LogFile
from greenproof.adapters.platforms.local.redaction import Redactor


async def captured(path: Path, chunks: list[bytes], secrets: list[str]) -> None:
    redact = Redactor(secrets)
    capture = Capture(LogFile(path), redact)
    descriptor = os.dup(capture.writer)
    await capture.begin()

    def write() -> None:
        with os.fdopen(descriptor, "wb", buffering=0) as pipe:
            for chunk in chunks:
                pipe.write(chunk)

    writer = threading.Thread(target=write)
    writer.start()
    await asyncio.to_thread(writer.join)
    await capture.finish(5.0)


def test_a_flood_is_cut_and_its_end_is_kept(tmp_path: Path) -> None:
    line = b"x" * 99 + b"\n"
    began = time.monotonic()
    asyncio.run(captured(tmp_path / "log", [line * 10_000] * 60 + [b"the reason\n"], []))
    text = "".join(path.read_text() for path in sorted(tmp_path.iterdir(), reverse=True))
    assert text.endswith("the reason\n")
    skipped = sum(int(number.replace(",", "")) for number in re.findall(r"greenproof: ([\d,]+) bytes are not", text))
    notes = [one for one in text.splitlines(keepends=True) if one.startswith("[greenproof")]
    kept = len(text) - sum(map(len, notes))
    # A cut may go through a line, which is then given an end.
    assert 0 <= kept + skipped - (60 * 1_000_000 + 11) <= 2 * len(notes)
    allowed = BURST + (time.monotonic() - began) * STEADY
    assert kept <= allowed + len(notes) * (LAST + 1)


def test_the_flood_of_a_service_does_not_make_it_late(ground) -> None:  # type: ignore[no-untyped-def]
    shop = ground("auth", folder="flood")
    shop.configure("auth", env=MappingProxyType({"MODE": "flood"}), start_timeout=8.0)
    release = shop.platform().deploy()
    assert [one.service for one in release.revisions] == ["auth"]
    # What is held back of a flood is written half a second later.
    deadline = time.monotonic() + 10
    while "after the flood" not in (lines := list(shop.platform().logs("auth", 2_000))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert any("bytes are not kept" in line for line in lines)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=200) | st.just(b"key=hunter2-hunter2\n"), max_size=12))
def test_every_line_arrives_redacted(tmp_path_factory, chunks: list[bytes]) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("output") / "log"
    asyncio.run(captured(path, chunks, ["hunter2-hunter2"]))
    text, sent = path.read_bytes(), b"".join(chunks)
    assert b"hunter2-hunter2" not in text
    assert max(map(len, text.split(b"\n"))) <= 3 * LONGEST_LINE
    plain = sent.decode("utf-8", "replace")
    if sent.isascii() and "hunter2" not in plain and not any(c in plain for c in ":=@ "):
        assert text.decode() == plain + ("\n" if plain and not plain.endswith("\n") else "")
