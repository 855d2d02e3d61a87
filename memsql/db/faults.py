"""What can go wrong between memsql and a libSQL server, as errors for the person at the keyboard. No I/O.

Codes and texts of the server are those of sqld 0.24 (docs/libsql.md). No error repeats a header or a token.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import KW_ONLY, dataclass

from memsql import hints
from memsql.config import Target, redact
from memsql.db.answers import Malformed, parse
from memsql.errors import CommitUnknown, ConnectError, LockedError, MemsqlError, StatementError

# Characters of a message; SQLite quotes the statement in some.
_LONGEST = 20_000
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

    ``error`` is what to raise. ``sent``: the server may have carried the request out. ``refused``: an answer says that
    it did not; what stands between may have sent the request twice, or answered in its place. ``expired``: the server
    no longer knows the stream. ``again``: a second try may help, where it is safe. ``kept``: the stream can still be
    used.
    """

    error: MemsqlError
    _: KW_ONLY
    sent: bool = True
    refused: bool = False
    expired: bool = False
    again: bool = False
    kept: bool = False

    def __str__(self) -> str:
        return self.error.message


def statement_error(error: dict[str, object], target: Target, sql: str | None, index: int | None) -> MemsqlError:
    """The error for a Hrana error object; ``sql`` and ``index`` are the statement that was run and its place in the
    batch.

    LockedError where another writer has the lock or got it, ConnectError for missing rights, otherwise StatementError
    with SQLite's text and error name.
    """
    text, code = str(error.get("message") or "no message")[:_LONGEST], str(error.get("code") or "SQLITE_ERROR")[:99]
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    if code == "PROXY_ERROR":
        # A replica passes the error of its primary on as text.
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
    """The extended result code of a violated constraint. sqld sends the primary one only; the text names the kind."""
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
    """The connection ended in the middle of a result."""
    return ConnectError(
        f"{target}: the result ended before it was complete",
        state="the database was only read",
        hint="check the network, the server and what stands between, and run it again",
    )


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What an HTTP status means. The texts may hold {target}, {status}, {size} (bytes sent) and {quote}, the server's
    own words in parentheses or nothing."""

    message: str
    hint: str
    state: str | None = "nothing was changed by this request"
    _: KW_ONLY
    sent: bool = False
    again: bool = False


_REFUSALS = {
    404: _Refusal(
        "{target}: there is no such database, or this is not a libSQL server{quote}",
        "check the URL: the name of the database, the host, the port",
        "nothing was changed by this request",
    ),
    413: _Refusal("{target} takes no request of this size ({size:,} bytes)", "split the migration into smaller ones"),
    429: _Refusal(
        "{target}: the server is asked too much at the moment (HTTP 429){quote}", "wait a little and run it again"
    ),
}
_REDIRECT = _Refusal(
    "{target} answers with a redirect (HTTP {status}), which is not followed: the token would go with it",
    "give the address of the database itself",
    "nothing was changed by this request",
)
_PROXY = _Refusal(
    "{target}: a proxy in front of the database answers HTTP {status}: the database itself is not reached",
    "wait until the service is back; its status page may know more",
    sent=True,
    again=True,
)
_OTHER = _Refusal(
    "{target} answers HTTP {status}{quote}", "check the URL and the state of the server", state=None, sent=True
)


def http_status(status: int, body: str, target: Target, size: int) -> Fault:
    """The fault that an HTTP answer with a ``status`` other than 200 means; ``size`` is how many bytes were sent."""
    message = _message(body, target)
    if status in (401, 403):
        return Fault(_denied(target, message), sent=False, refused=True)
    if status == 400 and ("STREAM_EXPIRED" in body or "baton" in body):
        return Fault(stream_expired(target, False), sent=False, refused=True, expired=True)
    if _PRIMARY_GONE in message and status != 404:
        return Fault(
            ConnectError(
                f"{target} is a replica, and has lost the connection to its primary",
                state="nothing was changed by this request",
                hint="see that the primary is up, and run it again",
            )
        )
    if status == 400 or (status == 500 and message):
        return _not_answered(status, message, target)
    refusal = _refusal(status)
    words = {"target": target, "status": status, "size": size, "quote": f" (it says: {message})" if message else ""}
    error = ConnectError(refusal.message.format(**words), state=refusal.state, hint=refusal.hint)
    return Fault(error, sent=refusal.sent, refused=True, again=refusal.again)


def _refusal(status: int) -> _Refusal:
    if 300 <= status < 400:
        return _REDIRECT
    if status in (502, 503, 504):
        return _PROXY
    return _REFUSALS.get(status, _OTHER)


def _not_answered(status: int, message: str, target: Target) -> Fault:
    if "utf-8" in message:
        error: MemsqlError = StatementError(
            f"the server could not answer: {message}",
            code=f"HTTP_{status}",
            hint="text that is not UTF-8 cannot be sent: read it with CAST(column AS BLOB)",
        )
    else:
        error = ConnectError(
            f"{target}: the server could not answer (HTTP {status}): {message or 'bad request'}",
            hint="check the state of the server, and what stands between",
        )
    return Fault(error, sent=status == 500, refused=True)


def not_a_server(target: Target, reason: str) -> Fault:
    """The answer is not Hrana; ``reason`` says where."""
    return Fault(
        ConnectError(
            f"{target}: what answers there is not a libSQL server, or its answer was damaged on its way",
            details=(reason,),
            hint="check the URL; a proxy or a login page may stand in between",
        )
    )


def transaction_gone(target: Target) -> Fault:
    """The stream is no longer in the transaction that was open, and no answer said so."""
    return Fault(
        ConnectError(
            f"{target}: the server gave up the stream with the open transaction",
            hint="see that nothing between this machine and the server answers in its place, and run it again",
        )
    )


def commit_unknown(target: Target, error: MemsqlError) -> CommitUnknown:
    """``error`` came in place of the answer to a request that commits."""
    return CommitUnknown(
        f"{target}: no answer came to the request that commits",
        details=tuple(text for text in (error.message, *error.details, error.hint) if text),
        state="whether the change was committed is not known; it is there completely or not at all",
        hint=f"see: {hints.command('migrate.status')}",
    )


def _denied(target: Target, message: str) -> ConnectError:
    reason = message.rstrip("`").rpartition("`")[2] if "`" in message else message
    reason = reason.removeprefix("Authentication failed: ").removeprefix("Authorization forbidden: ")
    if "expired" in reason:
        problem = "the token has expired"
    elif "none given" in reason or not reason:
        problem = "the server wants a token" if reason else "the token is wrong or missing"
    elif "permission" in reason:
        problem = f"the token does not give the right for this ({reason})"
    else:
        problem = f"the token is wrong or missing ({reason})"
    return ConnectError(
        f"{target}: {problem}",
        state="nothing was changed by this request",
        hint="set TURSO_AUTH_TOKEN (or ?authToken=… in the URL) to a valid token for this database",
    )


def _message(body: str, target: Target) -> str:
    """The message in the body of an error, as one short line without secrets; empty for a page of HTML."""
    text = body.strip()
    with suppress(Malformed):
        fields = parse(text.encode())
        text = str(fields.get("message") or fields.get("error") or "")
    if text.startswith("<"):
        return ""
    return redact(" ".join(text.split()), target.token)[:300]
