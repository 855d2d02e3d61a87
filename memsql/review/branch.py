"""What git and the working tree say about a branch: the files of the base, the files of now, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from memsql import git
from memsql.config import Settings
from memsql.errors import ConfigError, UsageError
from memsql.git import Base, find_base
from memsql.project import foreign
from memsql.project.files import SUM_NAME, SqlFile, read_file
from memsql.project.links import refuse_linked_folders
from memsql.project.load import REPEATABLE
from memsql.project.named_queries import application_files
from memsql.review.base import changed_paths
from memsql.review.changes import Files, MigrationChange, sql_file


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch and its base. Paths are relative to the project.

    ``paths`` are the changed .sql files and memsql.sum. ``old_files`` is the folder of migrations where the branch
    left the base, ``new_files`` the folder in the working tree, and ``tip_names`` are the names of the files in that
    folder in the newest commit of the base. ``base_paths`` are all files of migrations and sql where the branch left
    the base. ``queries`` are the changed files among those of the application that hold queries.
    ``old_scripts`` are the repeatable scripts of the base.
    """

    repository: git.Repository
    base: Base
    paths: tuple[str, ...]
    old_files: Files
    new_files: Files
    tip_names: tuple[str, ...]
    base_paths: frozenset[str]
    queries: tuple[str, ...] = ()
    old_scripts: tuple[SqlFile, ...] = ()

    def has_merged(self, name: str) -> bool:
        """Whether the tip of the base has the migration ``name`` with the same content: it was merged meanwhile."""
        if f"{name}.sql" not in self.tip_names:
            return False
        file = self.new_files[f"{name}.sql"]
        blobs = git.files_in(self.repository, self.base.tip, f"{self.repository.prefix}{file.path}")
        contents = git.contents(self.repository, blobs.values())
        return any(sql_file(file.path, data).data == file.data for data in contents.values())

    def files_of(self, name: str, folder: str) -> tuple[str, ...]:
        """The paths of the migration ``name`` in ``folder``, whether the base or the branch has them."""
        return tuple(
            f"{folder}/{name}{end}"
            for end in (".sql", ".rollback.sql")
            if f"{name}{end}" in self.new_files or f"{name}{end}" in self.old_files
        )


def read_branch(settings: Settings, base_name: str | None) -> Branch:
    """Compare the working tree with the base: see find_base() for ``base_name``.

    Raises UsageError where there is no repository or no base, where the folders of the project lie outside of it, and
    for a file that cannot be read or is a link.
    """
    repository = git.find_repository(
        settings.root, "a review compares with a base branch; run it in a clone, or use: memsql lint"
    )
    refuse_linked_folders(settings)
    base = find_base(repository, base_name)
    prefix = repository.prefix
    folder, sql_folder = _folders(settings)
    places = [f"{prefix}{folder}", f"{prefix}{sql_folder}"]
    blobs = {
        path.removeprefix(prefix): blob
        for place in places
        for path, blob in git.files_in(repository, base.start, place).items()
    }
    tip = [path.removeprefix(prefix) for path in git.files_in(repository, base.tip, places[0])]
    candidates = [path.removeprefix(prefix) for path in changed_paths(repository, base, places)]
    contents = git.contents(repository, (blobs[path] for path in candidates if path in blobs))
    old_data = {path: contents[blobs[path]] for path in candidates if path in blobs}
    new_files = _read_folder(settings, folder)
    return Branch(
        repository,
        base,
        tuple(
            path
            for path in candidates
            if _differs(settings.root / path, path, old_data.get(path)) and path.endswith((".sql", SUM_NAME))
        ),
        {
            Path(path).name: sql_file(path, old_data[path]) if path in old_data else new_files[Path(path).name]
            for path in blobs
            if _is_in(path, folder) and path.endswith(".sql") and (path in old_data or Path(path).name in new_files)
        },
        new_files,
        tuple(sorted(Path(path).name for path in tip if _is_in(path, folder))),
        frozenset(blobs),
        _changed_queries(settings, repository, base),
        tuple(
            sql_file(path, old_data[path]) if path in old_data else read_file(settings.root / path, path)
            for path in sorted(blobs)
            if _is_in(path, f"{sql_folder}/{REPEATABLE}") and path.endswith(".sql")
        ),
    )


def files_to_lint(settings: Settings, branch: Branch, changes: list[MigrationChange]) -> list[Path]:
    """Changed files that exist, and both files of every changed migration."""
    names = {f"{c.name}{end}" for c in changes for end in (".sql", ".rollback.sql")} & branch.new_files.keys()
    paths = {settings.migrations / name for name in names}
    paths |= {
        settings.root / path for path in branch.paths if path.endswith(".sql") and (settings.root / path).is_file()
    }
    # The snapshot is generated; snapshot_findings() compares it with the schema.
    return sorted(paths - {settings.sql / "schema.sql"})


def _changed_queries(settings: Settings, repository: git.Repository, base: Base) -> tuple[str, ...]:
    """Which files of the application with queries differ from the base."""
    try:
        files = [f"{repository.prefix}{settings.show(path)}" for path in application_files(settings)]
    except ConfigError:
        # Who reads the queries says what is wrong.
        return ()
    if not files:
        return ()
    return tuple(path.removeprefix(repository.prefix) for path in changed_paths(repository, base, files))


def _folders(settings: Settings) -> tuple[str, str]:
    """The folders of migrations and sql, relative to the project."""
    folders = (settings.show(settings.migrations), settings.show(settings.sql))
    if any(Path(folder).is_absolute() or ".." in Path(folder).parts for folder in folders):
        raise UsageError(
            "migrations and sql lie outside of the project, where git cannot be asked about them",
            state="nothing was changed",
        )
    return folders


def _read_folder(settings: Settings, shown: str) -> dict[str, SqlFile]:
    folder = settings.migrations
    names = foreign.names_in(folder, shown) if folder.is_dir() else []
    return {name: read_file(folder / name, f"{shown}/{name}") for name in names}


def _is_in(path: str, folder: str) -> bool:
    """Whether ``path`` is directly in ``folder``."""
    return path.rpartition("/")[0] == folder


def _differs(path: Path, shown: str, old: bytes | None) -> bool:
    """Whether the file is not as the base has it; other line ends or a BOM are no difference."""
    if not path.is_symlink() and not path.exists():
        return old is not None
    return old is None or sql_file("", old).data != read_file(path, shown).data
