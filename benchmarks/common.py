"""What the benchmarks share: folders of migrations, the sqlite3 command line as the yardstick, medians."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MEMSQL = [sys.executable, "-m", "memsql"]
# Where Python may not keep what it compiled, every start compiles the program anew; no installed program starts so.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@contextmanager
def scratch() -> Iterator[Path]:
    """A project folder on the disk that holds the working directory, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="memsql-bench-", dir=os.environ.get("BENCH_DIR")))
    (folder / "migrations").mkdir()
    (folder / "setup.cfg").write_text("[memsql]\n")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def memsql(folder: Path, *words: str) -> None:
    """Run the real command line."""
    subprocess.run([*MEMSQL, *words, "--database", "bench.db"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def sqlite3_files(folder: Path, files: list[Path], database: str) -> None:
    """The yardstick: one sqlite3 process, one transaction a file."""
    script = "".join(f"BEGIN;\n.read '{f}'\nCOMMIT;\n" for f in files)
    subprocess.run(["sqlite3", "-bail", database], input=script, text=True, cwd=folder, check=True)


def seconds(work: Callable[[], None]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(title: str, ours: list[float], theirs: list[float], target: float) -> None:
    """Print the median of the pairwise ratios beside its target."""
    value = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    verdict = "ok" if value <= target else "MISSED"
    print(
        f"{title:<50} {statistics.median(ours):8.3f} s  {statistics.median(theirs):8.3f} s  "
        f"ratio {value:5.2f}  target {target:4.2f}  {verdict}",
        flush=True,
    )
