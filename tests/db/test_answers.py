"""Answers of a server are used only where they have the shapes of Hrana: everything else is Malformed, and nothing
else is raised."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from memsql.db import answers, hrana, http
from memsql.db.answers import Malformed
from memsql.db.cursor import CursorReader
from memsql.db.pipeline import Pipeline, Reads, TransactionGone, closing, in_transaction
from memsql.db.protocol import Script
from memsql.errors import StatementError

DEEP = b'{"baton":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
DIGITS = b'{"results":' + b"9" * 10_000 + b"}"
RESULT = {"cols": [{"name": "a"}], "rows": [[{"type": "integer", "value": "1"}]], "affected_row_count": 0}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"1e999",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\\ud800"}',
        b'{"\\ud800": 1}',
        b"\xff",
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        DEEP,
        DIGITS,
        b'{"a": 1} {"b": 2}',
    ],
    ids=lambda text: text[:12],
)
def test_what_is_not_an_object(text: bytes) -> None:
    for read in (answers.parse, lambda t: answers.parse_lines([t]), lambda t: answers.parse_lines([b"{}", t])):
        with pytest.raises(Malformed) as caught:
            read(text)
        assert len(str(caught.value)) < 200


def test_more_lists_than_an_answer_can_have() -> None:
    many = b'{"results":[' + b"[]," * 5000 + b"[]]}"
    with pytest.raises(Malformed, match="more lists"):
        answers.parse(many)
    text = "[" * 50_000 + '"' + "{" * 50_000 + "\\"
    assert answers.parse(json.dumps({"value": text}).encode()) == {"value": text}
    nulls = {"rows": [[{"type": "null"}]] * 5000}
    assert answers.parse(json.dumps(nulls, separators=(",", ":")).encode()) == nulls


def test_half_a_surrogate_written_as_text_is_text() -> None:
    assert answers.parse(rb'{"a": "\\ud800", "b": "\ud83d\ude00"}') == {"a": r"\ud800", "b": "😀"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        "text",
        {"type": None},
        {"type": ["text"]},
        {"type": "magic", "value": "1"},
        {"type": "text"},
        {"type": "text", "value": 1},
        {"type": "text", "value": ["a"]},
        {"type": "text", "value": None},
        {"type": "integer", "value": 1},
        {"type": "integer", "value": "x"},
        {"type": "integer", "value": ""},
        {"type": "integer", "value": "1_0"},
        {"type": "integer", "value": " 1"},
        {"type": "integer", "value": "+1"},
        {"type": "integer", "value": "1.0"},
        {"type": "integer", "value": "²"},
        {"type": "integer", "value": "9223372036854775808"},
        {"type": "integer", "value": "-9223372036854775809"},
        {"type": "integer", "value": "9" * 10_000},
        {"type": "float", "value": "1.0"},
        {"type": "float", "value": True},
        {"type": "float", "value": 10**400},
        {"type": "float"},
        {"type": "blob", "base64": 3},
        {"type": "blob", "base64": "a"},
        {"type": "blob", "base64": "@@@@"},
        {"type": "blob", "base64": "ü"},
        {"type": "blob", "value": "YQ"},
    ],
    ids=repr,
)
def test_what_is_not_a_value(value: Any) -> None:
    with pytest.raises(Malformed):
        hrana.decode_value(value)
    with pytest.raises(Malformed):
        hrana.decode_rows([[value]], 1)


def test_infinite_numbers() -> None:
    with pytest.raises(Malformed):
        hrana.decode_value(json.loads('{"type": "float", "value": 1e999}'))
    with pytest.raises(StatementError, match="infinite"):
        hrana.decode_value({"type": "float", "value": None})


def test_values() -> None:
    row = [
        {"type": "null"},
        {"type": "integer", "value": "-9223372036854775808"},
        {"type": "integer", "value": "7"},
        {"type": "float", "value": 2},
        {"type": "float", "value": 0.5},
        {"type": "text", "value": "ü"},
        {"type": "blob", "base64": "YQ"},
        {"type": "blob", "base64": "YQ=="},
        {"type": "blob", "base64": ""},
    ]
    assert hrana.decode_rows([row], 9) == [(None, -(2**63), 7, 2.0, 0.5, "ü", b"a", b"a", b"")]


@pytest.mark.parametrize(
    "change",
    [
        {"rows": None},
        {"rows": {}},
        {"rows": [1]},
        {"rows": [None]},
        {"rows": ["a"]},
        {"rows": [{"type": "null"}]},
        {"rows": [[]]},
        {"rows": [[{"type": "null"}, {"type": "null"}]]},
        {"cols": None},
        {"cols": [None, None]},
        {"cols": [1]},
        {"cols": [{"name": 1}]},
        {"cols": [{}]},
        {"cols": []},
        {"affected_row_count": None},
        {"affected_row_count": "1"},
        {"affected_row_count": -1},
        {"affected_row_count": 1.0},
        {"affected_row_count": True},
        {"affected_row_count": 2**64},
        {"rows_read": "many"},
        {"rows_written": 1e300},
    ],
    ids=repr,
)
def test_what_is_not_a_result(change: dict[str, Any]) -> None:
    assert hrana.decode_result(RESULT).rows == [(1,)]
    with pytest.raises(Malformed):
        hrana.decode_result({**RESULT, **change})


@pytest.mark.parametrize("result", [None, 1, "text", [], {}], ids=repr)
def test_what_is_no_result_at_all(result: Any) -> None:
    with pytest.raises(Malformed):
        hrana.decode_result(result)


def ok(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "ok", "response": {"type": kind, **fields}}


def batch(results: Any, errors: Any) -> dict[str, Any]:
    return ok("batch", result={"step_results": results, "step_errors": errors})


ERROR = {"message": "m", "code": "C"}


@pytest.mark.parametrize(
    "results",
    [
        None,
        {},
        [],
        [1],
        [{"type": "ok"}],
        [{"type": "ok", "response": {}}],
        [{"type": "ok", "response": {"type": 1}}],
        [{"type": "error"}],
        [{"type": "error", "error": {}}],
        [{"type": "error", "error": {"message": 1}}],
        [{"type": "error", "error": {"message": "m", "code": 1}}],
        [{"type": "magic"}],
        [{"type": ["ok"]}],
        [ok("execute"), ok("execute")],
    ],
    ids=repr,
)
def test_what_are_not_the_results_of_a_pipeline(results: Any) -> None:
    with pytest.raises(Malformed):
        answers.pipeline_results({"results": results}, 1)


@pytest.mark.parametrize(
    "answer",
    [
        ok("execute", result=RESULT),
        ok("batch"),
        ok("batch", result=[]),
        batch(None, None),
        batch([RESULT], [None]),
        batch([RESULT, RESULT], [None]),
        batch([RESULT, RESULT, RESULT], [None, None, None]),
        batch([RESULT, None], [None, None]),
        batch([None, RESULT], [None, None]),
        batch([RESULT, RESULT], [None, ERROR]),
        batch([RESULT, None], [None, "text"]),
        batch([RESULT, 1], [None, None]),
    ],
    ids=repr,
)
def test_what_is_not_the_answer_to_a_pipeline(answer: dict[str, Any]) -> None:
    pipeline = Pipeline([("SELECT 1", ()), ("SELECT 2", ())])
    assert len(pipeline.read([batch([RESULT, RESULT], [None, None])]).results) == 2
    assert pipeline.read([batch([RESULT, None], [None, ERROR])]).failure == (0, 1, ERROR)
    with pytest.raises(Malformed):
        pipeline.read([answer])


def test_the_guard_holds_everything_back() -> None:
    gone = {"message": "SQLite error: no such savepoint: memsql_held", "code": "SQLITE_ERROR"}
    items = [("COMMIT", ())]
    for guard, answer in ((3, batch([None], [None])), (2, batch([None, None], [gone, None]))):
        for pipeline in (Pipeline(items, guard), Reads(items, guard)):
            with pytest.raises(TransactionGone):
                pipeline.read([answer])
    # A text takes no condition, and so comes behind a gate.
    first, second = Pipeline([Script("DELETE FROM t")], 3).requests
    assert [step["stmt"]["sql"] for step in first["batch"]["steps"]] == ["SAVEPOINT memsql_gate_1"]
    assert first["batch"]["steps"][0]["condition"] == {"type": "not", "cond": {"type": "is_autocommit"}}
    assert second["sql"].startswith("RELEASE memsql_gate_1;")


def echo(text: str) -> dict[str, Any]:
    row = [{"type": "text", "value": text}]
    return ok("execute", result={"cols": [{"name": "?"}], "rows": [row], "affected_row_count": 0})


def test_whether_a_transaction_is_open() -> None:
    state = ok("get_autocommit", is_autocommit=False)
    inside = {"message": "SQLite error: cannot start a transaction within a transaction", "code": "SQLITE_ERROR"}
    done = {"cols": [], "rows": [], "affected_row_count": 0}
    assert len(closing(3, "n")) == len(closing(2, "n")) == 2
    assert in_transaction([echo("n"), state], "n") is True
    assert in_transaction([echo("n"), batch([None, None, done], [inside, None, None])], "n") is True
    assert in_transaction([echo("n"), batch([done, done, None], [None, None, None])], "n") is False
    assert in_transaction([echo("n"), {"type": "error", "error": ERROR}], "n") == ERROR
    assert in_transaction([echo("n"), batch([None, None, None], [ERROR, None, None])], "n") == ERROR
    others: list[list[dict[str, Any]]] = [[echo("m"), state], [state, state], [echo("n"), ok("get_autocommit")]]
    for answer in others:
        with pytest.raises(Malformed):
            in_transaction(answer, "n")


BEGIN = {"type": "step_begin", "step": 0, "cols": [{"name": "?"}]}
NONCE = {"type": "row", "row": [{"type": "text", "value": "n"}]}
END = {"type": "step_end", "affected_row_count": 0, "last_insert_rowid": None}
SECOND = {**BEGIN, "step": 1}
ROW = {"type": "row", "row": [{"type": "null"}]}
HEAD: list[dict[str, Any]] = [BEGIN, NONCE, END, SECOND]


def test_a_cursor() -> None:
    reader = CursorReader("n", guarded=True)
    assert [reader.take([entry]) for entry in [*HEAD, ROW, ROW]][-1] == [(None,)]
    assert not reader.finish()
    assert reader.take([ROW, END, {"type": "replication_index", "replication_index": 1}]) == [(None,)]
    assert reader.finish()
    assert reader.columns == ("?",)
    with pytest.raises(TransactionGone):
        CursorReader("n", guarded=True).finish()
    failed = CursorReader("n", guarded=False)
    failed.take([{"type": "error", "error": ERROR}, ROW])
    assert failed.failure == ERROR


@pytest.mark.parametrize(
    "entries",
    [
        [{}],
        [ROW],
        [END],
        [SECOND],
        [BEGIN, BEGIN],
        [{**BEGIN, "step": False}],
        [{**BEGIN, "cols": 1}],
        [BEGIN, ROW, END],
        [BEGIN, END],
        [BEGIN, NONCE, NONCE, END],
        [BEGIN, NONCE, END, ROW],
        [*HEAD, {"type": "row"}],
        [*HEAD, {"type": "row", "row": 1}],
        [*HEAD, {"type": "row", "row": []}],
        [*HEAD, {"type": "row", "row": [1]}],
        [*HEAD, ROW, {**END, "affected_row_count": "x"}],
        [*HEAD, END, ROW],
        [*HEAD, END, SECOND],
        [*HEAD, {"type": "step_error", "error": 1}],
        [*HEAD, {"type": 7}],
        [*HEAD, {**ROW, "type": "sow"}, END],
    ],
    ids=repr,
)
def test_what_are_not_the_entries_of_a_cursor(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        CursorReader("n", guarded=False).take(entries)
    reader = CursorReader("n", guarded=False)
    with pytest.raises(Malformed):
        [reader.take([entry]) for entry in entries]


def test_the_lines_of_a_cursor_that_never_end() -> None:
    """aiohttp tells nobody of a chunk that it cannot read, and waits."""

    class Stuck:
        async def iter_any(self) -> AsyncIterator[bytes]:
            await asyncio.sleep(60)
            yield b""

    async def read() -> list[list[bytes]]:
        return [lines async for lines in http._lines(Stuck(), 0.01)]

    with pytest.raises(TimeoutError):
        asyncio.run(read())


@pytest.mark.parametrize("base", [None, "", "https://db.example/", "http://127.0.0.1:8080", "https://[::1]:80/x/"])
def test_an_address_of_a_stream(base: str | None) -> None:
    assert answers.base_url({"base_url": base}) == (base.rstrip("/") if base else None)


@pytest.mark.parametrize(
    "base",
    [
        1,
        [],
        "nowhere",
        "//host",
        "ftp://host",
        "ws://host",
        "https://",
        "https://:80",
        "https://host:99999",
        "https://host:x",
        "https://user:pass@host",
        "https://user@host",
        "https://@host",
        "https://host?x=1",
        "https://host#x",
        "https://ho st",
        "https://host\n",
        "https://hö.example",
        "https://[::1",
    ],
    ids=repr,
)
def test_what_is_no_address_of_a_stream(base: Any) -> None:
    with pytest.raises(Malformed):
        answers.base_url({"base_url": base})
