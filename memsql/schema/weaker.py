"""What a schema protects less than the one before it, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from memsql.schema.compare import with_parent_columns
from memsql.schema.meaning import IndexRules, index_rules, same_object
from memsql.schema.model import Schema, Table
from memsql.schema.read_rules import rules_of
from memsql.schema.rules import ColumnRule, Key, TableRules
from memsql.sqltext.names import fold, quote_if_needed

_Unique = tuple[frozenset[tuple[str, str]], str]
"""What a unique key enforces: its columns with their collations, and the condition of a partial index."""


def weaker(old: Schema, new: Schema, renamed: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What ``new`` enforces less than ``old``, or defines otherwise, in tables that both have.

    ``renamed`` are the new names of tables by their old ones, in lower case. Looks at CHECK, UNIQUE, PRIMARY KEY,
    NOT NULL, foreign keys and their actions, DEFAULT, COLLATE, AUTOINCREMENT, STRICT, ON CONFLICT, generated columns,
    indexes and triggers. What is about a column that is gone goes with it, and is not mentioned.

    Returns sentences without a full stop: "UNIQUE (mail) of team is gone".
    """
    names = renamed or {}
    sentences: list[str] = []
    for table in old.tables.values():
        after = new.table(names.get(fold(table.name), table.name))
        if table.kind != "table" or after is None or after.kind != "table":
            continue
        if table != after:
            sentences += _of_table(table, after, (old, new), names)
        sentences += _of_indexes(table, after, old, new)
    return (*sentences, *_of_triggers(old, new, names))


def _of_table(old: Table, new: Table, schemas: tuple[Schema, Schema], renamed: Mapping[str, str]) -> Iterator[str]:
    one, two, name = rules_of(old), rules_of(new), quote_if_needed(new.name)
    if one.unread or two.unread:
        if one != two:
            yield f"{name} is defined otherwise"
        return
    yield from _of_checks(one, two, name)
    yield from _of_keys(one, two, name, _enforced(new, two, schemas[1]))
    for column in one.columns.values():
        if column.name in two.columns:
            yield from _of_column(column, two.columns[column.name], name)
    yield from _of_references(one, two, schemas, (name, renamed))
    if one.strict and not two.strict:
        yield f"STRICT of {name} is gone"


def _of_checks(one: TableRules, two: TableRules, table: str) -> Iterator[str]:
    left = {check.expression for check in two.checks}
    for check in sorted(one.checks, key=str):
        if check.expression not in left and check.columns <= two.columns.keys():
            yield f"{check} of {table} is gone"


def _of_keys(one: TableRules, two: TableRules, table: str, enforced: set[_Unique]) -> Iterator[str]:
    primary, after = one.primary_key, two.primary_key
    keys = [*([primary] if primary else []), *sorted(one.unique, key=str)]
    others = {k.columns: k for k in (*two.unique, *([after] if after else []))}
    for key in keys:
        if not set(key.columns) <= two.columns.keys():
            continue
        other = others.get(key.columns)
        if key.kind == "unique":
            is_gone = not _is_enforced(_key_of(key), enforced)
        else:
            is_gone = after is None or key.columns != after.columns
        if is_gone:
            yield f"{key} of {table} is gone"
        elif key.kind == "rowid" and after and after.kind != "rowid":
            yield f"{key} of {table} is no longer the rowid"
        elif other is not None and key.conflict != other.conflict:
            yield _became(f"ON CONFLICT of {key} of {table}", _conflict(key.conflict), _conflict(other.conflict))
    if primary and primary.autoincrement and after and not after.autoincrement:
        yield f"AUTOINCREMENT of {table} is gone"


def _of_column(one: ColumnRule, two: ColumnRule, table: str) -> Iterator[str]:
    name = f"{table}.{quote_if_needed(two.spelled or two.name)}"
    if one.not_null and not two.not_null:
        yield f"NOT NULL of {name} is gone"
    elif one.not_null and one.not_null != two.not_null:
        yield _became(f"ON CONFLICT of NOT NULL of {name}", _conflict(one.not_null), _conflict(two.not_null))
    if one.default is not None and two.default is None and not two.generated:
        yield f"DEFAULT {one.default} of {name} is gone"
    elif one.default is not None and one.default != two.default and not two.generated:
        yield f"DEFAULT of {name} is {two.default} and was {one.default}"
    if one.collation != two.collation:
        gone = two.collation == "binary"
        collation = one.collation.upper()
        yield (
            f"COLLATE {collation} of {name} is gone"
            if gone
            else _became(f"COLLATE of {name}", collation, two.collation.upper())
        )
    if one.generated and one.generated != two.generated:
        text = f"GENERATED ALWAYS AS {one.generated}"
        yield f"{text} of {name} is gone" if not two.generated else f"{name} is AS {two.generated} and was {text[17:]}"


def _of_references(
    one: TableRules, two: TableRules, schemas: tuple[Schema, Schema], names: tuple[str, Mapping[str, str]]
) -> Iterator[str]:
    """``names``: of the table, and the new ones of tables by their old ones."""
    table, renamed = names
    old, new = (
        {(r.pairs, r.parent): r for r in (with_parent_columns(r, schema) for r in rules.references)}
        for rules, schema in zip((one, two), schemas, strict=True)
    )
    for (pairs, parent), reference in sorted(old.items()):
        if not set(reference.columns) <= two.columns.keys():
            continue
        other = new.get((pairs, fold(renamed.get(parent, parent))))
        title = f"{reference} of {table} to {quote_if_needed(parent)}"
        if other is None:
            yield f"{title} is gone"
            continue
        for event, was, now in (
            ("DELETE", reference.on_delete, other.on_delete),
            ("UPDATE", reference.on_update, other.on_update),
        ):
            if was != now:
                yield _became(f"ON {event} of {title}", was.upper(), now.upper())
        if reference.deferred != other.deferred:
            yield f"{title} is {'' if other.deferred else 'no longer '}DEFERRABLE INITIALLY DEFERRED"


def _of_indexes(old: Table, new: Table, before: Schema, after: Schema) -> Iterator[str]:
    others = {fold(o.name): o for o in after.of(new.name, "index")}
    columns = {fold(c.name) for c in new.columns}
    enforced: set[_Unique] | None = None
    for index in before.of(old.name, "index"):
        other = others.get(fold(index.name))
        if other is not None and other.sql == index.sql and old == new:
            continue
        one = index_rules(index, before)
        if other is not None:
            yield from _of_index(one, index_rules(other, after), quote_if_needed(other.name))
        elif one.unique and one.columns <= columns:
            enforced = _enforced(new, rules_of(new), after) if enforced is None else enforced
            if not _is_enforced(_index_key(one, rules_of(old)), enforced):
                yield f"UNIQUE ({', '.join(one.terms)}) of {quote_if_needed(new.name)} is gone"


def _of_index(one: IndexRules, two: IndexRules, name: str) -> Iterator[str]:
    if one.unread or two.unread:
        if one.unread != two.unread:
            yield f"index {name} is defined otherwise"
        return
    if one.unique and not two.unique:
        yield f"index {name} is no longer UNIQUE"
    if one.where != two.where:
        yield f"index {name} is {f'for rows WHERE {two.where}' if two.where else 'for all rows'} and was " + (
            f"for rows WHERE {one.where}" if one.where else "for all rows"
        )
    if one.terms != two.terms:
        yield f"index {name} is on ({', '.join(two.terms)}) and was on ({', '.join(one.terms)})"


def _of_triggers(before: Schema, after: Schema, renamed: Mapping[str, str]) -> Iterator[str]:
    others = {fold(o.name): o for o in after.objects if o.type == "trigger"}
    for trigger in before.objects:
        other = others.get(fold(trigger.name)) if trigger.type == "trigger" else None
        if other is None or other.sql == trigger.sql:
            continue
        if not same_object((trigger, before), (other, after), [{}, renamed]):
            yield f"trigger {quote_if_needed(other.name)} has another text"


def _enforced(table: Table, rules: TableRules, schema: Schema) -> set[_Unique]:
    """Every unique key of ``table``, whether a constraint or an index makes it."""
    keys = [*rules.unique, *([rules.primary_key] if rules.primary_key else [])]
    indexes = (index_rules(o, schema) for o in schema.of(table.name, "index"))
    return {_key_of(key) for key in keys} | {_index_key(i, rules) for i in indexes if i.unique}


def _key_of(key: Key) -> _Unique:
    return frozenset(zip(map(quote_if_needed, key.columns), key.collations, strict=True)), ""


def _index_key(index: IndexRules, rules: TableRules) -> _Unique:
    columns = {quote_if_needed(c.name): c.collation for c in rules.columns.values()}
    pairs = set()
    for term in index.terms:
        expression, _, collation = term.removesuffix(" desc").partition(" collate ")
        pairs.add((expression, collation or columns.get(expression, "")))
    return frozenset(pairs), index.where


def _is_enforced(key: _Unique, enforced: Iterable[_Unique]) -> bool:
    """Whether a key over the same columns, or over some of them, is enforced for the same rows, or for all rows."""
    pairs, where = key
    return any(others <= pairs and condition in ("", where) for others, condition in enforced)


def _conflict(clause: str) -> str:
    return clause.rpartition("on conflict ")[2].upper() if "on conflict " in clause else "ABORT"


def _became(what: str, was: str, now: str) -> str:
    return f"{what} is {now} and was {was}"
