"""Faults in the JSON of an answer: the same over HTTP, where it is a pipeline or the lines of a cursor, and over
WebSockets, where it is a message.

A change gets the parsed answer, in which it may change what it likes, and returns the one to send; or None where there
is nothing of the kind in this answer. A cursor is the list of its lines.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.campaigns.server.exchange import HttpExchange, Kind, SocketExchange
from tests.campaigns.server.wire import Answer, Wire, frame

Change = Callable[[Any, random.Random], Any]
# Stands for a piece of JSON that json.dumps() would not write.
_HOLE = "memsql-campaign-hole"


def kinds() -> list[Kind]:
    """All kinds of this module."""
    shaped = [_kind(name, change, told=True) for name, change in {**_STRUCTURE, **_VALUES, **_CURSORS}.items()]
    false = [_kind(name, change, told=False) for name, change in _FALSE.items()]
    return [*shaped, *false, *(_kind(name, _holed(text), told=True) for name, text in _TEXTS.items())]


def _kind(name: str, change: Change, *, told: bool) -> Kind:
    async def http(exchange: HttpExchange) -> Answer | Wire:
        answer = await exchange.answer()
        is_cursor = exchange.request.path.endswith("/cursor")
        try:
            parsed = [json.loads(line) for line in answer.body.splitlines()] if is_cursor else json.loads(answer.body)
        except ValueError:
            parsed = None
        changed = change(parsed, exchange.draw) if answer.status == 200 and parsed is not None else None
        if changed is None:
            exchange.idle = True
            return answer
        lines = changed if is_cursor and isinstance(changed, list) else [changed]
        body = b"\n".join(_dumped(line) for line in lines) + (b"\n" if is_cursor else b"")
        return replace(answer, body=body)

    def socket(exchange: SocketExchange) -> Wire:
        changed = change(json.loads(exchange.text), exchange.draw)
        exchange.idle = changed is None
        return Wire((frame(exchange.text if changed is None else _dumped(changed)),), end="keep")

    return Kind(name, http, socket, told=told)


def _dumped(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return json.dumps(value, separators=(",", ":")).encode()


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in ``value``, the outer ones first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _objects(part)


def _with(document: Any, *keys: str) -> list[dict[str, Any]]:
    return [one for one in _objects(document) if all(key in one for key in keys)]


def _values(document: Any, kind: str) -> list[dict[str, Any]]:
    return [one for one in _with(document, "type", "value") if one["type"] == kind]


def _set(key: str, value: Any, *, every: bool = False) -> Change:
    """Set ``key`` where it is: in one object drawn by lot, or in every one."""

    def change(document: Any, draw: random.Random) -> Any:
        objects = _with(document, key)
        if not objects:
            return None
        for one in objects if every else [draw.choice(objects)]:
            one[key] = value
        return document

    return change


def _without(key: str) -> Change:
    def change(document: Any, draw: random.Random) -> Any:
        objects = _with(document, key)
        if not objects:
            return None
        for one in objects:
            del one[key]
        return document

    return change


def _on_value(kind: str, work: Callable[[dict[str, Any], random.Random], None]) -> Change:
    """Change one value of SQL of this kind, drawn by lot."""

    def change(document: Any, draw: random.Random) -> Any:
        values = _values(document, kind) if kind != "blob" else _with(document, "base64")
        if not values:
            return None
        work(draw.choice(values), draw)
        return document

    return change


def _on_list(key: str, work: Callable[[list[Any], random.Random], None], least: int = 1) -> Change:
    """Change one list that stands under ``key`` and has ``least`` entries or more, drawn by lot."""

    def change(document: Any, draw: random.Random) -> Any:
        lists = [one[key] for one in _with(document, key) if isinstance(one[key], list) and len(one[key]) >= least]
        if not lists:
            return None
        work(draw.choice(lists), draw)
        return document

    return change


def _on_row(work: Callable[[list[Any], random.Random], None]) -> Change:
    def change(document: Any, draw: random.Random) -> Any:
        rows = [row for one in _with(document, "rows") if isinstance(one["rows"], list) for row in one["rows"] if row]
        rows += [one["row"] for one in _with(document, "row") if one["row"]]
        if not rows:
            return None
        work(draw.choice(rows), draw)
        return document

    return change


def _swap(items: list[Any], draw: random.Random) -> None:
    one, other = draw.sample(range(len(items)), 2)
    items[one], items[other] = items[other], items[one]


def _drop_last(items: list[Any], _: random.Random) -> None:
    items.pop()


def _repeat_last(items: list[Any], _: random.Random) -> None:
    items.append(items[-1])


def _other_digit(value: dict[str, Any], draw: random.Random) -> None:
    digits = str(value["value"])
    place = draw.choice([i for i, c in enumerate(digits) if c.isdigit()])
    flipped = draw.choice([d for d in "123456789" if d != digits[place]])
    value["value"] = digits[:place] + flipped + digits[place + 1 :]


def _to_null(value: dict[str, Any], _: random.Random) -> None:
    value.clear()
    value["type"] = "null"


def _off_by_one(document: Any, draw: random.Random) -> Any:
    counts = [one for one in _with(document, "affected_row_count") if isinstance(one["affected_row_count"], int)]
    if not counts:
        return None
    draw.choice(counts)["affected_row_count"] += 1
    return document


def _flip_autocommit(document: Any, _: random.Random) -> Any:
    states = _with(document, "is_autocommit")
    for one in states:
        one["is_autocommit"] = not one["is_autocommit"]
    return document if states else None


def _skip_step(document: Any, draw: random.Random) -> Any:
    """One step of a batch, drawn by lot, has neither a result nor an error, as if it had not run."""
    batches = [one for one in _with(document, "step_results", "step_errors") if one["step_results"]]
    if not batches:
        return None
    batch = draw.choice(batches)
    place = draw.randrange(len(batch["step_results"]))
    batch["step_results"][place] = batch["step_errors"][place] = None
    return document


def _skip_all_steps(document: Any, _: random.Random) -> Any:
    batches = _with(document, "step_results")
    for one in batches:
        one["step_results"] = [None] * len(one["step_results"])
    return document if batches else None


def _result_and_error(document: Any, draw: random.Random) -> Any:
    batches = [one for one in _with(document, "step_results", "step_errors") if one["step_results"]]
    if not batches:
        return None
    batch = draw.choice(batches)
    batch["step_errors"][draw.randrange(len(batch["step_errors"]))] = {"message": "x", "code": "SQLITE_ERROR"}
    return document


def _failed(error: Any) -> Change:
    """One answer of a pipeline, or the message, is this error in place of what it was."""

    def change(document: Any, draw: random.Random) -> Any:
        if isinstance(document, list):
            return [*document[:1], {"type": "error", "error": error}]
        if document.get("type") == "response_ok":
            return {"type": "response_error", "request_id": document["request_id"], "error": error}
        if not document.get("results"):
            return None
        document["results"][draw.randrange(len(document["results"]))] = {"type": "error", "error": error}
        return document

    return change


def _failed_step(error: Any) -> Change:
    """The last step of a batch, drawn by lot, has failed with this error."""

    def change(document: Any, draw: random.Random) -> Any:
        batches = [one for one in _with(document, "step_results", "step_errors") if one["step_results"]]
        if not batches:
            return None
        batch = draw.choice(batches)
        batch["step_results"][-1], batch["step_errors"][-1] = None, error
        return document

    return change


def _other_type(document: Any, draw: random.Random) -> Any:
    names = ("execute", "batch", "sequence", "get_autocommit", "open_stream", "fetch_cursor", "open_cursor")
    responses = [one for one in _with(document, "type") if one["type"] in names]
    if not responses:
        return None
    one = draw.choice(responses)
    one["type"] = draw.choice(["describe", *(name for name in names if name != one["type"])])
    return document


def _instead(value: Any) -> Change:
    """``value`` in place of the whole answer."""
    return lambda document, draw: value


def _holed(text: bytes) -> Change:
    """The bytes ``text`` in place of one value of SQL, or of a count, drawn by lot."""

    def change(document: Any, draw: random.Random) -> Any:
        places = [(one, "value") for one in _with(document, "type", "value")]
        places += [(one, "affected_row_count") for one in _with(document, "affected_row_count")]
        places += [(one, "is_autocommit") for one in _with(document, "is_autocommit")]
        if not places:
            return None
        one, key = draw.choice(places)
        one[key] = _HOLE
        if isinstance(document, list):
            return [_dumped(line).replace(f'"{_HOLE}"'.encode(), text) for line in document]
        return _dumped(document).replace(f'"{_HOLE}"'.encode(), text)

    return change


def _on_entries(work: Callable[[list[Any], random.Random], list[Any] | None]) -> Change:
    """Change the entries of a cursor: the lines behind the first one, or the list in the message."""

    def change(document: Any, draw: random.Random) -> Any:
        if isinstance(document, list):
            entries = work(document[1:], draw)
            return None if entries is None else [document[0], *entries]
        holders = [one for one in _with(document, "entries") if isinstance(one["entries"], list)]
        entries = work(holders[0]["entries"], draw) if holders else None
        if entries is None:
            return None
        holders[0]["entries"] = entries
        return document

    return change


def _shuffled(entries: list[Any], draw: random.Random) -> list[Any] | None:
    return draw.sample(entries, len(entries)) if len(entries) > 1 else None


_STRUCTURE: dict[str, Change] = {
    "baton-null": _set("baton", None),
    "baton-absent": _without("baton"),
    "baton-wrong": _set("baton", "bm90IGEgYmF0b24="),
    "baton-number": _set("baton", 42),
    "base-url-nowhere": _set("base_url", "http://127.0.0.1:1"),
    "base-url-no-url": _set("base_url", "http://["),
    "base-url-port": _set("base_url", "http://127.0.0.1:99999"),
    "base-url-number": _set("base_url", 42),
    "base-url-scheme": _set("base_url", "file:///etc/passwd"),
    "base-url-relative": _set("base_url", "elsewhere"),
    "results-too-few": _on_list("results", _drop_last),
    "results-too-many": _on_list("results", _repeat_last),
    "results-object": _set("results", {}),
    "steps-too-few": _on_list("step_results", _drop_last),
    "steps-too-many": _on_list("step_results", _repeat_last),
    "errors-too-few": _on_list("step_errors", _drop_last),
    "step-skipped": _skip_step,
    "steps-skipped": _skip_all_steps,
    "step-both": _result_and_error,
    "result-null": _set("result", None),
    "result-empty": _set("result", {}),
    "result-text": _set("result", "x"),
    "type-other": _other_type,
    "type-unknown": _set("type", "magic"),
    "type-absent": _without("type"),
    "cols-absent": _without("cols"),
    "cols-number": _set("cols", 3),
    "cols-too-few": _on_list("cols", _drop_last),
    "col-name-number": _set("name", 3),
    "rows-absent": _without("rows"),
    "rows-object": _set("rows", {}),
    "row-too-short": _on_row(_drop_last),
    "row-too-long": _on_row(_repeat_last),
    "row-null": _on_list("rows", lambda rows, draw: rows.__setitem__(draw.randrange(len(rows)), None)),
    "count-absent": _without("affected_row_count"),
    "count-text": _set("affected_row_count", "many"),
    "count-negative": _set("affected_row_count", -1),
    "autocommit-absent": _without("is_autocommit"),
    "autocommit-text": _set("is_autocommit", "no"),
    "error-empty": _failed({}),
    "error-number": _failed({"message": 7, "code": 7}),
    "error-text": _failed("broken"),
    "error-null": _failed(None),
    "step-error-empty": _failed_step({}),
    "step-error-text": _failed_step("broken"),
    "answer-null": _instead([]),
    "answer-empty": _instead({}),
    "answer-number": _instead(b"7"),
}
_VALUES: dict[str, Change] = {
    "integer-5000-digits": _on_value("integer", lambda v, _: v.__setitem__("value", "9" * 5000)),
    "integer-65-bits": _on_value("integer", lambda v, _: v.__setitem__("value", str(1 << 64))),
    "integer-word": _on_value("integer", lambda v, _: v.__setitem__("value", "x")),
    "integer-number": _on_value("integer", lambda v, _: v.__setitem__("value", 1.5)),
    "integer-spaced": _on_value("integer", lambda v, _: v.__setitem__("value", " 1_0 ")),
    "text-number": _on_value("text", lambda v, _: v.__setitem__("value", 7)),
    "text-null": _on_value("text", lambda v, _: v.__setitem__("value", None)),
    "text-half-surrogate": _on_value("text", lambda v, _: v.__setitem__("value", v["value"] + "\ud800")),
    "value-kind": _on_value("text", lambda v, _: v.__setitem__("type", "magic")),
    "value-absent": _on_value("text", lambda v, _: v.pop("value")),
    "float-text": _on_value("float", lambda v, _: v.__setitem__("value", "x")),
    "blob-bad-base64": _on_value("blob", lambda v, _: v.__setitem__("base64", "!!!")),
    "blob-number": _on_value("blob", lambda v, _: v.__setitem__("base64", 7)),
}
_CURSORS: dict[str, Change] = {
    "cursor-shuffled": _on_entries(_shuffled),
    "cursor-cut": _on_entries(lambda entries, _: entries[: len(entries) // 2] if entries else None),
    "cursor-no-begin": _on_entries(lambda entries, _: entries[1:] if entries else None),
    "cursor-end-twice": _on_entries(lambda entries, _: [*entries, entries[-1]] if entries else None),
    "cursor-row-after-end": _on_entries(lambda entries, _: [*entries, {"type": "row", "row": []}] if entries else None),
    "cursor-other-step": _set("step", 7),
    "cursor-entry-null": _on_entries(lambda entries, _: [*entries[:-1], None] if entries else None),
    "cursor-error-empty": _on_entries(lambda entries, _: [*entries[:-1], {"type": "step_error"}] if entries else None),
}
# Well formed, and not true: a client cannot know it, and must not do harm all the same.
_FALSE: dict[str, Change] = {
    "digit-flipped": _on_value("integer", _other_digit),
    "count-off-by-one": _off_by_one,
    "autocommit-flipped": _flip_autocommit,
    "row-lost": _on_list("rows", _drop_last),
    "row-twice": _on_list("rows", _repeat_last),
    "row-swapped": _on_list("rows", _swap, 2),
    "rows-none": _set("rows", []),
    "results-swapped": _on_list("results", _swap, 2),
    "steps-swapped": _on_list("step_results", _swap, 2),
    "text-other": _on_value("text", lambda v, _: v.__setitem__("value", "x" + v["value"])),
    "text-empty": _on_value("text", lambda v, _: v.__setitem__("value", "")),
    "integer-null": _on_value("integer", _to_null),
    "error-no-disk": _failed({"message": "database or disk is full", "code": "SQLITE_FULL"}),
    "error-busy": _failed({"message": "database is locked", "code": "SQLITE_BUSY"}),
    "error-timeout": _failed({"message": "Transaction timed-out", "code": "TRANSACTION_TIMEOUT"}),
    "error-escapes": _failed({"message": "\x1b[31mred\x1b[0m \x07\u202e", "code": "SQLITE_\x1b[1mERROR"}),
    "error-long": _failed({"message": "x" * 3_000_000, "code": "SQLITE_ERROR"}),
    "step-error": _failed_step({"message": "SQLite error: no such table: x", "code": "SQLITE_ERROR"}),
    "step-error-io": _failed_step({"message": "SQLite error: disk I/O error", "code": "SQLITE_IOERR"}),
}
_TEXTS = {
    "number-1e999": b"1e999",
    "number-nan": b"NaN",
    "number-infinity": b"-Infinity",
    "number-5000-digits": b"9" * 5000,
    "nested-lists": b"[" * 100_000 + b"]" * 100_000,
    "nested-objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "no-json": b"<html>",
    "null-byte": b'"\\u0000"',
}
