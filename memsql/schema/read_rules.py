"""Reads what a CREATE TABLE says (https://sqlite.org/lang_createtable.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from memsql.schema.definition import split_at_commas
from memsql.schema.expressions import canonical_default, canonical_type
from memsql.schema.model import Column, Table
from memsql.schema.rules import Check, ColumnRule, Key, ParentRenames, Reference, TableRules
from memsql.schema.statements import StatementReader
from memsql.schema.token_reader import Scope, Unreadable, scope_of_table
from memsql.sqltext.names import fold, quote_if_needed
from memsql.sqltext.tokens import Token, join, tokenize

_TABLE_CONSTRAINTS = frozenset(["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"])
_BEHIND_TYPE = _TABLE_CONSTRAINTS | frozenset(["NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "AS", "DEFERRABLE"])
_NO_RENAMES = ParentRenames()


@lru_cache(maxsize=8192)
def rules_of(table: Table) -> TableRules:
    """What ``table`` says."""
    return renamed_rules(table, {}, _NO_RENAMES)


def renamed_rules(table: Table, own: Mapping[str, str], parents: ParentRenames) -> TableRules:
    """What ``table`` says once its columns are renamed as in ``own`` (old to new, in lower case), and the tables and
    columns that it refers to as in ``parents``. The ``origin`` of a constraint is a name from before that."""
    own = {old: fold(new) for old, new in own.items()}
    try:
        return _TableReader(table, own, parents).rules()
    except Unreadable:
        return _unread(table, own)


@dataclass(slots=True)
class _KeyTerm:
    """One column of a key with its own collation (empty for that of the column)."""

    column: str
    collation: str
    desc: bool


@dataclass(slots=True)
class _KeyDraft:
    """A key before the collations of all columns are known."""

    kind: str
    terms: list[_KeyTerm]
    origin: str
    conflict: str = ""
    autoincrement: bool = False


@dataclass(slots=True)
class _ColumnDraft:
    """What the text says about a column, and the catalogue does not."""

    column: Column
    conflict: str = ""
    collation: str = "binary"
    expression: str = ""


@dataclass(slots=True)
class _Drafts:
    """The parts of a table that were read so far; columns by their old names, everything else by the new ones."""

    columns: dict[str, _ColumnDraft]
    keys: list[_KeyDraft] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


class _TableReader:
    def __init__(self, table: Table, own: Mapping[str, str], parents: ParentRenames) -> None:
        self.table = table
        self.own = own
        self.parents = parents
        self.drafts = _Drafts({fold(c.name): _ColumnDraft(c) for c in table.columns})

    def rules(self) -> TableRules:
        tokens = tokenize(self.table.sql)
        opening = next((place for place, token in enumerate(tokens) if token.text == "("), len(tokens))
        scope = scope_of_table(self.table.name, self.drafts.columns, self.own)
        for group in split_at_commas(tokens, opening)[0]:
            _ClauseReader(group, scope, self.drafts, self.parents).clause()
        primary, unique = self._keys()
        columns = [self._column(draft) for draft in self.drafts.columns.values()]
        return TableRules(
            {column.name: column for column in columns},
            primary,
            unique,
            frozenset(self.drafts.checks),
            frozenset(self.drafts.references),
            without_rowid=self.table.without_rowid,
            strict=self.table.strict,
        )

    def _column(self, draft: _ColumnDraft) -> ColumnRule:
        column = draft.column
        kind = "stored" if column.hidden == 3 else "virtual"
        return ColumnRule(
            self._new(column.name),
            canonical_type(column.type),
            f"not null{draft.conflict}" if column.notnull else "",
            canonical_default(column.default),
            draft.collation,
            f"({draft.expression}) {kind}" if draft.expression else "",
            column.name,
            column.type,
        )

    def _keys(self) -> tuple[Key | None, frozenset[Key]]:
        """The primary key, and the unique keys. A second key over the same columns makes no second index."""
        primary: Key | None = None
        keys: dict[tuple[tuple[str, str], ...], Key] = {}
        for draft in self.drafts.keys:
            key = self._key(draft)
            if key.kind == "rowid":
                primary = key
                continue
            same = tuple(zip(key.columns, key.collations, strict=True))
            if (before := keys.get(same)) is not None:
                kind = "unique" if before.kind == key.kind == "unique" else "primary key"
                key = replace(before, kind=kind, conflict=before.conflict or key.conflict)
            keys[same] = key
        primary = primary or next((key for key in keys.values() if key.kind == "primary key"), None)
        return primary, frozenset(key for key in keys.values() if key.kind == "unique")

    def _key(self, draft: _KeyDraft) -> Key:
        columns = self.drafts.columns
        if any(term.column not in columns for term in draft.terms):
            raise Unreadable("a key names no column")
        kind, terms = draft.kind, draft.terms
        if kind == "primary key" and self._is_rowid(draft):
            kind, terms = "rowid", [_KeyTerm(terms[0].column, "", desc=False)]
        own = [columns[term.column].collation for term in terms]
        collations = [term.collation or collation for term, collation in zip(terms, own, strict=True)]
        return Key(
            kind,
            tuple(
                quote_if_needed(self._new(term.column))
                + (f" collate {quote_if_needed(used)}" if used != collation else "")
                + " desc" * term.desc
                for term, used, collation in zip(terms, collations, own, strict=True)
            ),
            tuple(self._new(term.column) for term in terms),
            tuple(collations),
            draft.conflict,
            draft.autoincrement,
            draft.origin,
        )

    def _is_rowid(self, draft: _KeyDraft) -> bool:
        """Whether a primary key is an alias of the rowid (https://sqlite.org/lang_createtable.html#rowid). DESC
        prevents that only where it is written behind the column."""
        if len(draft.terms) != 1 or self.table.without_rowid:
            return False
        term = draft.terms[0]
        return fold(self.drafts.columns[term.column].column.type) == "integer" and not (term.desc and draft.origin)

    def _new(self, name: str) -> str:
        return self.own.get(fold(name), fold(name))


class _ClauseReader(StatementReader):
    """Reads what is between two commas: a column with its constraints, or constraints of the table, between which the
    comma may be missing."""

    def __init__(self, tokens: list[Token], scope: Scope, drafts: _Drafts, parents: ParentRenames) -> None:
        super().__init__(tokens, scope)
        self.drafts = drafts
        self.parents = parents
        self.column: _ColumnDraft | None = None
        self.origin = ""
        self.constraint = ""

    def clause(self) -> None:
        """Add the clause to the drafts."""
        if self.peek().word not in _TABLE_CONSTRAINTS:
            name = self.identifier()
            if name not in self.drafts.columns:
                self.fail()
            self.column, self.origin = self.drafts.columns[name], name
            self._skip_type()
        while not self.at_end():
            # A name holds up to the next comma: SQLite gives it to every CHECK that follows.
            while self.accept("CONSTRAINT"):
                self.constraint = self.identifier()
            if not self.at_end():
                self._constraint()

    def _skip_type(self) -> None:
        depth = 0
        while not self.at_end():
            word = self.peek().word
            if depth == 0 and (word in _BEHIND_TYPE or self.is_next("GENERATED", "ALWAYS")):
                return
            depth += (word == "(") - (word == ")")
            self.at += 1

    def _constraint(self) -> None:
        if self.accept("CHECK"):
            self._check()
        elif self.accept("PRIMARY", "KEY"):
            self._key("primary key")
        elif self.accept("UNIQUE"):
            self._key("unique")
        elif self.accept("FOREIGN", "KEY"):
            columns = self._names()
            self.expect("REFERENCES")
            self._reference(columns)
        elif self.is_next("DEFERRABLE") or self.is_next("NOT", "DEFERRABLE"):
            self._deferral()
        elif self.column is not None:
            self._column_constraint(self.column)
        else:
            self.fail()

    def _column_constraint(self, column: _ColumnDraft) -> None:
        if self.accept("NOT", "NULL"):
            column.conflict = self._conflict_clause()
        elif self.accept("NULL"):
            self._conflict_clause()
        elif self.accept("DEFAULT"):
            self._skip_default()
        elif self.accept("COLLATE"):
            column.collation = self.identifier()
        elif self.accept("REFERENCES"):
            self._reference([fold(column.column.name)])
        elif self.accept("GENERATED", "ALWAYS", "AS") or self.accept("AS"):
            self.expect("(")
            column.expression = self.expression()
            self.expect(")")
            if self.peek().name in ("stored", "virtual"):
                self.at += 1
        else:
            self.fail()

    def _skip_default(self) -> None:
        if self.accept("("):
            self.raw_until_closed()
            self.expect(")")
            return
        if self.peek().word in ("+", "-"):
            self.at += 1
        self.take()

    def _check(self) -> None:
        self.expect("(")
        start = self.at
        expression = self.expression()
        words = {token.name for token in self.tokens[start : self.at]}
        self.expect(")")
        self._conflict_clause()
        columns = frozenset(self._new(c) for c in self.drafts.columns if c in words)
        self.drafts.checks.append(Check(expression, self.constraint, columns, self.origin))

    def _key(self, kind: str) -> None:
        if self.column is None:
            self.expect("(")
            terms = [self._term()]
            while self.accept(","):
                terms.append(self._term())
            # AUTOINCREMENT may be written here too.
            draft = _KeyDraft(kind, terms, "", autoincrement=self.accept("AUTOINCREMENT"))
            self.expect(")")
        else:
            desc = kind == "primary key" and self._direction()
            draft = _KeyDraft(kind, [_KeyTerm(fold(self.column.column.name), "", desc)], self.origin)
        draft.conflict = self._conflict_clause()
        draft.autoincrement = self.accept("AUTOINCREMENT") or draft.autoincrement
        self.drafts.keys.append(draft)

    def _term(self) -> _KeyTerm:
        column = self._parenthesised_name()
        collation = ""
        while self.accept("COLLATE"):
            # The first one is the innermost, the last one is used.
            collation = self.identifier()
        return _KeyTerm(column, collation, self._direction())

    def _parenthesised_name(self) -> str:
        if not self.accept("("):
            return self.identifier()
        self.deeper()
        name = self._parenthesised_name()
        self.higher()
        self.expect(")")
        return name

    def _direction(self) -> bool:
        if self.accept("DESC"):
            return True
        self.accept("ASC")
        return False

    def _names(self) -> list[str]:
        self.expect("(")
        names = [self.identifier()]
        while self.accept(","):
            names.append(self.identifier())
        self.expect(")")
        return names

    def _reference(self, columns: Sequence[str]) -> None:
        parent = self.identifier()
        others = self._names() if self.is_next("(") else [""] * len(columns)
        if len(others) != len(columns):
            self.fail()
        renamed = self.parents.columns.get(parent, {})
        actions = {"UPDATE": "no action", "DELETE": "no action", "INSERT": ""}
        while True:
            if self.accept("MATCH"):
                self.identifier()
            elif self.peek().word == "ON" and self.peek(1).word in actions:
                event = self.peek(1).word
                self.at += 2
                actions[event] = self._action()
            else:
                break
        pairs = [(self._new(c), fold(renamed.get(o, o))) for c, o in zip(columns, others, strict=True)]
        # Which pair comes first says nothing, but for a key whose columns are not named.
        self.drafts.references.append(
            Reference(
                tuple(sorted(pairs) if others[0] else pairs),
                fold(self.parents.tables.get(parent, parent)),
                actions["UPDATE"],
                actions["DELETE"],
                origin=self.origin,
            )
        )

    def _action(self) -> str:
        words = 2 if self.peek().word in ("SET", "NO") else 1
        return " ".join(fold(self.take().text) for _ in range(words))

    def _deferral(self) -> None:
        """DEFERRABLE belongs to the foreign key before it, wherever that is."""
        negated = self.accept("NOT")
        self.expect("DEFERRABLE")
        deferred = False
        if self.accept("INITIALLY"):
            deferred = self.take().word == "DEFERRED" and not negated
        if self.drafts.references:
            self.drafts.references[-1] = replace(self.drafts.references[-1], deferred=deferred)

    def _conflict_clause(self) -> str:
        if not self.accept("ON", "CONFLICT"):
            return ""
        action = fold(self.take().text)
        return "" if action == "abort" else f" on conflict {action}"

    def _new(self, name: str) -> str:
        return self.scope.renamed.get(fold(name), fold(name))


def _unread(table: Table, own: Mapping[str, str]) -> TableRules:
    text = join(Token(t.kind, t.text if t.kind == "string" else fold(t.text), 0) for t in tokenize(table.sql))
    columns = [
        ColumnRule(
            own.get(fold(c.name), fold(c.name)),
            canonical_type(c.type),
            "not null" * c.notnull,
            canonical_default(c.default),
            spelled=c.name,
            declared=c.type,
        )
        for c in table.columns
    ]
    return TableRules(
        {column.name: column for column in columns},
        without_rowid=table.without_rowid,
        strict=table.strict,
        unread=text,
    )
