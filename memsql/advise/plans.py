"""What a plan of SQLite means: the lines of EXPLAIN QUERY PLAN as steps, each with the table that it really reads.

SQLite calls a table in a plan by its alias, and a subquery by a name that may be a table's too. Which b-tree a step
opens stands in the bytecode (memsql.advise.cursors). Only virtual tables, which have none, are found by their alias.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Literal

from memsql.advise.cursors import UNKNOWN, Instruction, programs, roots_of, trigger_of, walks
from memsql.db import Value
from memsql.sqltext import fold
from memsql.sqltext.internal import module_of
from memsql.sqltext.tokens import tokenize

Kind = Literal[
    "scan",
    "search",
    "constant",
    "materialize",
    "coroutine",
    "subquery",
    "compound",
    "or",
    "sort",
    "filter",
    "fired",
    "other",
]
_LOOP = re.compile(
    r"(?P<verb>SCAN|SEARCH) (?P<name>.+?)(?: EXISTS)?"
    r"(?: USING (?P<automatic>AUTOMATIC )?(?:PARTIAL )?(?P<covering>COVERING )?INDEX(?: (?P<index>(?!\().+?))?"
    r"| USING (?:INTEGER )?PRIMARY KEY| VIRTUAL TABLE INDEX (?P<number>-?\d+):(?P<words>.*))?"
    r"(?: \((?P<terms>.*)\))?(?: (?:LEFT|RIGHT)-JOIN)?",
    re.DOTALL,
)
_BLOOM = re.compile(r"BLOOM FILTER ON (?P<name>.+) \((?P<terms>.*)\)", re.DOTALL)
_IN = re.compile(r"USING (?:ROWID SEARCH ON TABLE (?P<table>.+)|INDEX (?P<index>.+)) FOR IN-OPERATOR", re.DOTALL)
# Rows of constants: SQLite 3.53 says "2-ROW VALUES CLAUSE" of a VALUES clause, earlier ones "2 CONSTANT ROWS".
_CONSTANT = re.compile(r"SCAN (?:\d+ )?CONSTANT ROWS?|SCAN \d+-ROW VALUES CLAUSE")
_TERM = re.compile(r"(?:ANY\((?P<any>.*)\)|(?P<columns>.*?)(?P<operator>[=<>])(?:\?|\(.*\)))", re.DOTALL)
_NAMED = re.compile(r"(?P<verb>MATERIALIZE|CO-ROUTINE) (?P<name>.+)", re.DOTALL)
_TEMPORARY = re.compile(r"(?:(?P<compound>.+) USING|USE) TEMP B-TREE(?: FOR (?P<what>.+))?")
_COMPOUND = re.compile(r"COMPOUND QUERY|LEFT-MOST SUBQUERY|MERGE \(.*\)|LEFT|RIGHT|UNION ALL|SETUP|RECURSIVE STEP")
_SUBQUERY = re.compile(r"(?:REUSE )?(?P<correlated>CORRELATED )?(?:SCALAR |LIST )?SUBQUERY.*")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What names and numbers of a plan refer to. Keys of ``indexes`` (the table of each), ``tables`` (its name as the
    schema spells it), ``modules`` (of virtual tables) and ``views`` (their SQL) are folded names; ``roots`` are the
    tables by the root page of the table itself, and of each of its indexes; ``unique`` has the number of columns of
    each unique index."""

    roots: Mapping[int, str] = field(default_factory=dict)
    indexes: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)
    unique: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a plan: a line of EXPLAIN QUERY PLAN. ``id`` and ``parent`` are SQLite's, 0 is no parent.

    ``kind`` scan: reads every row of ``table``, or every entry of ``index``; search: only what ``equality`` and
    ``ranges`` (columns, or ``<expr>``) lead to; filter: reads every row of ``table`` for a Bloom filter; fired: a
    trigger or foreign-key action reads every row of ``table``. ``table`` is the name in the schema, whatever alias
    ``name`` the query gives it; None where the rows are those of a subquery, a function or constants. ``automatic``:
    SQLite builds an index for this query alone, and reads the whole table for that. ``temporary`` says what rows are
    sorted or collected for in a temporary b-tree, such as "ORDER BY". ``correlated``: a subquery that runs once for
    each row around it.
    """

    id: int
    parent: int
    kind: Kind
    detail: str
    name: str = ""
    table: str | None = None
    index: str | None = None
    _: KW_ONLY
    covering: bool = False
    automatic: bool = False
    virtual: bool = False
    correlated: bool = False
    equality: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    temporary: str = ""

    @property
    def reads_whole_table(self) -> bool:
        """Whether it reads a table from end to end."""
        return self.table is not None and (self.kind in ("scan", "filter", "fired") or self.automatic)


def catalogue_of(rows: Sequence[Sequence[Value]]) -> Catalogue:
    """The catalogue in the answer to sql/advise/catalogue.sql."""
    # The schema's own table is in no row.
    roots, tables = {1: "sqlite_schema"}, {"sqlite_schema": "sqlite_schema", "sqlite_master": "sqlite_schema"}
    indexes: dict[str, str] = {}
    modules: dict[str, str] = {}
    views: dict[str, str] = {}
    unique: dict[str, int] = {}
    for kind, name, table, root, sql, columns, is_unique in rows:
        if kind == "view":
            views[fold(str(name))] = str(sql)
            continue
        if root:
            roots[int(str(root))] = str(table)
        if kind == "index":
            indexes[fold(str(name))] = str(table)
            if is_unique:
                unique[fold(str(name))] = int(str(columns))
            continue
        tables[fold(str(name))] = str(name)
        if sql is not None:
            modules[fold(str(name))] = module_of(str(sql))
    return Catalogue(roots, indexes, tables, modules, views, unique)


def nodes_of(
    rows: Sequence[Sequence[Value]],
    code: Sequence[Instruction] = (),
    catalogue: Catalogue | None = None,
    sql: str = "",
) -> tuple[Node, ...]:
    """The steps of a plan, by id. ``rows`` are the answer to EXPLAIN QUERY PLAN (id, parent, another number, text),
    ``code`` that to EXPLAIN of the same statement ``sql``. Without ``code`` or ``catalogue`` tables are called as the
    plan calls them."""
    lines = sorted((int(str(row[0])), int(str(row[1])), str(row[-1])) for row in rows)
    own, *fired = programs(code)
    roots = roots_of(lines, own)
    subqueries = {match["name"] for _, _, detail in lines if (match := _NAMED.fullmatch(detail))}
    reader = _Reader(catalogue, subqueries, sql)
    nodes = (reader.node(*line, roots.pages.get(line[0], UNKNOWN)) for line in lines)
    steps = (replace(node, kind="scan") if node.id in roots.whole else node for node in nodes)
    return (*steps, *_fired(fired, catalogue or Catalogue()))


def _fired(fired: Sequence[Sequence[Instruction]], catalogue: Catalogue) -> list[Node]:
    """What the programs of triggers and foreign-key actions read from end to end. They are in no line of the plan."""
    nodes = []
    for number, program in enumerate(fired, 1):
        name = trigger_of(program)
        what = f"trigger {name}" if name else "foreign-key action"
        for walk in walks(program):
            table = None if walk.page is None else catalogue.roots.get(walk.page)
            if table is not None:
                nodes.append(Node(-number, -1, "fired", f"SCAN {table} ({what})", table, table))
    return nodes


class _Reader:
    """Reads the lines of one plan."""

    def __init__(self, catalogue: Catalogue | None, subqueries: set[str], sql: str) -> None:
        self._catalogue = catalogue
        self._subqueries = subqueries
        self._sql = sql
        self._aliases: dict[str, set[str]] | None = None

    def node(self, number: int, parent: int, detail: str, root: int | None) -> Node:
        if _CONSTANT.fullmatch(detail):
            return Node(number, parent, "constant", detail)
        if match := _LOOP.fullmatch(detail):
            return self._loop(Node(number, parent, "search", detail, match["name"]), match, root)
        if match := _BLOOM.fullmatch(detail):
            table = self._table_of(None, root, match["name"])
            return Node(number, parent, "filter", detail, match["name"], table)
        if match := _IN.fullmatch(detail):
            table = self._table_of(match["index"], root, match["table"] or "")
            name = match["table"] or table or ""
            return Node(number, parent, "search", detail, name, table, match["index"], covering=True)
        if match := _NAMED.fullmatch(detail):
            kind: Kind = "materialize" if match["verb"] == "MATERIALIZE" else "coroutine"
            return Node(number, parent, kind, detail, match["name"])
        if match := _TEMPORARY.fullmatch(detail):
            what = match["compound"] or match["what"] or ""
            return Node(number, parent, "compound" if match["compound"] else "sort", detail, temporary=what)
        if _COMPOUND.fullmatch(detail):
            return Node(number, parent, "compound", detail)
        if match := _SUBQUERY.fullmatch(detail):
            return Node(number, parent, "subquery", detail, correlated=match["correlated"] is not None)
        return Node(number, parent, "or" if detail.startswith("MULTI-INDEX OR") else "other", detail)

    def _loop(self, node: Node, match: re.Match[str], root: int | None) -> Node:
        virtual = match["number"] is not None
        table = self._virtual(node.name) if virtual else self._table_of(match["index"], root, node.name)
        if virtual:
            kind: Kind = "scan" if self._whole(table, int(match["number"]), match["words"]) else "search"
        else:
            kind = "scan" if match["verb"] == "SCAN" else "search"
        equality, ranges = _terms(match["terms"] or "")
        return Node(
            node.id,
            node.parent,
            kind,
            node.detail,
            node.name,
            table,
            match["index"],
            covering=match["covering"] is not None,
            automatic=match["automatic"] is not None,
            virtual=virtual,
            equality=equality,
            ranges=ranges,
        )

    def _table_of(self, index: str | None, root: int | None, name: str) -> str | None:
        catalogue = self._catalogue
        if catalogue is not None:
            if index is not None and fold(index) in catalogue.indexes:
                return catalogue.indexes[fold(index)]
            if root is None:
                return None
            if root != UNKNOWN and root in catalogue.roots:
                return catalogue.roots[root]
            if name not in self._subqueries:
                return catalogue.tables.get(fold(name), name)
        return None if name in self._subqueries else name

    def _virtual(self, name: str) -> str | None:
        """The virtual table that is called ``name`` in the query; None for a function, such as json_each."""
        if self._catalogue is None:
            return name
        if self._aliases is None:
            texts = [self._sql, *self._catalogue.views.values()]
            self._aliases = _aliases_in(texts, self._catalogue)
        modules = self._catalogue.modules
        named = [table for table in self._aliases.get(fold(name), set()) if table in modules]
        if len(named) == 1:
            return self._catalogue.tables[named[0]]
        return self._catalogue.tables[fold(name)] if fold(name) in modules else None

    def _whole(self, table: str | None, number: int, words: str) -> bool:
        """Whether a virtual table is read from end to end, by what its module wrote into the plan."""
        module = self._catalogue.modules.get(fold(table), "") if self._catalogue and table else ""
        if module in ("fts3", "fts4"):
            return number & 0xFFFF == 0
        if module in ("rtree", "geopoly"):
            return number != 1 and not words
        # FTS5 writes the order into the number, and what it looks for into the words.
        return not words and (number == 0 or module == "fts5")


def _terms(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that are compared for equality, and those of ranges: "a=? AND b>?" gives (a), (b)."""
    equality: list[str] = []
    ranges: list[str] = []
    for term in text.split(" AND ") if text else ():
        match = _TERM.fullmatch(term)
        if match is None or match["any"] is not None:
            continue
        columns = match["columns"]
        names = columns[1:-1].split(",") if columns.startswith("(") and columns.endswith(")") else [columns]
        (equality if match["operator"] == "=" else ranges).extend(names)
    return tuple(dict.fromkeys(equality)), tuple(dict.fromkeys(ranges))


def _aliases_in(texts: Sequence[str], catalogue: Catalogue) -> dict[str, set[str]]:
    """Which tables an alias may mean in ``texts``: folded names of the catalogue by the folded alias."""
    aliases: dict[str, set[str]] = {}
    for text in texts:
        tokens = tokenize(text)
        for place, token in enumerate(tokens):
            if token.name not in catalogue.tables:
                continue
            after = place + 1
            if after < len(tokens) and tokens[after].word == "AS":
                after += 1
            if after < len(tokens) and tokens[after].name:
                aliases.setdefault(tokens[after].name, set()).add(token.name)
    return aliases
