"""No space on the disk of the database, or in the temporary folder: which of the two, the exit code, what to do.

Each on a real file system of 1 MB, in a mount namespace of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cli import Done, Project

pytestmark = pytest.mark.slow

BIG = "CREATE TABLE big (x);\nINSERT INTO big VALUES (zeroblob(4000000));\n"
NOTES = """CREATE TABLE notes (body TEXT);
CREATE VIRTUAL TABLE f USING fts5 (body, content = 'notes');
WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000)
INSERT INTO notes SELECT printf('word%d another%d', n, n * 7) FROM c;
INSERT INTO f (f) VALUES ('rebuild');
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add("0001_notes", NOTES, "DROP TABLE f;\nDROP TABLE notes;\n")
    return project


def in_small_folder(project: Project, command: str, *words: str) -> Done:
    """Run ``memsql words`` where $SMALL is a folder with 1 MB of space, after the shell ``command``."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0 or subprocess.run([unshare, "-m", "true"], check=False).returncode:
        pytest.skip("a private mount needs root and unshare")
    small = project.root / "small"
    small.mkdir()
    inside = f'mount -t tmpfs -o size=1m none "$SMALL" && {command} && exec "$@"'
    return project.run(*words, env={"SMALL": str(small)}, prefix=(unshare, "-m", "sh", "-c", inside, "sh"))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("fts.rebuild",), ("no space for a rebuild of f: ", "are missing", "nothing was changed")),
        (("verify", "--record"), ("no space left on the disk of the database", "next: free space", "memsql verify")),
    ],
    ids=["rebuild", "verify"],
)
def test_no_space_beside_the_database(project: Project, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    project.up()
    fill = f'cp "{project.db}" "$SMALL/app.db" && {{ cat /dev/zero >"$SMALL/filler" 2>/dev/null || true; }}'
    done = in_small_folder(project, fill, *words, "--database", str(project.root / "small" / "app.db"))
    done.expect(6, *parts)


@pytest.mark.parametrize(
    "words",
    [
        ("migrate.up", "--dry-run"),
        ("migrate.up", "--maintenance-window", "10"),
        ("legacy.adopt", "--dry-run"),
        ("legacy.adopt", "--maintenance-window", "10"),
    ],
    ids=" ".join,
)
def test_no_space_for_a_rehearsal(project: Project, words: tuple[str, ...]) -> None:
    if words[0] == "legacy.adopt":
        for folder, name, text in (
            ("migrations/legacy", "L1_grow.sql", BIG),
            ("sql/legacy", "1.sql", "-- Release 1\n-- phases: grow\n-- counts_as: 1\nCREATE TABLE old (x);\n" + NOTES),
        ):
            (project.root / folder).mkdir(parents=True)
            (project.root / folder / name).write_text(text)
        project.script("CREATE TABLE old (x);\n" + NOTES)
    else:
        project.up()
        project.add("0002_big", BIG)
    before = project.everything()
    done = in_small_folder(project, 'export TMPDIR="$SMALL" SQLITE_TMPDIR="$SMALL"', *words)
    done.expect(
        6,
        f"no space for the clone and what runs on it in the temporary folder {project.root / 'small'}",
        "a rehearsal on a clone",
        "point TMPDIR",
    )
    assert project.everything() == before


def test_an_up_without_room_is_refused_before_it_begins(project: Project) -> None:
    project.add("0002_index", "CREATE INDEX notes_body ON notes (body);\n", "DROP INDEX notes_body;\n")
    project.up("--to", "1")
    app = project.root / "small" / "app.db"
    fill = f'cp "{project.db}" "$SMALL/app.db" && {{ cat /dev/zero >"$SMALL/filler" 2>/dev/null || true; }}'
    done = in_small_folder(project, fill, "migrate.up", "--database", str(app))
    done.expect(
        6,
        "the disk has no room for what this would write: about ",
        f"are needed in {app.parent}, 0 B are free",
        "0002_index: builds an index on notes",
        "nothing was changed",
        "--no-disk-check",
    )
    app.parent.rmdir()
    done = in_small_folder(project, fill, "migrate.up", "--no-disk-check", "--database", str(app))
    assert done.code not in (0, 6)
