"""What an index, a view, a trigger and a virtual table mean, as canonical text without their own name.

Whether a name in double quotes is a column or a string depends on the tables that a text reads, so the schema is
needed too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from memsql.schema.definition import split_at_commas
from memsql.schema.expressions import read_expression
from memsql.schema.model import Object, Schema, Table
from memsql.schema.read_rules import rules_of
from memsql.schema.statements import StatementReader
from memsql.schema.token_reader import Scope, Unreadable, scope_of_table
from memsql.sqltext.classify import identifiers
from memsql.sqltext.names import ROWIDS, fold, quote_if_needed, unquote
from memsql.sqltext.tokens import Token, join, tokenize

# Modules whose arguments are names of columns and options. What others make of theirs, nobody knows.
_WITH_COLUMNS = frozenset({"fts3", "fts4", "fts5", "rtree", "rtree_i32"})
_FOLDED_OPTIONS = frozenset({"content", "content_rowid", "detail", "notindexed", "languageid", "order", "matchinfo"})
_DEFAULT_OPTIONS = frozenset(
    {"detail=full", "columnsize=1", "tokenize=unicode61", "content_rowid=rowid", "contentless_delete=0"}
)
# Words in the option tokenize whose letters do not count.
_TOKENIZER_WORDS = frozenset(
    [
        "unicode61",
        "ascii",
        "porter",
        "trigram",
        "tokenchars",
        "separators",
        "remove_diacritics",
        "categories",
        "case_sensitive",
    ]
)
_tokenizer_words = re.compile(r"'(?:[^']|'')*'|[^\s']+").findall


@dataclass(frozen=True, slots=True)
class IndexRules:
    """What a CREATE INDEX says. ``terms`` have their collation, where it is not the column's, and ``desc``; ``columns``
    are the columns that the index names, ``where`` the condition of a partial index, empty without one. ``unread`` is a
    text that is not in the grammar that we know."""

    table: str
    unique: bool = False
    terms: tuple[str, ...] = ()
    where: str = ""
    columns: frozenset[str] = frozenset()
    unread: str = ""


def index_rules(index: Object, schema: Schema) -> IndexRules:
    """What ``index``, one with a text, says."""
    table = schema.table(index.table)
    if table is None:
        return IndexRules(fold(index.table), unread=plain(index.sql))
    return _index_rules(index.sql, table)


def same_object(one: tuple[Object, Schema], other: tuple[Object, Schema], maps: Iterable[Mapping[str, str]]) -> bool:
    """Whether an index, view or trigger, each with its schema, means what ``other`` means once names are replaced.

    One of ``maps`` (old to new, in lower case) must do for the whole text.
    """
    goal = join(tokenize(_text(*other)))
    tokens = tokenize(_text(*one))
    return any(join(_renamed(token, names) for token in tokens) == goal for names in maps)


def statement_text(obj: Object, schema: Schema) -> str:
    """The canonical text of a view or trigger."""
    outline = _outline(obj.type, obj.sql)
    if outline is None:
        return plain(obj.sql)
    if '"' not in obj.sql and not (obj.type == "view" and outline.aliases):
        # Only a name in double quotes can be a string, and only an alias can be the name that a column has anyway.
        return _statement(obj.type, obj.sql, frozenset(), closed=True)
    tables = [schema.table(source) for source in outline.sources]
    columns = frozenset(c.name for table in tables if table for c in table.columns)
    closed = outline.closed and all(table is not None and table.columns for table in tables)
    return _statement(obj.type, obj.sql, columns, closed)


def sources_of_view(view: Table) -> tuple[str, ...]:
    """The tables and views, in lower case, that ``view`` reads, in order; of a text that cannot be read, every name."""
    outline = _outline("view", view.sql)
    return tuple(sorted((identifiers(view.sql) if outline is None else outline.sources) - {fold(view.name)}))


@lru_cache(maxsize=8192)
def virtual_text(sql: str) -> str:
    """The canonical text of a CREATE VIRTUAL TABLE, without the name of the table."""
    tokens = tokenize(sql)
    using = next((place for place, token in enumerate(tokens) if token.word == "USING"), len(tokens))
    module = tokens[using + 1].name if using + 1 < len(tokens) else ""
    groups, _ = split_at_commas(tokens, using + 2)
    if module not in _WITH_COLUMNS:
        return f"using {module}({', '.join(map(join, groups))})"
    options = {_option(group) for group in groups if len(group) > 1 and group[1].text == "="} - _DEFAULT_OPTIONS
    columns = [_virtual_column(group, module) for group in groups if len(group) < 2 or group[1].text != "="]
    return f"using {module}({', '.join([*columns, *sorted(options)])})"


def expression_text(sql: str, table: str, columns: Iterable[str]) -> str:
    """The canonical text of an expression over ``table`` with these ``columns``."""
    try:
        return read_expression(sql, scope_of_table(table, columns))
    except Unreadable:
        return plain(sql)


def plain(sql: str) -> str:
    """The text of a statement that we cannot read: only white space, comments, and the letters of bare words are left
    out."""
    return join(Token(t.kind, fold(t.text) if t.kind == "word" else t.text, t.start) for t in tokenize(sql))


def _text(obj: Object, schema: Schema) -> str:
    if obj.type != "index":
        return statement_text(obj, schema)
    rules = index_rules(obj, schema)
    kind = "unique index" if rules.unique else "index"
    text = f"{kind} on {quote_if_needed(rules.table)} ({', '.join(rules.terms)})"
    return rules.unread or (f"{text} where {rules.where}" if rules.where else text)


def _renamed(token: Token, names: Mapping[str, str]) -> Token:
    if token.kind not in ("word", "quoted") or token.name not in names:
        return token
    return Token("quoted", quote_if_needed(fold(names[token.name])), token.start)


@lru_cache(maxsize=8192)
def _index_rules(sql: str, table: Table) -> IndexRules:
    scope = scope_of_table(table.name, (c.name for c in table.columns))
    reader = _ObjectReader(tokenize(sql), scope)
    try:
        return reader.index(table)
    except Unreadable:
        return IndexRules(fold(table.name), unread=plain(sql))


@dataclass(frozen=True, slots=True)
class _Outline:
    """What a view or trigger reads and writes. ``closed``: it reads nothing else than ``sources``. ``only`` is the name
    of the only thing that a view reads, at its only place; empty where there are several."""

    sources: frozenset[str]
    aliases: frozenset[str]
    closed: bool
    only: str


@lru_cache(maxsize=8192)
def _outline(kind: str, sql: str) -> _Outline | None:
    """None where the text cannot be read."""
    reader = _ObjectReader(tokenize(sql), Scope())
    try:
        reader.statement(kind)
    except Unreadable:
        return None
    only = reader.places[0] if kind == "view" and len(reader.places) == 1 else ""
    return _Outline(frozenset(reader.sources), frozenset(reader.aliases), reader.sources_known, only)


@lru_cache(maxsize=8192)
def _statement(kind: str, sql: str, columns: frozenset[str], closed: bool) -> str:
    """The canonical text, where ``columns`` are those of all sources with their letters."""
    outline = _outline(kind, sql)
    assert outline is not None
    names = frozenset(map(fold, columns)) | outline.aliases | frozenset(ROWIDS)
    scope = Scope(names, closed=closed, table=outline.only, labels=kind == "view", spelled=columns)
    return _ObjectReader(tokenize(sql), scope).statement(kind)


class _ObjectReader(StatementReader):
    """Reads CREATE INDEX, CREATE VIEW and CREATE TRIGGER."""

    def index(self, table: Table) -> IndexRules:
        """The index."""
        self.expect("CREATE")
        unique = self.accept("UNIQUE")
        self.expect("INDEX")
        self._skip_name()
        self.expect("ON")
        name = self.identifier()
        start = self.at
        self.expect("(")
        collations = {column.name: column.collation for column in rules_of(table).columns.values()}
        terms = [self._term(collations)]
        while self.accept(","):
            terms.append(self._term(collations))
        self.expect(")")
        words = {token.name for token in self.tokens[start : self.at]}
        where = self.expression() if self.accept("WHERE") else ""
        self._expect_end()
        return IndexRules(name, unique, tuple(terms), where, frozenset(words & collations.keys()))

    def statement(self, kind: str) -> str:
        """The view or trigger."""
        self.expect("CREATE")
        if not self.accept("TEMP"):
            self.accept("TEMPORARY")
        self.expect(kind.upper())
        self._skip_name()
        text = self._view() if kind == "view" else self._trigger()
        self._expect_end()
        return text

    def _view(self) -> str:
        columns = ""
        if self.is_next("("):
            columns = f"{self.in_parentheses(self._alias_name)} "
            # The names of the results are these, and not those in the query.
            self._labels = False
        self.expect("AS")
        return f"view {columns}as {self.query()}"

    def _trigger(self) -> str:
        moment = "before"
        if self.accept("AFTER"):
            moment = "after"
        elif self.accept("INSTEAD", "OF"):
            moment = "instead of"
        else:
            self.accept("BEFORE")
        event = fold(self.take().text)
        if event == "update" and self.accept("OF"):
            columns = [self.column_name()]
            while self.accept(","):
                columns.append(self.column_name())
            event += f" of {', '.join(sorted(set(columns)))}"
        self.expect("ON")
        table = self._target()
        self.accept("FOR", "EACH", "ROW")
        condition = f" when {self.expression()}" if self.accept("WHEN") else ""
        return f"{moment} {event} on {table}{condition} {self.statements()}"

    def _term(self, collations: dict[str, str]) -> str:
        if self.peek().kind == "string" and self.peek(1).word in ("COLLATE", "ASC", "DESC", ",", ")"):
            # A string is a name here.
            text = quote_if_needed(self.identifier())
            text += f" collate {self.name()}" if self.accept("COLLATE") else ""
        else:
            text = self.expression()
        for column, collation in collations.items():
            if text == f"{quote_if_needed(column)} collate {quote_if_needed(collation)}":
                text = quote_if_needed(column)
        desc = self.accept("DESC")
        if not desc:
            self.accept("ASC")
        return text + " desc" * desc

    def _skip_name(self) -> None:
        self.accept("IF", "NOT", "EXISTS")
        self.identifier()
        if self.accept("."):
            self.identifier()

    def _expect_end(self) -> None:
        while self.accept(";"):
            pass
        if not self.at_end():
            self.fail()


def _option(tokens: list[Token]) -> str:
    """An option of a full-text table: its name, and its value without quotes."""
    name, value = tokens[0].name, join(tokens[2:])
    if len(tokens) == 3:
        value = unquote(tokens[2].text)
    if name == "tokenize":
        words = [unquote(word) for word in _tokenizer_words(value)]
        value = " ".join(fold(word) if fold(word) in _TOKENIZER_WORDS else repr(word) for word in words)
    elif name == "prefix":
        value = " ".join(value.replace(",", " ").split())
    return f"{name}={fold(value) if name in _FOLDED_OPTIONS else value}"


def _virtual_column(tokens: list[Token], module: str) -> str:
    """A column of a virtual table; FTS3 and FTS4 ignore its type."""
    chosen = tokens[:1] if module in ("fts3", "fts4") else tokens
    return join(Token("word", quote_if_needed(t.name) if t.name else t.text, t.start) for t in chosen)
