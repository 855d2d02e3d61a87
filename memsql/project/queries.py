"""The hot queries of sql/queries: read them, plan them, compare their plans."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memsql.db import Connection, Result
from memsql.db.compiling import explained
from memsql.errors import FileError, Location, StatementError
from memsql.project.files import read_file
from memsql.sqltext import parse_header, split
from memsql.sqltext.tokens import tokenize

_QUERY_KEYS = frozenset({"name", "why", "param", "plan", "allow"})
_EXPECTATION = re.compile(r"no-scan|no-sort|uses\s+\S.*")
_PARAM = re.compile(r"(\w+)\s*=\s*(.+)", re.DOTALL)
# Not a scan: a virtual table asked for something, rows of constants ("SCAN 2 CONSTANT ROWS"; of a VALUES clause
# SQLite 3.53 says "SCAN 2-ROW VALUES CLAUSE"), the result of a subquery of this plan.
_SCAN = re.compile(r"SCAN (?:TABLE )?(?!\d* ?CONSTANT ROW|\d+-ROW VALUES CLAUSE)(?!.*VIRTUAL TABLE INDEX \d+:.+)(\S+)")
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
    """A file of sql/queries with its sample values in place."""

    name: str
    path: str
    sql: str
    expected: tuple[str, ...]

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
    queries = read_queries(folder, shown)
    # Prepared with the values in place, for a LIKE or a partial index may depend on them.
    answers = conn.read_each([(explained(query.sql), ()) for query in queries])
    return [query.plan(answer) for query, answer in zip(queries, answers, strict=True)]


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
    values = {}
    for directive in header.all("param"):
        match = _PARAM.fullmatch(directive.value.strip())
        if match is None:
            raise FileError(f"{shown}: write `-- param: name = value`", where=Location(shown, directive.line))
        values[match[1]] = match[2]
    return Query(header.get("name") or path.stem, shown, _with_values(statements[0].text, values), expected)


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
