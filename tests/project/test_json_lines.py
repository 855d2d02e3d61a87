"""Files of JSON lines: added to by several at one time, and cut at their beginning."""

from __future__ import annotations

import errno
import multiprocessing
import os
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from memsql.project.json_lines import Bound, append, end_of

LARGE = Bound(most_bytes=1 << 20, kept_bytes=1 << 19)
SMALL = Bound(most_bytes=20_000, kept_bytes=10_000)


def _add(work: tuple[Path, int, Bound]) -> None:
    path, writer, bound = work
    for number in range(100):
        append(path, [f"{writer} {number} {'x' * 50}".encode()], bound)


def _added(pool: Executor, path: Path, bound: Bound) -> list[list[bytes]]:
    with pool:
        list(pool.map(_add, [(path, writer, bound) for writer in range(4)]))
    return [line.split() for line in end_of(path, 1 << 20).lines]


def test_no_line_of_several_writers_is_lost(tmp_path: Path) -> None:
    lines = _added(ThreadPoolExecutor(4), tmp_path / "all.jsonl", LARGE)
    assert {(int(a), int(b)) for a, b, _ in lines} == {(a, b) for a in range(4) for b in range(100)}


def test_where_it_is_cut_meanwhile_no_newer_line_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    pool = ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn"))
    lines = _added(pool, path, SMALL)
    assert 10_000 <= path.stat().st_size <= SMALL.most_bytes
    for writer in range(4):
        # What is there of each is an unbroken piece up to its last line, if anything is.
        numbers = [int(number) for who, number, _ in lines if int(who) == writer]
        assert numbers == list(range(100 - len(numbers), 100))
    assert os.listdir(tmp_path) == ["cut.jsonl"]


def test_the_oldest_lines_go_and_the_newest_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, [b"%d" % number for number in range(10)], Bound(1000, 500, most_lines=4))
    assert end_of(path, 1000).lines == (b"6", b"7", b"8", b"9")
    append(path, [b"y" * 30_000], SMALL)
    assert end_of(path, 1 << 20).lines == (b"y" * 30_000,)
    append(path, [b"z"], SMALL)
    assert end_of(path, 1 << 20).lines == (b"z",)


def test_mode_and_link_stay_and_half_a_line_is_kept_apart(tmp_path: Path) -> None:
    path, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    path.write_bytes(b"half")
    path.chmod(0o640)
    link.symlink_to(path)
    append(link, [b"one"], LARGE)
    append(link, [b"x" * 9_000, b"x" * 15_000], SMALL)
    assert end_of(path, 1 << 20).lines == (b"x" * 15_000,)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_disk_without_space_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    append(path, [b"one"], LARGE)
    write = os.write
    room = iter((2, 0))

    def write_what_fits(handle: int, text: bytes) -> int:
        size = next(room)
        if not size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, text[:size])

    monkeypatch.setattr(os, "write", write_what_fits)
    with pytest.raises(OSError, match="No space"):
        append(path, [b"two"], LARGE)
    assert path.read_bytes() == b"one\n"
    assert end_of(path, 3).is_cut
