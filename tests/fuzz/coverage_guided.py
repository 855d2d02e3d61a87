"""Run targets with atheris: ``python -m tests.fuzz.coverage_guided [TARGET] [--seconds N]``, or ``invoke fuzz``.

libFuzzer changes inputs, and keeps those that reach new code of memsql. Half of its changes are ours: sentences of the
target's grammar, whole or in the middle of an input. What breaks a promise is made as small as it goes, and kept in the
corpus of the target, where the tests try it from then on. Needs: pip install -e '.[dev,fuzz]'
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz.grammar import sentence, words
from tests.fuzz.registry import CORPUS, corpus, targets
from tests.fuzz.target import Target

LONGEST_BYTES = 8192
"""Longer inputs say nothing that these do not say, but for the time that they take: see test_work.py."""
_HANG_SECONDS = 10
_SHRINKING_SECONDS = 20.0
_REPORT = "MEMSQL_FUZZ_REPORT"


def main() -> int:
    """Run the targets that the command line names, or all; 1 where a promise was broken, else 0."""
    if os.environ.get(_REPORT):
        _fuzz(sys.argv[1], int(sys.argv[2]))
    parser = argparse.ArgumentParser(prog="invoke fuzz")
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    every = targets()
    if options.name and options.name not in every:
        print(f"error: no target {options.name!r}; there are: {', '.join(every)}", file=sys.stderr)
        return 2
    names = [options.name] if options.name else list(every)
    return max(_watched(every[name], options.seconds) for name in names)


def _watched(target: Target, seconds: int) -> int:
    """Fuzz in a process of its own, for libFuzzer ends its process, and say what came of it."""
    with tempfile.TemporaryDirectory(prefix="memsql-fuzz-") as folder:
        report = Path(folder, "crash")
        started = time.monotonic()
        command = [sys.executable, "-m", "tests.fuzz.coverage_guided", target.name, str(seconds)]
        environment = {**os.environ, _REPORT: str(report)}
        run = subprocess.run(command, check=False, env=environment, stderr=subprocess.PIPE, text=True)
        figures = [line for line in run.stderr.splitlines() if line.startswith("stat::number_of_executed_units")]
        executed = figures[0].split()[-1] if figures else "an unknown number of"
        print(f"{target.name}: {executed} executions in {time.monotonic() - started:.0f} s")
        if run.returncode == 0:
            return 0
        if not report.is_file():
            print(run.stderr[-3000:], file=sys.stderr)
            return 1
        data = report.read_bytes()
    small = shrunk(target, data)
    path = keep(target, small)
    print(f"{target.name}: {_broken_by(target, small) or 'no end in time'}: {path}")
    return 1


def _fuzz(name: str, seconds: int) -> None:
    import atheris

    # Whatever is imported here for the first time is instrumented.
    with atheris.instrument_imports(include=["memsql", "dotenv"]):
        target = targets()[name]
        _run_once(target)
    logging.disable(logging.CRITICAL)
    report = Path(os.environ[_REPORT])
    dictionary = report.with_name("words")
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in words(target.grammar)), encoding="utf-8")
    seeds = report.with_name("seeds")
    seeds.mkdir()
    start = [*target.seeds, *(path.read_bytes() for path in corpus(target))]
    for number in range(200):
        start.append(_sentence(target, random.Random(number)))
    for number, data in enumerate(start):
        (seeds / str(number)).write_bytes(data)

    def one(data: bytes) -> None:
        try:
            target.run(data)
        except Exception:
            traceback.print_exc()
            report.write_bytes(data)
            raise

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        choices = random.Random(seed)
        kind = choices.randrange(4)
        if kind < 2 or longest < 16:
            return bytes(atheris.Mutate(data, longest))
        text = _sentence(target, choices)
        if kind == 2:
            return text[:longest]
        place = choices.randrange(len(data) + 1)
        return (data[:place] + text + data[place + choices.randrange(8) :])[:longest]

    options = [
        sys.argv[0],
        str(seeds),
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_BYTES}",
        f"-timeout={_HANG_SECONDS}",
        f"-dict={dictionary}",
        f"-artifact_prefix={report.parent}/",
        "-print_final_stats=1",
        "-verbosity=0",
        "-rss_limit_mb=2000",
    ]
    atheris.Setup(options, one, custom_mutator=mutate)
    atheris.Fuzz()


def _run_once(target: Target) -> None:
    """Make ``target`` import what it imports late."""
    for data in [*target.seeds, *(_sentence(target, random.Random(number)) for number in range(50))]:
        with contextlib.suppress(Exception):
            target.run(data)


def _sentence(target: Target, choices: random.Random) -> bytes:
    rule = "start" if choices.randrange(2) else choices.choice(sorted(target.grammar))
    return sentence(target.grammar, choices.randrange, rule).encode("utf-8", "surrogatepass")


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode("utf-8", "surrogatepass"))


def _broken_by(target: Target, data: bytes) -> str:
    """What ``data`` breaks: the error and the place in our code; empty where all promises hold."""
    try:
        target.run(data)
    except Exception as e:
        frames = traceback.extract_tb(e.__traceback__)
        ours = [frame for frame in frames if "/memsql/" in frame.filename or "/fuzz/" in frame.filename]
        return f"{type(e).__name__} in {Path(ours[-1].filename).name}:{ours[-1].lineno}"
    return ""


def shrunk(target: Target, data: bytes) -> bytes:
    """The smallest input that still breaks what ``data`` breaks, as far as leaving out parts leads to one in time."""
    broken = _broken_by(target, data)
    end = time.monotonic() + _SHRINKING_SECONDS
    size = max(len(data) // 2, 1)
    while size and broken and time.monotonic() < end:
        place = 0
        while place < len(data) and time.monotonic() < end:
            smaller = data[:place] + data[place + size :]
            if _broken_by(target, smaller) == broken:
                data = smaller
            else:
                place += size
        size //= 2
    return data


def keep(target: Target, data: bytes) -> Path:
    """Write ``data`` into the corpus of ``target``, named by its content."""
    import hashlib

    folder = CORPUS / target.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:12]
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    raise SystemExit(main())
