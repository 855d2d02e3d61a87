"""Whether a text without a scheme can be meant as the file of a database.

Of any name a new file could be made, so a word that means something else would be a database that nobody looks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from memsql.errors import UsageError

_SUFFIXES = frozenset({"db", "db3", "sqlite", "sqlite3", "s3db", "sl3"})
# With a port, or with two dots and more: an address of four numbers, or a name that ends with letters.
_HOST = re.compile(r"(?:[\w.-]+:\d+|\d+(?:\.\d+){3}|[\w-]+(?:\.[\w-]+)+\.[A-Za-z]{2,})(?:\?.*)?")


def refuse_word(text: str, shown: str, base: Path, environments: Sequence[str], *, origin: str) -> None:
    """Raise UsageError where ``text``, a database without a scheme, is the name of one of ``environments``, or is
    neither a file nor like the name of one.

    ``shown``: the text without secrets. ``base``: the folder to which it is relative. ``origin``: where it stands, as
    in "TURSO_URL". In setup.cfg ("database") a file that is there is taken literally, whatever it is called.
    """
    name = next((e for e in environments if e.casefold() == text.strip().casefold()), None)
    exists = _exists(base / text)
    if name is not None and not (exists and origin == "database"):
        raise UsageError(
            f"{origin} {shown}: this is the name of an environment, and not of a database",
            state="nothing was changed",
            hint=f"write MEMSQL_ENV={name} or --env {name}; for a server libsql://HOST, for a file ./{shown}",
        )
    if name is not None or exists or looks_like_a_file(text):
        return
    known = f" (there are: {', '.join(environments)})" if environments else ""
    named = f"MEMSQL_ENV={shown} or --env {shown}" if re.fullmatch(r"[\w-]+", text) else "MEMSQL_ENV=NAME"
    raise UsageError(
        f"{origin} {shown}: this is no URL, and there is no such file or environment{known}",
        state="nothing was changed",
        hint=f"for a server write libsql://HOST or http://HOST:PORT, for a new file ./{shown}; "
        f"an environment is a section [memsql:NAME] of setup.cfg, and {named} chooses it",
    )


def looks_like_a_file(text: str) -> bool:
    """Whether ``text`` looks like the name of a file: it has a folder or a suffix, and is no host.

    Examples: ``memory.db``, ``./memory``, ``data/app``; not ``production``, ``localhost:8080``, ``mydb.turso.io``.
    """
    if "/" in text or "\\" in text:
        return True
    _, dot, suffix = text.rpartition(".")
    return bool(dot) and (suffix.lower() in _SUFFIXES or _HOST.fullmatch(text) is None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # Too long for a name, or in a folder that cannot be entered.
        return False
