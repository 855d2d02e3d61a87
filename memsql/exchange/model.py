"""What a declaration says of a tool, and what the reader makes of the tool's files."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal, NamedTuple

Meaning = Literal["up", "down", "no transaction", "layout", "breakpoint", "refused"]
"""What a mark does:

* up, down: the way up, or the way down, begins there. In a script of many migrations the group ``key`` says of which,
  and ``after`` which one it follows, "" at the base.
* no transaction: the tool runs the file without a transaction.
* layout: it tells the tool where statements begin and end, which memsql knows without it.
* breakpoint: a statement ends there, with a semicolon or without one.
* refused: memsql cannot do what it says.
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line comment that means something to a tool.

    ``pattern``: a regular expression for the whole comment, in any case. Where a group ``option`` takes part, the
    direction that begins there runs without a transaction. ``why``: why it is refused, as the end of a sentence.
    """

    pattern: str
    means: Meaning
    why: str = ""


class Kind(NamedTuple):
    """A kind of file that becomes no migration: a regular expression for its path, and what it is, as the end of a
    sentence that begins with the path."""

    pattern: str
    what: str


@dataclass(frozen=True, slots=True)
class FileHabits:
    """How a tool lays out its files. All patterns are regular expressions for the whole path below the tool's folder,
    with ``/`` between folders.

    ``ups`` and ``downs``: the files of migrations, and of their ways back. They have the groups ``version`` and
    ``name``, and pair by the group ``pair``, or by the version where there is none. ``settings``: a file beside a
    migration that pairs with it, and what its text holds where the migration runs without a transaction.

    ``order``: the order in which the tool runs them: by the numbers in the version; by path; by ``-- depends:``, then
    path; as the ``journal`` lists them; or as they stand in a script that holds many migrations.

    ``marks``: comments with a meaning. ``refused``: files that memsql cannot run, without which the others are not
    whole. ``reported``: files that are left out, and named. ``signs``: paths that no file of memsql has, by which files
    of the tool are known where they lie in the folder of memsql. ``placeholders``: text that the tool replaces.

    ``respelled``: what in a version is replaced by what. ``tables``: the tool's own tables; statements that write them
    are left out. ``dialect``: a file, and the
    pattern for the name of the engine in it, by its only group. ``in_one_block``: of several marks that begin the same
    way the first one counts, and the way up comes first. ``sha384``: the tool knows a file by the SHA-384 of its bytes.
    """

    ups: str
    downs: str = ""
    _: KW_ONLY
    order: Literal["version", "path", "depends", "journal", "script"] = "version"
    marks: tuple[Mark, ...] = ()
    refused: tuple[Kind, ...] = ()
    reported: tuple[Kind, ...] = ()
    signs: tuple[str, ...] = ()
    settings: tuple[str, str] | None = None
    placeholders: str = ""
    journal: str = ""
    respelled: tuple[str, str] = ("", "")
    tables: tuple[str, ...] = ()
    dialect: tuple[str, str] | None = None
    in_one_block: bool = False
    sha384: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A migration tool: the word for it on the command line, its name as people write it, and its habits."""

    word: str
    title: str
    files: FileHabits


@dataclass(frozen=True, slots=True)
class ForeignMigration:
    """A migration of another tool.

    ``version`` is as the tool counts, ``path`` the file below the folder of the tool (in a script: the key of the
    migration). ``up`` and ``down`` are SQL without the tool's marks; ``down`` is None where the tool has none.
    ``no_transaction``: whether up, and down, run without a transaction. ``depends``: the paths of those it needs first.
    ``hashes``: what its files were, ``sha256=…`` and ``down_sha256=…``, and the time in the journal, ``when=…``.
    """

    version: str
    name: str
    path: str
    up: str
    down: str | None = None
    _: KW_ONLY
    no_transaction: tuple[bool, bool] = (False, False)
    depends: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()


class LeftOut(NamedTuple):
    """A file, or a part of one, that became no migration, and what it is, as the end of a sentence."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class ForeignSet:
    """The migrations of a folder in the order in which ``tool`` runs them, and what became none."""

    tool: Tool
    migrations: tuple[ForeignMigration, ...]
    left_out: tuple[LeftOut, ...] = ()
