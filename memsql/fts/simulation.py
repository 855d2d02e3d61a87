"""Whether the triggers of an external-content index keep it right whatever is written: tried out on made-up rows.

A guard has many spellings, and SQLite chooses in which order triggers fire. So the triggers are not read but run, in a
database in memory: the content table as it is defined, and in the place of the index a table that notes what each
trigger puts in and takes out. The rows are made of the values that the triggers and the CHECKs speak of, and of values
beside them. What INSERT of a row puts into the index has to be there after an UPDATE to this row, and nothing after its
DELETE.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise, product

from memsql.db.sqlite import ENGINE_ERRORS, memory
from memsql.fts.discover import FtsTable
from memsql.fts.samples import Row, Samples, Value, same
from memsql.fts.triggers import Trigger
from memsql.sqltext import ROWIDS, fold, quote
from memsql.sqltext.names import quote_string

# Rows at most that the guards let in, and that they leave out.
_ROWS = 8
_SAYS = {
    "absent": "takes out of the index a row that is not in it, which damages the index",
    "twice": "puts a row into the index that is there already",
    "leaked": "puts a row into the index that does not belong there",
    "left": "leaves a row in the index that does not belong there any more",
    "missing": "leaves a row out of the index that belongs there",
}

_Written = tuple[Row, "list[_Note]"]
"""A row, and what its INSERT puts into the index."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What the triggers do wrong: ``kind`` is guard or order, ``event`` the kind of the write, ``trigger`` the one that
    does it. ``text`` continues "trigger NAME", with the write that shows it."""

    kind: str
    event: str
    trigger: str
    text: str


@dataclass(frozen=True, slots=True)
class _Note:
    """What one trigger did to the index: took a row out (``out``) or put it in, with its rowid and texts."""

    trigger: str
    out: bool
    entry: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A difference between the index and what it should hold: ``kind`` is absent (taken out, never put in), twice,
    leaked (put in), left (not taken out) or missing; ``trigger`` is empty where none did anything."""

    kind: str
    trigger: str = ""


@lru_cache(64)
def flaw_of(table: FtsTable, content: str) -> Flaw | None:
    """The first flaw of the triggers of ``table`` on its source, which the CREATE TABLE ``content`` defines.

    None where there is none, where no trigger chooses rows and no order matters, and where the triggers cannot be tried
    out alone, because they need other tables or functions of the application.
    """
    source = table.source or ""
    triggers = [t for t in table.triggers if fold(t.table) == fold(source) and t.writes_to(table.name)]
    actions = {write.action for trigger in triggers for write in trigger.writes_to(table.name)}
    if not content or actions - {"insert", "delete_command"} or not _may_be_wrong(table, triggers):
        return None
    with closing(memory()) as conn, suppress(*ENGINE_ERRORS):
        trial = _Trial(conn.raw, table, content, triggers)
        return trial.flaw()
    return None


def _may_be_wrong(table: FtsTable, triggers: Sequence[Trigger]) -> bool:
    """Whether a trigger has a guard, or what several writes do depends on their order."""
    events: dict[str, int] = {}
    for trigger in triggers:
        head, writes = trigger.head(), trigger.writes_to(table.name)
        events[head.event] = events.get(head.event, 0) + 1
        actions = [write.action for write in writes]
        if head.guard or any(write.choice for write in writes) or ("insert", "delete_command") in pairwise(actions):
            return True
    return any(number > 1 for number in events.values())


class _Trial:
    """The triggers in a database in memory. Raises one of ENGINE_ERRORS where they cannot be tried out."""

    def __init__(self, db: sqlite3.Connection, table: FtsTable, content: str, triggers: Sequence[Trigger]) -> None:
        self._db, self._table, self._triggers = db, table, triggers
        self._index, self._content = quote(table.name), quote(table.source or "")
        db.execute(content)
        notes = ["memsql_trigger", *ROWIDS, table.name, "rank", *table.all_columns]
        db.execute(f"CREATE TABLE {self._index} (memsql_place INTEGER PRIMARY KEY, {', '.join(map(quote, notes))})")
        for trigger in triggers:
            marker = f"INSERT INTO {self._index} (memsql_trigger) VALUES ({quote_string(trigger.name)});\n"
            writes = "".join(f"{write.text};\n" for write in trigger.writes_to(table.name))
            db.execute(f"{trigger.parts()[0].rstrip()} BEGIN\n{marker}{writes}END")
        self._samples = Samples.of(db, table, content, triggers)

    def flaw(self) -> Flaw | None:
        """The first flaw that a write shows."""
        rows, neighbours = self._rows()
        every = [*rows, *(new for _, new in neighbours)]
        for row, entries in every:
            wrong = _compare([], entries, entries)
            if wrong is not None:
                return self._explain("insert", wrong, f"INSERT of a row with {_shown(row)}")
        for row, entries in every:
            notes = self._notes(row, f"DELETE FROM {self._content}")
            wrong = _compare(entries, notes, []) if notes is not None else None
            if wrong is not None:
                return self._explain("delete", wrong, f"DELETE of a row with {_shown(row)}")
        backwards = ((new, old) for old, new in neighbours)
        flaws = (self._flaw_of_update(old, new) for old, new in chain(neighbours, backwards, product(rows, rows)))
        return next(filter(None, flaws), None)

    def _flaw_of_update(self, old: _Written, new: _Written) -> Flaw | None:
        (before, entries), (after, goal) = old, new
        changed = [name for name in after if not same(before[name], after[name])]
        # A trigger on UPDATE OF fires for every column that is set, also to the value that it has.
        for names in (changed, list(after)):
            settings = ", ".join(f"{quote(name)} = ?" for name in names)
            if not settings:
                continue
            notes = self._notes(before, f"UPDATE {self._content} SET {settings}", [after[name] for name in names])
            wrong = _compare(entries, notes, goal) if notes is not None else None
            if notes is None or wrong is None:
                continue
            sample = f"UPDATE of a row with {_shown(before, changed)} to {_shown(after, changed)}"
            if _compare(entries, sorted(notes, key=lambda note: not note.out), goal) is None:
                return _order_flaw(notes, sample)
            return self._explain("update", wrong, sample)
        return None

    def _rows(self) -> tuple[list[_Written], list[tuple[_Written, _Written]]]:
        """Rows that the constraints allow, some that the guards let in and some that they leave out; and pairs of one
        of the former with a row that differs from it in one column."""
        kept: dict[bool, list[_Written]] = {True: [], False: []}
        for row in self._samples.rows(self._db):
            notes = self._notes(None, *self._samples.insert(self._content, row))
            if notes is not None and len(kept[bool(notes)]) < _ROWS:
                kept[bool(notes)].append((row, notes))
            if all(len(rows) == _ROWS for rows in kept.values()):
                break
        pairs: list[tuple[_Written, _Written]] = []
        for row, entries in kept[True][:2]:
            for beside in self._samples.beside(row):
                notes = self._notes(None, *self._samples.insert(self._content, beside))
                if notes is not None:
                    pairs.append(((row, entries), (beside, notes)))
        return [*kept[True], *kept[False]], pairs

    def _notes(self, row: Row | None, statement: str, values: Sequence[Value] = ()) -> list[_Note] | None:
        """What the triggers do when ``statement`` runs while ``row`` is the only one; None where a constraint refuses
        it. Nothing of it stays."""
        db = self._db
        db.execute("BEGIN")
        try:
            if row is not None:
                db.execute(*self._samples.insert(self._content, row))
                db.execute(f"DELETE FROM {self._index}")
            db.execute(statement, values)
            return self._read()
        except sqlite3.IntegrityError:
            return None
        finally:
            db.execute("ROLLBACK")

    def _read(self) -> list[_Note]:
        rowid = f"coalesce({', '.join(ROWIDS)})"
        texts = ", ".join(f"coalesce({quote(column)}, '')" for column in self._table.columns)
        rows = self._db.execute(
            f"SELECT memsql_trigger, {self._index}, {rowid}, {texts} FROM {self._index} ORDER BY memsql_place"
        )
        notes, trigger = [], ""
        for marker, command, *entry in rows:
            if marker is not None:
                trigger = marker
            else:
                notes.append(_Note(trigger, command is not None, tuple(map(str, entry))))
        return notes

    def _explain(self, event: str, wrong: _Wrong, sample: str) -> Flaw:
        """``sample`` is the write after which something is ``wrong``."""
        action = "insert" if wrong.kind in ("twice", "missing") else "delete_command"
        writers = [
            trigger.name
            for trigger in self._triggers
            if trigger.head().event == event and any(w.action == action for w in trigger.writes_to(self._table.name))
        ]
        trigger = wrong.trigger or (writers[0] if writers else "")
        fillers = [t.name for t in self._triggers if t.head().event == "insert"]
        other = f"; {', '.join(fillers)} decides otherwise" if fillers and trigger not in fillers else ""
        return Flaw("guard", event, trigger, f"{_SAYS[wrong.kind]}, for example at {sample}{other}")


def _compare(entries: Sequence[_Note], notes: Sequence[_Note], goal: Sequence[_Note]) -> _Wrong | None:
    """What is wrong when the index holds ``entries``, the triggers do ``notes``, and it should hold ``goal`` then."""
    index = [note.entry for note in entries]
    for note in notes:
        if not note.out:
            if any(entry[0] == note.entry[0] for entry in index):
                return _Wrong("twice", note.trigger)
            index.append(note.entry)
        elif note.entry in index:
            index.remove(note.entry)
        else:
            return _Wrong("absent", note.trigger)
    wanted, put = [note.entry for note in goal], {note.entry: note.trigger for note in notes if not note.out}
    over = [entry for entry in index if entry not in wanted]
    if over:
        return _Wrong("leaked", put[over[0]]) if over[0] in put else _Wrong("left")
    return _Wrong("missing") if len(index) < len(wanted) else None


def _order_flaw(notes: Sequence[_Note], sample: str) -> Flaw:
    """The flaw of triggers that put the new row in before the old one is taken out."""
    first = next(note for note in notes if not note.out).trigger
    last = next((note.trigger for note in reversed(notes) if note.out), first)
    other = "before it takes the old one out" if first == last else f"before {last} takes the old one out"
    fires = "" if first == last else "; of two triggers for the same event SQLite fires the newer one first"
    return Flaw(
        "order", "update", first, f"puts the new row in {other}, so that words of both are lost, at {sample}{fires}"
    )


def _shown(row: Row, names: Sequence[str] | None = None) -> str:
    """The values of ``row``, in SQL, without those that say nothing."""
    shown = [f"{name} = {_sql(value)}" for name, value in row.items() if names is None or name in names]
    return ", ".join(shown) or "the same values"


def _sql(value: Value) -> str:
    if value is None:
        return "NULL"
    return quote_string(value) if isinstance(value, str) else str(value)
