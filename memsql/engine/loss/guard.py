"""The loss guard: what a migration could lose, looked at before and compared after.

The decisions (what to watch, what counts as a loss) are pure; only observe() and its helpers ask the
database. A look costs what the change costs: tables that nothing deletes from are never counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from memsql import words
from memsql.db import Connection, Params, Result, Touched
from memsql.db.compiling import compile_only
from memsql.db.queries import load
from memsql.engine.analysis import Analysis
from memsql.errors import StatementError
from memsql.sqltext import fold, quote

# Shadow tables that hold an index and no row of the user's own. An FTS table's _content does hold
# rows, and so does an R-Tree's _rowid.
_ANY_SHADOW = ("data", "idx", "content", "docsize", "config", "node", "parent", "rowid")
_INDEX_SHADOWS = ("data", "idx", "docsize", "config", "segments", "segdir", "stat", "node", "parent")


@dataclass(frozen=True, slots=True)
class Watch:
    """Tables to look at before the migration runs, lower case: ``counted`` for their rows,
    ``dropped`` for rows, columns, what the columns hold, indexes and triggers; ``linked`` for their
    foreign keys, in both directions; ``keyed`` for whether they have the keys that other tables name."""

    counted: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    linked: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()

    def __or__(self, other: Watch) -> Watch:
        return Watch(
            self.counted | other.counted,
            self.dropped | other.dropped,
            self.linked | other.linked,
            self.keyed | other.keyed,
        )

    def covers(self, other: Watch) -> bool:
        """Whether ``other`` asks for nothing that this one lacks."""
        return (
            other.counted <= self.counted | self.dropped
            and other.dropped <= self.dropped
            and other.linked <= self.linked
            and other.keyed <= self.keyed
        )


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as it is: its spelling, rows, columns with how many rows hold a value (None where
    nobody counted), and the named indexes and triggers on it."""

    name: str
    rows: int
    columns: Mapping[str, int | None] = field(default_factory=dict)
    objects: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Look:
    """What observe() saw. ``tables`` by lower-case name, only those that exist; ``violations``
    counts broken foreign keys by (child, parent); ``keyless``, in SQLite's words, who refers to what is no key."""

    tables: Mapping[str, TableState]
    violations: Mapping[tuple[str, str], int]
    keyless: frozenset[str] = frozenset()

    @property
    def holds_something(self) -> bool:
        """Whether there is anything that could be missing afterwards."""
        return any(table.rows or table.objects for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class Virtual:
    """The virtual ``tables`` of a database and the ``shadows`` that SQLite knows of, lower case."""

    tables: frozenset[str] = frozenset()
    shadows: frozenset[str] = frozenset()

    def holds_an_index(self, name: str) -> bool:
        """Whether ``name`` is the shadow of a virtual table that holds an index, and no row of the user's own."""
        return name in self.shadows and name.rpartition("_")[2] in _INDEX_SHADOWS

    def content(self, name: str) -> frozenset[str]:
        """The shadows of ``name`` that hold the user's own rows."""
        return frozenset(s for s in (f"{name}_content", f"{name}_rowid") if s in self.shadows)


@dataclass(frozen=True, slots=True)
class Loss:
    """Rows or values that would be gone."""

    table: str
    message: str
    rows: int


def planned(analysis: Analysis, named: frozenset[str], virtual: Virtual) -> Watch:
    """What the text alone says should be watched. ``named`` are the tables whose foreign keys may
    break, lower case; ``virtual`` the virtual tables, of which only the user's own content counts."""

    def real(names: frozenset[str]) -> frozenset[str]:
        found = _origins(names, analysis)
        return (found - virtual.tables).union(*(virtual.content(n) for n in found & virtual.tables))

    gone = real(analysis.drops)
    return _watch(real(analysis.deletes), gone, analysis, named - virtual.tables, whole=real(analysis.strips))


def _watch(
    counted: frozenset[str],
    gone: frozenset[str],
    analysis: Analysis,
    linked: frozenset[str],
    *,
    whole: frozenset[str] = frozenset(),
) -> Watch:
    """A table that is gone for good has lost its rows and nothing else; of one that comes back, everything counts."""
    if analysis.rebuilds:
        return Watch(counted, gone | whole, linked)
    return Watch(counted | gone, whole, linked)


def needed(
    touched: Touched,
    analysis: Analysis,
    virtual: Virtual,
    *,
    replaces: bool,
    fk_off: bool,
    existing: frozenset[str] | None,
    keyed: frozenset[str],
) -> Watch:
    """What the engine's own account of the run says should have been watched. What the migration created
    itself held nothing before it; ``existing`` are the tables there were (None: nobody looked), because CREATE
    TABLE IF NOT EXISTS reads like creating; ``keyed`` are tables to which others refer and that lost an index."""
    created = {fold(t) for t in touched.created} - (existing or frozenset())
    losers = _losers(touched, replaces)
    # A compiled statement only says that the virtual table itself is written.
    losers = losers.union(*(virtual.content(n) for n in losers & virtual.tables))
    dropped = {fold(t) for t in touched.dropped}
    linked: set[str] = set()
    if fk_off:
        linked = {fold(t) for t in touched.written() | touched.dropped | touched.altered}

    def old(names: set[str]) -> frozenset[str]:
        found = _origins(frozenset(names), analysis)
        return frozenset(n for n in found - created - virtual.tables if not virtual.holds_an_index(n))

    # A table that is new can refer to nothing too.
    keys = frozenset(n for n in _origins(frozenset(linked), analysis) - virtual.tables if not virtual.holds_an_index(n))
    return _watch(old(losers), old(dropped), analysis, keys) | Watch(keyed=keyed)


def doubtful(touched: Touched, watch: Watch, analysis: Analysis, *, replaces: bool) -> bool:
    """Whether a table was reached that was, or was not, created by the migration itself: only who knows which
    tables there were can tell."""
    created = {fold(t) for t in touched.created}
    # The shadows of a new virtual table are written and deleted from as a matter of course.
    created -= {f"{fold(name)}_{suffix}" for name in touched.modules for suffix in _ANY_SHADOW}
    reached = _origins(frozenset(_losers(touched, replaces) | {fold(t) for t in touched.dropped}), analysis)
    return bool(created & reached - watch.counted - watch.dropped)


def _losers(touched: Touched, replaces: bool) -> set[str]:
    names = touched.deleted | touched.inserted | touched.updated if replaces else touched.deleted
    return {fold(t) for t in names}


def _origins(names: frozenset[str], analysis: Analysis) -> frozenset[str]:
    """``names``, and what those tables were called before the migration renamed them."""
    for old, new in reversed(analysis.renames):
        if new in names:
            names |= {old}
    return names


def _aliases(name: str, analysis: Analysis) -> list[str]:
    """What the table ``name`` of before is called, one name after the other."""
    found = [name]
    for old, new in analysis.renames:
        if old == found[-1]:
            found.append(new)
    return found


def virtual_tables(conn: Connection) -> Virtual:
    """The virtual tables and their shadows."""
    rows = conn.execute(load("engine/virtual_tables")).rows
    return Virtual(
        frozenset(fold(str(n)) for n, kind in rows if kind == "virtual"),
        frozenset(fold(str(n)) for n, kind in rows if kind == "shadow"),
    )


def tables(conn: Connection) -> frozenset[str]:
    """Lower-case names of all tables."""
    return frozenset(fold(str(row[0])) for row in conn.execute(load("engine/tables")).rows)


def parents(conn: Connection) -> frozenset[str]:
    """Lower-case names of all tables to which one refers."""
    return frozenset(fold(str(parent)) for _, parent in conn.execute(load("engine/foreign_keys")).rows)


def is_user_table(name: str, virtual: Virtual) -> bool:
    """Whether ``name`` holds rows of the user's own and no index of a virtual table."""
    return fold(name) not in virtual.tables and not virtual.holds_an_index(fold(name))


def observe(conn: Connection, watch: Watch, *, values: bool) -> Look:
    """Look at everything in ``watch`` that exists. ``values`` also counts what columns hold."""
    tables: dict[str, TableState] = {}
    for name in sorted(watch.counted | watch.dropped):
        state = _table(conn, name, name in watch.dropped, values)
        if state is not None:
            tables[name] = state
    return Look(tables, _violations(conn, watch.linked), _keyless(conn, watch.keyed))


def questions(schema: Connection, look: Look, *, values: bool) -> list[tuple[str, Params]]:
    """What to ask a database, whose schema ``schema`` has too, so that answered() can fill in what ``look`` leaves open."""
    found: list[tuple[str, Params]] = []
    for _, state in sorted(look.tables.items()):
        columns = [f"count({quote(c)})" for c in sorted(state.columns)] if values else []
        found.append((f"SELECT {', '.join(['count(*)', *columns])} FROM {quote(state.name)}", ()))
    for child, parent in sorted(look.violations):
        question: tuple[str, Params] = (load("engine/foreign_key_check"), (child, parent))
        try:
            schema.execute(*question)
        except StatementError:
            question = (f"SELECT count(*) FROM {quote(child)}", ())
        found.append(question)
    return found


def answered(look: Look, answers: Sequence[Result], *, values: bool) -> Look:
    """``look`` with the numbers that the ``answers`` to questions() hold."""
    rows = [answer.rows[0] for answer in answers]
    tables = {}
    for (name, state), counts in zip(sorted(look.tables.items()), rows, strict=False):
        held = dict(zip(sorted(state.columns), map(_number, counts[1:]), strict=True)) if values else state.columns
        tables[name] = replace(state, rows=_number(counts[0]), columns=held)
    violations = {key: _number(row[0]) for key, row in zip(sorted(look.violations), rows[len(tables) :], strict=True)}
    return Look(tables, violations, look.keyless)


def cascades(conn: Connection, dropped: frozenset[str]) -> list[Loss]:
    """Rows that ON DELETE CASCADE would take along if the tables ``dropped`` (lower case) went."""
    # Imported where it is needed, which is rarely: it costs milliseconds.
    from memsql.schema import read

    found: list[Loss] = []
    gone = set(dropped)
    references = [
        (table, key)
        for table in read(conn).tables.values()
        for key in table.foreign_keys
        if key.on_delete.upper() == "CASCADE"
    ]
    grown = True
    while grown:
        grown = False
        for table, key in references:
            if fold(key.parent) not in gone or fold(table.name) in gone:
                continue
            gone.add(fold(table.name))
            grown = True
            filled = " AND ".join(f"{quote(column)} IS NOT NULL" for column in key.columns)
            counts = conn.execute(f"SELECT count(*), sum({filled}) FROM {quote(table.name)}").rows[0]
            rows, going = _number(counts[0]), _number(counts[1] or 0)
            if going:
                message = (
                    f"table {table.name} loses {words.count(going, 'row')} of {rows:,} with the rows of {key.parent}"
                )
                found.append(Loss(table.name, message, going))
    return found


def losses(before: Look, after: Look, analysis: Analysis) -> list[Loss]:
    """Rows and values that were there before, are not there after, and were not DELETEd by name."""
    found = []
    for name, old in before.tables.items():
        new = after.tables.get(final_name(name, after, analysis))
        names = _aliases(name, analysis)
        meant = _meant(name, names, analysis)
        if new is None or _overtaken(name, before, after, analysis):
            if old.rows and not meant:
                found.append(
                    Loss(old.name, f"table {old.name} is dropped with {words.count(old.rows, 'row')}", old.rows)
                )
            continue
        if new.rows < old.rows and not meant:
            gone = old.rows - new.rows
            found.append(
                Loss(
                    old.name,
                    f"table {old.name} loses {words.count(gone, 'row')} of {old.rows:,} without a DELETE of its own",
                    gone,
                )
            )
        kept: list[tuple[str, int, int]] = []
        for column, held in old.columns.items():
            key = _column_now(fold(column), names, analysis)
            key = key if key in new.columns else fold(column)
            left = new.columns.get(key)
            if held and key not in new.columns:
                found.append(Loss(old.name, f"column {old.name}.{column} is dropped with {_values(held)}", held))
            elif held is not None and left is not None:
                kept.append((column, held, left))
        # In total, for a rebuild may move values from one column to another.
        if not meant and analysis.updates.isdisjoint(names) and sum(h for _, h, _ in kept) > sum(n for _, _, n in kept):
            found += [
                Loss(old.name, f"column {old.name}.{column} loses {_values(held - left)}: NULL afterwards", held - left)
                for column, held, left in kept
                if left < held
            ]
    return found


def _column_now(column: str, names: Sequence[str], analysis: Analysis) -> str:
    """What the column of the table ``names`` is called after all its renames."""
    for table, old, new in analysis.columns:
        if table in names and old == column:
            column = new
    return column


def _meant(name: str, names: Sequence[str], analysis: Analysis) -> bool:
    """Whether the file says by name that rows of the table go. Of one that is dropped or rebuilt only a DELETE of all
    its rows says so, for behind any other the rest would go unseen."""
    owner = name.rpartition("_")[0] if name.endswith(("_content", "_rowid")) else name
    told = {*names, owner}
    if not analysis.drops.isdisjoint(names):
        return not analysis.empties.isdisjoint(told)
    return not analysis.deletes.isdisjoint(told)


def _overtaken(name: str, before: Look, after: Look, analysis: Analysis) -> bool:
    """Whether the table that bears the name of the dropped ``name`` is another one that was there before."""
    if name not in analysis.drops:
        return False
    final = final_name(name, after, analysis)
    return any(other != name and final_name(other, after, analysis) == final for other in before.tables)


def forgotten(before: Look, after: Look, analysis: Analysis) -> list[str]:
    """Indexes and triggers that vanished with a rebuilt table and that nobody dropped by name."""
    problems = []
    for name, old in before.tables.items():
        new = after.tables.get(final_name(name, after, analysis))
        if new is None:
            continue
        there = {(kind, fold(thing)) for kind, thing in new.objects}
        for kind, thing in sorted(old.objects):
            if (kind, fold(thing)) not in there and fold(thing) not in analysis.dropped:
                problems.append(f"{kind} {thing} on {old.name} is gone: the rebuild did not create it again")
    return problems


def broken_keys(before: Look, after: Look) -> list[str]:
    """Foreign keys that point nowhere now and did not before."""
    problems = []
    for (child, parent), count in after.violations.items():
        new = count - before.violations.get((child, parent), 0)
        if new > 0:
            problems.append(words.orphans(words.count(new, "row"), child, parent))
    return problems + [
        f"{who}: what the key names has no PRIMARY KEY or UNIQUE index any more, so neither table can be written"
        for who in sorted(after.keyless - before.keyless)
    ]


def final_name(name: str, after: Look, analysis: Analysis) -> str:
    """Where the table ``name`` of before is now: under the name it was renamed to, or, where that one is gone,
    under its own, which a rebuild has given to a new table."""
    last = _aliases(name, analysis)[-1]
    return last if last in after.tables else name


def after_watch(watch: Watch, analysis: Analysis) -> Watch:
    """What to look at afterwards: the same, and what it was renamed to."""

    def follow(names: frozenset[str]) -> frozenset[str]:
        return names | {alias for name in names for alias in _aliases(name, analysis)}

    return Watch(follow(watch.counted), follow(watch.dropped), follow(watch.linked), follow(watch.keyed))


def _table(conn: Connection, name: str, whole: bool, values: bool) -> TableState | None:
    found = conn.execute(load("engine/find_table"), (name,)).rows
    if not found:
        return None
    spelled = str(found[0][0])
    quoted = quote(spelled)
    if not whole:
        return TableState(spelled, _number(conn.execute(f"SELECT count(*) FROM {quoted}").one()))
    columns = [str(r[0]) for r in conn.execute(load("engine/columns"), (spelled,)).rows]
    objects = frozenset((str(r[0]), str(r[1])) for r in conn.execute(load("engine/objects_of"), (spelled,)).rows)
    # count(column) does not read overflow pages, so one scan tells what every column holds.
    wanted = ["count(*)", *(f"count({quote(c)})" for c in columns)] if values else ["count(*)"]
    counts: list[int] = []
    for start in range(0, len(wanted), 500):
        part = ", ".join(wanted[start : start + 500])
        counts += [_number(v) for v in conn.execute(f"SELECT {part} FROM {quoted}").rows[0]]
    held: dict[str, int | None] = dict.fromkeys((fold(c) for c in columns), None)
    if values:
        held = {fold(c): n for c, n in zip(columns, counts[1:], strict=True)}
    return TableState(spelled, counts[0], held, objects)


def _violations(conn: Connection, linked: frozenset[str]) -> dict[tuple[str, str], int]:
    """Broken foreign keys of the tables in ``linked`` and of those that refer to them."""
    if not linked:
        return {}
    counts: dict[tuple[str, str], int] = {}
    for child, parent in conn.execute(load("engine/foreign_keys")).rows:
        if fold(str(child)) not in linked and fold(str(parent)) not in linked:
            continue
        key = (fold(str(child)), fold(str(parent)))
        try:
            counts[key] = _number(conn.execute(load("engine/foreign_key_check"), (child, parent)).one())
        except StatementError:
            # The parent lacks the key that the child names; no row of the child can be proven.
            counts[key] = _number(conn.execute(f"SELECT count(*) FROM {quote(str(child))}").one())
    return counts


def _keyless(conn: Connection, keyed: frozenset[str]) -> frozenset[str]:
    """Of each table, who refers to it by what is no key of it, in SQLite's words: it says so when rows are to go."""
    found = set()
    for name in sorted(keyed):
        try:
            compile_only(conn, f"DELETE FROM {quote(name)}")
        except StatementError as e:
            if "foreign key mismatch" in e.message:
                found.add(e.message.rpartition(" - ")[2])
    return frozenset(found)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _values(number: int) -> str:
    return f"a value in {words.count(number, 'row')}"
