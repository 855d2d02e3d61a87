"""Reading the entries of a cursor, which has two steps: one that returns a nonce, and the statement. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from memsql.db import answers as shapes
from memsql.db.answers import Json, Malformed
from memsql.db.hrana import decode_rows
from memsql.db.pipeline import TransactionGone
from memsql.db.protocol import Value

Rows = list[tuple[Value, ...]]


class CursorReader:
    """Takes the entries of a cursor of pipeline.guarded_query() as they come.

    ``columns``: the names of the columns of the statement, once its first entry has come. ``failure``: the error object
    of the server; then no entries follow that mean anything.
    """

    def __init__(self, nonce: str, *, guarded: bool) -> None:
        self.columns: tuple[str, ...] = ()
        self.failure: Json | None = None
        self._nonce, self._guarded = nonce, guarded
        self._place: Literal["start", "echo", "between", "rows", "end"] = "start"
        self._echo: Rows = []

    def take(self, entries: Sequence[Json]) -> Rows:
        """The rows of the statement among ``entries``. Raises Malformed, and StatementError for a value that the
        protocol cannot carry."""
        if self._place == "rows":
            # Nearly all entries of a large result come here.
            try:
                plain = [entry["row"] for entry in entries if entry["type"] == "row"]
            except KeyError:
                raise Malformed("an entry of a cursor has no type or no row") from None
            if len(plain) == len(entries):
                return decode_rows(plain, len(self.columns))
        rows: Rows = []
        for entry in entries:
            if self.failure is None:
                self._take_one(entry, rows)
        return rows

    def finish(self) -> bool:
        """Whether the result is complete. Raises TransactionGone where the guard held the statement back."""
        if self._place == "start" and self._guarded and self.failure is None:
            raise TransactionGone
        return self._place == "end"

    def _take_one(self, entry: Json, rows: Rows) -> None:
        kind = entry.get("type")
        if kind == "row" and self._place == "rows":
            rows += decode_rows([entry.get("row")], len(self.columns))
        elif kind == "row" and self._place == "echo":
            self._echo += decode_rows([entry.get("row")], 1)
        elif kind == "step_begin":
            self._begin(entry)
        elif kind == "step_end" and self._place in ("echo", "rows"):
            shapes.number(entry.get("affected_row_count"), "the number of changed rows")
            if self._place == "echo" and self._echo != [(self._nonce,)]:
                raise Malformed("it is the answer to another request")
            self._place = "between" if self._place == "echo" else "end"
        elif kind in ("step_error", "error"):
            self.failure = shapes.error_object(entry.get("error"))
        elif kind != "replication_index":
            raise Malformed("an entry of a cursor comes where none may be, or is of an unknown kind")

    def _begin(self, entry: Json) -> None:
        step = {"start": 0, "between": 1}.get(self._place)
        if step is None or entry.get("step") != step or type(entry.get("step")) is not int:
            raise Malformed("a step of a cursor begins where none may be")
        columns = shapes.columns(entry.get("cols"))
        if step:
            self.columns, self._place = columns, "rows"
        else:
            self._place = "echo"
