"""Compares one field of a model with its column: type, values, default and NULL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from memsql.schema.code.columns import ColumnFacts, literal_value
from memsql.schema.code.findings import ERROR, NOTE, WARNING, Finding
from memsql.schema.code.matching import Model
from memsql.schema.code.shapes import Shape, shape_of
from memsql.schema.code.types import Field

_NUMBERS = frozenset({"integer", "number", "real", "decimal", "boolean"})
_EVERY = _NUMBERS | {"text", "date", "bytes", "json"}
# What a field may be for a column of each kind. JSON stands in a text column as often as in one that says so.
_FITS = {
    "boolean": frozenset({"boolean", "integer", "number"}),
    "integer": frozenset({"integer", "number", "boolean"}),
    "real": frozenset({"real", "number"}),
    "numeric": _NUMBERS,
    "text": frozenset({"text", "date", "json", "decimal"}),
    "json": _EVERY - {"bytes"},
    "date": frozenset({"date", "text", "integer", "number", "real"}),
    "blob": frozenset({"bytes"}),
    "vector": frozenset({"bytes", "json"}),
    "any": _EVERY,
}
_EFFECTS = {
    ("real", "integer"): "a value with a fraction is no integer",
    ("real", "decimal"): "the column keeps 15 digits, and binary ones",
    ("integer", "real"): "a value with a fraction is stored as it is (in a STRICT table it is refused), and the column "
    "says that there is none",
    ("text", "integer"): "SQLite gives a text, and turns a number that is written into a text",
    ("text", "number"): "SQLite gives a text, and turns a number that is written into a text",
    ("text", "real"): "SQLite gives a text, and turns a number that is written into a text",
    ("text", "boolean"): "SQLite gives a text, and every text that is not empty counts as true",
    ("integer", "text"): "SQLite gives a number, and turns a text of digits that is written into a number",
    ("integer", "date"): "SQLite gives a number, which the code has to turn into a date",
    ("blob", "text"): "SQLite gives bytes, and a text that is written stays a text",
}


@dataclass(frozen=True, slots=True)
class _Pair:
    """A field and its column; ``read`` and ``write``: whether the model is for reading rows, for writing them."""

    model: Model
    field: Field
    facts: ColumnFacts
    shape: Shape
    read: bool
    write: bool

    @property
    def is_optional(self) -> bool:
        return self.field.optional or self.shape.optional

    @property
    def name(self) -> str:
        return f"{self.model.name}.{self.field.name}"

    @property
    def column(self) -> str:
        return f"{self.model.table.name}.{self.facts.name}"

    def finding(self, level: str, rule: str, message: str, effect: str = "") -> Finding:
        return Finding(
            level,
            rule,
            message,
            effect,
            self.model.scope.source.path,
            self.field.line,
            self.model.name,
            self.field.name,
            self.model.table.name,
            self.facts.name,
        )


def compare_field(model: Model, field: Field, facts: ColumnFacts, *, writes_apart: bool) -> list[Finding]:
    """The findings about ``field`` of ``model``, whose column is ``facts``. ``writes_apart``: rows are written by
    another model, so that a model of form "row" is for reading alone."""
    reads = model.form == "row"
    writes = not (reads and writes_apart) and model.table.kind == "table"
    pair = _Pair(model, field, facts, shape_of(field.type, model.scope), reads, writes)
    findings = [] if field.directives.is_converted else [*_type(pair), *_values(pair)]
    return [*findings, *_null(pair)]


def _type(pair: _Pair) -> Iterator[Finding]:
    shape, facts = pair.shape, pair.facts
    if shape.unknown:
        names = ", ".join(dict.fromkeys(shape.unknown))
        yield pair.finding(NOTE, "not compared", f"{pair.name}: nothing that was read declares {names}")
        return
    if shape.is_any:
        return
    fits = _FITS[facts.kind]
    wrong = sorted(shape.kinds - fits)
    declared = facts.declared or "no type"
    if not shape.kinds & fits:
        effect = next((_EFFECTS[facts.kind, kind] for kind in wrong if (facts.kind, kind) in _EFFECTS), "")
        message = f"{pair.name} is {pair.field.text}, and {pair.column} is {declared}"
        convert = "where the code converts it, the comment `converted: REASON` says so"
        yield pair.finding(ERROR, "type", message, f"{effect}; {convert}" if effect else convert)
    elif wrong:
        message = f"{pair.name} is {pair.field.text}, of which {pair.column} ({declared}) holds only a part"
        yield pair.finding(WARNING, "type", message)
    elif shape.kinds == {"boolean"} and facts.values is not None and not facts.values <= {0, 1}:
        message = f"{pair.name} is {pair.field.text}, and {pair.column} may be {_listed(facts.values)}"
        yield pair.finding(ERROR, "values", message, "the code takes each value but 0 for true")
    elif shape.kinds == {"boolean"} and literal_value(facts.default) not in (None, 0, 1):
        message = f"{pair.name} is {pair.field.text}, and the default of {pair.column} is {facts.default}"
        yield pair.finding(ERROR, "values", message, "the code takes it for true")


def _values(pair: _Pair) -> Iterator[Finding]:
    """What only the code or only the CHECK of the column allows."""
    literals, facts = pair.shape.literals, pair.facts
    if not literals or pair.shape.is_any or facts.kind == "json":
        return
    default = literal_value(facts.default)
    if facts.values is not None:
        refused = literals - facts.values
        if refused:
            message = f"{pair.name} may be {_listed(refused)}, which the CHECK of {pair.column} refuses"
            yield pair.finding(ERROR, "values", message, "an INSERT or UPDATE with it fails" if pair.write else "")
        unknown = facts.values - literals
        if unknown and pair.read:
            message = f"{pair.column} may be {_listed(unknown)}, which {pair.name} does not know"
            yield pair.finding(ERROR, "values", message, "the code meets a value for which it has no case")
    elif default is not None and default not in literals and pair.read:
        message = f"the default of {pair.column} is {_listed([default])}, which {pair.name} does not know"
        yield pair.finding(ERROR, "values", message, "the code meets a value for which it has no case")


def _null(pair: _Pair) -> Iterator[Finding]:
    shape, facts = pair.shape, pair.facts
    if facts.may_be_null is None or shape.unknown or (shape.is_any and not pair.is_optional):
        return
    if facts.is_generated and pair.model.form != "row":
        effect = "SQLite refuses an INSERT or UPDATE that names it"
        yield pair.finding(ERROR, "generated column", f"{pair.name} is for the generated column {pair.column}", effect)
    elif pair.read and facts.may_be_null and not (shape.nullable or pair.is_optional or shape.is_any):
        if not pair.field.directives.is_never_null:
            yield _reads_null(pair)
    elif not facts.may_be_null and not facts.is_generated and not shape.is_any:
        yield from _never_null(pair)
    elif pair.write and pair.is_optional and facts.is_required and pair.model.form != "update":
        yield _left_out(pair)


def _reads_null(pair: _Pair) -> Finding:
    facts = pair.facts
    message = f"{pair.name} is {pair.field.text}, never NULL, and {pair.column} may be NULL"
    if facts.is_generated:
        return pair.finding(WARNING, "null", message, "the expression of the column may give NULL where it reads one")
    if facts.default is not None:
        effect = f"only where a statement writes NULL itself; otherwise the default holds, {facts.default}"
        return pair.finding(WARNING, "null", message, effect)
    return pair.finding(ERROR, "null", message, "a row without it reads as NULL where the code expects a value")


def _never_null(pair: _Pair) -> Iterator[Finding]:
    """A field that may be NULL or left out, for a column that never is."""
    shape, facts = pair.shape, pair.facts
    if facts.is_rowid or not (shape.nullable or pair.is_optional):
        return
    if shape.nullable:
        message = f"{pair.name} may be NULL, and {pair.column} never is"
        if not pair.write:
            yield pair.finding(WARNING, "null", message, "the code looks for a NULL that never comes")
        elif facts.default is not None and pair.model.form == "row":
            effect = "an INSERT that names it with NULL fails; one that leaves it out takes the default"
            yield pair.finding(WARNING, "null", message, effect)
        else:
            yield pair.finding(ERROR, "null", message, "an INSERT or UPDATE with NULL fails")
    elif pair.write and facts.is_required and pair.model.form != "update":
        yield _left_out(pair)


def _left_out(pair: _Pair) -> Finding:
    message = f"{pair.name} may be left out, and {pair.column} never is NULL and has no default"
    return pair.finding(ERROR, "null", message, "an INSERT without it fails")


def _listed(values: Iterable[str | float]) -> str:
    return ", ".join(repr(value) for value in sorted(values, key=lambda v: (isinstance(v, str), v)))
