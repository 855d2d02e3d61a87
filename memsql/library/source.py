"""Where the migrations of an application are: in a folder, or in a package, which may lie in a zip file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memsql import config, setting_values, settings_file
from memsql.config import Settings, Target
from memsql.errors import ConfigError, UsageError
from memsql.project.files import SUM_NAME, parse_file_name

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

StrPath = str | os.PathLike[str]
_NOTHING = "nothing was changed"
_TOKEN = "TURSO_AUTH_TOKEN"


@dataclass(frozen=True, slots=True)
class Project:
    """The migrations of an application. Make one with at() or in_package().

    ``place`` is an absolute path, or with ``is_package`` the name of a package. ``env`` is an environment of the
    settings, ``sql`` the package with the folder ``checks``; each may be None.
    """

    place: str
    _: KW_ONLY
    is_package: bool = False
    env: str | None = None
    sql: str | None = None

    @classmethod
    def at(cls, folder: StrPath, *, env: str | None = None) -> Project:
        """The project of ``folder``: the nearest folder upwards with settings of memsql, as for the command; or, where
        the folder itself holds migrations, these, with the folder ``sql`` beside it. ``env``: an environment of the
        settings. Raises ConfigError where there is no such folder."""
        if not os.path.isdir(folder):
            raise ConfigError(f"{os.fspath(folder)}: there is no such folder", state=_NOTHING)
        return cls(os.path.abspath(folder), env=env)

    @classmethod
    def in_package(cls, name: str, *, sql: str | None = None) -> Project:
        """The migrations in the package ``name``, such as "my_app.migrations": its files ``NNNN_name.sql``, their
        rollbacks and ``memsql.sum``. ``sql``: the package or folder with the folder ``checks``, such as "my_app.sql";
        by default the folder ``sql`` beside the migrations, where there is one."""
        return cls(name, is_package=True, sql=sql)

    @classmethod
    def of(cls, project: Project | StrPath | None, env: str | None = None) -> Project:
        """What ``project`` means: None the project of the working directory, a text with dots and without slashes, such
        as "my_app.migrations", a package, and everything else a folder. Raises ConfigError."""
        if isinstance(project, Project):
            return project if env is None else replace(project, env=env)
        if project is None:
            return cls(os.getcwd(), env=env)
        if isinstance(project, str) and "." in project and all(part.isidentifier() for part in project.split(".")):
            if env is not None:
                raise UsageError(f"the package {project} has no environments, such as {env}", state=_NOTHING)
            return cls.in_package(project)
        return cls.at(project, env=env)


@contextmanager
def opened(project: Project, database: StrPath | Target | None, token: str | None) -> Iterator[Settings]:
    """The settings for ``database`` in ``project``, while its files can be read.

    ``database``: a path, a URL or what a connection is connected to; None is what the settings say. ``token``: that of
    a server, in place of the one of the environment. Raises ConfigError, UsageError.
    """
    with ExitStack() as stack:
        settings = _settings(project, database, token, stack)
        if token is not None and settings.target.is_server:
            settings = replace(settings, target=replace(settings.target, token=token))
        yield settings


def _settings(project: Project, database: StrPath | Target | None, token: str | None, stack: ExitStack) -> Settings:
    if project.is_package:
        folder, sql = _files_of(project, stack)
        return _plain(folder, sql, database, token)
    folder = Path(project.place)
    root = _root_of(folder)
    if root is None:
        return _plain(folder, folder.parent / "sql", database, token)
    text = _text_of(root, database)
    settings = config.load(project=str(root), env=project.env, database=text)
    return replace(settings, target=database) if isinstance(database, Target) else settings


def _root_of(folder: Path) -> Path | None:
    """The folder whose settings hold for ``folder``; None where that holds migrations of no settings. Raises
    ConfigError where there is neither."""
    if settings_file.name_in(folder) is None and any(parse_file_name(name) for name in os.listdir(folder)):
        try:
            root = config.find_root(folder)
        except ConfigError:
            return None
        migrations = config.load(project=str(root), database=str(root / "any.db"), environ={}).migrations
        return root if os.path.realpath(migrations) == os.path.realpath(folder) else None
    return config.find_root(folder)


def _text_of(root: Path, database: StrPath | Target | None) -> str | None:
    """``database`` as the command line would have it."""
    if isinstance(database, Target):
        # Its settings count, and none that chooses a database.
        return str(database.path) if database.path and database.path.is_absolute() else str(root / "memory.db")
    if database is None or isinstance(database, str):
        return database
    return os.path.abspath(database)


def _plain(folder: Path, sql: Path, database: StrPath | Target | None, token: str | None) -> Settings:
    """The settings of a folder of migrations that has none: the defaults. Backups are no part of a package, which may
    be installed where nobody writes: they go into the working directory."""
    target = _target(database, token or os.environ.get(_TOKEN) or None)
    return replace(
        config.defaults(folder.parent),
        migrations=folder,
        sql=sql,
        backups=Path.cwd() / config.DEFAULTS["backups"],
        target=target,
        check_timeout=setting_values.check_timeout("", on_server=target.is_server),
    )


def _target(database: StrPath | Target | None, token: str | None) -> Target:
    if isinstance(database, Target):
        return database
    if database is None:
        database = os.environ.get("TURSO_URL") or None
        if database is None:
            raise UsageError(
                "no database is named: these migrations have no settings that name one",
                state=_NOTHING,
                hint="name it: a path, or a URL such as libsql://HOST",
            )
    if isinstance(database, str):
        return config.parse_target(database, Path.cwd(), token)
    return Target(path=Path(database).absolute(), display=os.fspath(database))


def _files_of(project: Project, stack: ExitStack) -> tuple[Path, Path]:
    """The folders of the migrations and of the sql of a package. What is not on the disk is copied there, until
    ``stack`` ends."""
    migrations = _resources(project.place)
    parent = project.place.rpartition(".")[0]
    sql = _resources(project.sql) if project.sql else _resources(parent) / "sql" if parent else None
    if isinstance(migrations, Path) and (sql is None or isinstance(sql, Path)):
        return migrations, sql or migrations / "sql"
    from memsql.storage import work_folders

    folder = stack.enter_context(work_folders.temporary("package"))
    _copy(migrations, folder / "migrations", below=False)
    if sql is not None and sql.is_dir():
        _copy(sql, folder / "sql", below=True)
    return folder / "migrations", folder / "sql"


def _resources(package: str) -> Traversable:
    from importlib import resources

    try:
        return resources.files(package)
    except (ImportError, TypeError) as e:
        raise ConfigError(
            f"there is no package {package} that can be imported: {e}",
            state=_NOTHING,
            hint="name the package that holds the .sql files, such as my_app.migrations; "
            f"a folder of this name is written ./{package}",
        ) from None


def _copy(source: Traversable, folder: Path, *, below: bool) -> None:
    folder.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.is_dir():
            if below and entry.name.isidentifier() and entry.name != "__pycache__":
                _copy(entry, folder / entry.name, below=True)
        elif entry.name.endswith(".sql") or entry.name == SUM_NAME:
            (folder / entry.name).write_bytes(entry.read_bytes())
