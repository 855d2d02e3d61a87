"""What one statement does, read from its text alone.

No database is asked: a server has no authorizer callback, and a file is judged before it runs. The grammar comes from
SQLite's parse.y and from https://sqlite.org/lang.html. A statement that SQLite would reject has some effect too;
nothing is raised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memsql.sqltext.names import NAME, fold, unquote
from memsql.sqltext.tokens import (
    BLOB,
    BLOCK_COMMENT,
    LINE_COMMENT,
    NUMBER,
    QUOTED_NAME,
    STRING,
    VARIABLE,
    scan,
)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one statement does to which object. Names are without quotes.

    * ``kind`` is one of: create, drop, alter_rename, alter_rename_column, alter_add_column, alter_drop_column,
      alter_column (``ALTER COLUMN`` of libSQL and whatever else ALTER TABLE may learn), insert, replace (``REPLACE``
      and ``INSERT OR REPLACE``, which can delete rows), update, delete, select (also VALUES), pragma, transaction,
      attach, detach, vacuum, analyze, reindex, explain, other.
    * ``object_type`` is table, index, trigger, view or virtual, and None where there is no such object. It is virtual
      only for CREATE VIRTUAL TABLE, because such a table is dropped by ``DROP TABLE``.
    * ``name`` is the object: the old name of a rename, the pragma in lower case, the verb of a transaction statement in
      upper case (``ROLLBACK``), the schema that is attached, detached or vacuumed, the argument of ANALYZE or REINDEX.
    * ``new_name`` is the new name of a table or column, ``column`` the column that an ALTER TABLE is about.
    * ``schema`` is the prefix of ``name``; ``temp`` for a TEMP object.
    * ``table`` is the table that a created index or trigger is on, without a schema prefix.
    """

    kind: str
    object_type: str | None
    name: str | None
    new_name: str | None = None
    column: str | None = None
    schema: str | None = None
    table: str | None = None


# Much faster than ``scan``, because white space and operators need no match.
_names = re.compile(
    rf"{LINE_COMMENT}|{BLOCK_COMMENT}|\ufeff|{BLOB}|({NAME})|{NUMBER}|{VARIABLE}|({STRING}|{QUOTED_NAME})"
).finditer


class _TokenReader:
    """Reads the tokens of one statement, one after the other.

    Of the current token ``word`` is its text in upper case if it is a bare ASCII word, and ``sign`` its text if it is
    an operator; both are empty otherwise. ``ended`` is True behind the last token.
    """

    __slots__ = ("_matches", "_raw", "ended", "sign", "word")

    def __init__(self, text: str) -> None:
        self._matches = scan(text)
        self.ended = False
        self.advance()

    def advance(self) -> None:
        match = next(self._matches, None)
        kind = match and match.lastgroup
        self.word = self.sign = ""
        self._raw: str | None = None
        if match is None or kind is None:
            self.ended = True
        elif kind == "op":
            self.sign = match[kind]
        elif kind == "word":
            self._raw = raw = match[kind]
            if raw.isascii():
                self.word = raw.upper()
        elif kind in ("quoted", "string"):
            self._raw = match[kind]

    def take(self, *words: str) -> bool:
        """Step over the token if it is one of these keywords."""
        if self.word not in words:
            return False
        self.advance()
        return True

    def skip(self, *words: str) -> None:
        """Step over these keywords, each if it comes next."""
        for word in words:
            self.take(word)

    def name(self) -> str | None:
        """Step over a name, quoted or not, and return it unquoted; None if there is none."""
        raw = self._raw
        if raw is None:
            return None
        self.advance()
        return unquote(raw)

    def qualified(self) -> tuple[str | None, str | None]:
        """Step over ``name`` or ``schema.name``; the schema comes first."""
        name = self.name()
        if name is None or self.sign != ".":
            return None, name
        self.advance()
        return name, self.name()

    def parentheses(self) -> None:
        """Step over a group in parentheses, if one starts here."""
        depth = 0
        while not self.ended:
            depth += (self.sign == "(") - (self.sign == ")")
            if depth == 0 and self.sign != ")":
                return
            self.advance()
            if depth == 0:
                return

    def seek(self, word: str) -> bool:
        """Step behind the next ``word`` outside parentheses; False if there is none."""
        while not self.ended:
            if self.sign == "(":
                self.parentheses()
            elif self.take(word):
                return True
            else:
                self.advance()
        return False


def _create(reader: _TokenReader) -> Effect:
    temporary = reader.take("TEMP", "TEMPORARY")
    reader.skip("UNIQUE")
    virtual = reader.take("VIRTUAL")
    object_type = reader.word.lower()
    if object_type not in ("table", "index", "trigger", "view"):
        return _OTHER
    reader.advance()
    reader.skip("IF", "NOT", "EXISTS")
    schema, name = reader.qualified()
    table = None
    if object_type in ("index", "trigger") and reader.seek("ON"):
        _, table = reader.qualified()
    if temporary and schema is None:
        schema = "temp"
    return Effect("create", "virtual" if virtual else object_type, name, schema=schema, table=table)


def _drop(reader: _TokenReader) -> Effect:
    object_type = reader.word.lower()
    if object_type not in ("table", "index", "trigger", "view"):
        return _OTHER
    reader.advance()
    reader.skip("IF", "EXISTS")
    schema, name = reader.qualified()
    return Effect("drop", object_type, name, schema=schema)


def _alter(reader: _TokenReader) -> Effect:
    if not reader.take("TABLE"):
        return _OTHER
    schema, table = reader.qualified()
    if reader.take("RENAME"):
        if reader.take("TO"):
            return Effect("alter_rename", "table", table, new_name=reader.name(), schema=schema)
        reader.skip("COLUMN")
        column = reader.name()
        reader.skip("TO")
        return Effect("alter_rename_column", "table", table, reader.name(), column, schema)
    for word, kind in (("ADD", "alter_add_column"), ("DROP", "alter_drop_column")):
        if reader.take(word):
            if reader.word in ("CONSTRAINT", "CHECK"):
                break
            reader.skip("COLUMN")
            return Effect(kind, "table", table, column=reader.name(), schema=schema)
    if reader.take("ALTER"):
        reader.skip("COLUMN")
        return Effect("alter_column", "table", table, column=reader.name(), schema=schema)
    return Effect("alter_column", "table", table, schema=schema)


def _write(reader: _TokenReader, verb: str) -> Effect:
    """INSERT, REPLACE, UPDATE or DELETE, behind the verb."""
    kind = verb.lower()
    if reader.take("OR"):
        if verb == "INSERT" and reader.word == "REPLACE":
            kind = "replace"
        reader.advance()
    reader.skip("FROM" if verb == "DELETE" else "INTO")
    schema, name = reader.qualified()
    return Effect(kind, "table", name, schema=schema)


def _with(reader: _TokenReader) -> Effect:
    """A statement behind WITH: step over the common table expressions to the verb that counts."""
    reader.skip("RECURSIVE")
    while not reader.ended:
        reader.name()
        reader.parentheses()
        reader.skip("AS", "NOT", "MATERIALIZED")
        reader.parentheses()
        if reader.sign != ",":
            break
        reader.advance()
    verb = reader.word
    if verb in ("SELECT", "VALUES"):
        return Effect("select", None, None)
    if verb not in ("INSERT", "REPLACE", "UPDATE", "DELETE"):
        return _OTHER
    reader.advance()
    return _write(reader, verb)


def _attach(reader: _TokenReader) -> Effect:
    name = None
    while reader.seek("AS"):
        name = reader.name()
    return Effect("attach", None, name)


_OTHER = Effect("other", None, None)
_TRANSACTION = frozenset({"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"})


def effect(statement_text: str) -> Effect:
    """What the first statement of ``statement_text`` does. Nothing is raised.

    A trigger is one ``create``, because its body runs later. EXPLAIN has no object, because it runs nothing.
    """
    reader = _TokenReader(statement_text)
    verb = reader.word
    if verb == "":
        return _OTHER
    reader.advance()
    match verb:
        case "INSERT" | "REPLACE" | "UPDATE" | "DELETE":
            return _write(reader, verb)
        case "SELECT" | "VALUES":
            return Effect("select", None, None)
        case "CREATE":
            return _create(reader)
        case "DROP":
            return _drop(reader)
        case "ALTER":
            return _alter(reader)
        case "WITH":
            return _with(reader)
        case "PRAGMA":
            schema, name = reader.qualified()
            return Effect("pragma", None, name.lower() if name else None, schema=schema)
        case "ATTACH":
            return _attach(reader)
        case "DETACH":
            reader.skip("DATABASE")
            return Effect("detach", None, reader.name())
        case "VACUUM":
            return Effect("vacuum", None, None if reader.word == "INTO" else reader.name())
        case "ANALYZE" | "REINDEX":
            schema, name = reader.qualified()
            return Effect(verb.lower(), None, name, schema=schema)
        case "EXPLAIN":
            return Effect("explain", None, None)
    if verb in _TRANSACTION:
        return Effect("transaction", None, verb)
    return _OTHER


def forbidden_in_transaction(what: Effect) -> bool:
    """Whether the statement starts or ends a transaction, or cannot run in one: ATTACH, DETACH and VACUUM."""
    return what.kind in ("transaction", "attach", "detach", "vacuum")


def identifiers(text: str) -> frozenset[str]:
    """Every word of ``text`` that could name a table, in lower case and without quotes.

    These are bare words (also keywords), quoted names, and strings, which SQLite takes for a name where a string makes
    no sense; bodies of triggers count, comments do not. So every table that ``text`` names is in the result, as
    ``fold(name)``, and much else. A table that is only reached through a view, trigger or foreign key is not.
    """
    words = {match[match.lastindex] for match in _names(text) if match.lastindex is not None}
    return frozenset(fold(unquote(word)) for word in words)
