"""Reading log files from their end, and across a rotation."""

import threading

import pytest

from greenproof.adapters.logs.files import follow, tail
from greenproof.adapters.platforms.local.output import LogFile


@pytest.mark.parametrize("count", [0, 1, 3, 50_000])
def test_tail(tmp_path, count):
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {n}\n" for n in range(20_000)))
    expected = [f"line {n}" for n in range(20_000)][-count:] if count else []
    assert tail(path, count) == expected


def test_tail_of_nothing(tmp_path):
    assert tail(tmp_path / "missing", 5) == []
    (tmp_path / "empty").touch()
    assert tail(tmp_path / "empty", 5) == []
    (tmp_path / "cut").write_bytes(b"a\r\nb\xff")
    assert tail(tmp_path / "cut", 5) == ["a", "b\ufffd"]


def test_a_log_is_rotated_once_and_read_as_one(tmp_path):
    log = LogFile(tmp_path / "a.log", largest=100)
    for number in range(30):
        log.write(b"line %02d\n" % number)
    log.close()
    assert (tmp_path / "a.log").stat().st_size <= 100
    assert (tmp_path / "a.log.1").stat().st_size <= 100
    assert tail(tmp_path / "a.log", 15) == [f"line {n:02}" for n in range(15, 30)]


def test_follow_sees_what_comes_across_a_rotation(tmp_path):
    log = LogFile(tmp_path / "a.log", largest=40)
    log.write(b"old\n")
    wanted, found, begun = 12, [], threading.Event()

    def read():
        lines = follow(tmp_path / "a.log", stop=lambda: begun.set() or len(found) >= wanted, interval=0.005)
        for line in lines:
            found.append(line)

    reader = threading.Thread(target=read)
    reader.start()
    assert begun.wait(5)
    for number in range(wanted):
        log.write(b"new %02d\n" % number)
        # Rotations must not come faster than the reader looks: one older file is kept.
        for _ in range(1000):
            if len(found) > number:
                break
            threading.Event().wait(0.005)
    reader.join(5)
    log.close()
    assert found == [f"new {n:02}" for n in range(wanted)]
