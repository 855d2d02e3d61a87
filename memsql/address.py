"""Which file the address of a database means, and whether a text without a scheme can be meant as one.

Of any name a new file could be made, so a word that means something else would be a database that nobody looks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

from memsql import hints
from memsql.errors import UsageError

_SUFFIXES = frozenset({"db", "db3", "sqlite", "sqlite3", "s3db", "sl3"})
# With a port, or an address of four numbers, or a name of three parts and more, or one that ends like most hosts do.
_HOST = re.compile(
    r"(?i)(?:[\w.-]+:\d+|\d+(?:\.\d+){3}|[\w-]+(?:\.[\w-]+)+\.[a-z]{2,}|[\w-]+\.(?:com|dev|internal|io|local|net|org))(?:\?.*)?"
)
# A letter alone is a drive, and digits behind the colon are a port.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?!\d+(?:[/?]|$))")
# What a client asks of SQLite with a URL, and memsql does not do.
_UNKEPT = frozenset({"mode=ro", "mode=memory", "immutable=1", "nolock=1"})


def file_in(text: str, base: Path) -> str | None:
    """The path in ``text``, a URL with the scheme ``file:`` or ``sqlite:``; None where it has another one, or none.

    ``sqlite:///x`` is relative, as yoyo has it, ``file:///x`` absolute; ``base`` is the folder of what is relative.
    Raises UsageError where it is no file, or for what is asked of it in vain.
    """
    match = re.match(r"(?is)(file|sqlite):(.*)", text)
    if match is None:
        return None
    scheme = match[1].lower()
    path, _, query = match[2].partition("?")
    if scheme == "file" and "#" in match[2]:
        raise UsageError(f"{scheme}:{path}: the part behind # is none of the path", hint="write %23, or the path alone")
    for key, value in parse_qsl(query):
        if f"{key}={value}" in _UNKEPT or key == "vfs":
            raise UsageError(
                f"{scheme}:{path}?{key}={value}: memsql opens a file as its command needs it",
                hint=f"leave {key}={value} out",
            )
    if path.startswith("//"):
        path = _behind_slashes(scheme, path, base)
    path = unquote(path)
    if path in ("", ":memory:"):
        raise UsageError(f"{scheme}:{path} is no database that a later command could find", hint="give a file name")
    return path


def _behind_slashes(scheme: str, path: str, base: Path) -> str:
    """The path in ``path``, which begins with two slashes. Raises UsageError where a host stands behind them."""
    host, slash, rest = path[2:].partition("/")
    if scheme == "file":
        if host.lower() not in ("", "localhost") or not rest:
            raise UsageError(f"{scheme}:{path}: write file:relative/path or file:///absolute/path")
        return slash + rest
    if host or not rest:
        raise UsageError(f"{scheme}:{path}: write sqlite:///relative/path or sqlite:////absolute/path")
    if not _exists(base / unquote(rest)) and _exists(Path(unquote(slash + rest))):
        raise UsageError(
            f"{scheme}:{path}: this is a relative path, and only the absolute one is there",
            hint=f"write sqlite:////{rest}",
        )
    return rest


def refuse_scheme(text: str, base: Path) -> None:
    """Raise UsageError where ``text``, which is no URL of a known kind, begins like one and is no file in ``base``."""
    match = _SCHEME.match(text)
    if match and not _exists(base / text):
        raise UsageError(
            f"{match[1]}: is no kind of database that memsql knows",
            state="nothing was changed",
            hint="a path, file:path, sqlite:///path, libsql://, https://, http://, wss:// or ws://; for a file that is "
            "called so write ./ in front of it",
        )


def refuse_word(text: str, shown: str, base: Path, environments: Sequence[str], *, origin: str) -> None:
    """Raise UsageError where ``text``, a database without a scheme, is the name of one of ``environments``, or is
    neither a file nor like the name of one.

    ``shown``: the text without secrets. ``base``: the folder to which it is relative. ``origin``: where it stands, as
    in "TURSO_URL". In setup.cfg ("database") a file that is there is taken literally, whatever it is called.
    """
    _refuse_host(text, shown, base, origin)
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
        f"an environment is a section {hints.section('NAME')} of {hints.settings_file()}, and {named} chooses it",
    )


def _refuse_host(text: str, shown: str, base: Path, origin: str) -> None:
    """Raise UsageError where a host without a scheme, with or without a path, stands in the place of a file."""
    head, slash, _ = text.removeprefix("//").partition("/")
    begins_like_one = slash or text.startswith("//")
    if begins_like_one and _HOST.fullmatch(head) and not _exists(base / head) and not _exists(base / text):
        raise UsageError(
            f"{origin} {shown}: this is a host without a scheme, and there is no folder {head}",
            state="nothing was changed",
            hint=f"write libsql://{head} or http://{head}; for a file make the folder first",
        )


def refuse_pattern(text: str, shown: str, path: Path, *, origin: str) -> None:
    """Raise UsageError where ``text``, a file that is not at ``path``, is a pattern for several files.

    Brackets alone are a pattern only where files fit it: names have brackets too. What is encoded in a URL (%3F) and
    what folders that are there are called is meant literally.
    """
    url = file_in(text, path.parent)
    written = text if url is None else text.partition("?")[0]
    rest = _not_there(path)
    if not rest or not re.search(r"[*?[]", rest) or not re.search(r"[*?[]", written):
        return
    import glob

    fitting = sorted(glob.glob(glob.escape(str(path).removesuffix(rest)) + rest))
    if not (fitting or re.search(r"[*?]", rest)):
        return
    raise UsageError(
        f"{origin} {shown}: this is a pattern for several files, and a command works on one database",
        details=tuple(Path(file).name for file in fitting),
        state="nothing was changed",
        hint='name one file; for each of them in a shell: for file in …; do … --database "$file"; done; '
        f"for a new file that is called so: file:{quote(text if url is None else url)}",
    )


def _not_there(path: Path) -> str:
    """The end of ``path`` behind the last folder that is there; empty where the whole of it is."""
    there = path
    while not _exists(there) and there != there.parent:
        there = there.parent
    return str(path)[len(str(there)) :]


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
