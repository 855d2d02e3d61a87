"""Comparing rows that no key identifies: each distinct row must be in the copies as often as before. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.engine.loss.answers import Query, least_text, shown_value
from memsql.engine.loss.comparing import compared, is_broken_text, with_null
from memsql.engine.loss.copies import Carrier, Match
from memsql.engine.loss.tables import Table


def unchanged(source: Table, matches: Sequence[Match]) -> tuple[str, ...]:
    """The columns of ``source`` that every copy has as they were, in the same type."""
    nowhere = Carrier("", "none")
    return tuple(
        column
        for column in compared(source, matches)
        if all((c := m.carriers.get(column, nowhere)).manner == "copy" and not c.converts for m in matches)
    )


def compare_bags(source: Table, matches: Sequence[Match], nulls: Sequence[str] = ()) -> Query:
    """Compare each distinct row of ``source`` with those of all targets: it must be there as often as before. Only the
    columns count that every copy has unchanged. ``nulls``: only rows with NULL in one of these columns of the key."""
    columns = unchanged(source, matches)
    listed = _listed([source.value("o", c) for c in columns])
    parts = [f"SELECT {listed}, 1 AS n FROM {source.sql} AS o{with_null(source, nulls)}"]
    for match in matches:
        others = [match.target.value("t", match.carriers[c].column) for c in columns]
        parts.append(f"SELECT {_listed(others)}, -1 FROM {match.target.sql} AS t{with_null(match, nulls)}")
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
    parts = [f"SELECT {old}, 1 AS n, 1 AS m FROM {source.sql} AS o{with_null(source, nulls)}"]
    for match in matches:
        *others, value = [match.target.value("t", match.carriers[c].column) for c in (*columns, column)]
        # Which type the value had is not known, so each way back is one that may lead to it.
        converts, rows = match.carriers[column].converts, f"{match.target.sql} AS t{with_null(match, nulls)}"
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


def _ways_back(new: str, affinity: str) -> list[str]:
    """``new`` in each type that it may have had before it was converted from a column of ``affinity``."""
    if affinity != "blob":
        return [f"CAST({new} AS {kind})" for kind in ("TEXT", "INTEGER", "REAL")]
    blob = f"CAST({new} AS BLOB)"
    return [new, f"CASE WHEN NOT ({is_broken_text(blob, new)}) THEN {blob} END"]


def _listed(values: Sequence[str]) -> str:
    return ", ".join(f"{value} AS c{n}" for n, value in enumerate(values)) or "1"
