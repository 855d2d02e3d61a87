"""What a server really holds, read from it directly: nothing of memsql takes part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

LEDGER = ("schema_migrations", "memsql_history", "_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")
Row = tuple[object, ...]


@dataclass(frozen=True)
class Truth:
    """``schema`` and ``rows`` are those of the tables of the project, ``applied`` what yoyo's table holds, ``versions``
    the versions that count as applied in memsql's own, ``others`` those with another status, ``last`` the latest
    operation of each migration that succeeded."""

    schema: tuple[Row, ...]
    rows: tuple[tuple[str, tuple[Row, ...]], ...]
    applied: tuple[str, ...]
    versions: tuple[int, ...]
    others: tuple[tuple[int, str], ...]
    last: tuple[tuple[str, str], ...]

    @property
    def content(self) -> tuple[object, ...]:
        """Schema and rows, without the ledger."""
        return self.schema, self.rows

    def problems(self) -> list[str]:
        """In what the ledger contradicts itself."""
        ids = [f"{version:04d}" for version in self.versions]
        found = []
        if [name.partition("_")[0] for name in self.applied] != ids:
            found.append(f"yoyo's table holds {list(self.applied)}, schema_migrations {ids}")
        standing = sorted(name for name, operation in self.last if operation != "rollback")
        if standing != list(self.applied):
            found.append(f"by the history {standing} are applied, by yoyo's table {list(self.applied)}")
        return found


def query(port: int, *texts: str) -> list[list[Row]]:
    """The rows of each statement. Raises ValueError where one fails."""
    requests = [{"type": "execute", "stmt": {"sql": sql}} for sql in texts]
    body = json.dumps({"baton": None, "requests": [*requests, {"type": "close"}]})
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/v3/pipeline", body, {"Content-Type": "application/json"})
        results: list[dict[str, Any]] = json.loads(connection.getresponse().read())["results"]
    finally:
        connection.close()
    errors = [result["error"]["message"] for result in results if result["type"] == "error"]
    if errors:
        raise ValueError("; ".join(errors))
    return [[_row(row) for row in result["response"]["result"]["rows"]] for result in results[:-1]]


def read(port: int) -> Truth:
    """The truth about the server at ``port`` of this machine."""
    schema = query(
        port, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name"
    )[0]
    names = {str(row[1]) for row in schema}
    virtual = {str(row[1]) for row in schema if str(row[3]).upper().startswith("CREATE VIRTUAL")}
    shadows = {f"{name}_{part}" for name in virtual for part in ("data", "idx", "docsize", "config", "content")}
    own = [row for row in schema if row[2] not in LEDGER and row[1] not in shadows and not _is_internal(str(row[1]))]
    tables = [str(row[1]) for row in own if row[0] == "table" and row[1] not in virtual]
    rows = query(port, *(f'SELECT * FROM "{name}" ORDER BY 1, 2' for name in tables))
    states = [
        (int(str(version)), str(status))
        for version, status in _maybe(port, names, "schema_migrations", "SELECT version, status FROM {} ORDER BY 1")
    ]
    return Truth(
        tuple(own),
        tuple(zip(tables, map(tuple, rows), strict=True)),
        tuple(str(row[0]) for row in _maybe(port, names, "_yoyo_migration", "SELECT migration_id FROM {} ORDER BY 1")),
        tuple(version for version, status in states if status == "applied"),
        tuple((version, status) for version, status in states if status != "applied"),
        tuple(
            (str(row[0]), str(row[1]))
            for row in _maybe(
                port,
                names,
                "memsql_history",
                "SELECT migration_id, operation, max(id) FROM {} WHERE status = 'ok' GROUP BY migration_id",
            )
        ),
    )


def _maybe(port: int, names: set[str], table: str, sql: str) -> Sequence[Row]:
    return query(port, sql.format(f'"{table}"'))[0] if table in names else ()


def _is_internal(name: str) -> bool:
    return name.startswith(("sqlite_", "libsql_", "_litestream"))


def _row(row: list[dict[str, Any]]) -> Row:
    return tuple(_value(value) for value in row)


def _value(value: dict[str, Any]) -> object:
    if value["type"] == "integer":
        return int(value["value"])
    return (value["type"], value["base64"]) if value["type"] == "blob" else value.get("value")


def script(port: int, text: str) -> None:
    """Run the statements of ``text``. Raises ValueError where one fails."""
    body = json.dumps({"baton": None, "requests": [{"type": "sequence", "sql": text}, {"type": "close"}]})
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/v3/pipeline", body, {"Content-Type": "application/json"})
        first = json.loads(connection.getresponse().read())["results"][0]
    finally:
        connection.close()
    if first["type"] == "error":
        raise ValueError(first["error"]["message"])
