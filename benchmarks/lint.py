"""How long ``memsql lint`` takes beside plain sqlfluff, which runs its own rules only.

Run ``python -m benchmarks.lint [ROUNDS]``. Both are command lines over the same files with the same configuration: all
.sql files of this project, and a change of ten migrations with their rollbacks.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.common import MEMSQL, ratio, scratch

ROOT = Path(__file__).resolve().parent.parent
PLAIN = [sys.executable, "-m", "sqlfluff", "lint", "--exclude-rules"]
TARGET, CHANGE_SECONDS = 1.2, 10.0


def run(words: list[str], folder: Path) -> float:
    """Seconds of processor time that one command takes; what it finds does not matter here. Neither waits for anything, so
    on an idle machine that is the time on the clock."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(title: str, folder: Path, paths: list[str], rounds: int) -> list[float]:
    """Print the ratio for these files; return the seconds of ours."""
    excluded = "AL03,LT09,RF02,memsql"
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(run([*PLAIN, excluded, *paths], folder))
        ours.append(run([*MEMSQL, "lint", *paths], folder))
    ratio(title, ours, theirs, TARGET)
    return ours


def change(folder: Path) -> list[str]:
    """Ten migrations with rollbacks behind those of this project, of the sorts people write."""
    shutil.rmtree(folder / "migrations")
    shutil.copytree(ROOT / "migrations", folder / "migrations")
    shutil.copytree(ROOT / "sql", folder / "sql")
    shutil.copy(ROOT / "memsql" / "lint" / "sqlfluff.cfg", folder / ".sqlfluff")
    paths = []
    for n in range(5, 15):
        up = (
            f"-- Adds labels {n}, and a place for them in memories.\n-- depends: {n - 1:04}_x\n\n"
            f"CREATE TABLE labels_{n} (\n    id INTEGER PRIMARY KEY,\n    memory_id INTEGER NOT NULL REFERENCES memories (id),\n"
            f"    label TEXT NOT NULL DEFAULT 'none'\n);\n\nCREATE INDEX idx_labels_{n} ON labels_{n} (memory_id, label);\n\n"
            f"ALTER TABLE memories ADD COLUMN label_{n} TEXT;\n\n"
            f"CREATE TRIGGER labels_{n}_gone AFTER DELETE ON labels_{n} BEGIN\n"
            f"    UPDATE memories SET label_{n} = NULL WHERE id = old.memory_id;\nEND;\n"
        )
        down = f"-- Removes labels {n}.\n\nDROP TABLE labels_{n};\nALTER TABLE memories DROP COLUMN label_{n};\n"
        for name, text in ((f"{n:04}_x.sql", up), (f"{n:04}_x.rollback.sql", down)):
            (folder / "migrations" / name).write_text(text)
            paths.append(f"migrations/{name}")
    return paths


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    compare("all files of this project", ROOT, ["migrations", "sql"], rounds)
    with scratch() as folder:
        ours = compare("a change of ten migrations", folder, change(folder), rounds)
    verdict = "ok" if max(ours) <= CHANGE_SECONDS else "MISSED"
    print(f"{'a change of ten migrations, seconds':<50} {max(ours):8.3f} s  target {CHANGE_SECONDS:4.1f} s  {verdict}")


if __name__ == "__main__":
    main()
