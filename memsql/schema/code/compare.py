"""Compares a schema with the models in source code: types, NULL, values, and what only one of them has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from memsql.schema.code.columns import ColumnFacts
from memsql.schema.code.fields import compare_field
from memsql.schema.code.findings import ERROR, NOTE, WARNING, Finding
from memsql.schema.code.matching import Model, match
from memsql.schema.code.names import column_of, words_of
from memsql.schema.code.shapes import scopes_of
from memsql.schema.code.types import Field, Named, Source, TypeExpr, Union
from memsql.schema.code.used import who_names
from memsql.schema.model import Schema, Table
from memsql.sqltext.names import fold


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared: pairs of a model and its table, how many fields, and the findings in order of their place."""

    models: tuple[tuple[str, str], ...]
    fields: int
    findings: tuple[Finding, ...]

    def count(self, level: str) -> int:
        """How many findings are of this level."""
        return sum(finding.level == level for finding in self.findings)


def compare(schema: Schema, sources: Sequence[Source], queries: Mapping[str, str] | None = None) -> Comparison:
    """Hold ``schema`` against what ``sources`` declare. ``queries`` are texts of SQL by their
    names: a column that they name is in use, also without a field."""
    matched = match(schema, scopes_of(sources))
    findings = list(matched.findings)
    compared = 0
    with_insert = {(m.table.name, m.scope.source.language) for m in matched.models if m.form == "insert"}
    for model in matched.models:
        writes_apart = (model.table.name, model.scope.source.language) in with_insert
        for field in model.members.fields:
            read = _field(model, field, matched.models, writes_apart=writes_apart)
            compared += read is not None
            findings += read or ()
        findings += _required(model) if model.form == "insert" else ()
    texts = {**(queries or {}), **{f"the {obj.type} {obj.name}": obj.sql for obj in schema.objects}}
    for table, language in dict.fromkeys((m.table.name, m.scope.source.language) for m in matched.models):
        of = [m for m in matched.models if (m.table.name, m.scope.source.language) == (table, language)]
        findings += _left_out(of, schema, texts)
    findings += _without_model(schema, sources, matched.models)
    order = {source.path: place for place, source in enumerate(sources)}
    findings.sort(key=lambda f: (order.get(f.path, len(order)), f.line, f.table, f.column))
    pairs = tuple((model.name, model.table.name) for model in matched.models)
    return Comparison(pairs, compared, tuple(findings))


def _field(model: Model, field: Field, models: Sequence[Model], *, writes_apart: bool) -> list[Finding] | None:
    """The findings about a field; None for one that is not stored."""
    said = field.directives
    if said.is_no_column:
        return None
    facts = model.facts
    name = column_of(said.column or field.name, facts)
    if name is not None:
        return compare_field(model, field, facts[name], writes_apart=writes_apart)
    if not said.column and _is_relation(field.type, {other.name for other in models}):
        return None
    return [_unknown(model, field)]


def _unknown(model: Model, field: Field) -> Finding:
    """The finding about a field for which there is no column, with the column that it may mean."""
    said, table = field.directives.column, model.table.name
    message = f"{table} has no column for {model.name}.{field.name}"
    if said:
        message = f"{model.name}.{field.name} is for the column {said}, which {table} does not have"
    free = {"_".join(words_of(name)): name for name in model.facts if name not in _columns_of(model)}
    near = get_close_matches("_".join(words_of(said or field.name)), free, n=1)
    meant = f"did you mean {free[near[0]]}? " if near else ""
    effect = (
        f"{meant}a query that names it fails; a field that is not stored in the "
        f"{'view' if model.table.kind == 'view' else 'table'} says so with the comment `not a column: REASON`"
    )
    place = (model.scope.source.path, field.line, model.name, field.name, table, said)
    return Finding(ERROR, "unknown field", message, effect, *place)


def _is_relation(read: TypeExpr, models: set[str]) -> bool:
    """Whether a field holds models of other tables, which a join fills."""
    if isinstance(read, Union):
        return any(_is_relation(part, models) for part in read.parts)
    return isinstance(read, Named) and (
        read.name in models or any(_is_relation(argument, models) for argument in read.arguments)
    )


def _columns_of(model: Model) -> set[str]:
    """The columns for which the model has a field."""
    facts = model.facts
    columns = {
        column_of(field.directives.column or field.name, facts)
        for field in model.members.fields
        if not field.directives.is_no_column
    }
    return {column for column in columns if column}


def _required(model: Model) -> list[Finding]:
    """The columns without a field that an INSERT has to name."""
    known = _columns_of(model)
    missing = [
        facts
        for facts in model.facts.values()
        if facts.is_required and facts.name not in known
        if fold(facts.name) not in map(fold, model.declaration.directives.left_out)
    ]
    return [
        _of_model(model, facts, ERROR, "column not in the model", "an INSERT that does not name it fails")
        for facts in missing
    ]


def _left_out(models: Sequence[Model], schema: Schema, texts: Mapping[str, str]) -> list[Finding]:
    """The columns for which none of ``models``, all of one table, has a field. One without a default is an error only
    where no model is for INSERT, which has findings of its own."""
    unknown = sorted({name for model in models for name in model.members.unknown})
    rows = [model for model in models if model.form == "row"] or list(models)
    widest = max(rows, key=lambda model: len(model.members.fields))
    if unknown:
        bases = ", ".join(unknown)
        note = f"which columns {widest.name} lacks is not known: nothing that was read declares {bases}"
        place = (widest.scope.source.path, widest.declaration.line, widest.name, "", widest.table.name)
        return [Finding(NOTE, "not compared", note, "", *place)]
    known = set().union(*map(_columns_of, models))
    left_out = {fold(name) for model in models for name in model.declaration.directives.left_out}
    has_insert = any(model.form == "insert" for model in models)
    findings = []
    for facts in widest.facts.values():
        if facts.name in known or fold(facts.name) in left_out or widest.table.kind == "virtual":
            continue
        if facts.is_required and widest.form == "row" and not has_insert:
            effect = "an INSERT of this model fails, because the column is NOT NULL and has no default"
            findings.append(_of_model(widest, facts, ERROR, "column not in the model", effect))
        elif widest.table.kind == "view" or (has_insert and facts.is_required and widest.form != "row"):
            continue
        elif by := who_names(texts, widest.table, facts.name):
            effect = f"{by} names it, and the code cannot"
            findings.append(_of_model(widest, facts, WARNING, "column not in the model", effect))
        else:
            effect = "no field, query, view, trigger, index or key names it"
            findings.append(_of_model(widest, facts, WARNING, "dead column", effect))
    return findings


def _of_model(model: Model, facts: ColumnFacts, level: str, rule: str, effect: str) -> Finding:
    return Finding(
        level,
        rule,
        f"{model.name} has no field for {model.table.name}.{facts.name}",
        effect,
        model.scope.source.path,
        model.declaration.line,
        model.name,
        table=model.table.name,
        column=facts.name,
    )


def _without_model(schema: Schema, sources: Iterable[Source], models: Iterable[Model]) -> list[Finding]:
    known = {fold(model.table.name) for model in models}
    known |= {fold(name) for source in sources for name in source.without_model}
    tables: list[Table] = [table for table in schema.tables.values() if table.kind == "table"]
    return [
        Finding(
            WARNING,
            "table without model",
            f"no model is for the table {table.name}",
            "the comment `without a model: NAME` says that none is wanted",
            table=table.name,
        )
        for table in tables
        if fold(table.name) not in known
    ]
