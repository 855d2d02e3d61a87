"""The loss guard: what to count before a migration, and what its counts afterwards say was lost. Pure: no database
is asked.

Only what a migration can reach is counted: a table from which nothing is deleted costs nothing.
Names of tables and columns are folded (ASCII letters in lower case) but where they are shown to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from memsql import words
from memsql.db import Touched
from memsql.engine.analysis import Analysis
from memsql.engine.loss.model import Account, Loss
from memsql.sqltext import fold

# Shadow tables that hold an index and no row of the user's own. The _content of an FTS table and the _rowid of an
# R-Tree hold rows.
_ANY_SHADOW = ("data", "idx", "content", "docsize", "config", "node", "parent", "rowid")
_INDEX_SHADOWS = ("data", "idx", "docsize", "config", "segments", "segdir", "stat", "node", "parent")


@dataclass(frozen=True, slots=True)
class Watch:
    """The tables to count before a migration runs.

    ``counted``: their rows. ``whole``: rows, columns and values of each column. ``linked``: rows that break their
    foreign keys, as child or parent. ``keyed``: whether they have the keys that other tables name.
    """

    counted: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    linked: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()

    def __or__(self, other: Watch) -> Watch:
        return Watch(
            self.counted | other.counted,
            self.whole | other.whole,
            self.linked | other.linked,
            self.keyed | other.keyed,
        )

    @property
    def keys(self) -> Watch:
        """The same without rows: foreign keys alone."""
        return Watch(linked=self.linked, keyed=self.keyed)

    def covers(self, other: Watch) -> bool:
        """Whether everything that ``other`` counts is counted by this one too."""
        return (
            other.counted <= self.counted | self.whole
            and other.whole <= self.whole
            and other.linked <= self.linked
            and other.keyed <= self.keyed
        )


@dataclass(frozen=True, slots=True)
class TableCounts:
    """A table at one moment: ``name`` as the schema spells it, number of ``rows``, ``columns`` to the number of
    rows that hold a value there (None: not counted)."""

    name: str
    rows: int
    columns: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """What a Watch counted at one moment.

    ``tables``: the tables that exist. ``violations``: rows that break a foreign key, by (child, parent).
    ``keyless``: foreign keys that name columns without a key, in SQLite's words.
    """

    tables: Mapping[str, TableCounts] = field(default_factory=dict)
    violations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    keyless: frozenset[str] = frozenset()

    @property
    def holds_something(self) -> bool:
        """Whether there is anything that could be missing afterwards."""
        return any(table.rows for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class Virtual:
    """The virtual ``tables`` of a database and their ``shadows``."""

    tables: frozenset[str] = frozenset()
    shadows: frozenset[str] = frozenset()

    def holds_an_index(self, name: str) -> bool:
        """Whether the table ``name`` (folded) is a shadow that holds an index and no row of the user's own."""
        return name in self.shadows and name.rpartition("_")[2] in _INDEX_SHADOWS

    def content(self, name: str) -> frozenset[str]:
        """The shadows of the virtual table ``name`` that hold the user's own rows."""
        return frozenset(s for s in (f"{name}_content", f"{name}_rowid") if s in self.shadows)

    def is_plain(self, name: str) -> bool:
        """Whether the table ``name`` (any case) is of the user's own, and neither virtual nor a shadow."""
        folded = fold(name)
        return not (folded.startswith("sqlite_") or folded in self.tables or folded in self.shadows)

    def is_user_table(self, name: str) -> bool:
        """Whether the table ``name`` (any case) holds rows of the user's own."""
        return fold(name) not in self.tables and not self.holds_an_index(fold(name))


@dataclass(frozen=True, slots=True)
class Schema:
    """What the guard knows of the schema before and after the run.

    ``virtual``: virtual tables. ``replaces``: a statement, constraint or trigger replaces rows, so that any INSERT
    and UPDATE may delete. ``existing``: the tables before the run (None: not read yet). ``keyed``: tables to which
    others refer and that lost an index.
    """

    virtual: Virtual
    replaces: bool = False
    existing: frozenset[str] | None = None
    keyed: frozenset[str] = frozenset()


def planned(analysis: Analysis, named: frozenset[str], virtual: Virtual) -> Watch:
    """What to count according to the text alone. ``named``: the tables whose foreign keys may break."""

    def holders(names: frozenset[str]) -> frozenset[str]:
        origins = _origins(names, analysis)
        return (origins - virtual.tables).union(*(virtual.content(n) for n in origins & virtual.tables))

    stripped = holders(analysis.strips)
    return _watch(holders(analysis.deletes), holders(analysis.drops), analysis) | Watch(
        whole=stripped, linked=named - virtual.tables
    )


def needed(touched: Touched, analysis: Analysis, schema: Schema, *, foreign_keys: bool) -> Watch:
    """What should have been counted, according to what the engine says it reached.

    A table that the migration created held nothing before it. CREATE TABLE IF NOT EXISTS looks to the engine like
    CREATE TABLE, so ``schema.existing`` tells what was there. ``foreign_keys``: whether the engine enforced them
    during the run.
    """
    virtual = schema.virtual
    created = {fold(t) for t in touched.created} - (schema.existing or frozenset())
    losers = _losers(touched, replaces=schema.replaces)
    # The engine names the virtual table; its rows are in a shadow.
    losers = losers.union(*(virtual.content(n) for n in losers & virtual.tables))
    dropped = {fold(t) for t in touched.dropped}
    reached = set() if foreign_keys else {fold(t) for t in touched.written() | touched.dropped | touched.altered}

    def before(names: set[str]) -> frozenset[str]:
        origins = _origins(frozenset(names), analysis)
        return frozenset(n for n in origins - created - virtual.tables if not virtual.holds_an_index(n))

    # A new table can break a foreign key too.
    linked = frozenset(
        n for n in _origins(frozenset(reached), analysis) - virtual.tables if not virtual.holds_an_index(n)
    )
    return _watch(before(losers), before(dropped), analysis) | Watch(linked=linked, keyed=schema.keyed)


def doubtful(touched: Touched, watch: Watch, analysis: Analysis, *, replaces: bool) -> bool:
    """Whether the run wrote to a table that it says it created and that was not counted: only the list of the
    tables before the run tells whether the table is new."""
    created = {fold(t) for t in touched.created}
    # A new virtual table always writes to its new shadows.
    created -= {f"{fold(name)}_{suffix}" for name in touched.virtual_created for suffix in _ANY_SHADOW}
    reached = _origins(frozenset(_losers(touched, replaces=replaces) | {fold(t) for t in touched.dropped}), analysis)
    return bool(created & reached - watch.counted - watch.whole)


def after_watch(watch: Watch, analysis: Analysis) -> Watch:
    """What to count after the run: the same tables, under their old names and under those they were renamed to."""

    def follow(names: frozenset[str]) -> frozenset[str]:
        return names | {alias for name in names for alias in _aliases(name, analysis)}

    return Watch(follow(watch.counted), follow(watch.whole), follow(watch.linked), follow(watch.keyed))


def account(before: Counts, after: Counts, analysis: Analysis) -> Account:
    """What was lost, as far as counts tell."""
    return Account(tuple(losses(before, after, analysis)))


def losses(before: Counts, after: Counts, analysis: Analysis) -> list[Loss]:
    """Rows and values that are in ``before`` and not in ``after``, and that the text does not DELETE by name."""
    gone: list[Loss] = []
    for name, old in before.tables.items():
        new = after.tables.get(final_name(name, after, analysis))
        meant = _meant(name, analysis)
        if new is None or _overtaken(name, before, after, analysis):
            if old.rows and not meant:
                gone.append(Loss(old.name, None, old.rows, f"table {old.name} is dropped with {rows_text(old.rows)}"))
            continue
        if new.rows < old.rows and not meant:
            missing = old.rows - new.rows
            message = f"table {old.name} loses {rows_text(missing)} of {old.rows:,} without a DELETE of its own"
            gone.append(Loss(old.name, None, missing, message))
        gone += _lost_values(name, old, new, analysis)
    return gone


def _lost_values(name: str, old: TableCounts, new: TableCounts, analysis: Analysis) -> list[Loss]:
    names = _aliases(name, analysis)
    gone: list[Loss] = []
    kept: list[tuple[str, int, int]] = []
    for column, held in old.columns.items():
        renamed = _column_now(fold(column), names, analysis)
        now = renamed if renamed in new.columns else fold(column)
        left = new.columns.get(now)
        if held and now not in new.columns:
            gone.append(
                Loss(old.name, column, held, f"column {old.name}.{column} is dropped with {_values_text(held)}")
            )
        elif held is not None and left is not None:
            kept.append((column, held, left))
    if _meant(name, analysis) or not analysis.updates.isdisjoint(names):
        return gone
    # In total, for a rebuild may move values from one column to another.
    if sum(held for _, held, _ in kept) > sum(left for _, _, left in kept):
        for column, held, left in kept:
            if left < held:
                message = f"column {old.name}.{column} loses {_values_text(held - left)}: NULL afterwards"
                gone.append(Loss(old.name, column, held - left, message))
    return gone


def broken_keys(before: Counts, after: Counts) -> list[str]:
    """Foreign keys that are broken in ``after`` and were not in ``before``; a sentence each."""
    problems = []
    for (child, parent), rows in after.violations.items():
        new = rows - before.violations.get((child, parent), 0)
        if new > 0:
            problems.append(words.orphans(rows_text(new), child, parent))
    return problems + [
        f"{key}: what the key names has no PRIMARY KEY or UNIQUE index any more, so neither table can be written"
        for key in sorted(after.keyless - before.keyless)
    ]


def final_name(name: str, after: Counts, analysis: Analysis) -> str:
    """Under which name the table ``name`` of before is afterwards: the one it was renamed to, or, where that name
    is gone, its own, which a rebuild gives to the new table."""
    last = _aliases(name, analysis)[-1]
    return last if last in after.tables else name


def _watch(losers: frozenset[str], dropped: frozenset[str], analysis: Analysis) -> Watch:
    """A table that is dropped for good loses its rows and nothing else; one that comes back may lose columns and
    values too."""
    return Watch(losers, dropped) if analysis.rebuilds else Watch(losers | dropped)


def _losers(touched: Touched, *, replaces: bool) -> set[str]:
    names = touched.deleted | touched.inserted | touched.updated if replaces else touched.deleted
    return {fold(t) for t in names}


def _origins(names: frozenset[str], analysis: Analysis) -> frozenset[str]:
    """``names``, and the names those tables had before the migration renamed them."""
    for old, new in reversed(analysis.renames):
        if new in names:
            names |= {old}
    return names


def _aliases(name: str, analysis: Analysis) -> list[str]:
    """The names of the table that is called ``name`` before the run, in the order it gets them."""
    names = [name]
    for old, new in analysis.renames:
        if old == names[-1]:
            names.append(new)
    return names


def _column_now(column: str, names: Sequence[str], analysis: Analysis) -> str:
    """The name of a column of the table called ``names`` after all renames."""
    for table, old, new in analysis.columns:
        if table in names and old == column:
            column = new
    return column


def _meant(name: str, analysis: Analysis) -> bool:
    """Whether the text deletes from the table by name. For a table that is dropped or rebuilt only a DELETE of all
    its rows counts: behind any other DELETE the loss of the remaining rows would go unseen."""
    names = _aliases(name, analysis)
    owner = name.rpartition("_")[0] if name.endswith(("_content", "_rowid")) else name
    if not analysis.drops.isdisjoint(names):
        return not analysis.empties.isdisjoint({*names, owner})
    return not analysis.deletes.isdisjoint({*names, owner})


def _overtaken(name: str, before: Counts, after: Counts, analysis: Analysis) -> bool:
    """Whether another table of before now has the name of the dropped table ``name``."""
    if name not in analysis.drops:
        return False
    final = final_name(name, after, analysis)
    return any(other != name and final_name(other, after, analysis) == final for other in before.tables)


def rows_text(number: int) -> str:
    """``1 row``, ``2,000 rows``."""
    return words.count(number, "row")


def _values_text(number: int) -> str:
    return f"a value in {rows_text(number)}"
