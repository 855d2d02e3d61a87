"""Running the statements of a migration on a file so that every row and value from before is accounted for.

Each statement that can destroy is judged by the state just before it and just after it. A table that is dropped is
compared with those to which its rows were copied. What foreign-key actions, triggers and REPLACE may destroy is kept
in a TEMP table, but only where SQLite's counters show that they did something: then the statement is undone, the
rows are kept, and it runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from memsql.db import Result, Touched
from memsql.db.queries import load
from memsql.db.sqlite import SQLiteConnection
from memsql.engine.loss import comparing, copies, effects, sentences
from memsql.engine.loss.comparing import Comparison
from memsql.engine.loss.model import Account, Change, Loss, summed
from memsql.engine.loss.tables import ROWID, Table, read_table
from memsql.engine.loss.trail import Trail
from memsql.errors import StatementError
from memsql.sqltext import fold, identifiers
from memsql.sqltext.classify import Effect, effect
from memsql.sqltext.internal import is_nobodys_data
from memsql.sqltext.writes import Write, assigned, origins, output_names, read_write

_STATEMENT = "memsql_statement"
# So many statements are run one by one rather than halved again.
_FEW = 8
_WRITES = frozenset({"insert", "replace", "update", "delete"})


class Accountant:
    """Runs statements of one migration and keeps the account of what they did to the rows from before.

    ``touched`` is what all of them reached.
    """

    def __init__(
        self, conn: SQLiteConnection, interrupted: Callable[[], bool], *, foreign_keys: bool, drops: bool
    ) -> None:
        """``interrupted`` is asked often while a statement runs. ``foreign_keys``: whether SQLite enforces them.
        ``drops``: some statement of the migration drops a table."""
        self.touched = Touched()
        self._conn, self._interrupted = conn, interrupted
        self._foreign_keys, self._drops = foreign_keys, drops
        self._trail = Trail()
        self._losses: list[Loss] = []
        self._changes: list[Change] = []
        self._notes: list[str] = []
        self._unproven: list[str] = []
        self._sequences: dict[str, int] = {}
        self._armed: frozenset[str] | None = None
        self._replaces: bool | None = None
        self._snapshots = 0

    def script(self, text: str, statements: Sequence[str]) -> None:
        """Run ``text``, whose statements all are INSERT INTO … VALUES. ``statements``: the same, one by one, for where
        that may destroy something after all."""
        conn = self._conn
        before = conn.total_changes
        conn.execute(f"SAVEPOINT {_STATEMENT}")
        with self._observed() as touched:
            conn.script(text)
        if self._destroyed(touched, conn.total_changes - before, len(statements)):
            conn.execute(f"ROLLBACK TO {_STATEMENT}")
            conn.execute(f"RELEASE {_STATEMENT}")
            self._search(statements)
            return
        conn.execute(f"RELEASE {_STATEMENT}")
        self._reached(touched)

    def _destroyed(self, touched: Touched, changes: int, number: int) -> bool:
        """Whether ``number`` INSERTs, which made so many ``changes``, may have done more than to insert."""
        if touched.inserted and self._any_replaces():
            return True
        if not any(trigger is not None or self._is_data(table) for _, table, _, trigger in touched.writes):
            return False
        # Each of them inserted a row at least, so as many changes as statements leave none for a trigger.
        return changes != number or any(self._is_view(table) for table in touched.inserted)

    def _search(self, statements: Sequence[str]) -> None:
        """Run INSERTs of which some do more than to insert, those one by one."""
        if len(statements) <= _FEW or self._any_replaces():
            for statement in statements:
                self.run(statement)
            return
        middle = len(statements) // 2
        for part in (statements[:middle], statements[middle:]):
            self.script(";\n".join(part) + ";", part)

    def run(self, text: str) -> Result:
        """Run one statement. Raises StatementError where SQLite refuses it."""
        what = effect(text)
        name = fold(what.name or "")
        if what.kind == "drop" and what.object_type in ("table", "virtual"):
            return self._drop(text, name)
        if what.kind == "alter_drop_column":
            return self._drop_column(text, what)
        if what.kind in _WRITES or (what.kind == "create" and what.object_type == "table"):
            write = read_write(text)
            if write is not None:
                return self._write(text, write)
        existed = what.kind == "create" and read_table(self._conn, name) is not None
        result = self._plain(text)
        if what.kind == "create" and what.object_type in ("table", "virtual") and not existed:
            self._trail.created.add(name)
        elif what.kind == "alter_rename" and what.new_name:
            self._trail.renamed(name, fold(what.new_name))
        elif what.kind == "alter_rename_column" and what.column and what.new_name:
            self._trail.column_renamed(name, fold(what.column), fold(what.new_name))
        return result

    def finish(self) -> Account:
        """The account, after the last statement. Raises the sequences of AUTOINCREMENT that sank."""
        for name in sorted(self._trail.holders):
            table = read_table(self._conn, name)
            if table is not None and table.schema == "temp":
                self._judge_drop(table)
        self._raise_sequences()
        return Account(tuple(self._losses), summed(self._changes), tuple(self._notes), tuple(self._unproven))

    # Writing

    def _write(self, text: str, write: Write) -> Result:
        conn = self._conn
        table = read_table(conn, write.table)
        if write.verb in ("update", "delete") or write.replaces or write.upserts:
            self._compare_before(write.table)
        if not self._is_armed(write, table):
            result = self._plain(text)
        else:
            result = self._measured(text, write, table)
        if write.verb in ("update", "delete") and table is not None and table.kind != "derived":
            label = self._trail.label(write.table, table.name)
            self._changes.append(Change(write.verb.upper(), label, None, result.changes))
        self._note_copies(text, write, table, result)
        return result

    def _is_armed(self, write: Write, table: Table | None) -> bool:
        """Whether the statement may do more than it says."""
        if write.verb == "create" or table is None:
            return False
        return write.replaces or table.replaces or write.table in self._armed_tables() or table.kind == "view"

    def _measured(self, text: str, write: Write | None, table: Table | None, own: int | None = None) -> Result:
        """Run a statement, and keep before it what it destroyed besides. ``own``: the rows that it removes by itself
        where SQLite does not say (DROP TABLE)."""
        conn = self._conn
        before, number = conn.total_changes, self._rows(table)
        conn.execute(f"SAVEPOINT {_STATEMENT}")
        with self._observed() as touched:
            result = conn.execute(text)
        others = self._effects(write, table, touched)
        mine = result.changes if own is None else own
        loud = conn.total_changes - before != mine
        replaced = [e for e in others if e.named is not None]
        if others and (loud or replaced):
            conn.execute(f"ROLLBACK TO {_STATEMENT}")
            kept = [s for e in others if (loud or e.named is not None) and (s := self._keep(e)) is not None]
            with self._observed():
                result = conn.execute(text)
            for snapshot in kept:
                self._judge_snapshot(snapshot)
        self._reached(touched)
        if loud and write is not None and write.verb == "delete" and table is not None and table.kind != "view":
            self._judge_own_delete(text, write, table, number, result.changes)
        conn.execute(f"RELEASE {_STATEMENT}")
        return result

    def _effects(self, write: Write | None, table: Table | None, touched: Touched) -> list[effects.Effect]:
        excused: frozenset[str] = frozenset()
        if table is not None and table.kind == "view":
            rows = self._conn.execute(load("engine/triggers_of"), (table.name,)).rows
            excused = frozenset(str(row[0]) for row in rows)
        reach = frozenset(touched.writes)
        others = [e for e in effects.effects_of(write, reach, excused) if self._is_data(e.table)]
        if write is not None and table is not None and (write.replaces or table.replaces) and table.holds_data:
            own = effects.replace_effect(write, table)
            if own is not None and self._trail.has_old_rows(write.table):
                others = [e for e in others if e.table != own.table] + [own]
        if self._any_replaces():
            known = {e.table for e in others}
            for name in sorted(effects.trigger_replaces(reach) - known):
                if self._is_data(name):
                    others.append(effects.Effect(name, True, frozenset(), "REPLACE in a trigger"))
        return [e for e in others if self._trail.has_old_rows(e.table)]

    def _keep(self, effect_: effects.Effect) -> effects.Snapshot | None:
        table = read_table(self._conn, effect_.table)
        if table is None or table.kind not in ("table", "virtual"):
            return None
        self._snapshots += 1
        snapshot = effects.snapshot(self._snapshots, table, effect_)
        self._conn.execute(f"CREATE TEMP TABLE {snapshot.name} AS {snapshot.create}")
        return snapshot

    def _judge_snapshot(self, snapshot: effects.Snapshot) -> None:
        conn, table, cause = self._conn, snapshot.table, snapshot.effect.cause
        name = fold(table.name)
        defaulted = {fold(str(r[0])) for r in conn.execute(load("engine/defaulted"), (table.name,)).rows}
        total, gone, shown, *rest = conn.execute(snapshot.question(defaulted, "temp.")).rows[0]
        conn.execute(f"DROP TABLE temp.{snapshot.name}")
        label = self._trail.label(name, table.name)
        rows = comparing.integer(gone)
        if rows:
            self._lose(
                table,
                None,
                rows,
                sentences.rows_by_effect(label, rows, comparing.integer(total), cause),
                str(shown or ""),
            )
        for place, column in enumerate(snapshot.columns):
            lost, example, changed = rest[3 * place : 3 * place + 3]
            spelled = self._trail.column_label(name, column, table.columns[column].name)
            values = comparing.integer(lost)
            if values:
                how = sentences.values_by_effect(label, spelled, values, cause)
                self._lose(table, column, values, how, str(example or ""))
            elif comparing.integer(changed):
                self._changes.append(Change("trigger", label, spelled, comparing.integer(changed)))

    def _judge_own_delete(self, text: str, write: Write, table: Table, number: int, own: int) -> None:
        """Rows of a table that a DELETE from it removed besides those that it names: children in the same table."""
        gone = number - self._rows(table)
        if gone <= own or not self._trail.has_old_rows(write.table) or not table.holds_data:
            return
        conn = self._conn
        conn.execute(f"ROLLBACK TO {_STATEMENT}")
        named = own
        with suppress(StatementError):
            place = fold(text).index("from")
            named = int(str(conn.execute(f"SELECT count(*) {text[place:]}").one()))
        with self._observed():
            conn.execute(text)
        if gone > named:
            label = self._trail.label(write.table, table.name)
            self._lose(
                table,
                None,
                gone - named,
                sentences.rows_by_effect(label, gone - named, number, "a foreign-key action or trigger"),
            )

    # Dropping

    def _drop(self, text: str, name: str) -> Result:
        table = read_table(self._conn, name)
        if table is None:
            return self._plain(text)
        self._judge_drop(table)
        if table.autoincrement:
            self._note_sequence(table)
        if self._foreign_keys and name in self._armed_tables():
            result = self._measured(text, None, table, own=self._rows(table))
        else:
            result = self._plain(text)
        self._trail.dropped(name, self._trail.copies_of(name))
        return result

    def _judge_drop(self, table: Table) -> None:
        name = fold(table.name)
        if not table.holds_data or not self._trail.has_old_rows(name):
            return
        label = self._trail.label(name, table.name)
        if table.kind == "unreadable":
            self._lose(table, None, 0, sentences.unreadable(label, table.module))
            return
        rows = self._rows(table)
        if not rows:
            return
        if table.kind == "contentless" or not self._trail.copies_of(name):
            self._lose(table, None, rows, sentences.dropped(label, rows))
            return
        self._judge_copies(table, rows)

    def _judge_copies(self, table: Table, rows: int) -> None:
        name = fold(table.name)
        label = self._trail.label(name, table.name)
        matches = self._matches(table)
        comparison = self._compared(table, matches)
        if name in self._trail.least:
            comparison = comparison.least(self._trail.least[name])
        if comparison.rows:
            self._lose(
                table, None, comparison.rows, sentences.not_copied(label, comparison.rows, rows), comparison.example
            )
        for column, difference in comparison.columns.items():
            spelled = table.columns[column].name if column in table.columns else column
            spelled = self._trail.column_label(name, column, spelled)
            if difference.lost:
                there = any(column in m.carriers for m in matches)
                say = sentences.values_not_copied if there else sentences.column_dropped
                how = say(label, spelled, difference.lost)
                self._lose(table, column, difference.lost, how, difference.example)
            if difference.changed > difference.lost:
                self._changes.append(Change("copy", label, spelled, difference.changed - difference.lost))

    def _matches(self, table: Table) -> list[copies.Match]:
        """How the rows of ``table`` are found again in each table to which they were copied and that is there."""
        by_target = self._trail.copies_of(fold(table.name))
        key = self._key(table, by_target)
        targets = {n: t for n in by_target if (t := read_table(self._conn, n)) is not None}
        return [copies.match(table, key, target, by_target[n]) for n, target in targets.items()]

    def _key(self, table: Table, by_target: Mapping[str, Sequence[copies.Copy]]) -> tuple[str, ...]:
        key = self._trail.key(table)
        return (ROWID,) if not key and table.rowid and self._needs_rowid(table, by_target) else key

    def _compared(self, table: Table, matches: Sequence[copies.Match]) -> Comparison:
        """Compare ``table`` with its copies as they are now."""
        key = self._key(table, self._trail.copies_of(fold(table.name)))
        keyed = [m for m in matches if m.pairs]
        if keyed:
            query = comparing.compare(table, key, keyed)
            return query.comparison(self._conn.execute(query.sql).rows[0])
        return self._compared_without_key(table, key, matches)

    def _compared_without_key(self, table: Table, key: Sequence[str], matches: Sequence[copies.Match]) -> Comparison:
        bags = comparing.compare_bags(table, matches)
        missing = bags.comparison(self._conn.execute(bags.sql).rows[0])
        columns: dict[str, comparing.Difference] = dict(missing.columns)
        unkept = [c for c in table.stored if c not in key and any(c not in m.carriers for m in matches)]
        if unkept:
            counted = comparing.count_values(table, unkept)
            columns |= counted.comparison(self._conn.execute(counted.sql).rows[0]).columns
        if key and not any(m.sets_key for m in matches):
            same = [
                copies.Match(m.target, tuple((k, k) for k in key), m.carriers) for m in matches if _has(m.target, key)
            ]
            renumbered = self._rows(table)
            if same:
                query = comparing.compare(table, key, same)
                comparison = query.comparison(self._conn.execute(query.sql).rows[0])
                renumbered = comparison.rows + max((d.lost for d in comparison.columns.values()), default=0)
            if renumbered:
                columns[key[0]] = comparing.Difference(
                    renumbered, 0, "the key is not copied, so each row gets another one"
                )
        elif key:
            label = self._trail.label(fold(table.name), table.name)
            self._notes.append(f"{label}: its key is set anew, so rows were compared without it")
        return Comparison(missing.rows, missing.example, columns)

    def _needs_rowid(self, table: Table, by_target: Mapping[str, Sequence[copies.Copy]]) -> bool:
        """Whether the rowid identifies rows of a table without a key: a copy carries it, or a full-text index names
        it."""
        if any(ROWID in reads for part in by_target.values() for copy in part for _, reads in copy.values.values()):
            return True
        if not self._conn.execute(load("engine/has_fts")).rows:
            return False
        from memsql.fts import discover

        return any(fold(t.content or "") == fold(table.name) for t in discover(self._conn))

    def _drop_column(self, text: str, what: Effect) -> Result:
        name, column = fold(what.name or ""), fold(what.column or "")
        table = read_table(self._conn, name)
        if table is not None and table.holds_data and self._trail.has_old_rows(name) and column in table.stored:
            inside = copies.own_match(table, self._trail.inside(name), column)
            outside = [
                copies.match(table, self._trail.key(table), t, part)
                for n, part in self._trail.copies_of(name).items()
                if (t := read_table(self._conn, n)) is not None
            ]
            matches = [m for m in (inside, *outside) if column in m.carriers and (m.own or m.pairs)]
            query = comparing.count_values(table, [column])
            if matches:
                query = comparing.compare_column(table, column, matches)
            difference = query.comparison(self._conn.execute(query.sql).rows[0]).columns.get(column)
            if difference is not None:
                label = self._trail.label(name, table.name)
                spelled = self._trail.column_label(name, column, table.columns[column].name)
                if difference.lost:
                    how = sentences.column_dropped(label, spelled, difference.lost)
                    self._lose(table, column, difference.lost, how, difference.example)
        return self._plain(text)

    # Copies

    def _note_copies(self, text: str, write: Write, table: Table | None, result: Result) -> None:
        if write.verb == "update" and table is not None:
            self._note_assignments(write, table, result)
            return
        if not write.arms and write.verb != "create":
            return
        target = read_table(self._conn, write.table)
        if target is None:
            return
        if write.verb == "create" and table is None:
            self._trail.created.add(write.table)
        names = output_names(write, self._columns) if write.verb == "create" else ()
        columns = names or write.columns or target.stored
        noted: list[copies.Copy] = []
        for values in origins(write, self._columns):
            sources = {source for value in values for source, _ in value.reads}
            noted += [copies.copy_of(source, write.table, columns, values) for source in sorted(sources)]
        known = {copy.source for copy in noted}
        unread = [n for n in sorted(identifiers(text) - known - {write.table}) if self._is_base_of_views(n)]
        noted += [copies.Copy(n, write.table, {}, unread=True) for n in unread]
        self._trail.add(noted)
        for copy in noted:
            source = read_table(self._conn, copy.source)
            if source is not None and not target.key and write.table in self._trail.created:
                self._trail.inherit_key(copy, self._trail.key(source))

    def _note_assignments(self, write: Write, table: Table, result: Result) -> None:
        """An UPDATE may fill a column from others of its row, or from the table that it was copied from."""
        values = assigned(write, self._columns)
        own = {c: (v.kind, frozenset(n for t, n in v.reads if t == write.table)) for c, v in values.items()}
        own = {c: (kind, reads) for c, (kind, reads) in own.items() if reads}
        if write.some:
            # An expression that did not reach every row proves nothing about the others.
            whole = result.changes >= self._rows(table)
            own = {c: (kind if whole or kind != "other" else "bare", reads) for c, (kind, reads) in own.items()}
        if own:
            self._trail.add([copies.Copy(write.table, write.table, own)])
        for source in {copy.source for copy in self._trail.copies if copy.target == write.table != copy.source}:
            read = {c: (v.kind, frozenset(n for t, n in v.reads if t == source)) for c, v in values.items()}
            read = {c: (kind, reads) for c, (kind, reads) in read.items() if reads}
            if read:
                self._trail.copies = [_refined(c, source, write.table, read) for c in self._trail.copies]

    def _is_base_of_views(self, name: str) -> bool:
        """Whether the text names a table through a view, which the reading of SELECT does not follow."""
        table = read_table(self._conn, name)
        return table is not None and table.holds_data

    def _compare_before(self, name: str) -> None:
        """Compare copies before a statement changes them by name: what is there now is accounted for."""
        if not self._drops:
            return
        for source in self._trail.sources_near(name):
            table = read_table(self._conn, source)
            before = self._trail.least.get(source)
            if table is None or not table.holds_data or (before is not None and not before.loses):
                continue
            if table.kind in ("table", "virtual") and self._trail.copies_of(source):
                now = self._compared(table, self._matches(table))
                self._trail.least[source] = now if before is None else now.least(before)

    # Facts

    def _columns(self, name: str) -> Sequence[str]:
        table = read_table(self._conn, name)
        return tuple(table.columns) if table is not None else ()

    def _rows(self, table: Table | None) -> int:
        if table is None or table.kind in ("view", "unreadable"):
            return 0
        return int(str(self._conn.execute(f"SELECT count(*) FROM {table.sql}").one()))

    def _is_data(self, name: str) -> bool:
        if is_nobodys_data(name):
            return False
        table = read_table(self._conn, name)
        return table is not None and table.holds_data

    def _is_view(self, name: str) -> bool:
        table = read_table(self._conn, name)
        return table is not None and table.kind == "view"

    def _armed_tables(self) -> frozenset[str]:
        if self._armed is None:
            rows = self._conn.execute(load("engine/armed")).rows
            self._armed = frozenset(fold(str(row[0])) for row in rows)
        return self._armed

    def _any_replaces(self) -> bool:
        if self._replaces is None:
            self._replaces = bool(self._conn.execute(load("engine/replaces")).rows)
        return self._replaces

    def _lose(self, table: Table, column: str | None, rows: int, how: str, example: str = "") -> None:
        name = fold(table.name)
        label = self._trail.label(name, table.name)
        spelled = None
        if column is not None:
            spelled = table.columns[column].name if column in table.columns else column
            spelled = self._trail.column_label(name, column, spelled)
        names = {name, fold(label)}
        columns = {None} if column is None else {column, fold(spelled or "")}
        aliases = frozenset((t, c) for t in names for c in columns)
        self._losses.append(Loss(label, spelled, rows, how, example, aliases))

    # Running

    def _plain(self, text: str) -> Result:
        with self._observed() as touched:
            result = self._conn.execute(text)
        self._reached(touched)
        return result

    @contextmanager
    def _observed(self) -> Iterator[Touched]:
        with self._conn.observe(self._interrupted) as touched:
            assert touched is not None
            try:
                yield touched
            except StatementError:
                self.touched.forbidden = touched.forbidden
                self.touched.dropped |= touched.dropped
                raise

    def _reached(self, touched: Touched) -> None:
        self.touched.add(touched)
        if touched.schema or touched.altered or touched.created or touched.dropped:
            self._armed = self._replaces = None

    # Sequences

    def _note_sequence(self, table: Table) -> None:
        row = self._conn.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).rows
        if row and isinstance(row[0][0], int):
            label = self._trail.label(fold(table.name), table.name)
            self._sequences[label] = max(self._sequences.get(label, 0), row[0][0])

    def _raise_sequences(self) -> None:
        for label, highest in self._sequences.items():
            names = [n for n in (fold(label), *self._trail.labels) if fold(self._trail.label(n, n)) == fold(label)]
            for name in dict.fromkeys(names):
                table = read_table(self._conn, name, temporary=False)
                if table is None or not table.autoincrement:
                    continue
                rows = self._conn.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).rows
                now = rows[0][0] if rows else None
                if isinstance(now, int) and now >= highest:
                    continue
                sql = (
                    "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1"
                    if rows
                    else "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)"
                )
                self._conn.execute(sql, (table.name, highest))
                self._notes.append(
                    f"raised the AUTOINCREMENT sequence of {table.name} to {highest}, where it was before"
                )


def _has(table: Table, columns: Sequence[str]) -> bool:
    return all(column in table.columns or (column == ROWID and table.rowid is not None) for column in columns)


def _refined(
    copy: copies.Copy, source: str, target: str, read: Mapping[str, tuple[str, frozenset[str]]]
) -> copies.Copy:
    """``copy`` with the columns that an UPDATE of its target filled from the source."""
    if (copy.source, copy.target) != (source, target):
        return copy
    return copies.Copy(source, target, {**copy.values, **read}, copy.unread)
