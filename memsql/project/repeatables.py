"""Repeatable scripts: files of sql/repeatable that make views and triggers anew whenever their text changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from memsql.errors import FileError, Location
from memsql.project.files import SqlFile, read_file
from memsql.sqltext import MigrationHeader, effect, fold, parse_migration_header, statements
from memsql.sqltext.meaning import meaning
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import tokenize

Made = tuple[str, str]
"""The type of an object, view or trigger, and its name, folded."""
_BEFORE_NAMES = frozenset({"FROM", "JOIN", "INTO", "UPDATE"})
_AFTER_NAMES = frozenset(
    {"WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "SELECT", "UNION", "EXCEPT", "INTERSECT", "SET", "VALUES", "WHEN"}
)
_NO_NAMES = _AFTER_NAMES | {"OR", "IGNORE", "REPLACE", "ROLLBACK", "ABORT", "FAIL"}
_NO_LATER = "views and triggers alone may stand in it, each with CREATE and nothing else"


@dataclass(frozen=True)
class Repeatable:
    """A script. ``made`` has the statement that makes each of its objects; none in a script that only says, in a
    comment, that there is nothing left to make. ``depends`` are the scripts that run before it."""

    name: str
    file: SqlFile
    header: MigrationHeader
    made: tuple[tuple[Made, str], ...]
    depends: frozenset[str] = frozenset()

    @property
    def objects(self) -> tuple[Made, ...]:
        """What it makes, in its order."""
        return tuple(made for made, _ in self.made)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over its directives and statements: another comment is no change."""
        return hashlib.sha256(meaning(self.file.text()).encode()).hexdigest()


def read_repeatables(folder: Path, shown: str) -> tuple[Repeatable, ...]:
    """All scripts of ``folder`` in the order to run; none where there is no folder. ``shown`` is the folder as people
    write it.

    Raises FileError for a statement that no script may hold, an object that two of them make, a dependency that is not
    there, or one that goes in a circle.
    """
    if not folder.is_dir():
        return ()
    files = [read_file(path, f"{shown}/{path.name}") for path in sorted(folder.glob("*.sql"))]
    return in_order([read_script(file) for file in files])


def read_script(file: SqlFile) -> Repeatable:
    """Read one script. Raises FileError for a statement that no script may hold."""
    text = file.text()
    header = parse_migration_header(text, file.path)
    if not header.transactional or not header.foreign_keys:
        raise _refusal(file, 1, "runs with others in one transaction, and only makes views and triggers", "")
    made: dict[Made, str] = {}
    drops: list[tuple[Made, int]] = []
    for statement in statements(text):
        what, words = effect(statement.text), [token.word for token in tokenize(statement.text)[:6]]
        if what.kind == "drop" and what.object_type in ("view", "trigger"):
            drops.append(((what.object_type, fold(what.name or "")), statement.line))
            continue
        if what.kind != "create" or what.object_type not in ("view", "trigger"):
            verb = " ".join(words[:2]) if words[:1] in (["CREATE"], ["DROP"], ["ALTER"]) else words[0]
            raise _refusal(file, statement.line, f"runs {verb}", "put it into a migration")
        if what.schema is not None or "EXISTS" in words:
            message = f"makes {what.object_type} {what.name} with a schema or IF NOT EXISTS"
            raise _refusal(file, statement.line, message, "write CREATE and the name alone: memsql drops the old one")
        made[what.object_type, fold(what.name or "")] = statement.text
    for dropped, line in drops:
        if dropped not in made:
            message = f"drops {dropped[0]} {dropped[1]}, which it does not make"
            raise _refusal(file, line, message, "remove the statement: memsql drops what the script no longer makes")
    return Repeatable(file.name.removesuffix(".sql"), file, header, tuple(made.items()))


def in_order(scripts: Sequence[Repeatable]) -> tuple[Repeatable, ...]:
    """``scripts`` in the order to run: by name, what they depend on first. Raises FileError."""
    by_name = {script.name: script for script in scripts}
    makers: dict[str, str] = {}
    for script in scripts:
        for kind, name in script.objects:
            other = makers.setdefault(name, script.name)
            if other != script.name:
                raise FileError(
                    f"{by_name[other].file.path} and {script.file.path} both make {kind} {name}",
                    where=Location(script.file.path),
                    state="nothing was changed",
                    hint="leave it in one of them",
                )
    full = {}
    for script in scripts:
        lacking = [name for name in script.header.depends if name not in by_name]
        if lacking:
            raise FileError(
                f"{script.file.path} depends on {lacking[0]}, and there is no such script",
                where=Location(script.file.path),
                state="nothing was changed",
                hint="correct the name after `-- depends:`; it is the name of a file beside it without .sql",
            )
        uses = {makers[name] for _, text in script.made for name in used(text) if name in makers}
        full[script.name] = replace(script, depends=frozenset({*script.header.depends, *uses} - {script.name}))
    ordered: dict[str, Repeatable] = {}
    for name in sorted(full):
        _visit(name, full, ordered, ())
    return tuple(ordered.values())


def used(sql: str) -> set[str]:
    """The tables and views, folded, that a CREATE VIEW or CREATE TRIGGER reads or writes by name: those behind FROM,
    JOIN, INTO and UPDATE, and that which a trigger is on."""
    on = effect(sql).table
    names = {fold(on)} if on is not None else set()
    expects = in_from = False
    outer: list[bool] = []
    tokens = tokenize(sql)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if expects and token.kind in ("word", "quoted") and token.word not in _NO_NAMES:
            # Of main.v the name is v.
            if following is None or following.text != ".":
                names.add(fold(unquote(token.text)))
                expects = False
        elif token.word in _BEFORE_NAMES:
            expects, in_from = True, in_from or token.word == "FROM"
        elif token.text == "," and in_from:
            expects = True
        elif token.text == "(":
            outer.append(in_from)
            in_from = expects
        elif token.text == ")" and outer:
            expects, in_from = False, outer.pop()
        elif token.word in _AFTER_NAMES or token.text == ";":
            expects = in_from = False
    return names


def _visit(name: str, scripts: dict[str, Repeatable], done: dict[str, Repeatable], above: tuple[str, ...]) -> None:
    if name in above:
        ring = [*above[above.index(name) :], name]
        raise FileError(
            "these scripts depend on each other in a circle: " + " -> ".join(ring),
            where=Location(scripts[name].file.path),
            state="nothing was changed",
            hint="put them into one file, or remove one of the `-- depends:` lines",
        )
    if name in done:
        return
    for needed in sorted(scripts[name].depends):
        _visit(needed, scripts, done, (*above, name))
    done[name] = scripts[name]


def behind(scripts: Sequence[Repeatable], names: Sequence[str]) -> Iterator[Repeatable]:
    """Those of ``scripts``, which are in order, that are called ``names`` or depend on one of them."""
    chosen = set(names)
    for script in scripts:
        if script.name in chosen or not chosen.isdisjoint(script.depends):
            chosen.add(script.name)
            yield script


def _refusal(file: SqlFile, line: int, message: str, hint: str) -> FileError:
    return FileError(
        f"{file.path} {message}: {_NO_LATER}",
        where=Location(file.path, line),
        state="nothing was changed",
        hint=hint or None,
    )
