"""What can go wrong between here and a libSQL server, said for the person at the keyboard. No I/O.

Server codes and texts are those of sqld 0.24 (docs/libsql.md); nothing here repeats a header or a token.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from memsql.config import Target, redact
from memsql.errors import ConnectError, LockedError, MemsqlError, StatementError

STREAM_IDLE_SECONDS = 10
LOCK_SECONDS = 5

_PREFIXES = ("SQLite error: ", "SQLite input error: ", "SQL input error: ")
_FROM_PRIMARY = "error executing a request on the primary: "
_PROXIED = {"Transaction timed-out": "TRANSACTION_TIMEOUT", "database is locked": "SQLITE_BUSY"}
_PRIMARY_GONE = "Connection with primary broken"
_UNSUPPORTED = "unsupported statement: "
_CONSTRAINTS = {
    "UNIQUE": "UNIQUE",
    "FOREIGN KEY": "FOREIGNKEY",
    "NOT NULL": "NOTNULL",
    "CHECK": "CHECK",
    "PRIMARY KEY": "PRIMARYKEY",
}
REFUSED_HINT = (
    "libSQL servers refuse ATTACH, VACUUM, ANALYZE, TEMP objects and most settings (PRAGMA optimize, "
    "writable_schema, legacy_alter_table, query_only, busy_timeout, wal_checkpoint): leave it out"
)


@dataclass(eq=False)
class Fault(Exception):
    """A request that brought no usable answer.

    ``error`` is what to raise. ``sent``: the server may have carried it out. ``expired``: the server no longer
    knows the stream, and did nothing. ``again``: sending it again may help, where that is safe.
    ``kept``: the stream lives on.
    """

    error: MemsqlError
    sent: bool = True
    expired: bool = False
    again: bool = False
    kept: bool = False

    def __str__(self) -> str:
        return self.error.message


def statement_error(error: dict[str, object], target: Target, sql: str | None, index: int | None) -> MemsqlError:
    """The error that a Hrana error object stands for; ``sql`` and ``index`` say what was being run.

    LockedError for a lock that was not had or was taken away, ConnectError for missing rights, StatementError
    with SQLite's text and name otherwise.
    """
    text, code = str(error.get("message") or "no message"), str(error.get("code") or "SQLITE_ERROR")
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    if code == "PROXY_ERROR":
        # A replica passes the primary's error on as text.
        text = text.removeprefix(_FROM_PRIMARY)
        code = _PROXIED.get(text, "SQLITE_CONSTRAINT" if " constraint failed" in text else "SQLITE_ERROR")
    if code == "TRANSACTION_TIMEOUT":
        return lock_taken(target)
    if code.startswith("SQLITE_BUSY"):
        return LockedError(
            f"{target} is locked by another writer",
            state="nothing was changed by this statement",
            hint="wait for the other writer to finish and run it again",
        )
    if code.startswith("AUTH_") or text.startswith(("Authorization forbidden", "Authentication failed")):
        return _denied(target, text)
    if code == "RESPONSE_TOO_LARGE":
        return StatementError(
            "the result is larger than the server sends in one answer (10 MB by default)",
            code=code,
            index=index,
            statement=sql,
            hint="select fewer rows or columns at once",
        )
    if _UNSUPPORTED in text:
        return StatementError(
            "a libSQL server does not run statements of this kind"
            if sql is not None
            else "a libSQL server does not run one of the statements of this text, and so ran none of them",
            code=code,
            index=index,
            statement=sql,
            hint=REFUSED_HINT,
        )
    if code in ("SQLITE_UNKNOWN", "SQL_INPUT_ERROR"):
        code = "SQLITE_ERROR"
    if code == "SQLITE_CONSTRAINT":
        code = _constraint(text)
    return StatementError(text, code=code, index=index, statement=sql)


def _constraint(text: str) -> str:
    """sqld tells the primary result code only; the text tells which constraint."""
    kind = _CONSTRAINTS.get(text.partition(" constraint failed")[0])
    return f"SQLITE_CONSTRAINT_{kind}" if kind else "SQLITE_CONSTRAINT"


def lock_taken(target: Target) -> LockedError:
    """The server gave the write lock to another writer."""
    return LockedError(
        f"{target}: the server took the write lock away, because this transaction had held it for more than "
        f"{LOCK_SECONDS} seconds while another writer waited",
        state="the server rolled the transaction back; nothing of it was kept",
        hint="run it again while nobody else writes, or split the migration into shorter ones",
    )


def stream_expired(target: Target, open_transaction: bool) -> ConnectError:
    """The server no longer knows the stream."""
    return ConnectError(
        f"{target}: the server closed the stream; it does so after {STREAM_IDLE_SECONDS} seconds without a request, "
        "or when it restarts",
        state="the server rolled the open transaction back; nothing of it was kept"
        if open_transaction
        else "nothing was changed by this request",
        hint="run it again",
    )


def broken_off(target: Target) -> ConnectError:
    """A result came, and its end did not."""
    return ConnectError(
        f"{target}: the result ended before it was complete",
        state="the database was only read",
        hint="check the network, the server and what stands between, and run it again",
    )


def http_status(status: int, body: str, target: Target, size: int) -> Fault:
    """The fault that an HTTP answer other than 200 means; ``size`` is how much was sent, in bytes."""
    said = _said(body, target)
    told = f" (it says: {said})" if said else ""
    if status in (401, 403):
        return Fault(_denied(target, said), sent=False)
    if status == 404:
        return Fault(
            ConnectError(
                f"{target}: there is no such database, or this is not a libSQL server{told}",
                state="nothing was changed",
                hint="check the URL: the name of the database, the host, the port",
            ),
            sent=False,
        )
    if status == 400 and ("STREAM_EXPIRED" in body or "baton" in body):
        return Fault(stream_expired(target, False), sent=False, expired=True)
    if _PRIMARY_GONE in said:
        return Fault(
            ConnectError(
                f"{target} is a replica, and has lost the connection to its primary",
                state="nothing was changed by this request",
                hint="see that the primary is up, and run it again",
            )
        )
    if status == 400 or (status == 500 and said):
        hint = "text that is not UTF-8 cannot be sent: read it with CAST(column AS BLOB)" if "utf-8" in said else None
        return Fault(
            StatementError(f"the server could not answer: {said or 'bad request'}", code=f"HTTP_{status}", hint=hint),
            sent=status == 500,
        )
    if status == 413:
        return Fault(
            ConnectError(
                f"{target} takes no request of this size ({size:,} bytes)",
                state="nothing was changed by this request",
                hint="split the migration into smaller ones",
            ),
            sent=False,
        )
    if status == 429:
        return Fault(
            ConnectError(
                f"{target}: the server is asked too much at the moment (HTTP 429){told}",
                state="nothing was changed by this request",
                hint="wait a little and run it again",
            ),
            sent=False,
        )
    if 300 <= status < 400:
        return Fault(
            ConnectError(
                f"{target} answers with a redirect (HTTP {status}), which is not followed: the token would go with it",
                state="nothing was changed",
                hint="give the address of the database itself",
            ),
            sent=False,
        )
    if status in (502, 503, 504):
        return Fault(
            ConnectError(
                f"{target}: a proxy in front of the database answers HTTP {status}: the database itself is not reached",
                state="nothing was changed by this request",
                hint="wait until the service is back; its status page may know more",
            ),
            again=True,
        )
    return Fault(
        ConnectError(f"{target} answers HTTP {status}{told}", hint="check the URL and the state of the server")
    )


def not_a_server(target: Target) -> Fault:
    """Something answers, in another language."""
    return Fault(
        ConnectError(
            f"{target}: what answers there is not a libSQL server",
            hint="check the URL; a proxy or a login page may stand in between",
        )
    )


def _denied(target: Target, said: str) -> ConnectError:
    reason = said.rstrip("`").rpartition("`")[2] if "`" in said else said
    reason = reason.removeprefix("Authentication failed: ").removeprefix("Authorization forbidden: ")
    if "expired" in reason:
        what = "the token has expired"
    elif "none given" in reason or not reason:
        what = "the server wants a token" if reason else "the token is wrong or missing"
    elif "permission" in reason:
        what = f"the token does not give the right for this ({reason})"
    else:
        what = f"the token is wrong or missing ({reason})"
    return ConnectError(
        f"{target}: {what}",
        state="nothing was changed by this request",
        hint="set TURSO_AUTH_TOKEN (or ?authToken=… in the URL) to a valid token for this database",
    )


def _said(body: str, target: Target) -> str:
    """What the body of an error says, in one short line without secrets; empty for a page of HTML."""
    text = body.strip()
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        text = str(found.get("message") or found.get("error") or "")
    if text.startswith("<"):
        return ""
    return redact(" ".join(text.split()), target.token)[:300]
