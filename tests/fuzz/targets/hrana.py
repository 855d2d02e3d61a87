"""The answers of a libSQL server: to a pipeline, and line by line those of a cursor."""

from __future__ import annotations

import contextlib
import json
import math

from memsql.db import answers as shapes
from memsql.db.answers import Json, Malformed
from memsql.db.cursor import CursorReader
from memsql.db.hrana import decode_rows, decode_value, encode_value
from memsql.db.pipeline import Pipeline, Reads, TransactionGone, in_transaction
from memsql.db.protocol import Item, Result, Script, Value
from memsql.errors import StatementError
from tests.fuzz.target import Grammar, Repeated, Target

_NONCE = "n0nce"
_ITEMS: list[Item] = [("SELECT 1", ()), Script("SELECT 2;"), ("SELECT ?", (1,))]
_LONGEST_MESSAGE = 200
_ECHO = (
    '{"type": "ok", "response": {"type": "execute", "result": {"cols": [{"name": "?"}], "rows": [[{"type": "text",'
    ' "value": "n0nce"}]], "affected_row_count": 0}}}'
)
_GRAMMAR: Grammar = {
    "start": [
        "p<whole>", "p<whole>", "p<right>", "c<right_lines>", "p<any>", "c<lines>", "r<reads>", "p<whole><noise>",
        "<noise>",
    ],
    "whole": ['{"baton": <baton>, "base_url": <url>, "results": [<batch_of_two>, <text>, <batch_of_two>, <end>]}'],
    "right": [
        '{"baton": "b", "base_url": null, "results": [<ok_two>,'
        ' {"type": "ok", "response": {"type": "sequence"}}, <ok_two>, '
        f'{_ECHO}, {{"type": "ok", "response": {{"type": "get_autocommit", "is_autocommit": true}}}}]}}',
    ],
    "ok_two": [
        '{"type": "ok", "response": {"type": "batch", "result": {"step_results": [<ok_step>, <ok_step>], "step_errors":'
        " [null, null]}}}",
    ],
    "good": [
        '{"type": "null"}', '{"type": "integer", "value": "-9223372036854775808"}',
        '{"type": "text", "value": "<word>"}', '{"type": "float", "value": 1.5}',
        '{"type": "float", "value": 1e300}', '{"type": "blob", "base64": "AQ"}', '{"type": "blob", "base64": ""}',
        '{"type": "float", "value": -0.0}', '{"type": "float", "value": 3}', "<value>",
    ],
    "good_row": ['{"type": "row", "row": [<good>]}'],
    "ok_step": [
        '{"cols": [{"name": "a"}], "rows": [[<good>], [<good>]], "affected_row_count": 1}',
        '{"cols": [{"name": "a"}, {"name": null}], "rows": [[<good>, <good>]], "affected_row_count": 0}',
        '{"cols": [], "rows": [], "affected_row_count": 3, "rows_read": 1}',
    ],
    "right_lines": [
        '{"baton": "b", "base_url": null}\n{"type": "step_begin", "step": 0, "cols": [{"name": "?"}]}\n'
        '{"type": "row", "row": [{"type": "text", "value": "n0nce"}]}\n{"type": "step_end", "affected_row_count": 0}\n'
        '{"type": "step_begin", "step": 1, "cols": [{"name": "a"}]}\n<good_row>\n<good_row>\n<good_row>\n'
        '{"type": "step_end", "affected_row_count": 0}',
    ],
    "reads": ['{"baton": "b", "results": [<batch_of_two>, <result>, <end>]}'],
    "end": [
        f'{_ECHO}, {{"type": "ok", "response": {{"type": "get_autocommit", "is_autocommit": <any>}}}}',
        f'{_ECHO}, {{"type": "ok", "response": {{"type": "get_autocommit", "is_autocommit": false}}}}',
        f"{_ECHO}, <result>",
        "<result>, <result>",
    ],
    "text": ['{"type": "ok", "response": {"type": "sequence"}}', "<result>"],
    "batch_of_two": [
        '{"type": "ok", "response": {"type": "batch", "result": {"step_results": [<step>, <step>],'
        ' "step_errors": [null, <failure>]}}}',
        "<result>",
    ],
    "result": [
        '{"type": "ok", "response": {"type": "<word>"}}', '{"type": "error", "error": <failure>}', "<any>",
        '{"type": "ok", "response": {"type": "batch", "result": {"step_results": <any>, "step_errors": <any>}}}',
        '{"type": "ok", "response": {"type": "execute", "result": <step>}}',
    ],
    "failure": [
        "null", '{"message": "a", "code": "b"}', '{"message": <any>}', '{"message": "no such savepoint: x"}',
        "<any>",
    ],
    "step": [
        '{"cols": [{"name": "a"}], "rows": [[<value>]], "affected_row_count": 1}', "null", "<any>",
        '{"cols": [<any>], "rows": [[<value>]], "affected_row_count": <any>, "rows_read": <any>}',
        '{"cols": [{"name": null}, {}], "rows": [[<value>, <value>], <any>], "affected_row_count": 0}',
    ],
    "value": [
        '{"type": "null"}', '{"type": "integer", "value": "<digits>"}', '{"type": "text", "value": <any>}',
        '{"type": "float", "value": <any>}', '{"type": "blob", "base64": "<word>"}', '{"type": <any>, "value": <any>}',
        '{"type": "integer", "value": <any>}', '{"type": "blob", "base64": "AQID"}', "<any>",
    ],
    "digits": [
        "1", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "+1", " 1", "²", "1_0",
        "0x1",
    ],
    "lines": ["<entry>\n", "<entry>\n<lines>", '{"baton": <baton>, "base_url": <url>}\n<cursor>', "<noise>\n<lines>"],
    "cursor": [
        '{"type": "step_begin", "step": 0, "cols": [{"name": "?"}]}\n{"type": "row", "row": [{"type": "text", "value":'
        ' "n0nce"}]}\n{"type": "step_end", "affected_row_count": 0}\n<rows>',
        "<lines>",
    ],
    "rows": [
        '{"type": "step_begin", "step": 1, "cols": [{"name": "a"}]}\n<row>\n<row>\n{"type": "step_end",'
        ' "affected_row_count": 0}\n',
        "<lines>",
    ],
    "row": ['{"type": "row", "row": [<value>]}'],
    "entry": [
        "<row>", '{"type": "step_begin", "step": <any>, "cols": <any>}',
        '{"type": "step_end", "affected_row_count": <any>}', '{"type": "step_error", "step": 1, "error": <failure>}',
        '{"type": "error", "error": <failure>}', "<any>", '{"type": "replication_index"}', '{"baton": <baton>}',
    ],
    "baton": ["null", '"b"', "<any>"],
    "url": [
        "null", '""', '"http://h:1/"', '"http://h:99999"', '"http://[::1"', '"ftp://h"', '"http://u:p@h"',
        '"http://h?x"', "<any>",
    ],
    "word": ["execute", "batch", "sequence", "get_autocommit", "", "é", "AQ==", "A", "\\u0000"],
    "any": [
        "1", "null", "true", '"<word>"', "[]", "{}", "[<any>]", '{"type": <any>}', "-0", "1.5", "[<any>, <any>]",
        "18446744073709551616", "-1", "<value>", '{"name": <any>}', '{"name": "a"}', "false", "0", "<junk>",
    ],
    "junk": ["1e999", "NaN", "9" * 5000, '"\\ud800"', "1e400", "[" * 3000, "01", "'a'"],
    "noise": ["", "<!DOCTYPE HTML><HTML>", "\x00", "\ufeff", "}", "[", ",", " ", "\r", "{", '"'],
}  # fmt: skip


def run(data: bytes) -> None:
    """Read ``data``, whose first byte says as what: ``p`` a pipeline, ``r`` reads, ``c`` the lines of a cursor."""
    kind, text = data[:1], data[1:]
    with contextlib.suppress(StatementError):
        try:
            if kind == b"c":
                _cursor(text.split(b"\n"))
            else:
                _pipeline(text, reads=kind == b"r")
        except Malformed as e:
            _is_short(str(e))
        except TransactionGone:
            pass


def _is_short(message: str) -> None:
    assert 0 < len(message) <= _LONGEST_MESSAGE
    assert message.isprintable()


def _pipeline(text: bytes, *, reads: bool) -> None:
    answer = shapes.parse(text)
    read = Reads([("SELECT 1", ())], None) if reads else Pipeline(_ITEMS, 3)
    results = shapes.pipeline_results(answer, len(read.requests) + 2)
    baton = shapes.baton(answer)
    assert baton is None or isinstance(baton, str)
    url = shapes.base_url(answer)
    assert url is None or url.startswith(("http://", "https://"))
    state = in_transaction(results[-2:], _NONCE)
    assert isinstance(state, bool | dict)
    outcome = read.read(results[:-2])
    _failed_as_hrana_says(None if outcome.failure is None else outcome.failure[2])
    for result in outcome.results:
        _holds_values(result)


def _failed_as_hrana_says(error: Json | None) -> None:
    if error is not None:
        assert isinstance(error["message"], str)
        assert isinstance(error.get("code"), str | None)


def _holds_values(result: Result) -> None:
    assert all(isinstance(name, str) for name in result.columns)
    assert type(result.changes) is int
    for row in result.rows:
        assert len(row) == len(result.columns)
        for value in row:
            _comes_back(value)


def _comes_back(value: Value) -> None:
    """Every value that is read can be sent, and is read again as it was."""
    assert isinstance(value, str | int | float | bytes | None)
    assert not isinstance(value, float) or math.isfinite(value)
    sent = json.loads(json.dumps(encode_value(value)))
    again = decode_value(sent)
    assert again == value
    assert type(again) is type(value)
    assert decode_rows([[sent]], 1) == [(value,)]


def _cursor(lines: list[bytes]) -> None:
    entries = shapes.parse_lines(lines)
    if not entries:
        return
    shapes.baton(entries[0])
    shapes.base_url(entries[0])
    whole = CursorReader(_NONCE, guarded=True)
    rows = whole.take(entries[1:])
    for row in rows:
        assert len(row) == len(whole.columns)
        for value in row:
            _comes_back(value)
    complete = whole.finish()
    # However the network cuts it, it is the same result.
    piece_by_piece = CursorReader(_NONCE, guarded=True)
    assert [row for entry in entries[1:] for row in piece_by_piece.take([entry])] == rows
    assert piece_by_piece.finish() == complete
    _failed_as_hrana_says(whole.failure)


def _read(text: str) -> object:
    for kind in (b"p", b"r", b"c"):
        run(kind + text.encode())
    return None


TARGETS = [
    Target(
        "hrana",
        "raises Malformed with a short reason, or the error of a value that cannot be carried; what is read is a value"
        " of SQLite, and can be sent again",
        run,
        _GRAMMAR,
        work=_read,
        growing=[
            Repeated("["),
            Repeated('{"a":'),
            Repeated("1"),
            Repeated('{"type": "row", "row": []}\n', "{}\n"),
            Repeated('{"type": "null"}, ', '{"results": [', "1]}"),
            Repeated("a", '{"base_url": "http://', '"}'),
            Repeated("=", '{"type": "blob", "base64": "', '"}'),
        ],
    )
]
