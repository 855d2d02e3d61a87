"""Comparing a table with those to which its rows were copied: the SQL, and what its answer says. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.engine.loss.answers import Query, least_text, shown_value
from memsql.engine.loss.copies import Carrier, Match
from memsql.engine.loss.tables import ROWID, Table
from memsql.sqltext.names import quote_string

_LONG_TEXT = 20_000


def compare_column(source: Table, column: str, matches: Sequence[Match]) -> Query:
    """Compare one column of ``source``, whose rows stay, with all ``matches``."""
    return compare(source, source.key, matches, (column,), row_stays=True)


def compare(
    source: Table,
    key: Sequence[str],
    matches: Sequence[Match],
    columns: Sequence[str],
    *,
    nulls: Sequence[str] = (),
    row_stays: bool = False,
) -> Query:
    """Compare ``columns`` of ``source`` row by row with all ``matches`` (at least one), each of which has the key. Rows
    with NULL in one of ``nulls`` are left out. ``row_stays``: a value is lost too where its row is in no copy; else it
    goes with the row."""
    hit = " OR ".join(_hit(match, n) for n, match in enumerate(matches) if not match.is_side) or "0"
    grouped = not all(match.own or is_single(source, match) for match in matches)
    collect = "max" if grouped else ""
    shown = _key_text(source, key)
    fields = [f"{collect}({hit}) AS h", f"{'min' if grouped else ''}({shown}) AS k"]
    counted = set()
    for n, column in enumerate(columns):
        value = source.value("o", column)
        good, same, now = [], [], []
        for m, match in enumerate(matches):
            for carrier in match.carriers_of(column):
                alias = "o" if match.own else f"t{m}"
                present = _hit(match, m)
                other = match.target.value(alias, carrier.column)
                good.append(f"({present} AND {_kept(source, column, match.target, carrier, alias)})")
                same.append(f"({present} AND {_raw(value)} IS {_raw(other)})")
                now.append(other)
                if carrier.manner in ("expression", "partly"):
                    counted.add(column)
        kept = " OR ".join(good) or "0"
        fields.append(f"{collect}({kept} OR {value} IS NULL) AS g{n}")
        fields.append(f"{collect}({' OR '.join(same) or '0'}) AS s{n}" if column in counted else f"1 AS s{n}")
        after = f" || ', now ' || {shown_value(now[0])}" if now else ""
        example = f"{shown} || ': ' || {shown_value(value)}{after}"
        fields.append(f"{'min' if grouped else ''}(CASE WHEN {kept} THEN NULL ELSE {example} END) AS e{n}")
    joins = "".join(
        f" LEFT JOIN {match.target.sql} AS t{n} ON {_on(source, match, n, nulls)}"
        for n, match in enumerate(matches)
        if not match.own
    )
    group = f" GROUP BY {_row_id(source)}" if grouped else ""
    where = f" WHERE NOT ({any_null(source, 'o', nulls)})" if nulls else ""
    inner = f"SELECT {', '.join(fields)} FROM {source.sql} AS o{joins}{where}{group}"
    sums = ["total(NOT h)", least_text("CASE WHEN NOT h THEN k END"), "count(*)"]
    there = "1" if row_stays else "h"
    for n in range(len(columns)):
        lost = f"{there} AND NOT g{n}"
        sums += [f"total({lost})", f"total({there} AND NOT s{n})", least_text(f"CASE WHEN {lost} THEN e{n} END")]
    equal = _all(["h", *(f"g{n} AND s{n}" for n in range(len(columns)))])
    quick = f"SELECT count(*), total(NOT ({equal})) FROM ({inner})"
    return Query(f"SELECT {', '.join(sums)} FROM ({inner})", tuple(columns), quick)


def _all(terms: Sequence[str]) -> str:
    """SQL that is true where all ``terms`` are, as a tree: SQLite reads no expression that is 1,000 levels deep."""
    if len(terms) <= 2:
        return " AND ".join(terms)
    middle = len(terms) // 2
    return f"({_all(terms[:middle])}) AND ({_all(terms[middle:])})"


def compared(source: Table, matches: Sequence[Match]) -> tuple[str, ...]:
    """The columns of ``source`` whose values are data: a generated one only where it is to be a stored one."""
    return tuple(
        name
        for name, column in source.columns.items()
        if not column.fresh
        and (
            not column.generated
            or any(name in m.target.columns and not m.target.columns[name].generated for m in matches if not m.own)
        )
    )


def null_keys(source: Table, matches: Sequence[Match]) -> tuple[str, ...]:
    """The columns of the key of ``source`` that may be NULL, so that a row is not found by them (SQLite lets a key be
    NULL in several rows: https://sqlite.org/lang_createtable.html#the_primary_key); none where the rowid was copied."""
    if all(match.has_rowid for match in matches):
        return ()
    return tuple(column for column, _ in matches[0].pairs if not _is_required(source, column))


def any_null(table: Table, alias: str, columns: Sequence[str]) -> str:
    return " OR ".join(f"{table.value(alias, column)} IS NULL" for column in columns)


def with_null(rows: Table | Match, nulls: Sequence[str]) -> str:
    """The WHERE of the rows of a source, or of a target, that have NULL in one of ``nulls``, columns of the source."""
    if not nulls:
        return ""
    if isinstance(rows, Table):
        return f" WHERE {any_null(rows, 'o', nulls)}"
    return f" WHERE {any_null(rows.target, 't', [other for column, other in rows.pairs if column in nulls])}"


def count_values(source: Table, columns: Sequence[str], nulls: Sequence[str] = ()) -> Query:
    """Count rows, and the values of ``columns``, of a table whose values are nowhere else. ``nulls`` as in
    compare_bags()."""
    sums = ["count(*)", "NULL", "count(*)"]
    for column in columns:
        value = source.value("o", column)
        example = least_text(f"CASE WHEN {value} IS NOT NULL THEN {shown_value(value)} END")
        sums += [f"count({value})", "0", example]
    return Query(f"SELECT {', '.join(sums)} FROM {source.sql} AS o{with_null(source, nulls)}", tuple(columns))


def _hit(match: Match, number: int) -> str:
    if match.own:
        return "1"
    target = match.target
    return (
        f"t{number}.{target.rowid} IS NOT NULL"
        if target.rowid
        else f"{target.value(f't{number}', target.key[0])} IS NOT NULL"
    )


def _on(source: Table, match: Match, number: int, nulls: Sequence[str]) -> str:
    terms = []
    for column, other in match.pairs:
        required = column in nulls or _is_required(source, column)
        sign = "=" if required else "IS"
        here, there = source.value("o", column), match.target.value(f"t{number}", other)
        if source.affinity(column) != match.target.affinity(other):
            # Without affinity of its own it takes that of the other side, whose index can then be used.
            here = f"+{here}"
        term = f"{there} {sign} {here} COLLATE BINARY"
        if not required and match.has_rowid:
            same = f"t{number}.{match.target.rowid} = o.{source.rowid}"
            term = f"({there} = {here} COLLATE BINARY OR ({here} IS NULL AND {there} IS NULL AND {same}))"
        terms.append(term)
    return " AND ".join(terms)


def _is_required(source: Table, column: str) -> bool:
    """Whether no row of ``source`` has NULL in ``column``."""
    return column in (ROWID, source.alias) or (column in source.columns and source.columns[column].required)


def is_single(source: Table, match: Match) -> bool:
    """Whether a row of ``source`` has at most one partner in the target."""
    required = all(_is_required(source, column) for column, _ in match.pairs)
    others = frozenset(ROWID if other == match.target.alias else other for _, other in match.pairs)
    return required and match.target.identifies(others)


def _kept(source: Table, column: str, target: Table, carrier: Carrier, alias: str) -> str:
    """SQL that is true where the carrier holds the value, under the condition that the value is not NULL."""
    old, new = source.value("o", column), target.value(alias, carrier.column)
    if carrier.manner == "expression":
        other = " AND ".join(f"{new} IS NOT ({literal})" for literal in carrier.besides)
        return f"{new} IS NOT NULL" + (f" AND ({other} OR {_raw(old)} IS {_raw(new)})" if other else "")
    if carrier.manner == "partly":
        default = target.columns[carrier.column].default
        literals = (*carrier.besides, *([default] if default is not None else ()))
        return " AND ".join([f"{new} IS NOT NULL", *(f"{new} IS NOT ({literal})" for literal in literals)])
    before, after = source.affinity(column), target.affinity(carrier.column)
    if before == after and before != "blob":
        return f"{old} COLLATE BINARY IS {new}"
    same = f"({_raw(old)} IS {_raw(new)} AND typeof({old}) = typeof({new}))"
    if carrier.manner == "none":
        return same
    # The value comes back where it is the old one after a CAST to the type that it had.
    back = (
        f"{_raw(old)} IS CASE typeof({old}) WHEN 'text' THEN CAST({new} AS TEXT) WHEN 'integer' THEN "
        f"CAST({new} AS INTEGER) WHEN 'real' THEN CAST({new} AS REAL) ELSE CAST({new} AS BLOB) END"
        # CAST makes the greatest integer of each REAL that is greater.
        f" AND (typeof({old}) <> 'integer' OR typeof({new}) <> 'real' OR {old} = {new})"
    )
    if before == "blob":
        # Without affinity the column does not say which type the value had.
        back = f"typeof({old}) = 'blob' AND {back}"
    # A BLOB that is no UTF-8 is no text, whatever CAST makes of it: it has bytes that no character has.
    return f"({same} OR ({back} AND NOT ({is_broken_text(old, new)})))"


def is_broken_text(old: str, new: str) -> str:
    """SQL that is true where a BLOB became a text with a character that SQLite reads as another one.

    A long one is taken for broken unless it is ASCII: SQLite reads it again for each character.
    """
    # Byte by byte, for functions of text end at a NUL.
    character = f"substr(CAST(substr({old}, i, 4) AS TEXT), 1, 1)"
    characters = (
        f"WITH RECURSIVE place (i) AS (SELECT 1 UNION ALL SELECT i + max(1, length(CAST({character} AS BLOB))) "
        f"FROM place WHERE i < length({old})) "
        f"SELECT 1 FROM place WHERE hex(char(unicode({character}))) <> hex({character}) AND {character} <> ''"
    )
    is_ascii = f"{new} NOT GLOB '*[^' || char(1) || '-' || char(127) || ']*' AND length({new}) = length({old})"
    # CASE, for SQLite may ask the operands of AND in any order.
    return (
        f"CASE WHEN typeof({old}) <> 'blob' OR typeof({new}) <> 'text' OR ({is_ascii}) THEN 0 "
        f"WHEN length({old}) > {_LONG_TEXT} THEN 1 ELSE EXISTS ({characters}) END"
    )


def _raw(value: str) -> str:
    """``value`` without the affinity and the collation of its column."""
    return f"+{value} COLLATE BINARY"


def _key_text(source: Table, key: Sequence[str]) -> str:
    parts = [f"{quote_string(f'{k} ')} || {shown_value(source.value('o', k))}" for k in key]
    return " || ', ' || ".join(parts) or "''"


def _row_id(source: Table) -> str:
    if source.rowid:
        return f"o.{source.rowid}"
    return ", ".join(source.value("o", column) for column in source.key)
