"""The hot queries of sql/queries: read them, and put sample values into them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memsql.db import Connection, Result, Value
from memsql.errors import INTERRUPT, FileError, Location, StatementError
from memsql.project.contracts import Expectation, parse_expectations
from memsql.project.files import read_file
from memsql.sqltext import Header, effect, parse_header, split
from memsql.sqltext.tokens import tokenize

_QUERY_KEYS = frozenset({"name", "why", "param", "plan", "allow"})
REPEATABLE_KEYS = frozenset({"param", "plan", "allow"})
_PARAM = re.compile(r"(\w+)\s*=\s*(.+)", re.DOTALL)
# How a statement begins that only reads; where it goes on as something else, effect() says so.
_QUERY_WORDS = frozenset({"SELECT", "WITH", "VALUES"})
SAMPLE_SECONDS = 30.0
"""So long all SELECTs of sample values together may take."""
KINDS = frozenset({"select", "insert", "replace", "update", "delete"})
"""What a hot query may be, as effect() calls it. All but a SELECT are planned, and never run."""
LONGEST = 1_000_000
"""So many characters one query may have: reading it and its plan takes seconds then."""
_maybe_variable = re.compile(r"[?:@$]").search
_late: dict[tuple[str, str], float] = {}
"""How long SELECTs of sample values had, by database and text, that did not end."""
# A server gets all of them in one request first, for this part of the time.
_TOGETHER = 0.25


@dataclass(frozen=True, slots=True)
class Query:
    """A file of sql/queries with its sample values in place, but for those that a SELECT gives: ``selects`` are the
    variables and their SELECTs. Of a query that was ``filled`` they are in place too; ``empty`` are the variables for
    which the database has no value, so that they are NULL. ``why`` is what its header says. ``text`` is the statement
    with its variables, and ``literals`` are those that have a sample value by now, each with that as SQL. ``part`` and
    ``line`` tell the queries of one file apart: what each is called there, and where it begins. ``samples`` are the
    variables of which nobody gave a value."""

    name: str
    path: str
    sql: str
    expected: tuple[Expectation, ...]
    selects: tuple[tuple[str, str], ...] = ()
    empty: tuple[str, ...] = ()
    why: str = ""
    text: str = ""
    literals: tuple[tuple[str, str], ...] = ()
    part: str = ""
    line: int = 1
    samples: tuple[str, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its variables, in the order of the statement."""
        if not _maybe_variable(self.text):
            return ()
        return tuple(dict.fromkeys(token.text[1:] for token in tokenize(self.text) if token.kind == "variable"))

    @property
    def only_reads(self) -> bool:
        """Whether it can be run without changing anything."""
        return effect(self.sql).kind == "select"


def filled(
    conn: Connection,
    queries: Sequence[Query],
    seconds: float = SAMPLE_SECONDS,
    interrupted: Callable[[], bool] = lambda: False,
) -> list[Query | StatementError]:
    """Each of ``queries`` with the values that its SELECTs give on ``conn`` in place, or the error of such a SELECT.

    A value is the first column of the first row, NULL where there is no row. Reads only. All SELECTs together may take
    about so many ``seconds``; one that does not end in its share of them has an error that ``is_interrupt``, and is not
    run again in this process unless it gets more than twice as long. Raises such an error where ``interrupted`` became
    true.
    """
    selects = list(dict.fromkeys(select for query in queries for _, select in query.selects))
    # As text of SQL, and as an expression, which cannot write whatever it says.
    texts = [f"SELECT quote((\n{select}\n))" for select in selects]
    answers = _answers(conn, texts, seconds, interrupted) if texts else []
    literals = {
        select: answer if isinstance(answer, StatementError) else str(answer.one())
        for select, answer in zip(selects, answers, strict=True)
    }
    return [_filled(query, literals) for query in queries]


def too_long(seconds: float) -> str:
    """What is said of a statement that did not end within ``seconds``."""
    return f"longer than {max(seconds, 0.1):.2g} s"


def _answers(
    conn: Connection, texts: Sequence[str], seconds: float, interrupted: Callable[[], bool]
) -> list[Result | StatementError]:
    """The answer to each of ``texts``, or its error; all together in about so many ``seconds``."""
    ends = time.monotonic() + seconds
    if conn.target.is_server and not any((str(conn.target), text) in _late for text in texts):
        together = time.monotonic() + seconds * _TOGETHER
        try:
            with conn.observe(lambda: interrupted() or time.monotonic() > together):
                return conn.read_each([(text, ()) for text in texts])
        except StatementError as e:
            if not e.is_interrupt or interrupted():
                raise
    answers: list[Result | StatementError] = []
    for number, text in enumerate(texts):
        share = max(ends - time.monotonic(), 0.0) / (len(texts) - number)
        earlier = _late.get((str(conn.target), text))
        if earlier is not None and share <= 2 * earlier:
            answers.append(StatementError(too_long(earlier), code=INTERRUPT, statement=text))
            continue
        answers.append(_answer(conn, text, share, interrupted))
    return answers


def _answer(conn: Connection, text: str, seconds: float, interrupted: Callable[[], bool]) -> Result | StatementError:
    end = time.monotonic() + seconds
    try:
        with conn.observe(lambda: interrupted() or time.monotonic() > end):
            return conn.execute(text)
    except StatementError as e:
        if not e.is_interrupt:
            return e
        if interrupted():
            raise
        _late[str(conn.target), text] = seconds
        return StatementError(too_long(seconds), code=INTERRUPT, statement=text)


def _filled(query: Query, literals: Mapping[str, str | StatementError]) -> Query | StatementError:
    values = {}
    for name, select in query.selects:
        literal = literals[select]
        if isinstance(literal, StatementError):
            message = f"the SELECT of param {name}: {literal.message}"
            return StatementError(message, code=literal.code, statement=select)
        values[name] = literal
    empty = tuple(name for name, literal in values.items() if literal == "NULL")
    known = (*query.literals, *values.items())
    return replace(query, sql=with_values(query.sql, values), selects=(), empty=empty, literals=known)


def bound(conn: Connection, query: Query) -> tuple[str, tuple[Value, ...]]:
    """``query``, which was filled, as an application sends it: the statement with a ``?`` for each variable that has a
    sample value, and these values in the same order. Raises StatementError for a value that cannot be computed."""
    literals = dict(query.literals)
    if not literals:
        return query.text, ()
    names = [
        token.text[1:] for token in tokenize(query.text) if token.kind == "variable" and token.text[1:] in literals
    ]
    if not names:
        return query.text, ()
    (values,) = conn.execute(f"SELECT {', '.join(f'({literals[name]})' for name in names)}").rows
    return with_values(query.text, dict.fromkeys(names, "?")), values


def read_queries(folder: Path, shown: str = "sql/queries") -> list[Query]:
    """Every query in ``folder``, by file name; none where there is no folder. Raises FileError for a file that is
    no query."""
    if not folder.is_dir():
        return []
    return [_read_query(path, f"{shown}/{path.name}") for path in sorted(folder.glob("*.sql"))]


def _read_query(path: Path, shown: str) -> Query:
    text = read_file(path, shown).text()
    _refuse_long(text, Location(shown))
    header = parse_header(text, shown, _QUERY_KEYS, repeatable=REPEATABLE_KEYS)
    statements = split(text)
    kind = effect(statements[0].text).kind if len(statements) == 1 else ""
    if kind not in KINDS:
        other = f"{len(statements)} statements" if len(statements) != 1 else "another statement"
        raise FileError(
            f"{shown} must hold one SELECT, INSERT, UPDATE or DELETE, and holds {other}",
            where=Location(shown),
            hint="what writes is planned, and never run" if kind else None,
        )
    return query_of(header, statements[0].text, header.get("name") or path.stem, shown)


def query_of(header: Header, sql: str, name: str, shown: str) -> Query:
    """The query ``sql`` of the file ``shown`` with what its ``header`` says. Raises FileError for a directive that
    nobody knows."""
    _refuse_long(sql, Location(shown))
    expected = tuple(
        expectation
        for directive in header.all("plan")
        for expectation in parse_expectations(directive.value, Location(shown, directive.line))
    )
    literals: dict[str, str] = {}
    selects: dict[str, str] = {}
    for directive in header.all("param"):
        match = _PARAM.fullmatch(directive.value.strip())
        if match is None:
            raise FileError(f"{shown}: write `-- param: name = value`", where=Location(shown, directive.line))
        variable, value = match[1], match[2]
        if _is_query(value):
            # It may name what stands above it, as in `WHERE user_id = :user_id`.
            earlier = literals | {other: f"({select})" for other, select in selects.items()}
            where = Location(shown, directive.line)
            selects[variable] = _with_values(_one_select(value, where), earlier, where)
        else:
            literals[variable] = value
    return Query(
        name,
        shown,
        _with_values(sql, literals, Location(shown)),
        expected,
        tuple(selects.items()),
        why=header.get("why") or "",
        text=sql,
        literals=tuple(literals.items()),
    )


def _refuse_long(sql: str, where: Location) -> None:
    """Raise FileError where ``sql`` is longer than LONGEST."""
    if len(sql) > LONGEST:
        raise _too_long(len(sql), where)


def _too_long(size: int, where: Location) -> FileError:
    return FileError(
        f"{where.path} holds a query of {size:,} characters; it may have {LONGEST:,}",
        where=where,
        hint="pass long lists of values as one JSON text, and read it with json_each(:ids)",
    )


def _with_values(sql: str, values: Mapping[str, str], where: Location) -> str:
    """What with_values() returns. Raises FileError where that is longer than LONGEST: a few lines, each of which names
    the one above it twice, would fill the memory."""
    names = [token.text[1:] for token in tokenize(sql) if token.kind == "variable"] if values else []
    size = len(sql) + sum(len(values.get(name, "")) for name in names)
    if size > LONGEST:
        raise _too_long(size, where)
    return with_values(sql, values)


def _is_query(value: str) -> bool:
    """Whether ``value``, behind `-- param: name =`, is a statement that returns it, and not the value itself."""
    return next((token.word for token in tokenize(value)), "") in _QUERY_WORDS


def _one_select(text: str, where: Location) -> str:
    """The SELECT that ``text`` holds, without its semicolon. Raises FileError for anything else."""
    statements = split(text)
    if len(statements) != 1 or effect(statements[0].text).kind != "select":
        raise FileError(f"{where.path}: the value of a param is a literal or one SELECT", where=where, statement=text)
    return statements[0].text.rstrip().removesuffix(";")


def with_values(sql: str, values: Mapping[str, str]) -> str:
    """``sql`` with the values of its variables in their places, not inside strings, names and comments."""
    if not values or not _maybe_variable(sql):
        return sql
    parts, end = [], 0
    for token in tokenize(sql):
        if token.kind == "variable" and token.text[1:] in values:
            parts += [sql[end : token.start], values[token.text[1:]]]
            end = token.end
    return "".join([*parts, sql[end:]])
