"""Which library opens a file, and the extensions that are loaded into each connection."""

from __future__ import annotations

import sqlite3
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from memsql import extensions
from memsql.errors import ConfigError, Location, UsageError
from memsql.extensions import Choice, Extension

if TYPE_CHECKING:
    from memsql.db.apsw_driver import Connection

INSTALL = "python3 -m pip install 'memsql-migrate[apsw]'"
"""The command that installs apsw."""


def connect(name: str, busy_timeout: int, *, uri: bool) -> sqlite3.Connection:
    """Open ``name``, a path or with ``uri`` a URI, as the settings say. ``busy_timeout`` is in milliseconds.

    Raises sqlite3.Error, UsageError where apsw is needed and not installed, ConfigError where an extension cannot be
    loaded.
    """
    choice = extensions.chosen()
    if _needs_apsw(choice):
        _refuse_missing(choice)
        from memsql.db.apsw_driver import Connection

        other = Connection(name, busy_timeout)
        # It has the interface of sqlite3.Connection as far as memsql uses it.
        conn = cast(sqlite3.Connection, other)
    else:
        other = None
        conn = sqlite3.connect(
            name, timeout=busy_timeout / 1000, isolation_level=None, uri=uri, check_same_thread=False
        )
    try:
        for extension in choice.extensions:
            _load(conn, other, extension, choice)
    except BaseException:
        conn.close()
        raise
    return conn


def version() -> str:
    """The version of the SQLite that opens files."""
    if not _needs_apsw(extensions.chosen()) or find_spec("apsw") is None:
        return sqlite3.sqlite_version
    import apsw

    return apsw.sqlite_lib_version()


def _needs_apsw(choice: Choice) -> bool:
    if choice.library:
        return choice.library == "apsw"
    return bool(choice.extensions) and not _loads_extensions()


def _loads_extensions() -> bool:
    """Whether Python was built so that its SQLite can load extensions."""
    return hasattr(sqlite3.Connection, "enable_load_extension")


def _refuse_missing(choice: Choice) -> None:
    if find_spec("apsw") is not None:
        return
    why = "engine = apsw" if choice.library else "extensions, which the SQLite of this Python cannot load,"
    raise UsageError(
        f"the settings name {why} and the library apsw is not installed",
        where=Location(choice.file),
        state="nothing was changed",
        hint=INSTALL,
    )


def _load(conn: sqlite3.Connection, other: Connection | None, extension: Extension, choice: Choice) -> None:
    """Load ``extension``; SQL itself may load none, neither before nor afterwards."""
    try:
        if other is not None:
            other.load_extension(extension.path, extension.entry_point)
        elif _loads_extensions():
            _load_by_sqlite3(conn, extension)
        else:
            raise sqlite3.NotSupportedError("the SQLite of this Python cannot load extensions: remove engine = sqlite3")
    except sqlite3.Error as e:
        reason = str(e).removeprefix("ExtensionLoadingError: ")
        raise ConfigError(
            f"the extension {extension.text} cannot be loaded: {reason}",
            where=Location(choice.file),
            state="nothing was changed",
            hint="it has to be compiled for this machine; where its first function has another name, write it behind "
            "the path: extensions = PATH:ENTRY_POINT",
        ) from e


def _load_by_sqlite3(conn: sqlite3.Connection, extension: Extension) -> None:
    conn.enable_load_extension(True)
    try:
        if extension.entry_point is None:
            conn.load_extension(extension.path)
        elif sys.version_info >= (3, 12):
            conn.load_extension(extension.path, entrypoint=extension.entry_point)
        else:
            conn.execute("SELECT load_extension(?, ?)", (extension.path, extension.entry_point))
    finally:
        conn.enable_load_extension(False)
