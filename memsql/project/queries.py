"""The hot queries of sql/queries: read them, plan them, compare their plans."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memsql.db import Connection, Result, Value
from memsql.db.compiling import explained
from memsql.errors import FileError, Location, StatementError
from memsql.project.files import read_file
from memsql.sqltext import effect, parse_header, split
from memsql.sqltext.tokens import tokenize

_QUERY_KEYS = frozenset({"name", "why", "param", "plan", "allow"})
_EXPECTATION = re.compile(r"no-scan|no-sort|uses\s+\S.*")
_PARAM = re.compile(r"(\w+)\s*=\s*(.+)", re.DOTALL)
# Not a scan: a virtual table asked for something, rows of constants ("SCAN 2 CONSTANT ROWS"; of a VALUES clause
# SQLite 3.53 says "SCAN 2-ROW VALUES CLAUSE"), the result of a subquery of this plan.
_SCAN = re.compile(r"SCAN (?:TABLE )?(?!\d* ?CONSTANT ROW|\d+-ROW VALUES CLAUSE)(?!.*VIRTUAL TABLE INDEX \d+:.+)(\S+)")
# How a statement begins that only reads; where it goes on as something else, effect() says so.
_QUERY_WORDS = frozenset({"SELECT", "WITH", "VALUES"})
_SUBQUERY = re.compile(r"(?:MATERIALIZE|CO-ROUTINE) (\S+)")


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How one query runs: the lines of EXPLAIN QUERY PLAN, whether it scans or sorts, and which of its
    expectations do not hold. ``error`` is set where the query cannot be prepared."""

    name: str
    path: str
    lines: tuple[str, ...]
    expected: tuple[str, ...]
    unmet: tuple[str, ...]
    error: str | None = None

    @property
    def scans(self) -> bool:
        """Whether it reads a whole table or index."""
        subqueries = {match[1] for line in self.lines if (match := _SUBQUERY.match(line))}
        return any(match[1] not in subqueries for line in self.lines if (match := _SCAN.match(line)))

    @property
    def sorts(self) -> bool:
        """Whether it sorts rows in a temporary table."""
        return any("USE TEMP B-TREE" in line for line in self.lines)

    def worse_than(self, earlier: QueryPlan) -> tuple[str, ...]:
        """What this plan does and ``earlier`` does not: "scans", "sorts", both or nothing."""
        verbs = (("scans", self.scans, earlier.scans), ("sorts", self.sorts, earlier.sorts))
        return tuple(verb for verb, now, before in verbs if now and not before)


@dataclass(frozen=True, slots=True)
class Query:
    """A file of sql/queries with its sample values in place, but for those that a SELECT gives: ``selects`` are the
    variables and their SELECTs. Of a query that was ``filled`` they are in place too; ``empty`` are the variables for
    which the database has no value, so that they are NULL. ``why`` is what its header says. ``text`` is the statement
    with its variables, and ``literals`` are those that have a sample value by now, each with that as SQL."""

    name: str
    path: str
    sql: str
    expected: tuple[str, ...]
    selects: tuple[tuple[str, str], ...] = ()
    empty: tuple[str, ...] = ()
    why: str = ""
    text: str = ""
    literals: tuple[tuple[str, str], ...] = ()

    def plan(self, answer: Result | StatementError) -> QueryPlan:
        if isinstance(answer, StatementError):
            return QueryPlan(self.name, self.path, (), self.expected, (), answer.message)
        lines = tuple(str(row[-1]) for row in answer.rows)
        plan = QueryPlan(self.name, self.path, lines, self.expected, ())
        return replace(plan, unmet=tuple(e for e in self.expected if not _holds(plan, e)))


def query_plans(conn: Connection, folder: Path, shown: str = "sql/queries") -> list[QueryPlan]:
    """The plan of every query in ``folder``, by file name; none where there is no folder.

    Raises FileError for a file that is no query; a query that does not fit the schema gets an error in its plan.
    """
    return plans_of(conn, read_queries(folder, shown))


def plans_of(conn: Connection, queries: Sequence[Query]) -> list[QueryPlan]:
    """The plan of each of ``queries``; of one that does not fit the schema, its error."""
    ready = filled(conn, queries)
    # Prepared with the values in place, for a LIKE or a partial index may depend on them.
    answers = iter(conn.read_each([(explained(query.sql), ()) for query in ready if isinstance(query, Query)]))
    return [
        query.plan(next(answers) if isinstance(filling, Query) else filling)
        for query, filling in zip(queries, ready, strict=True)
    ]


def filled(conn: Connection, queries: Sequence[Query]) -> list[Query | StatementError]:
    """Each of ``queries`` with the values that its SELECTs give on ``conn`` in place, or the error of such a SELECT.

    A value is the first column of the first row, NULL where there is no row. Reads only, in one request.
    """
    selects = list(dict.fromkeys(select for query in queries for _, select in query.selects))
    # As text of SQL, and as an expression, which cannot write whatever it says.
    answers = conn.read_each([(f"SELECT quote((\n{select}\n))", ()) for select in selects]) if selects else []
    literals = {
        select: answer if isinstance(answer, StatementError) else str(answer.one())
        for select, answer in zip(selects, answers, strict=True)
    }
    return [_filled(query, literals) for query in queries]


def _filled(query: Query, literals: Mapping[str, str | StatementError]) -> Query | StatementError:
    values = {}
    for name, select in query.selects:
        literal = literals[select]
        if isinstance(literal, StatementError):
            return StatementError(f"the SELECT of param {name}: {literal.message}", statement=select)
        values[name] = literal
    empty = tuple(name for name, literal in values.items() if literal == "NULL")
    known = (*query.literals, *values.items())
    return replace(query, sql=_with_values(query.sql, values), selects=(), empty=empty, literals=known)


def bound(conn: Connection, query: Query) -> tuple[str, tuple[Value, ...]]:
    """``query``, which was filled, as an application sends it: the statement with a ``?`` for each variable that has a
    sample value, and these values in the same order. Raises StatementError for a value that cannot be computed."""
    literals = dict(query.literals)
    names = [
        token.text[1:] for token in tokenize(query.text) if token.kind == "variable" and token.text[1:] in literals
    ]
    if not names:
        return query.text, ()
    (values,) = conn.execute(f"SELECT {', '.join(f'({literals[name]})' for name in names)}").rows
    return _with_values(query.text, dict.fromkeys(names, "?")), values


def read_queries(folder: Path, shown: str = "sql/queries") -> list[Query]:
    """Every query in ``folder``, by file name; none where there is no folder. Raises FileError for a file that is
    no query."""
    if not folder.is_dir():
        return []
    return [_read_query(path, f"{shown}/{path.name}") for path in sorted(folder.glob("*.sql"))]


def change_lines(before: Sequence[QueryPlan], after: Sequence[QueryPlan]) -> list[str]:
    """A line for each query that is in ``before`` and in ``after`` and whose plan changed."""
    earlier = {plan.path: plan for plan in before}
    lines = []
    for now in after:
        was = earlier.get(now.path)
        if was is None or (was.lines == now.lines and was.error == now.error):
            continue
        if now.error and not was.error:
            lines.append(f"{now.name}: no longer runs: {now.error}")
        elif was.error and not now.error:
            lines.append(f"{now.name}: runs now: {'; '.join(now.lines)}")
        elif not now.error:
            changes = [f"now {verb}" for verb in now.worse_than(was)]
            changes += [f"no longer {verb}" for verb in was.worse_than(now)]
            lines.append("; ".join([f"{now.name}: {'; '.join(was.lines)} -> {'; '.join(now.lines)}", *changes]))
    return lines


def _read_query(path: Path, shown: str) -> Query:
    text = read_file(path, shown).text()
    header = parse_header(text, shown, _QUERY_KEYS, repeatable=frozenset({"param", "plan", "allow"}))
    statements = split(text)
    if len(statements) != 1:
        raise FileError(f"{shown} must hold one SELECT, and holds {len(statements)} statements", where=Location(shown))
    expected = tuple(e.strip() for d in header.all("plan") for e in d.value.split(",") if e.strip())
    for directive in header.all("plan"):
        for wish in (e.strip() for e in directive.value.split(",")):
            if wish and not _EXPECTATION.fullmatch(wish):
                raise FileError(
                    f"{shown}: a plan cannot be expected to be {wish!r}",
                    where=Location(shown, directive.line),
                    hint="expect no-scan, no-sort or uses NAME, separated by commas",
                )
    literals: dict[str, str] = {}
    selects: dict[str, str] = {}
    for directive in header.all("param"):
        match = _PARAM.fullmatch(directive.value.strip())
        if match is None:
            raise FileError(f"{shown}: write `-- param: name = value`", where=Location(shown, directive.line))
        name, value = match[1], match[2]
        if _is_query(value):
            # It may name what stands above it, as in `WHERE user_id = :user_id`.
            earlier = literals | {other: f"({select})" for other, select in selects.items()}
            selects[name] = _with_values(_one_select(value, Location(shown, directive.line)), earlier)
        else:
            literals[name] = value
    sql = _with_values(statements[0].text, literals)
    name, why = header.get("name") or path.stem, header.get("why") or ""
    return Query(
        name,
        shown,
        sql,
        expected,
        tuple(selects.items()),
        why=why,
        text=statements[0].text,
        literals=tuple(literals.items()),
    )


def _is_query(value: str) -> bool:
    """Whether ``value``, behind `-- param: name =`, is a statement that returns it, and not the value itself."""
    return next((token.word for token in tokenize(value)), "") in _QUERY_WORDS


def _one_select(text: str, where: Location) -> str:
    """The SELECT that ``text`` holds, without its semicolon. Raises FileError for anything else."""
    statements = split(text)
    if len(statements) != 1 or effect(statements[0].text).kind != "select":
        raise FileError(f"{where.path}: the value of a param is a literal or one SELECT", where=where, statement=text)
    return statements[0].text.rstrip().removesuffix(";")


def _with_values(sql: str, values: Mapping[str, str]) -> str:
    """``sql`` with the values of its variables in their places, not inside strings, names and comments."""
    parts, end = [], 0
    for token in tokenize(sql):
        if token.kind == "variable" and token.text[1:] in values:
            parts += [sql[end : token.start], values[token.text[1:]]]
            end = token.end
    return "".join([*parts, sql[end:]])


def _holds(plan: QueryPlan, expectation: str) -> bool:
    if expectation == "no-scan":
        return not plan.scans
    if expectation == "no-sort":
        return not plan.sorts
    wanted = expectation.removeprefix("uses ").strip()
    return any(re.search(rf"\bINDEX {re.escape(wanted)}(?=$| )", line) for line in plan.lines)
