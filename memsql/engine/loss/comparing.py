"""Comparing a table with those to which its rows were copied: the SQL, and what its answer says. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from memsql.db import Value
from memsql.engine.loss.copies import Carrier, Match
from memsql.engine.loss.tables import ROWID, Table
from memsql.sqltext.names import quote_string

_SHOWN = 40
_LONG_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Of a column: in how many rows a value is ``lost``, in how many it was ``changed`` by an expression, and an
    ``example`` of a lost one, such as ``id 3: 'c at x', now NULL``. ``is_key``: it is a key that was not copied."""

    lost: int = 0
    changed: int = 0
    example: str = ""
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is not in the copies: ``rows`` that are missing, of ``total``, with an ``example``, and the ``columns`` that
    differ."""

    rows: int = 0
    example: str = ""
    columns: dict[str, Difference] = field(default_factory=dict)
    total: int = 0

    @property
    def loses(self) -> bool:
        """Whether anything is missing."""
        return bool(self.rows) or any(difference.lost for difference in self.columns.values())

    def beyond(self, before: Comparison, columns: Collection[str], rows: int) -> Comparison:
        """What is missing since ``before``, without ``columns`` and without so many ``rows``."""
        nothing = Difference()
        more = {
            name: replace(now, lost=max(0, now.lost - before.columns.get(name, nothing).lost), changed=0)
            for name, now in self.columns.items()
            if name not in columns
        }
        return Comparison(max(0, self.rows - before.rows - rows), self.example, more, self.total)

    def plus(self, other: Comparison) -> Comparison:
        """What is missing here or there."""
        nothing = Difference()
        columns = dict(self.columns)
        for name, more in other.columns.items():
            mine = columns.get(name, nothing)
            changed = mine.changed + more.changed
            columns[name] = replace(
                more, lost=mine.lost + more.lost, changed=changed, example=mine.example or more.example
            )
        return Comparison(self.rows + other.rows, self.example or other.example, columns, self.total)

    def least(self, other: Comparison) -> Comparison:
        """What both miss: only that was lost at neither moment."""
        columns = {
            name: replace(mine, lost=min(mine.lost, theirs.lost))
            for name, mine in self.columns.items()
            if (theirs := other.columns.get(name)) is not None
        }
        return Comparison(min(self.rows, other.rows), self.example, columns, self.total)


@dataclass(frozen=True, slots=True)
class Query:
    """A comparison as SQL. ``columns``: those compared, in the order of the answer. ``quick``: SQL for the number of
    rows, and of those that differ in anything, which takes half the time."""

    sql: str
    columns: tuple[str, ...]
    quick: str = ""

    def comparison(self, row: Sequence[Value]) -> Comparison:
        """What the one row of the answer says."""
        rows, example, total = integer(row[0]), shown_text(row[1]), integer(row[2])
        columns = {}
        for place, name in enumerate(self.columns):
            lost, changed, shown = row[3 + 3 * place : 6 + 3 * place]
            if lost or changed:
                columns[name] = Difference(integer(lost), integer(changed), shown_text(shown))
        return Comparison(rows, example, columns, total)


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
    where = f" WHERE NOT ({_any_null(source, 'o', nulls)})" if nulls else ""
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


def unchanged(source: Table, matches: Sequence[Match]) -> tuple[str, ...]:
    """The columns of ``source`` that every copy has as they were, in the same type."""
    nowhere = Carrier("", "none")
    return tuple(
        column
        for column in compared(source, matches)
        if all((c := m.carriers.get(column, nowhere)).manner == "copy" and not c.converts for m in matches)
    )


def null_keys(source: Table, matches: Sequence[Match]) -> tuple[str, ...]:
    """The columns of the key of ``source`` that may be NULL, so that a row is not found by them (SQLite lets a key be
    NULL in several rows: https://sqlite.org/lang_createtable.html#the_primary_key); none where the rowid was copied."""
    if all(match.has_rowid for match in matches):
        return ()
    return tuple(column for column, _ in matches[0].pairs if not _is_required(source, column))


def compare_bags(source: Table, matches: Sequence[Match], nulls: Sequence[str] = ()) -> Query:
    """Compare each distinct row of ``source`` with those of all targets: it must be there as often as before. Only the
    columns count that every copy has unchanged. ``nulls``: only rows with NULL in one of these columns of the key."""
    columns = unchanged(source, matches)
    listed = _listed([source.value("o", c) for c in columns])
    parts = [f"SELECT {listed}, 1 AS n FROM {source.sql} AS o{_with_null(source, nulls)}"]
    for match in matches:
        others = [match.target.value("t", match.carriers[c].column) for c in columns]
        parts.append(f"SELECT {_listed(others)}, -1 FROM {match.target.sql} AS t{_with_null(match, nulls)}")
    example = " || ', ' || ".join(shown_value(f"c{n}") for n in range(min(3, len(columns)))) or "''"
    groups = f"SELECT sum(n) AS n, {example} AS e FROM ({' UNION ALL '.join(parts)}) GROUP BY {_bag(len(columns))}"
    total = f"(SELECT count(*) FROM {source.sql})"
    return Query(f"SELECT total(n), {least_text('e')}, {total} FROM ({groups}) WHERE n > 0", ())


def compare_values(source: Table, matches: Sequence[Match], column: str, nulls: Sequence[str] = ()) -> Query:
    """How many values of ``column``, which not every copy has unchanged, are another one now in rows that stay: among
    the rows that are equal in the columns that every copy has unchanged. Of an expression only NULL is a loss.
    ``nulls`` as in compare_bags()."""
    columns = [c for c in unchanged(source, matches) if c != column]
    mine = f"c{len(columns)}"
    # n finds values again, m counts rows: a value may be looked for in several ways.
    old = _listed([source.value("o", c) for c in (*columns, column)])
    parts = [f"SELECT {old}, 1 AS n, 1 AS m FROM {source.sql} AS o{_with_null(source, nulls)}"]
    for match in matches:
        *others, value = [match.target.value("t", match.carriers[c].column) for c in (*columns, column)]
        # Which type the value had is not known, so each way back is one that may lead to it.
        converts, rows = match.carriers[column].converts, f"{match.target.sql} AS t{_with_null(match, nulls)}"
        for way, back in enumerate(_ways_back(value, source.affinity(column)) if converts else [value]):
            parts.append(f"SELECT {_listed([*others, back])}, -1, {0 if way else -1} FROM {rows}")
    bag, names = _bag(len(columns)), ", ".join([*(f"c{n}" for n in range(len(columns))), "1 AS c"])
    values = (
        f"SELECT {names}, max(0, sum(n)) AS n, sum(m) AS m, {mine} IS NOT NULL AS h, {shown_value(mine)} AS e "
        f"FROM ({' UNION ALL '.join(parts)}) GROUP BY {bag}, {mine} COLLATE BINARY, typeof({mine})"
    )
    rows = (
        "SELECT max(0, sum(m)) AS gone, total(n) AS changed, total(n * h) AS lost, total(m * h) AS emptied, "
        f"{least_text('CASE WHEN n > 0 AND h THEN e END')} AS e FROM ({values}) GROUP BY {bag}"
    )
    is_written = all(match.carriers[column].manner in ("expression", "partly") for match in matches)
    lost = f"max(0, min(changed, lost{', emptied' if is_written else ''}) - gone)"
    changed = "max(0, changed - gone)" if is_written else lost
    total = f"(SELECT count(*) FROM {source.sql})"
    return Query(
        f"SELECT 0, NULL, {total}, total({lost}), total({changed}), {least_text(f'CASE WHEN {lost} > 0 THEN e END')} "
        f"FROM ({rows})",
        (column,),
    )


def _bag(number: int) -> str:
    """SQL: what is the same in equal rows of so many columns."""
    return ", ".join(f"c{n} COLLATE BINARY, typeof(c{n})" for n in range(number)) or "NULL"


def _any_null(table: Table, alias: str, columns: Sequence[str]) -> str:
    return " OR ".join(f"{table.value(alias, column)} IS NULL" for column in columns)


def _with_null(rows: Table | Match, nulls: Sequence[str]) -> str:
    """The WHERE of the rows of a source, or of a target, that have NULL in one of ``nulls``, columns of the source."""
    if not nulls:
        return ""
    if isinstance(rows, Table):
        return f" WHERE {_any_null(rows, 'o', nulls)}"
    return f" WHERE {_any_null(rows.target, 't', [other for column, other in rows.pairs if column in nulls])}"


def count_values(source: Table, columns: Sequence[str], nulls: Sequence[str] = ()) -> Query:
    """Count rows, and the values of ``columns``, of a table whose values are nowhere else. ``nulls`` as in
    compare_bags()."""
    sums = ["count(*)", "NULL", "count(*)"]
    for column in columns:
        value = source.value("o", column)
        example = least_text(f"CASE WHEN {value} IS NOT NULL THEN {shown_value(value)} END")
        sums += [f"count({value})", "0", example]
    return Query(f"SELECT {', '.join(sums)} FROM {source.sql} AS o{_with_null(source, nulls)}", tuple(columns))


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
    return f"({same} OR ({back} AND NOT ({_is_broken_text(old, new)})))"


def _is_broken_text(old: str, new: str) -> str:
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


def _ways_back(new: str, affinity: str) -> list[str]:
    """``new`` in each type that it may have had before it was converted from a column of ``affinity``."""
    blob = f"CAST({new} AS BLOB)"
    kinds = [f"CAST({new} AS {kind})" for kind in ("TEXT", "INTEGER", "REAL")]
    return [
        *([new] if affinity == "blob" else kinds),
        *([f"CASE WHEN NOT ({_is_broken_text(blob, new)}) THEN {blob} END"] if affinity == "blob" else []),
    ]


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


def _listed(values: Sequence[str]) -> str:
    return ", ".join(f"{value} AS c{n}" for n, value in enumerate(values)) or "1"


def integer(value: Value) -> int:
    """A number of an answer; SQLite's total() gives it as REAL, and NULL stands for none."""
    return int(value) if isinstance(value, (int, float)) else 0


def shown_value(value: str) -> str:
    """SQL: the beginning of ``value`` as a person reads it, NULL too."""
    # The whole of a long one in quotes may be longer than SQLite allows.
    beginning = f"CASE WHEN typeof({value}) IN ('text', 'blob') THEN substr({value}, 1, {_SHOWN}) ELSE {value} END"
    return f"substr(quote({beginning}), 1, {_SHOWN})"


def least_text(sql: str) -> str:
    """SQL: the least of the texts ``sql``, in bytes, for they may be no UTF-8, and then a server could not answer."""
    return f"CAST(min({sql}) AS BLOB)"


def shown_text(value: Value) -> str:
    """The answer to least_text()."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
