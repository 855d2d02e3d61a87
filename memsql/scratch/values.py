"""Values for a column: of its type, from the literals of its constraints, and odd ones that break careless SQL."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import KW_ONLY, dataclass
from random import Random

from memsql.db import Value
from memsql.schema import Column, Table
from memsql.schema.definition import definition_of
from memsql.sqltext import fold
from memsql.sqltext.affinity import affinity
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import Token

_WORDS = (
    "alpha",
    "beta",
    "gamma delta",
    "it's",
    'say "hi"',
    "naïve",
    "Übung",
    "日本語",
    "a;b",
    "--",
    "%",
    "x y z",
    "NULL",
)
_DATES = ("2020-01-01", "2020-01-01 00:00:00", "00:00:00")
_CLASS = re.compile(r"\[(\^?)([^\]]+)\]")
_JSON = ("{}", "[]", '{"a": 1}', '["x", "y"]', '"text"', "1")


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a column takes. ``name`` is integer, real, numeric, text, blob, any, date, boolean, json or "integer
    text" (text that looks like an integer); ``required``: not NULL; ``pool``: values to try first; ``serial``: the
    column is the rowid; ``strict``: the table is STRICT."""

    name: str
    _: KW_ONLY
    required: bool = False
    pool: tuple[Value, ...] = ()
    serial: bool = False
    strict: bool = False


def kind_of(
    column: Column,
    table: Table,
    *,
    required: bool,
    pool: tuple[Value, ...],
    declared: str | None = None,
    is_json: bool = False,
) -> Kind:
    """The kind of ``column``; ``declared`` is another type that its values have to fit as well. ``is_json``: something
    reads them as JSON."""
    kinds = [_kind(column.name, column.type, table.strict)]
    if declared is not None:
        kinds.append(_kind(column.name, declared, table.strict))
    # Of two types the narrower one: a column of any type takes an integer, not every column takes a text.
    order = ("boolean", "integer", "real", "numeric", "date", "json", "text", "blob", "any")
    name = min(kinds, key=order.index)
    if is_json and name == "text":
        name = "json"
    serial = column.pk > 0 and fold(column.type) == "integer" and not table.without_rowid
    if (
        declared is not None
        and kinds[0] in ("text", "date", "json")
        and name in ("boolean", "integer", "real", "numeric")
    ):
        pool = (*pool, *map(str, range(-3, 40)), "1.5")
        name = "integer text"
    return Kind(name, required=required, pool=pool, serial=serial, strict=table.strict)


def random_value(rng: Random, kind: Kind) -> Value:
    """A random value of ``kind``, never NULL."""
    if kind.pool and rng.random() < 0.6:
        value = rng.choice(kind.pool)
        if isinstance(value, str) and rng.random() < 0.4:
            # A unique column needs several texts that match the pattern of its CHECK.
            value = _variant(rng, value)
        if not kind.strict or _fits(value, kind.name):
            return value
    return _by_name(rng, kind)


def _variant(rng: Random, text: str) -> str:
    """``text`` with digits before or behind it, or with other digits in place of its own."""
    pick = rng.randint(0, 2)
    if pick == 2:
        return re.sub("[0-9]", lambda _: str(rng.randint(0, 9)), text)
    digits = str(rng.randint(0, 999))
    return digits + text if pick else text + digits


def literals(table: Table) -> dict[str, tuple[Value, ...]]:
    """By column in lower case, the literals in the definition of ``table``, and values near them.

    For example ``CHECK (stars BETWEEN 1 AND 5)`` gives 0, 1, 2, 4, 5 and 6 for the column stars, and texts of these
    lengths.
    """
    by_column: dict[str, list[Value]] = defaultdict(list)
    names = {fold(c.name) for c in table.columns}
    for clause in definition_of(table).clauses:
        tokens = clause.tokens
        values = [v for token in tokens for v in around(token)]
        if any(token.word.startswith("JSON") for token in tokens):
            values += _JSON
        if any(token.word in ("DATE", "DATETIME", "TIME", "STRFTIME", "JULIANDAY") for token in tokens[1:]):
            values += _DATES
        owners = [clause.name] if clause.name else [t.name for t in tokens if t.kind in ("word", "quoted")]
        for owner in owners:
            if owner in names:
                by_column[owner] += values
    return {name: tuple(dict.fromkeys(values)) for name, values in by_column.items()}


def _first(members: re.Match[str]) -> str:
    """The first of the characters that a class of a GLOB pattern names."""
    return "~" if members[1] else members[2][0]


def _last(members: re.Match[str]) -> str:
    """The last one."""
    return "~" if members[1] else members[2][-1]


def around(token: Token) -> list[Value]:
    """The literal ``token`` and values near it; for a text that is a pattern, texts that match it."""
    kind, text, _ = token
    if kind == "string":
        plain = unquote(text)
        samples = [_CLASS.sub(member, plain).replace("*", "").replace("%", "") for member in ("5", _first, _last)]
        matching = [sample.replace("?", "a").replace("_", "a") for sample in samples]
        return list(dict.fromkeys([plain, *matching, f"a{samples[0]}b.c"]))
    if kind == "number" and re.fullmatch(r"\d{1,15}", text):
        number = int(text)
        around: list[Value] = [number, number + 1, number - 1]
        lengths = (number, number + 1, number - 1)
        return [*around, *("x" * n for n in lengths if 0 < n < 300), *(["0" * number] if 1 < number < 300 else [])]
    if kind == "number" and re.fullmatch(r"\d*\.\d+|\d+\.\d*", text):
        return [float(text), float(text) + 0.5, float(text) - 0.5]
    return []


def _by_name(rng: Random, kind: Kind) -> Value:
    # Called for each value of each row that is tried: nothing is made that is not used.
    pick = int(rng.random() * 12)
    if kind.serial:
        return rng.randint(1, 60) if pick < 4 else rng.randint(61, 5000) if pick < 8 else -pick if pick == 8 else 7
    match kind.name:
        case "boolean":
            return pick % 2
        case "integer":
            if pick < 4:
                return int(rng.random() * 10)
            return rng.randint(-100, 1000) if pick < 8 else rng.randint(-(2**53), 2**53)
        case "integer text":
            return str(rng.randint(0, 10_000))
        case "real" | "numeric":
            if pick < 4:
                return float(rng.randint(-9, 9))
            return round(rng.uniform(-1000, 1000), 3) if pick < 8 else rng.randint(0, 99)
        case "date":
            day = f"20{rng.randint(10, 30)}-{pick + 1:02}-{rng.randint(1, 28):02}"
            return f"{day}T{rng.randint(0, 23):02}:00:00Z"
        case "json":
            return rng.choice(_JSON)
        case "blob":
            return rng.randbytes(pick + rng.randint(0, 1))
        case "any":
            if pick < 6:
                return rng.randint(-5, 50) if pick < 3 else rng.uniform(-1, 1)
            return rng.choice(_WORDS) if pick < 9 else rng.randbytes(3)
    if pick < 3:
        return rng.choice(_WORDS)
    if pick < 6:
        return f"{rng.choice(_WORDS)} {rng.randint(0, 9999)}"
    return str(rng.randint(0, 99)) if pick < 9 else ""


def _fits(value: Value, kind: str) -> bool:
    if isinstance(value, str):
        return kind in ("text", "json", "date", "any", "integer text")
    return (
        kind in ("integer", "boolean", "real", "numeric", "any")
        if not isinstance(value, bytes)
        else kind in ("blob", "any")
    )


def _kind(name: str, declared: str, strict: bool) -> str:
    word = fold(declared)
    if word == "any" and strict:
        return "any"
    if "bool" in word:
        return "boolean"
    if "json" in word:
        return "json"
    kind = affinity(declared)
    if ("date" in word or "time" in word) or (kind == "text" and re.search(r"(_at|_on|date|time)$", fold(name))):
        return "date"
    return "any" if kind == "blob" and "blob" not in word else kind
