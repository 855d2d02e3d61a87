"""How time and memory grow: many migrations, tables, statements, rows, bytes, foreign keys in a circle.

Each command and its yardstick run in processes of their own; what is counted is the time of the processor, user and
system, and the peak of the resident memory. benchmarks.workloads says what is measured, benchmarks.scale_plots draws
the figures that were kept. Run with:
python -m benchmarks.scale [rounds] [--only NAME] [--most SIZE] [--save FILE [--resume]]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from benchmarks.common import MEMSQL, scratch
from benchmarks.workloads import WORKLOADS, Program, Workload

_LEAST_SECONDS, _LEAST_BYTES = 0.1, 8_000_000
"""What grows by less than this from the smallest size to the largest is called flat: starts differ by as much."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one command cost: seconds of the processor, and bytes of memory at its peak; and seconds of its yardstick.

    Not the memory of the yardstick: that of a small program cannot be told from that of this one, which starts it.
    """

    workload: str
    command: str
    size: int
    seconds: float
    memory: int
    plain_seconds: float


def measured(workload: Workload, size: int) -> Iterator[Figure]:
    """The figures of each command of ``workload`` at ``size``."""
    with scratch() as folder:
        _say(f"{workload.name} {size:,}: making the project")
        workload.make(folder, size)
        if (folder / "bench.db").exists():
            subprocess.run(["cp", "--sparse=always", "bench.db", "plain.db"], cwd=folder, check=True)
        for command in workload.commands:
            ours = _used(Program((*MEMSQL, *command.words, "--database", "bench.db")), folder)
            shutil.rmtree(folder / "backups", ignore_errors=True)
            theirs, _ = _used(command.yardstick(folder), folder)
            for leftover in ("copy.db", "tasks.py"):
                (folder / leftover).unlink(missing_ok=True)
            yield Figure(workload.name, command.name, size, *ours, theirs)


def _used(program: Program, folder: Path) -> tuple[float, int]:
    """Seconds of the processor, and bytes of memory at the peak, that ``program`` uses in ``folder``."""
    with (folder / "script").open("w+") as script, (folder / "said").open("w+") as said:
        script.write(program.script)
        script.seek(0)
        process = subprocess.Popen(program.words, cwd=folder, stdin=script, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(program.words)} ended with {process.returncode}: {said.read()}")
    return round(usage.ru_utime + usage.ru_stime, 3), usage.ru_maxrss * 1024


def growth(sizes: Sequence[int], costs: Sequence[float], least: float) -> float | None:
    """The power of the size with which ``costs`` grow, from the last two sizes; 1 is linear.

    What the smallest size costs is taken off first, for it is mostly the start of a program. None where the costs grow
    by less than ``least`` in all.
    """
    base_size, base = sizes[0], costs[0]
    if len(sizes) < 3 or costs[-1] - base < least or costs[-2] <= base:
        return None
    return math.log((costs[-1] - base) / (costs[-2] - base)) / math.log(
        (sizes[-1] - base_size) / (sizes[-2] - base_size)
    )


def powers(figures: Sequence[Figure]) -> tuple[float | None, float | None, float | None]:
    """The powers with which time and memory of one command grow, and the time of its yardstick."""
    sizes = [one.size for one in figures]
    return (
        growth(sizes, [one.seconds for one in figures], _LEAST_SECONDS),
        growth(sizes, [one.memory for one in figures], _LEAST_BYTES),
        growth(sizes, [one.plain_seconds for one in figures], _LEAST_SECONDS),
    )


def machine() -> str:
    """What the figures were measured on, in words."""
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()}, "
        f"{os.cpu_count()} processors, {date.today().isoformat()}"
    )


def read(file: Path) -> list[Figure]:
    """The figures that were kept in ``file``."""
    return [Figure(**one) for one in json.loads(file.read_text())["figures"]] if file.exists() else []


def measured_on(file: Path) -> str:
    """The machine and day of the figures in ``file``."""
    return str(json.loads(file.read_text())["machine"])


def _write(file: Path, figures: Iterable[Figure]) -> None:
    places = {(w.name, c.name): (m, n) for m, w in enumerate(WORKLOADS) for n, c in enumerate(w.commands)}
    kept = sorted(
        (one for one in figures if (one.workload, one.command) in places),
        key=lambda one: (*places[one.workload, one.command], one.size),
    )
    lines = ",\n".join("  " + json.dumps(asdict(one)) for one in kept)
    file.write_text(f'{{\n "machine": {json.dumps(machine())},\n "figures": [\n{lines}\n ]\n}}\n')


def main() -> None:
    """Measure and print; with ``--save`` keep the figures of each size as soon as they are there."""
    reader = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    reader.add_argument("rounds", nargs="?", type=int, default=1, help="how often; the least of each figure counts")
    reader.add_argument("--only", choices=[one.name for one in WORKLOADS])
    reader.add_argument("--most", type=int, help="leave out sizes above this one")
    reader.add_argument("--save", type=Path, help="docs/limits/figures.json, for benchmarks.scale_plots")
    reader.add_argument("--resume", action="store_true", help="leave out sizes of which --save has every figure")
    options = reader.parse_args()
    for workload in WORKLOADS:
        if options.only in (None, workload.name):
            _measure(workload, options)


def _measure(workload: Workload, options: argparse.Namespace) -> None:
    names = [command.name for command in workload.commands]
    every: list[Figure] = []
    for size in workload.sizes:
        if options.most is not None and size > options.most:
            continue
        kept = read(options.save) if options.save else []
        here = [one for one in kept if (one.workload, one.size) == (workload.name, size)]
        if not options.resume or {one.command for one in here} != set(names):
            here = _least(workload, size, options.rounds)
            if options.save:
                _write(options.save, [one for one in kept if (one.workload, one.size) != (workload.name, size)] + here)
        every += here
    for name in names:
        print(_line(workload, [one for one in every if one.command == name]), flush=True)


def _least(workload: Workload, size: int, rounds: int) -> list[Figure]:
    """The figures of the round in which each command and its yardstick took the least time together."""
    least: dict[str, Figure] = {}
    for _ in range(rounds):
        for one in measured(workload, size):
            _say(f"{workload.name} {size:,}: {one.command}: {_cost(one)}")
            before = least.get(one.command)
            if before is None or one.seconds + one.plain_seconds < before.seconds + before.plain_seconds:
                least[one.command] = one
    return list(least.values())


def _line(workload: Workload, figures: Sequence[Figure]) -> str:
    if not figures:
        return f"{workload.name}: nothing was measured"
    time, memory, _ = powers(figures)
    grown = f"  power {_power(time)}, of memory {_power(memory)}" if len(figures) > 2 else ""
    sizes = "  ".join(f"{one.size:,}: {_cost(one)}" for one in figures)
    return f"{workload.name}: {figures[0].command:<20} {sizes}{grown}"


def _cost(one: Figure) -> str:
    return f"{one.seconds:.2f} s, {one.memory / 1e6:.0f} MB ({one.seconds / max(one.plain_seconds, 0.001):.1f}x)"


def _power(value: float | None) -> str:
    return "flat" if value is None else f"{value:.2f}"


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
