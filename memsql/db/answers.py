"""Reading what a server answers: nothing is used before it has the shape that Hrana gives it. No I/O.

A server, or what stands between, may send anything: a page of HTML, numbers that no integer holds, lists in lists
without end, the answer to another request. Every function here raises Malformed for it and no other exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

Json = dict[str, Any]

ANSWER_LIMIT = 64 << 20
"""Bytes of one answer that is read as a whole. sqld sends 10 MB for one request unless its --max-response-size says
more, and a pipeline has several requests."""

ENTRY_LIMIT = 64 << 20
"""Bytes of one entry of a cursor, which is a row. sqld has rows of 5,000,000 bytes at most, and JSON writes a byte of
text in six characters at most."""

_QUOTED = 60
# A row of one NULL, [{"type":"null"}], is the shortest there is.
_BYTES_EACH = 8
_FEW = 1000
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class Malformed(Exception):
    """An answer is not what Hrana says it is; the text is the reason, which quotes little of the answer."""


def parse(text: bytes) -> Json:
    """The JSON object that ``text`` is."""
    value = _load(text)
    if type(value) is not dict:
        raise Malformed(f"the answer is {kind(value)} and not an object")
    return value


def parse_lines(lines: Sequence[bytes]) -> list[Json]:
    """The JSON object that each line is. Together, because that is faster than one by one."""
    values = _load(b"[%b]" % b",".join(lines))
    if len(values) != len(lines) or not all(type(entry) is dict for entry in values):
        raise Malformed("a line of the answer is not one object")
    return list(values)


def pipeline_results(answer: Json, count: int) -> list[Json]:
    """The ``count`` results of a pipeline: each has the type "ok" and an object ``response`` with a type, or the type
    "error" and an error object."""
    results = answer.get("results")
    if type(results) is not list or len(results) != count:
        number = len(results) if type(results) is list else "no"
        raise Malformed(f"the answer has {number} results where there were {count} requests")
    return [_stream_result(result) for result in results]


def _stream_result(result: object) -> Json:
    if type(result) is dict and result.get("type") == "ok":
        response = result.get("response")
        if type(response) is dict and type(response.get("type")) is str:
            return result
    if type(result) is dict and result.get("type") == "error":
        error_object(result.get("error"))
        return result
    raise Malformed("a result is neither a response nor an error")


def error_object(value: object) -> Json:
    """``value``, which is an error object: a message, and a code or none."""
    if type(value) is not dict or type(value.get("message")) is not str:
        raise Malformed("an error has no message")
    if not isinstance(value.get("code"), (str, type(None))):
        raise Malformed(f"the code of an error is {kind(value['code'])}")
    return value


def response(answer: Json, wanted: str) -> Json:
    """The response in ``answer``, one of pipeline_results() that is no error; it answers a request of the type
    ``wanted``."""
    inside: Json = answer["response"]
    if inside.get("type") != wanted:
        raise Malformed(f"the answer to a request {wanted!r} has another type")
    return inside


def result_of(answer: Json, wanted: str) -> Json:
    """The object ``result`` of response()."""
    result = response(answer, wanted).get("result")
    if type(result) is not dict:
        raise Malformed(f"the result of a request {wanted!r} is {kind(result)}")
    return result


def step_lists(result: Json, count: int) -> list[tuple[object, Json | None]]:
    """The result and the error of each of the ``count`` steps of a batch."""
    results, errors = result.get("step_results"), result.get("step_errors")
    if type(results) is not list or type(errors) is not list or not len(results) == len(errors) == count:
        raise Malformed(f"the answer to a batch of {count} steps has results or errors of another number")
    pairs = [(one, None if e is None else error_object(e)) for one, e in zip(results, errors, strict=True)]
    if any(one is not None and e is not None for one, e in pairs):
        raise Malformed("a step of a batch has a result and an error")
    return pairs


def columns(value: object) -> tuple[str, ...]:
    """The names of the columns of a result."""
    if type(value) is not list:
        raise Malformed(f"the columns of a result are {kind(value)}")
    names = [c.get("name", c) if type(c) is dict else c for c in value]
    if not all(type(name) is str or name is None for name in names):
        raise Malformed("a column of a result has no name")
    return tuple(name or "" for name in names)


def number(value: object, what: str) -> int:
    """``value``, which counts something: a whole number from 0 to 2**64 - 1."""
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise Malformed(f"{what} is {kind(value)}")
    return value


def flag(value: object, what: str) -> bool:
    """``value``, which is true or false."""
    if type(value) is not bool:
        raise Malformed(f"{what} is {kind(value)}")
    return value


def baton(answer: Json) -> str | None:
    """What to send with the next request of the stream; None where the server ended it."""
    value = answer.get("baton")
    if not isinstance(value, (str, type(None))):
        raise Malformed(f"the baton is {kind(value)}")
    return value


def base_url(answer: Json) -> str | None:
    """The address that the next request of the stream goes to, without a slash at its end; None where it stays."""
    value = answer.get("base_url")
    if value is None or value == "":
        return None
    if type(value) is not str or not _is_base_url(value):
        raise Malformed("the base_url is not the URL of a server")
    return value.rstrip("/")


def _is_base_url(text: str) -> bool:
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment) and "@" not in parts.netloc
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and plain


def kind(value: object) -> str:
    """What ``value`` is, for a message: never more than a few characters of it."""
    if value is None:
        return "missing"
    if type(value) in (int, float, bool):
        try:
            text = repr(value)
        except ValueError:
            return "a number of thousands of digits"
        return text if len(text) <= _QUOTED else f"a number of {len(text)} digits"
    return "an object" if type(value) is dict else "a list" if type(value) is list else "a text"


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"the answer has {name}, which JSON has not")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _refuse_many(text: bytes) -> None:
    """Raise Malformed for more lists and objects than an answer of this length can have: in Python's memory an empty
    list of two bytes takes sixty."""
    allowed = len(text) // _BYTES_EACH + _FEW
    if text.count(b"[") + text.count(b"{") <= allowed:
        return
    # Texts may hold any number of them.
    plain = _TEXT.sub(b"", text)
    if plain.count(b"[") + plain.count(b"{") > allowed:
        raise Malformed("the answer has more lists and objects than any answer of its length")


def _load(text: bytes) -> Any:
    _refuse_many(text)
    try:
        value = _DECODER.decode(text.decode())
        if b"\\ud" in text or b"\\uD" in text:
            # Half of a surrogate pair, which no file or terminal takes.
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise Malformed("the answer has lists or objects in each other without end") from None
    except ValueError:
        raise Malformed("the answer is not JSON") from None
