"""Requests to a server: statements and texts as one pipeline, what keeps it inside its transaction, and what the
answers to it say. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from memsql.db import answers as shapes
from memsql.db.answers import Json, Malformed
from memsql.db.hrana import batch, chain, decode_result, execute, sequence, statement
from memsql.db.protocol import Item, Params, Result, Script
from memsql.errors import StatementError

_GATE = "memsql_gate"
_HELD = "memsql_held"
_INSIDE = {"type": "not", "cond": {"type": "is_autocommit"}}
NO_SAVEPOINT = "no such savepoint"
"""What SQLite says at a gate behind something that failed."""
"""What SQLite says at a gate behind something that failed."""


class TransactionGone(Exception):
    """The request was not run, because the stream is not in the transaction that it belongs to."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pipeline came to. ``failure``: the first one, as the request, its step (None where the server refused the
    request as a whole) and the error. Without one, ``results`` has one Result an item, and ``undecoded`` the error of a
    value that the protocol cannot carry. ``errors``: those of Reads, by the index of the read."""

    failure: tuple[int, int | None, Json] | None = None
    results: list[Result] = field(default_factory=list)
    errors: dict[int, Json] = field(default_factory=dict)
    undecoded: StatementError | None = None


def closing(version: int, nonce: str) -> list[Json]:
    """The two requests at the end of every pipeline, for Hrana ``version``. The first returns ``nonce``, which shows
    that the answers are those to this pipeline. The second tells whether a transaction is open.

    Hrana 2 has no request for that. There a BEGIN tells it: inside a transaction it fails and changes nothing, and
    where it succeeds a ROLLBACK follows at once. Inside, it leaves a savepoint for guarded().
    """
    echo = execute("SELECT ?", (nonce,))
    if version >= 3:
        return [echo, {"type": "get_autocommit"}]
    texts = [("BEGIN", None), ("ROLLBACK", "ok"), (f"SAVEPOINT {_HELD}", "error")]
    steps = [
        {"stmt": {"sql": sql, "want_rows": False}, **({"condition": {"type": on, "step": 0}} if on else {})}
        for sql, on in texts
    ]
    return [echo, {"type": "batch", "batch": {"steps": steps}}]


def in_transaction(answers: Sequence[Json], nonce: str) -> bool | Json:
    """Whether a transaction is open, by the ``answers`` to closing(); or the error object in its place. Raises
    Malformed for the answers to another pipeline."""
    echo, probe = answers
    for answer in answers:
        if answer["type"] == "error":
            error: Json = answer["error"]
            return error
    if decode_result(shapes.result_of(echo, "execute")).rows != [(nonce,)]:
        raise Malformed("it is the answer to another request")
    if probe["response"].get("type") == "get_autocommit":
        return not shapes.flag(probe["response"].get("is_autocommit"), "whether a transaction is open")
    (_, refused), _, (_, unheld) = shapes.step_lists(shapes.result_of(probe, "batch"), 3)
    if refused is None:
        return False
    return True if unheld is None and "within a transaction" in refused["message"] else refused


def guarded_query(sql: str, params: Params, nonce: str, *, guarded: bool) -> Json:
    """The batch of a cursor: a step that returns ``nonce``, and then the statement. ``guarded``: only inside the open
    transaction. A cursor needs version 3."""
    return chain([statement("SELECT ?", (nonce,)), statement(sql, params)], _INSIDE if guarded else None)


class Pipeline:
    """A list of statements and texts as the requests of one pipeline, and the results from their answers.

    A pipeline runs every request, even after one that failed, and a text (``sequence``) takes no condition. So there is
    a gate between two requests: the first one sets a savepoint as its last step, and the second one releases it as its
    first step. Where the first one failed there is no such savepoint, and so the second one fails at once.

    For example, [statement, statement, text] becomes a batch (statement, statement, SAVEPOINT memsql_gate_1) and a
    sequence (RELEASE memsql_gate_1; text).

    What belongs to an open transaction runs only inside it, whatever became of the stream: ``guard`` is then the
    version of Hrana, None otherwise. In version 3 the first step has that condition; in version 2 it releases the
    savepoint that closing() set. A text comes behind a batch that has the guard and a gate alone.
    """

    def __init__(self, items: Sequence[Item], guard: int | None = None) -> None:
        self.requests: list[Json] = []
        self._items = items
        self._guard = guard
        # By request and step, the index of the item; -1 is a gate or the guard.
        self._steps: list[list[int]] = []
        runs = _runs(items)
        if guard is not None and isinstance(items[0], Script):
            runs.insert(0, [])
        for number, run in enumerate(runs):
            opening = f"RELEASE {_GATE}_{number}" if number else None
            closing = f"SAVEPOINT {_GATE}_{number + 1}" if number + 1 < len(runs) else None
            first = items[run[0]] if run else None
            if isinstance(first, Script):
                # On a line of its own, because the text may end in a line comment.
                text = (f"{opening};\n" if opening else "") + first.sql + (f"\n;{closing}" if closing else "")
                self.requests.append(sequence(text))
                self._steps.append(run)
                continue
            if guard == 2 and not number:
                opening = f"RELEASE {_HELD}"
            gates = [{"sql": sql, "want_rows": False} if sql else None for sql in (opening, closing)]
            steps = [(-1, gates[0]), *((i, _step(items[i], i)) for i in run), (-1, gates[1])]
            kept = [(i, step) for i, step in steps if step is not None]
            inside = _INSIDE if guard == 3 and not number else None
            self.requests.append(batch((step for _, step in kept), inside))
            self._steps.append([i for i, _ in kept])

    def index_of(self, request: int, step: int | None) -> int | None:
        """The index of the item that is ``step`` of ``request``, None for a gate. ``step`` is None where the request
        failed as a whole: then the index of its text, or of its only statement, and None for a longer batch."""
        steps = self._steps[request]
        if step is None:
            return steps[0] if len(steps) == 1 and steps[0] >= 0 else None
        index = steps[step]
        return index if index >= 0 else None

    def members(self, request: int) -> list[int]:
        """The indexes of the items in ``request``."""
        return [i for i in self._steps[request] if i >= 0]

    def read(self, answers: Sequence[Json]) -> Outcome:
        """What ``answers`` say, one for each of ``requests``.

        Raises Malformed, and TransactionGone where the guard held everything back.
        """
        results = [Result((), [])] * len(self._items)
        undecoded = None
        for number, answer in enumerate(answers):
            if answer["type"] == "error":
                return Outcome((number, None, answer["error"]))
            if self.requests[number]["type"] != "batch":
                shapes.response(answer, "sequence")
                continue
            pairs = shapes.step_lists(shapes.result_of(answer, "batch"), len(self._steps[number]))
            for step, (result, error) in enumerate(pairs):
                self._refuse_gone(number, step, result, error)
                if error is not None:
                    return Outcome((number, step, error))
                try:
                    decoded = decode_result(result)
                except StatementError as e:
                    undecoded = undecoded or self._of_item(e, number, step)
                    continue
                if (index := self._steps[number][step]) >= 0:
                    results[index] = decoded
        return Outcome(results=results, undecoded=undecoded)

    def _of_item(self, error: StatementError, request: int, step: int) -> StatementError:
        """``error`` with the statement that it belongs to."""
        error.index = self.index_of(request, step)
        item = None if error.index is None else self._items[error.index]
        error.statement = item[0] if isinstance(item, tuple) else None
        return error

    def _refuse_gone(self, number: int, step: int, result: object, error: Json | None) -> None:
        """Raise TransactionGone where this step is the guard, and held back; Malformed where another one did not
        run."""
        is_guard = self._guard is not None and number == 0 and step == 0
        if is_guard and self._guard == 2 and error is not None and NO_SAVEPOINT in error["message"]:
            raise TransactionGone
        if result is None and error is None:
            if is_guard:
                raise TransactionGone
            raise Malformed("a step of a batch has neither a result nor an error")


class Reads:
    """Statements of which each runs whether the others fail or not. ``guard`` is that of Pipeline. Without one they
    come behind the statements ``first``, each of which runs only if the one before it was ok; without these they have
    a read transaction of their own."""

    def __init__(
        self, reads: Sequence[tuple[str, Params]], guard: int | None = None, *, first: Sequence[str] = ()
    ) -> None:
        self.texts = [sql for sql, _ in reads]
        self._guard = guard
        self._first = [f"RELEASE {_HELD}"] if guard == 2 else [] if guard else list(first or ["BEGIN"])
        steps: list[Json] = list(chain({"sql": sql, "want_rows": False} for sql in self._first)["steps"])
        condition = {"type": "ok", "step": len(steps) - 1} if steps else _INSIDE
        steps += [{"stmt": _step(read, index), "condition": condition} for index, read in enumerate(reads)]
        self.requests: list[Json] = [{"type": "batch", "batch": {"steps": steps}}]
        if guard is None and not first:
            # A request of its own, because a replica answers by itself what begins and ends in one, and may be behind
            # its primary.
            self.requests.append(execute("ROLLBACK"))

    def first_text(self, step: int | None) -> str | None:
        """The statement that is ``step`` and comes before the reads; None for the batch as a whole."""
        return None if step is None else self._first[step]

    def read(self, answers: Sequence[Json]) -> Outcome:
        """What ``answers`` say. The failure is that of the batch, or of what comes before the reads. Raises like
        Pipeline.read()."""
        if answers[0]["type"] == "error":
            return Outcome((0, None, answers[0]["error"]))
        count = len(self._first)
        pairs = shapes.step_lists(shapes.result_of(answers[0], "batch"), count + len(self.texts))
        for step, (_, error) in enumerate(pairs[:count]):
            if error is None:
                continue
            if self._guard is not None and NO_SAVEPOINT in error["message"]:
                raise TransactionGone
            return Outcome((0, step, error))
        if self._guard is not None and not count and pairs and pairs[0] == (None, None):
            raise TransactionGone
        results, errors = [Result((), [])] * len(self.texts), {}
        undecoded = None
        for index, (result, error) in enumerate(pairs[count:]):
            if error is not None:
                errors[index] = error
                continue
            try:
                results[index] = decode_result(result)
            except StatementError as e:
                e.index, e.statement = index, self.texts[index]
                undecoded = undecoded or e
        return Outcome(results=results, errors=errors, undecoded=undecoded)


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
