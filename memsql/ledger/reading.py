"""Reading the ledger, all of it as of one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from memsql import hints
from memsql.db import Connection, Item, Params, Result, Value
from memsql.db.queries import load
from memsql.errors import Refused, StatementError
from memsql.ledger.model import COLUMNS, HASHES, TABLES, Hashes, Ledger, Progress, Row, ScriptRow

_IMPORTED = "imported rows of schema_migrations"
_SCRIPTS = "scripts without a version"
_NAMES = TABLES | {"yoyo_lock"}
# Those that there are where memsql applied something; yoyo's own log is read where memsql has no history.
_USUAL = frozenset({"schema_migrations", "_yoyo_migration", "yoyo_lock", "memsql_history"})
_TOO_LARGE = "RESPONSE_TOO_LARGE"


def read(conn: Connection) -> Ledger:
    """Read the ledger, all of it as of one moment; tables that do not exist read as empty ones.

    Raises Refused where a version in schema_migrations is no number.
    """
    return read_with(conn, ())[0]


def read_with(conn: Connection, questions: Sequence[tuple[str, Params]]) -> tuple[Ledger, list[Result]]:
    """The ledger, and the answers to ``questions`` as of the same moment; one request, and three more where only
    yoyo keeps a ledger here, or where an answer is larger than a server sends at once.

    Raises StatementError where one of the ``questions`` fails, and Refused like read().
    """
    # In one transaction: between the reads of two tables another process could commit. Then yoyo's mark would be there
    # and our row not, as if yoyo had applied the migration by itself.
    usual = reads(_USUAL)
    try:
        first, *answers = conn.read_together([(load("ledger/tables"), ()), *questions, *(query for _, query in usual)])
    except StatementError as e:
        if e.code != _TOO_LARGE:
            raise
        return _read_in_steps(conn, questions)
    tables = columns_by_table(_answered(first))
    by_table = dict(zip((table for table, _ in usual), answers[len(questions) :], strict=True))
    wanted = [by_table.get(table) for table, _ in reads(tables)]
    if any(answer is None or _is_too_large(answer) for answer in (*wanted, *answers[: len(questions)])):
        return _read_in_steps(conn, questions)
    rows = {table: _answered(by_table[table]).rows for table, _ in reads(tables)}
    return assemble(tables, rows), [_answered(answer) for answer in answers[: len(questions)]]


def has_marks(conn: Connection, ids: Sequence[str]) -> bool | None:
    """Whether yoyo's marks say that all of ``ids`` are applied; None where there are none of these."""
    return set(ids) <= set(read(conn).yoyo or ()) if ids else None


def questions() -> list[tuple[str, Params]]:
    """What read() asks first."""
    return [(load("ledger/tables"), ()), *(query for _, query in reads(_USUAL))]


def _read_in_steps(conn: Connection, questions: Sequence[tuple[str, Params]]) -> tuple[Ledger, list[Result]]:
    """read_with(), first which tables exist, and then those that do; an answer may have any size."""
    own = not conn.in_transaction
    begin: list[Item] = [("BEGIN", ())] if own else []
    try:
        existing = conn.batch([*begin, (load("ledger/tables"), ())])[-1]
        tables = columns_by_table(existing)
        queries = reads(tables)
        answers = [_answered(answer) for answer in conn.read_each([*questions, *(query for _, query in queries)])]
        results = answers[len(questions) :]
        rows = {table: result.rows for (table, _), result in zip(queries, results, strict=True)}
        return assemble(tables, rows), answers[: len(questions)]
    finally:
        if own:
            conn.rollback()


def _answered(answer: Result | StatementError) -> Result:
    if isinstance(answer, StatementError):
        raise answer
    return answer


def _is_too_large(answer: Result | StatementError) -> bool:
    """Whether ``answer`` must be read through a cursor."""
    return isinstance(answer, StatementError) and answer.code == _TOO_LARGE


def columns_by_table(answer: Result) -> dict[str, list[str]]:
    """The columns of each bookkeeping table that exists, and of the ledgers of other tools, from the ``answer`` to the
    query ledger/tables. Names are in lower case."""
    return {str(name): str(columns).split(",") for name, columns in answer.rows}


def read_hashes(conn: Connection, ledger: Ledger) -> dict[tuple[int, str], Hashes]:
    """The hashes in the history by version and checksum: what each migration was when it was applied or accepted.

    Empty where an older memsql wrote all of the history.
    """
    if "memsql_history" not in ledger.tables or ledger.history_lacks:
        return {}
    rows = _answered(conn.read_together([(load("ledger/read_hashes"), ())])[0]).rows
    return {
        (int(str(version)), str(checksum)): Hashes(str(up), None if rollback is None else str(rollback))
        for version, checksum, up, rollback in rows
    }


def reads(tables: Mapping[str, Sequence[str]] | frozenset[str]) -> list[tuple[str, tuple[str, Params]]]:
    """The queries that read the ledger's ``tables`` (those that exist, with their columns if known), each with
    the name of its answer, mostly that of its table."""
    tables = _ours(tables) if isinstance(tables, Mapping) else tables
    wanted = [
        ("schema_migrations", "ledger/read_schema_migrations"),
        ("_yoyo_migration", "ledger/read_yoyo_migration"),
        ("yoyo_lock", "ledger/read_yoyo_lock"),
        ("memsql_history", "ledger/read_progress"),
    ]
    if "memsql_history" in tables:
        wanted.append((_SCRIPTS, "ledger/read_scripts"))
    if "memsql_history" in tables and "schema_migrations" in tables:
        wanted.append((_IMPORTED, "ledger/read_imported"))
    if "_yoyo_migration" in tables and "_yoyo_log" in tables and "memsql_history" not in tables:
        wanted.append(("_yoyo_log", "ledger/read_yoyo_log"))
    return [(table, (load(query), ())) for table, query in wanted if table in tables or table in (_IMPORTED, _SCRIPTS)]


def _ours(tables: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Those of ``tables`` that yoyo and memsql made."""
    return {
        name: columns
        for name, columns in tables.items()
        if name in _NAMES and (name != "schema_migrations" or not set(COLUMNS) - set(columns))
    }


def name_is_taken(ledger: Ledger) -> Refused:
    """The error where the ledger cannot be written, because ``ledger.taken``."""
    columns = ledger.others["schema_migrations"]
    return _name_is_taken(
        "with other columns",
        ("its columns: " + ", ".join(columns), "memsql needs: " + ", ".join(COLUMNS)),
        "memsql keeps its own list under that name. Let the table be renamed, and tell whatever still uses it: "
        f"{hints.command('migrate.up --take-over')}",
    )


def _name_is_taken(difference: str, details: tuple[str, ...], hint: str) -> Refused:
    return Refused(
        f"the name schema_migrations is taken: this database has a table of another tool, {difference}",
        details=details,
        state="nothing was changed",
        hint=hint,
    )


def _version(value: Value) -> int:
    """The version of a row of schema_migrations. Raises Refused for what is no number."""
    try:
        return int(str(value))
    except ValueError:
        raise _name_is_taken(
            "whose versions are no numbers",
            (f"one of them is {value!r}",),
            "memsql keeps its own list under that name. Rename the table first, and tell whatever still uses it: "
            "ALTER TABLE schema_migrations RENAME TO schema_migrations_old",
        ) from None


def assemble(tables: Mapping[str, Sequence[str]], rows: Mapping[str, Sequence[tuple[Value, ...]]]) -> Ledger:
    """The ledger from its ``tables`` with their columns, and from the answers to reads(), by table.

    Raises Refused where a version in schema_migrations is no number.
    """
    ours = _ours(tables)
    yoyo = rows.get("_yoyo_migration")
    all_rows = {_version(r[0]): Row(*r) for r in rows.get("schema_migrations", [])}  # type: ignore[arg-type]
    imports = rows.get(_IMPORTED, [])
    foreign = {int(str(r[0])) for r in imports if r[-1]}
    return Ledger(
        tables=frozenset(ours),
        rows={version: row for version, row in all_rows.items() if version not in foreign},
        yoyo=None if yoyo is None else {str(name): str(when) for name, when in yoyo},
        yoyo_by={str(r[0]): f"{r[1]!s}@{r[2]!s}" for r in rows.get("_yoyo_log", [])},
        progress={
            int(r[0]): Progress(str(r[1]), int(r[2] or 0), r[3])  # type: ignore[arg-type]
            for r in rows.get("memsql_history", [])
        },
        marked_twice=tuple(name for name, marks in Counter(str(name) for name, _ in yoyo or ()).items() if marks > 1),
        yoyo_lock=next((int(str(r[0])) for r in rows.get("yoyo_lock", [])), None),
        history_lacks=tuple(c for c in HASHES if c not in tables.get("memsql_history", HASHES)),
        foreign=tuple(
            Row(r[0], str(r[1]).partition("_")[2], *r[2:-1])  # type: ignore[arg-type]
            for r in imports
        ),
        others={name: tuple(columns) for name, columns in tables.items() if name not in ours},
        scripts={
            (row.operation, row.name): row
            for row in (ScriptRow(*r) for r in rows.get(_SCRIPTS, []))  # type: ignore[arg-type]
        },
    )


def has_history(conn: Connection) -> bool:
    """Whether attempts can be recorded here already."""
    return bool(conn.execute(load("ledger/has_history")).rows)
