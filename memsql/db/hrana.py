"""Hrana, the protocol of libSQL servers: Python values and lists of SQL to JSON and back. No I/O.

The structures are those of the Hrana 2 and 3 specifications
(https://github.com/tursodatabase/libsql/tree/main/docs). libsql-client converts the values, except where it would lose
or misread one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from libsql_client.hrana.convert import _value_from_proto, _value_to_proto

from memsql.db.protocol import Item, Params, Result, Script, Value
from memsql.errors import StatementError

Json = dict[str, Any]

_GATE = "memsql_gate"


def encode_value(value: Value) -> Json:
    """``value`` as a Hrana value.

    Raises StatementError for a value that no server can store: an integer beyond 64 bits, an infinite number or NaN
    (JSON cannot write them), text that is not Unicode, or a value of another type.
    """
    # First the kinds of nearly all values: a restore sends millions.
    kind_of = type(value)
    if kind_of is str:
        if not value.isascii():  # type: ignore[union-attr]
            _refuse_surrogates(value, "a text parameter")  # type: ignore[arg-type]
        return {"type": "text", "value": value}
    if kind_of is int and -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:  # type: ignore[operator]
        return {"type": "integer", "value": str(value)}
    if value is None:
        return {"type": "null"}
    try:
        encoded: Json = dict(_value_to_proto(value))
    except OverflowError:
        raise StatementError(f"the integer {value!r} does not fit into SQLite's 64 bits", code="MEMSQL_VALUE") from None
    except (ValueError, TypeError):
        kind = str(value) if isinstance(value, float) else f"a value of type {type(value).__name__}"
        raise StatementError(
            f"{kind} cannot be sent to a libSQL server",
            code="MEMSQL_VALUE",
            hint="infinite numbers and NaN cannot be sent; use NULL or text",
        ) from None
    return encoded


def _refuse_surrogates(text: str, name: str) -> None:
    # UTF-8 cannot write them; the server would refuse the whole request and close the stream.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise StatementError(
            f"{name} holds half of a surrogate pair, which is not Unicode", code="MEMSQL_VALUE"
        ) from None


def decode_value(value: Json) -> Value:
    """The Python value of a Hrana value. Raises StatementError for an infinite number, which sqld sends as null."""
    if value["type"] == "float" and value["value"] is None:
        raise StatementError(
            "the result holds an infinite number, which a libSQL server cannot send",
            code="MEMSQL_VALUE",
            hint="select it as text: CAST(column AS TEXT)",
        )
    decoded: Value = _value_from_proto(value)
    return decoded


def decode_row(row: Any) -> tuple[Value, ...]:
    """A row of Hrana values as a tuple."""
    # First the kinds of nearly all values: a large result has millions.
    return tuple(
        [
            v["value"]
            if (kind := v["type"]) == "text"
            else int(v["value"])
            if kind == "integer"
            else None
            if kind == "null"
            else decode_value(v)
            for v in row
        ]
    )


def decode_rows(entries: Sequence[Json]) -> list[tuple[Value, ...]]:
    """The rows among the entries of a cursor."""
    return [decode_row(entry["row"]) for entry in entries if entry["type"] == "row"]


def statement(sql: str, params: Params = (), *, want_rows: bool = True) -> Json:
    """A Hrana statement. Raises StatementError for a text or value that cannot be sent."""
    _refuse_surrogates(sql, "the statement")
    encoded: Json = {"sql": sql, "want_rows": want_rows}
    if params:
        encoded["args"] = [encode_value(v) for v in params]
    return encoded


def execute(sql: str, params: Params = ()) -> Json:
    """The request for one statement."""
    return {"type": "execute", "stmt": statement(sql, params)}


def sequence(sql: str) -> Json:
    """The request for a text of many statements. Raises StatementError for a text that is not Unicode."""
    _refuse_surrogates(sql, "the text")
    return {"type": "sequence", "sql": sql}


def chain(statements: Iterable[Json]) -> Json:
    """A batch in which each step runs only if the step before it succeeded."""
    steps: list[Json] = []
    for encoded in statements:
        step: Json = {"stmt": encoded}
        if steps:
            step["condition"] = {"type": "ok", "step": len(steps) - 1}
        steps.append(step)
    return {"steps": steps}


def batch(statements: Iterable[Json]) -> Json:
    """The request for a chain() of statements."""
    return {"type": "batch", "batch": chain(statements)}


def together(reads: Iterable[Json], *, own: bool) -> list[Json]:
    """The requests for statements of which each runs whether the others fail or not. ``own``: in a read transaction of
    their own, so that BEGIN is the first step of the first request.

    ROLLBACK is a request of its own, because a replica answers by itself what begins and ends in one, and may be behind
    its primary.
    """
    steps: list[Json] = [{"stmt": encoded} for encoded in reads]
    if not own:
        return [{"type": "batch", "batch": {"steps": steps}}]
    begun = {"type": "ok", "step": 0}
    begin: Json = {"stmt": {"sql": "BEGIN", "want_rows": False}}
    steps = [begin, *({**step, "condition": begun} for step in steps)]
    return [{"type": "batch", "batch": {"steps": steps}}, execute("ROLLBACK")]


CLOSE: Json = {"type": "close"}
"""The request that ends the stream."""


def parse_only(sql: str) -> Json:
    """A request that makes the server parse ``sql`` and not run it: an "or" without conditions is false."""
    never = {"type": "or", "conds": []}
    return {"type": "batch", "batch": {"steps": [{"stmt": {"sql": sql, "want_rows": False}, "condition": never}]}}


def autocommit_probe(version: int) -> Json:
    """The request that tells whether a transaction is open, for Hrana ``version``.

    Hrana 2 has no request for it. There a BEGIN tells it: inside a transaction it fails and changes nothing, and where
    it succeeds a ROLLBACK follows at once.
    """
    if version >= 3:
        return {"type": "get_autocommit"}
    return batch([{"sql": "BEGIN", "want_rows": False}, {"sql": "ROLLBACK", "want_rows": False}])


def in_transaction(answer: Json) -> bool | Json:
    """Whether a transaction is open, by the ``answer`` to autocommit_probe(); or the error object in its place."""
    if answer["type"] == "error":
        return _error_object(answer["error"])
    response = answer["response"]
    if response["type"] == "get_autocommit":
        return not response["is_autocommit"]
    error = response["result"]["step_errors"][0]
    if error is not None and error.get("code") == "TRANSACTION_TIMEOUT":
        return _error_object(error)
    return error is not None


def _error_object(value: Any) -> Json:
    assert isinstance(value, dict)
    return value


def decode_result(result: Json) -> Result:
    """A Hrana statement result as a Result."""
    rows = [decode_row(row) for row in result["rows"]]
    columns = tuple(c["name"] or "" for c in result["cols"])
    # Servers of the first Hrana say nothing about it.
    read, written = (None if n is None else int(n) for n in (result.get("rows_read"), result.get("rows_written")))
    return Result(columns, rows, int(result["affected_row_count"]), read, written)


class Pipeline:
    """A list of statements and texts as the requests of one pipeline, and the results from their answers.

    A pipeline runs every request, even after one that failed, and a text (``sequence``) takes no condition. So there is
    a gate between two requests: the first one sets a savepoint as its last step, and the second one releases it as its
    first step. Where the first one failed there is no such savepoint, and so the second one fails at once.

    For example, [statement, statement, text] becomes a batch (statement, statement, SAVEPOINT memsql_gate_1) and a
    sequence (RELEASE memsql_gate_1; text).
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self.requests: list[Json] = []
        self._items = items
        # By request and step, the index of the item; -1 is a gate.
        self._steps: list[list[int]] = []
        runs = _runs(items)
        for number, run in enumerate(runs):
            opening = f"RELEASE {_GATE}_{number}" if number else None
            closing = f"SAVEPOINT {_GATE}_{number + 1}" if number + 1 < len(runs) else None
            first = items[run[0]]
            if isinstance(first, Script):
                # On a line of its own, because the text may end in a line comment.
                text = (f"{opening};\n" if opening else "") + first.sql + (f"\n;{closing}" if closing else "")
                self.requests.append(sequence(text))
                self._steps.append(run)
                continue
            gates = [{"sql": sql, "want_rows": False} if sql else None for sql in (opening, closing)]
            steps = [(-1, gates[0]), *((i, _step(items[i], i)) for i in run), (-1, gates[1])]
            kept = [(i, step) for i, step in steps if step is not None]
            self.requests.append(batch(step for _, step in kept))
            self._steps.append([i for i, _ in kept])

    def index_of(self, request: int, step: int | None) -> int | None:
        """The index of the item that is ``step`` of ``request``, None for a gate. ``step`` is None where the request
        failed as a whole: then the index of its text, and None for a batch."""
        steps = self._steps[request]
        if step is None:
            return steps[0] if self.requests[request]["type"] == "sequence" else None
        index = steps[step]
        return index if index >= 0 else None

    def members(self, request: int) -> list[int]:
        """The indexes of the items in ``request``."""
        return [i for i in self._steps[request] if i >= 0]

    def failure(self, answers: Sequence[Json]) -> tuple[int, int | None, Json] | None:
        """The first failure: the request, its step (None where the server refused the request as a whole), the
        error."""
        for number, answer in enumerate(answers):
            if answer["type"] == "error":
                return number, None, answer["error"]
            if self.requests[number]["type"] == "batch":
                for step, error in enumerate(answer["response"]["result"]["step_errors"]):
                    if error is not None:
                        return number, step, error
        return None

    def results(self, answers: Sequence[Json]) -> list[Result]:
        """One Result an item, from answers without a failure."""
        results = [Result((), [])] * len(self._items)
        for number, answer in enumerate(answers):
            if self.requests[number]["type"] == "batch":
                for index, result in zip(
                    self._steps[number], answer["response"]["result"]["step_results"], strict=True
                ):
                    if index >= 0:
                        results[index] = decode_result(result)
        return results


def _step(item: Item, index: int) -> Json:
    assert not isinstance(item, Script)
    sql, params = item
    try:
        return statement(sql, params)
    except StatementError as e:
        e.index, e.statement = index, sql
        raise


def _runs(items: Sequence[Item]) -> list[list[int]]:
    """The indexes of the items, cut into lists: neighbouring statements together, each text by itself."""
    runs: list[list[int]] = []
    for index, item in enumerate(items):
        if runs and not isinstance(item, Script) and not isinstance(items[runs[-1][0]], Script):
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs
