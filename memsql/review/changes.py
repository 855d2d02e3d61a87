"""Which migrations a change adds, edits, removes or renames. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass

from memsql.project.files import Migration, SqlFile
from memsql.project.plan import edit_of, edit_sentence
from memsql.project.versions import stems, version_of
from memsql.review.model import Kind

_BOM = b"\xef\xbb\xbf"
Files = Mapping[str, SqlFile]
"""The files of a folder of migrations by their names in it."""


@dataclass(frozen=True, slots=True)
class MigrationChange:
    """A migration that is not as the base has it. ``name`` is its file name without ``.sql``. ``was`` is its name
    in the base where it was renamed. ``up`` and ``down`` say which of its two files differ from those of the
    base. ``harmless``: what an edit changed, where databases that applied it still have what the file says; empty
    otherwise."""

    name: str
    kind: Kind
    was: str = ""
    _: KW_ONLY
    up: bool = True
    down: bool = True
    harmless: str = ""


def sql_file(path: str, raw: bytes) -> SqlFile:
    """A file as memsql reads it: without BOM, with LF."""
    data = raw.removeprefix(_BOM).replace(b"\r\n", b"\n")
    return SqlFile(path, path.rpartition("/")[2], data)


def changes_of(base: Files, now: Files) -> list[MigrationChange]:
    """What differs, by version. Other line ends or a BOM are no difference."""
    old, new = stems(base), stems(now)
    removed, added = [s for s in old if s not in new], [s for s in new if s not in old]
    renamed: dict[str, str] = {}
    for stem in added:
        twin = next((s for s in removed if s not in renamed.values() and _alike(base, s, now, stem)), None)
        if twin is not None:
            renamed[stem] = twin
    changes = [
        MigrationChange(stem, "renamed", renamed[stem]) if stem in renamed else MigrationChange(stem, "new")
        for stem in added
    ]
    changes += [MigrationChange(stem, "removed") for stem in removed if stem not in renamed.values()]
    for stem in new:
        if stem in old:
            up, down = (_differs(base.get(n), now.get(n)) for n in (f"{stem}.sql", f"{stem}.rollback.sql"))
            if up or down:
                harmless = _harmless(*(_pair(files, stem) for files in (base, now)))
                changes.append(MigrationChange(stem, "edited", up=up, down=down, harmless=harmless))
    return sorted(changes, key=lambda c: (version_of(c.name) or 0, c.name))


def migrations(files: Files, versions: Mapping[str, int]) -> list[Migration]:
    """The pairs among ``files`` in order; ``versions`` gives some of them another version than their names say.

    Of two migrations with the same version the later one by name is left out. Files that are not named like a
    migration are left out too.
    """
    by_version: dict[int, Migration] = {}
    for stem in stems(files):
        version = versions.get(stem, version_of(stem) or 0)
        by_version.setdefault(version, _pair(files, stem, version))
    return [by_version[v] for v in sorted(by_version)]


def _pair(files: Files, stem: str, version: int = 0) -> Migration:
    name = stem.partition("_")[2]
    return Migration(version, name, stem, files[f"{stem}.sql"], files.get(f"{stem}.rollback.sql"))


def _harmless(old: Migration, new: Migration) -> str:
    edit = edit_of(old.hashes, new.hashes)
    return "" if edit is None else edit_sentence(edit, new.down)


def _alike(base: Files, old: str, now: Files, new: str) -> bool:
    return base[f"{old}.sql"].data == now[f"{new}.sql"].data


def _differs(old: SqlFile | None, new: SqlFile | None) -> bool:
    return (old and old.data) != (new and new.data)
