"""Rules about keys and indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from memsql.lint.catalogue import Catalogue, Index
from memsql.lint.conditions import holds_where_null
from memsql.lint.model import DATABASE, OURS, Hit, rule
from memsql.lint.rebuild import Copy
from memsql.lint.script import Script
from memsql.lint.shape import added_column
from memsql.lint.step import Step
from memsql.schema import Table
from memsql.schema.keys import SearchKey, forbids, key_of_index, keys_of_table
from memsql.schema.meaning import index_rules
from memsql.schema.read_rules import rules_of
from memsql.sqltext import fold
from memsql.sqltext.tokens import tokenize


@rule("MS07", "unique_on_existing", "warning", DATABASE)
def unique_on_existing(script: Script) -> Iterator[Hit]:
    """A unique index on a table that may hold duplicates.

    **Anti-pattern** It works on an empty table, and fails in production where two rows have the same value.

        CREATE UNIQUE INDEX idx_users_email ON users (email);

    **Best practice** Look for duplicates first, with a check of its own or a query on production, and say what you saw.
    It is no finding on a table that the same file makes or empties, over a column that it adds without a value (NULLs
    never clash), or where another key already keeps the rows apart. A rebuild that adds UNIQUE or another PRIMARY KEY
    is one.

        -- allow: MS07 none in production on 2024-05-02: SELECT email FROM users GROUP BY email HAVING COUNT(*) > 1
        CREATE UNIQUE INDEX idx_users_email ON users (email);
    """
    for step in script.making("index"):
        table, place = fold(step.effect.table or ""), step.find("UNIQUE")
        if place == 1 and table not in script.held(step).empty and _may_hold_twice(script, step, table):
            yield Hit(step.tokens[place].start, f"fails where {step.effect.table} holds the same value twice", _LOOK)
    for rebuild in script.remade:
        if not rebuild.copies or script.before is None or any(_leaves_out_duplicates(c) for c in rebuild.copies):
            continue
        for columns in _new_keys(script.before, script.after, rebuild.table):
            # What no copy names, SQLite numbers, or leaves empty.
            if all(not copy.columns or set(columns) <= set(copy.columns) for copy in rebuild.copies):
                yield Hit(
                    rebuild.create.place_of(rebuild.create.effect.name),
                    f"fails where {rebuild.table} holds the same value of ({', '.join(columns)}) twice",
                    _LOOK,
                )


_LOOK = "look for duplicates, mend them in a migration before this one, and say so: -- allow: MS07 <what you saw>"


def _may_hold_twice(script: Script, step: Step, table: str) -> bool:
    """Whether rows that were there before the file may clash in a new unique index."""
    before, after = script.before, script.after
    if before is None:
        new = {s.name for s in script.making("table")} | {s.new_name for s in script.of("alter_rename")}
        return table not in new
    earlier = {s.new_name: s.name for s in script.of("alter_rename")}
    origin = next((name for name in (table, earlier.get(table, "")) if before.has(name)), None)
    if origin is None:
        return not before.exact and not any(s.name in (table, earlier.get(table)) for s in script.making("table"))
    index = after.index(step.name)
    if index is None:
        return True
    key = next(iter(_keys(after, index.table, lambda name: name == step.name, constraints=False)), None)
    if key is None:
        return True
    blank = sorted(column for owner, column in script.held(step).blank if owner == table)
    # NULLs never clash, and a partial index may have no row at all.
    idle = [f"({term.text}) IS NULL" for term in key.terms] + ([f"({key.where}) IS NOT TRUE"] if key.where else [])
    if blank and any(holds_where_null(condition, blank) for condition in idle):
        return False
    return not _is_kept_apart(key, _keys(before, origin))


def _new_keys(before: Catalogue, after: Catalogue, table: str) -> Iterator[list[str]]:
    """The columns, folded, of each PRIMARY KEY and UNIQUE of a rebuilt table that rows of the old one may break."""
    old = before.table(table)
    if _uniques(after, table) <= _uniques(before, table):
        return
    columns = {fold(column.name) for column in old.columns} if old is not None else set()
    earlier = _keys(before, table)
    for key in _keys(after, table, lambda name: False):
        names = [tokenize(term.text)[0].name for term in key.terms]
        if set(names) <= columns and not _is_kept_apart(key, earlier):
            yield names


def _uniques(state: Catalogue, table: str) -> set[tuple[str | None, ...]]:
    """The columns and collations of each key of a table, as SQLite tells them; cheaper than to read its text."""
    shape = state.table(table)
    key = tuple(fold(column.name) for column in shape.columns if column.pk) if shape is not None else ()
    indexes = (index for index in state.indexes_of(table) if index.unique and not index.partial)
    return {key, *((*(fold(c) if c is not None else None for c in i.columns), *i.collations) for i in indexes)}


def _is_kept_apart(key: SearchKey, earlier: Sequence[SearchKey]) -> bool:
    """Whether one of the ``earlier`` keys already lets no two rows clash in ``key``."""
    return any(forbids(other, key) and other.where in ("", key.where) for other in earlier)


def _keys(
    state: Catalogue, table: str, wanted: Callable[[str], bool] = lambda name: True, *, constraints: bool = True
) -> list[SearchKey]:
    """The keys of a table: its constraints, and its indexes whose folded names are ``wanted``."""
    shape = state.table(table)
    if shape is None or shape.kind != "table":
        return []
    excerpt = state.excerpt(table)
    rules = rules_of(shape)
    indexes = [index_rules(o, excerpt) for o in excerpt.of(table, "index") if wanted(fold(o.name))]
    if constraints:
        return keys_of_table(rules, indexes)
    return [key_of_index(index, rules) for index in indexes if not index.unread]


def _leaves_out_duplicates(copy: Copy) -> bool:
    write = copy.step.write
    return write is not None and (write.ignores or write.replaces)


@rule("MS18", "nullable_primary_key", "warning", DATABASE)
def nullable_primary_key(script: Script) -> Iterator[Hit]:
    """A primary key that allows NULL.

    **Anti-pattern** Any primary key but `INTEGER PRIMARY KEY` takes NULL in SQLite, as often as you like, so rows
    without a key slip in and no reference finds them.

        CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT);

    **Best practice** Say NOT NULL, or make the table STRICT or WITHOUT ROWID, which imply it.

        CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, email TEXT);
    """
    for step in script.making("table"):
        table = step.definition
        words = [t.word for t in table.options]
        if "STRICT" in words or "ROWID" in words:
            continue
        columns = {column.name: column for column in table.columns}
        for clause in table.clauses:
            if clause.name and (place := clause.find("PRIMARY", "KEY")):
                # SQLite takes INTEGER PRIMARY KEY DESC for no rowid (https://sqlite.org/lang_createtable.html#rowid).
                is_rowid = clause.type == "INTEGER" and not clause.find("PRIMARY", "KEY", "DESC")
                if not is_rowid and not clause.find("NOT", "NULL"):
                    yield Hit(
                        place.start, f"primary key {clause.name} of {step.effect.name} allows NULL", "add NOT NULL"
                    )
            elif not clause.name and (place := clause.find("PRIMARY", "KEY")):
                names = [t.name for t in clause.tokens[clause.tokens.index(place) + 2 :] if t.name]
                keys = [columns[n] for n in names if n in columns]
                if len(keys) == 1 and keys[0].type == "INTEGER":
                    continue
                nullable = [k.name for k in keys if not k.find("NOT", "NULL")]
                if nullable:
                    yield Hit(
                        place.start,
                        f"primary key {', '.join(nullable)} of {step.effect.name} allows NULL",
                        "add NOT NULL to the column",
                    )


@rule("MS19", "foreign_key_without_index", "warning", DATABASE)
def foreign_key_without_index(script: Script) -> Iterator[Hit]:
    """A foreign key whose column has no index.

    **Anti-pattern** Every DELETE of a parent row then reads the whole child table to find what refers to it.

        CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users (id));

    **Best practice** Create an index that begins with the column, in the same file.

        CREATE INDEX idx_notes_user ON notes (user_id);
    """
    steps_by_table: dict[str, list[Step]] = {}
    for step in [*script.making("table"), *script.of("alter_add_column")]:
        steps_by_table.setdefault(step.name, []).append(step)
    old_names = {s.new_name: s.name for s in script.of("alter_rename")}
    dropped_names = {s.name for s in script.of("drop") if s.effect.object_type == "index"}
    dropped_indexes = [i for i in map(script.before.index, dropped_names) if i is not None] if script.before else []
    names = steps_by_table.keys() | old_names.keys() | {fold(i.table) for i in dropped_indexes}
    tables = (script.after.table(name) for name in names)
    for table in sorted((t for t in tables if t is not None), key=lambda t: t.name):
        steps = steps_by_table.get(fold(table.name)) or steps_by_table.get(old_names.get(fold(table.name), ""), [])
        lost = [
            i for i in (script.before.indexes_of(table.name) if script.before else ()) if fold(i.name) in dropped_names
        ]
        if not steps and not lost:
            continue
        for key in table.foreign_keys:
            columns = tuple(fold(c) for c in key.columns)
            if _leads(script.after, table, columns) or (script.final and _leads(script.final, table, columns)):
                continue
            at = _reference(steps, columns)
            dropped = next(
                (s for s in script.of("drop") if any(fold(i.name) == s.name and _begins(i, columns) for i in lost)),
                None,
            )
            if at is None and dropped is not None and not script.is_way_back:
                at = dropped.place_of(dropped.effect.name)
            if at is not None:
                yield Hit(
                    at,
                    f"{', '.join(key.columns)} of {table.name} refers to {key.parent} and no index begins with it",
                    f"CREATE INDEX idx_{table.name}_{'_'.join(key.columns)} ON {table.name} ({', '.join(key.columns)})",
                )


def _leads(state: Catalogue, table: Table, columns: tuple[str, ...]) -> bool:
    """Whether a key or index of the table begins with these columns in this schema."""
    current = state.table(table.name)
    if (
        current is not None
        and len(columns) == 1
        and any(c.pk == 1 and c.type.upper() == "INTEGER" and fold(c.name) == columns[0] for c in current.columns)
    ):
        return True
    return any(_begins(index, columns) for index in state.indexes_of(table.name))


def _begins(index: Index, columns: tuple[str, ...]) -> bool:
    return not index.partial and {fold(c or "") for c in index.columns[: len(columns)]} == set(columns)


def _reference(steps: list[Step], columns: tuple[str, ...]) -> int | None:
    """The offset of REFERENCES or FOREIGN KEY where a statement makes these columns a foreign key, else None."""
    for step in steps:
        if step.kind == "alter_add_column":
            clauses = [clause for clause in [added_column(step)] if clause is not None]
        else:
            clauses = list(step.definition.clauses)
        for clause in clauses:
            if clause.name and columns == (clause.name,) and (place := clause.find("REFERENCES")):
                return place.start
            if not clause.name and (place := clause.find("FOREIGN", "KEY")):
                start = clause.tokens.index(place)
                names = []
                for token in clause.tokens[start + 2 :]:
                    if token.word == ")":
                        break
                    if token.name:
                        names.append(token.name)
                if tuple(names) == columns:
                    return place.start
    return None


@rule("MS20", "redundant_index", "warning", (*OURS, "other"))
def redundant_index(script: Script) -> Iterator[Hit]:
    """An index that another one makes superfluous.

    **Anti-pattern** An index on (a) answers nothing that one on (a, b) does not answer, nor one beside UNIQUE (a).
    It costs space, and time with every write.

        CREATE INDEX idx_notes_user ON notes (user_id);
        CREATE INDEX idx_notes_user_date ON notes (user_id, created_at);

    **Best practice** Keep the longer one, and drop the shorter one in the same file if it is there already. In a
    rollback it is no finding.

        DROP INDEX idx_notes_user;
        CREATE INDEX idx_notes_user_date ON notes (user_id, created_at);
    """
    if script.is_way_back:
        return
    state = script.after
    new_indexes = {step.name: step for step in script.making("index")}
    final = script.final if script.final is not None and script.final.exact else None
    reported: set[str] = set()
    for name, step in new_indexes.items():
        index = state.index(name)
        if index is None or (final is not None and final.index(name) is None):
            continue
        rowid = _rowid(state, index.table)
        if rowid and not index.partial and [fold(c or "") for c in index.columns] == [rowid]:
            yield Hit(
                step.place_of(step.effect.name),
                f"{index.name} is superfluous: {rowid} is the key of {index.table}",
                "remove it",
            )
            continue
        for other in state.indexes_of(index.table):
            if (
                fold(other.name) == name
                or fold(other.name) in reported
                or (final is not None and final.index(other.name) is None and other.origin == "c")
            ):
                continue
            if _covers(other, index):
                reported.add(name)
                yield Hit(
                    step.place_of(step.effect.name), f"{index.name} is superfluous beside {_label(other)}", "remove it"
                )
                break
            if _covers(index, other) and other.origin == "c" and fold(other.name) not in new_indexes:
                reported.add(fold(other.name))
                yield Hit(
                    step.place_of(step.effect.name),
                    f"{index.name} makes {other.name} superfluous",
                    f"drop it in the same file: DROP INDEX {other.name}",
                )


def _rowid(state: Catalogue, table_name: str) -> str | None:
    """The column that is another name for the rowid of a table, in lower case; None where it has none."""
    table = state.table(table_name)
    keys = [c for c in table.columns if c.pk] if table and not table.without_rowid else []
    return fold(keys[0].name) if len(keys) == 1 and keys[0].type.upper() == "INTEGER" else None


def _covers(long: Index, short: Index) -> bool:
    """Whether ``long`` can replace ``short`` in each query and keeps the same values unique."""
    count = len(short.columns)
    if long.partial or short.partial or None in short.columns or count > len(long.columns):
        return False
    if short.unique and not (long.unique and count == len(long.columns)):
        return False
    if [fold(c or "") for c in short.columns] != [fold(c or "") for c in long.columns[:count]]:
        return False
    if tuple(map(fold, short.collations)) != tuple(map(fold, long.collations[:count])):
        return False
    directions_differ = {a != b for a, b in zip(short.descending, long.descending, strict=False)}
    return len(directions_differ) <= 1


def _label(index: Index) -> str:
    """The index as a reader knows it: its name, or the constraint that made it."""
    columns = ", ".join(c or "…" for c in index.columns)
    return {"u": f"UNIQUE ({columns})", "pk": f"PRIMARY KEY ({columns})"}.get(index.origin, index.name)


RULES = (unique_on_existing, nullable_primary_key, foreign_key_without_index, redundant_index)
