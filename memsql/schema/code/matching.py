"""Finds the models among the types of source files, and the table of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from memsql.schema.code.columns import ColumnFacts
from memsql.schema.code.findings import ERROR, NOTE, WARNING, Finding
from memsql.schema.code.names import table_of, words_of
from memsql.schema.code.shapes import Members, Scope, members_of
from memsql.schema.code.types import Declaration, Indexed, Intersection, Named, Struct, TypeExpr, Union
from memsql.schema.code.views import facts_in
from memsql.schema.model import Schema, Table


@dataclass(frozen=True, slots=True)
class Model:
    """A model with its fields and its table, whose columns are ``facts``. ``form`` says what it is for: "row", "insert"
    or "update"."""

    declaration: Declaration
    scope: Scope
    members: Members
    table: Table
    facts: Mapping[str, ColumnFacts]
    form: str

    @property
    def name(self) -> str:
        return self.declaration.name


@dataclass(frozen=True, slots=True)
class Matched:
    """The models with a table, and what is to say of those without."""

    models: tuple[Model, ...]
    findings: tuple[Finding, ...]


def match(schema: Schema, scopes: Sequence[Scope]) -> Matched:
    """Pair the models in ``scopes`` with the tables and views of ``schema``."""
    models: list[Model] = []
    without: list[tuple[Declaration, Scope, Members, Finding]] = []
    for scope in (scope for scope in scopes if not scope.source.beside):
        for declaration in scope.source.declarations:
            members = _model_members(declaration, scope)
            if members is None:
                continue
            paired = _pair(schema, declaration, scope, members)
            if isinstance(paired, Model):
                models.append(paired)
            else:
                without.append((declaration, scope, members, paired))
    parts = _parts(scopes)
    tables = {(model.scope.source.language, model.name) for model in models}
    findings = [
        finding
        for declaration, scope, members, finding in without
        if (scope.source.language, declaration.name) not in parts or declaration.directives.table
        if not _holds_models(members, scope.source.language, tables)
    ]
    return Matched(tuple(models), tuple(findings))


def _model_members(declaration: Declaration, scope: Scope) -> Members | None:
    """The fields of a declaration that may be a model; None for every other."""
    if not declaration.is_model or declaration.parameters or declaration.directives.is_no_table:
        return None
    members = members_of(declaration.type, scope)
    return members if members and members.fields else None


def _pair(schema: Schema, declaration: Declaration, scope: Scope, members: Members) -> Model | Finding:
    said = declaration.directives
    name, form = table_of(declaration.name, schema.tables)
    table = schema.table(said.table or name or "")
    if table is not None:
        return Model(declaration, scope, members, table, facts_in(schema, table), said.form or form)
    place = Finding(ERROR, "model without table", "", "", scope.source.path, declaration.line, declaration.name)
    shown = declaration.name
    if said.table:
        message = f"{shown} is for the table {said.table}, which the schema does not have"
        return replace(place, message=message, effect="every query of this model fails", table=said.table)
    if members.unknown:
        message = (
            f"{shown} is for no table by its name, and nothing that was read declares {', '.join(members.unknown)}"
        )
        return replace(place, level=NOTE, rule="not compared", message=message)
    columns = {"".join(words_of(column.name)) for table in schema.tables.values() for column in table.columns}
    known = sum("".join(words_of(field.name)) in columns for field in members.fields)
    # Beside models a file has types for other things. One whose fields are mostly columns was meant for a table.
    level = ERROR if 2 * known >= len(members.fields) else WARNING
    effect = (
        "queries of this model fail, if it is for a table; the comment `table: NAME` above it names one, "
        "and `table: none` says that it is for none"
    )
    return replace(place, level=level, message=f"the schema has no table for {shown}", effect=effect)


def _parts(scopes: Iterable[Scope]) -> set[tuple[str, str]]:
    """The names, with their language, that types use: bases, and what fields hold."""
    names: set[tuple[str, str]] = set()
    for scope in scopes:
        for declaration in scope.source.declarations:
            names |= {(scope.source.language, name) for name in _named_in(declaration.type) if name != declaration.name}
    return names


def _holds_models(members: Members, language: str, models: set[tuple[str, str]]) -> bool:
    """Whether every field is a model, as in the list of all tables that some libraries want."""
    return all(any((language, name) in models for name in _named_in(field.type)) for field in members.fields)


def _named_in(read: TypeExpr) -> set[str]:
    if isinstance(read, Named):
        return {read.name}.union(*map(_named_in, read.arguments))
    if isinstance(read, Union | Intersection):
        return set().union(*map(_named_in, read.parts))
    if isinstance(read, Struct):
        return set().union(*(_named_in(field.type) for field in read.fields))
    return _named_in(read.of) if isinstance(read, Indexed) else set()
