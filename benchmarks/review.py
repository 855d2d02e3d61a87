"""Lint and review of a change of ten migrations behind those of this project.

Run with: python -m benchmarks.review [rounds]. Seconds of processor time and on the clock; the target is ten.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.common import MEMSQL, scratch
from benchmarks.lint import change, run

TARGET = 10.0


def git(folder: Path, *words: str) -> None:
    """As nobody in particular."""
    who = {
        "GIT_AUTHOR_NAME": "b",
        "GIT_AUTHOR_EMAIL": "b@example.invalid",
        "GIT_COMMITTER_NAME": "b",
        "GIT_COMMITTER_EMAIL": "b@example.invalid",
    }
    subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **who},
    )


def main() -> None:
    """The number of rounds is the first word of the command line, 3 without one."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with scratch() as folder:
        paths = change(folder)
        held = {path: (folder / path).read_text() for path in paths}
        for path in paths:
            (folder / path).unlink()
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "base")
        for path, text in held.items():
            (folder / path).write_text(text)
        for title, words in (("lint of ten migrations", ["lint", *paths]), ("review of ten migrations", ["review"])):
            clock: list[float] = []
            processor: list[float] = []
            for _ in range(rounds):
                started = time.perf_counter()
                processor.append(run([*MEMSQL, *words], folder))
                clock.append(time.perf_counter() - started)
            middle = statistics.median(clock)
            print(
                f"{title:<30} {middle:6.2f} s on the clock, "
                f"{statistics.median(processor):6.2f} s of processor, target {TARGET:.0f} s  "
                f"{'ok' if middle <= TARGET else 'MISSED'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
