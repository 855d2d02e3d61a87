"""Rules about the rebuild of a table (https://sqlite.org/lang_altertable.html, section 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from memsql.lint.catalogue import Catalogue
from memsql.lint.model import DATABASE, TRIGGER_MISSING, Hit, rule
from memsql.lint.rebuild import Rebuild, star_over_table
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.schema import ForeignKey, Table
from memsql.schema.remade import NameChanges, Remade
from memsql.sqltext import fold
from memsql.sqltext.names import quote_if_needed
from memsql.sqltext.pragmas import is_on, read_pragma
from memsql.sqltext.selects import tables_of

_RELATIONS = ("table", "virtual", "view")


@rule("MS10", "rebuild_with_keys_on", "error", DATABASE)
def rebuild_with_keys_on(script: Script) -> Iterator[Hit]:
    """A table that others refer to is rebuilt while foreign keys are enforced.

    **Anti-pattern** DROP TABLE deletes the rows first. `ON DELETE CASCADE` then deletes the rows of every table that
    refers to them, `SET NULL` empties the columns that do, and `foreign_key_check` finds nothing wrong afterwards.
    Without such an action the migration fails as soon as a row refers to the table. REPLACE with rows of the table
    itself deletes them, too.

        CREATE TABLE users_new (id TEXT PRIMARY KEY NOT NULL, email TEXT);
        INSERT INTO users_new (id, email) SELECT id, email FROM users;
        DROP TABLE users;
        ALTER TABLE users_new RENAME TO users;

    **Best practice** Say `-- foreign_keys: off` in the header of the file: memsql turns them off before BEGIN and
    proves with `foreign_key_check` that no reference broke.

        -- foreign_keys: off
    """
    if not script.header.foreign_keys or script.before is None:
        return
    makes_keys = "references" in script.text.lower()
    for rebuild in script.rebuilds:
        drop = rebuild.drop
        if not makes_keys and not script.before.referencing(rebuild.table):
            continue
        if drop is None or not script.before.has(rebuild.table) or drop.name in script.held(drop).empty:
            continue
        effects = _effects_on_children(script, drop)
        if effects:
            yield Hit(
                drop.place("DROP"),
                f"dropping {drop.effect.name} {'; it '.join(effects)}",
                "write `-- foreign_keys: off` into the header of the file",
            )
    yield from _replaced_in_place(script)


def _replaced_in_place(script: Script) -> Iterator[Hit]:
    """REPLACE with rows of the table itself: it deletes each row before it writes it."""
    for step in script.of("replace", "insert"):
        write = step.write
        if write is None or not write.replaces or write.select is None or step.name not in tables_of(write.select):
            continue
        # NO ACTION looks for the row at the end of the statement, when it is there again.
        effects = [e for e in _effects_on_children(script, step) if not e.startswith("fails")]
        if effects:
            yield Hit(
                step.place("REPLACE"),
                f"REPLACE deletes each row of {step.effect.name} before it writes it, and {'; it '.join(effects)}",
                "write UPDATE, or ON CONFLICT DO UPDATE",
            )


def _effects_on_children(script: Script, step: Step) -> list[str]:
    """What the rows that a statement deletes do to the tables that refer to them: words that follow its name."""
    by_action: dict[str, list[str]] = {}
    for child, keys in sorted(_children(script, step).items()):
        shape = script.before.table(child) if script.before is not None else None
        name = shape.name if shape is not None else child
        for key in keys if child not in script.held(step).empty else ():
            names = ", ".join(f"{name}.{column}" for column in key.columns)
            by_action.setdefault(key.on_delete.upper(), []).append(names)
    effects = []
    for action, columns in by_action.items():
        tables = ", ".join(dict.fromkeys(column.partition(".")[0] for column in columns))
        match action:
            case "CASCADE":
                effects.append(f"takes the rows of {tables} along, which refer to it (ON DELETE CASCADE)")
            case "SET NULL" | "SET DEFAULT":
                value = "NULL" if action == "SET NULL" else "the default"
                effects.append(f"sets {', '.join(columns)} to {value} in every row that refers to it")
            case _:
                effects.append(f"fails where rows of {tables} refer to it")
    return effects


def _children(script: Script, step: Step) -> Mapping[str, Sequence[ForeignKey]]:
    """The tables that refer to the table of a statement, with their foreign keys."""
    if step.kind == "drop" or script.before is None:
        return script.children(step)
    children = (script.before.table(name) for name in script.before.referencing(step.name))
    return {fold(t.name): [k for k in t.foreign_keys if fold(k.parent) == step.name] for t in children if t is not None}


@rule("MS11", "rebuild_forgets", "error", DATABASE)
def rebuild_forgets(script: Script) -> Iterator[Hit]:
    """A rebuild leaves out values, indexes, triggers or views of the table.

    **Anti-pattern** DROP TABLE takes the table's indexes and triggers along without a word, and a column that the
    copy does not name is empty afterwards.

        CREATE TABLE notes_new (id INTEGER PRIMARY KEY, body TEXT NOT NULL, author TEXT);
        INSERT INTO notes_new (id, body) SELECT id, body FROM notes;
        DROP TABLE notes;                       -- and idx_notes_author with it
        ALTER TABLE notes_new RENAME TO notes;

    **Best practice** Create every index, trigger and view again in the same file, and copy every column. What is to
    go is dropped by name, before the table, so that a reader sees it. An index whose column went, or whose work another
    index or key does, need not be made again. The triggers of a view that is made anew count like those of a table. A
    column that the new table does not have is a finding of MS02.

        CREATE INDEX idx_notes_author ON notes (author);
    """
    before = script.before
    if before is None:
        return
    yield from _lost(script, before)
    for rebuild in script.remade:
        old, new = before.table(rebuild.table), script.after.table(rebuild.table)
        if old is None or new is None:
            continue
        end = (rebuild.rename or rebuild.drop or rebuild.create).at
        yield from _columns(script, rebuild, old, new)
        for view in before.views_naming(rebuild.table):
            current = script.after.table(view.name) if script.after.holds("view", view.name) else None
            if current is None and not script.is_way_back:
                yield Hit(
                    end,
                    f"the rebuild of {rebuild.table} leaves out view {view.name}, which reads it",
                    "create it again",
                )
            elif current is not None and view.columns and not current.columns:
                yield Hit(
                    end,
                    f"view {view.name} cannot be read after the rebuild of {rebuild.table}",
                    "drop it before the rebuild and create it again",
                    breaks=view.name,
                )


def _lost(script: Script, before: Catalogue) -> Iterator[Hit]:
    """The indexes and triggers that go with a table that is rebuilt, or with a view that is made anew."""
    dropped = [step for step in script.of("drop") if step.effect.object_type in _RELATIONS]
    renames = tuple((step.name, step.new_name) for step in script.of("alter_rename"))
    names = NameChanges(
        frozenset(step.name for step in script.of("drop") if step.effect.object_type in ("index", "trigger")),
        renames,
        tuple((step.name, step.column, step.new_name) for step in script.of("alter_rename_column")),
    )
    for name in dict.fromkeys([*(step.name for step in dropped), *(old for old, _ in renames)]):
        owner = next((o for o in (names.names_of(name)[-1], name) if script.after.has(o)), None)
        kind = before.type_of(name)
        if owner is None or not before.attached(name) or kind is None or script.after.type_of(owner) != kind:
            continue
        remade = Remade(before.excerpt(name), script.after.excerpt(owner), names)
        shown = next(table.name for table in remade.old.tables.values() if fold(table.name) == name)
        for obj in remade.old.objects:
            if remade.loses(obj, owner) and not (script.is_way_back and fold(obj.name) in script.made_by_up):
                how = f"the rebuild of {shown}" if kind == "table" else f"view {shown}, which is made anew,"
                yield Hit(
                    _end(script, owner),
                    f"{how} forgets {obj.type} {obj.name}",
                    f"create it again, or drop it by name before the {kind}: "
                    f"DROP {obj.type.upper()} {quote_if_needed(obj.name)}",
                    also=TRIGGER_MISSING if obj.type == "trigger" else "",
                )


def _end(script: Script, owner: str) -> int:
    """The place of the last statement that gives something the name ``owner``, or else drops that."""
    makes = [step for step in script.making(*_RELATIONS) if step.name == owner]
    makes += [step for step in script.of("alter_rename") if step.new_name == owner]
    return max(step.at for step in makes or script.of("drop"))


def _filled(script: Script, rebuild: Rebuild) -> set[str]:
    """The columns of the new table, folded, that get values from a copy, or later from an UPDATE."""
    names = {rebuild.create.name, rebuild.table}
    writes = [step.write for step in script.of("update") if step.name in names and step.at > rebuild.create.at]
    updated = {column for write in writes if write is not None for column in write.columns}
    return updated.union(*(copy.columns for copy in rebuild.copies))


def _columns(script: Script, rebuild: Rebuild, old: Table, new: Table) -> Iterator[Hit]:
    """Constraints and values that the new table does not take over from the old one."""
    if rebuild.create.selects and not any(c.pk for c in new.columns):
        yield Hit(
            rebuild.create.place("AS"),
            f"CREATE TABLE AS takes no key, constraint or default of {rebuild.table} along",
            "write the new table out, and copy with INSERT … SELECT",
        )
    old_names = {fold(c.name): c.name for c in old.columns if not c.hidden}
    new_names = {fold(c.name): c.name for c in new.columns if not c.hidden}
    if rebuild.copies and all(copy.columns for copy in rebuild.copies):
        for key in sorted(old_names.keys() & new_names.keys() - _filled(script, rebuild)):
            yield Hit(
                rebuild.copies[-1].step.at,
                f"the values of {rebuild.table}.{old_names[key]} are not copied",
                "name it in INSERT and SELECT",
                loses=((rebuild.table, key),),
            )
    elif not rebuild.copies and rebuild.rename is not None and not rebuild.create.selects:
        yield Hit(
            rebuild.create.at,
            f"no row of {rebuild.table} is copied into its new table",
            "INSERT INTO … (columns) SELECT columns FROM …",
            loses=((rebuild.table, None),),
        )


@rule("MS12", "rename_old_first", "error", DATABASE)
def rename_old_first(script: Script) -> Iterator[Hit]:
    """A rebuild that renames the old table out of the way first, while something refers to it.

    **Anti-pattern** The rename goes into every foreign key, trigger and view that names the table: they follow the
    old table, which is then dropped, and refer to nothing.

        ALTER TABLE notes RENAME TO notes_old;
        CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
        INSERT INTO notes (id, body) SELECT id, body FROM notes_old;
        DROP TABLE notes_old;

    **Best practice** Make the new table under another name, and give it the old name in the end. Where nothing refers
    to the table, or the file makes again whatever does, it is no finding. (With foreign keys off and `PRAGMA
    legacy_alter_table = ON` before it, the rename goes nowhere; only files have that setting.)

        CREATE TABLE notes_new (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
        INSERT INTO notes_new (id, body) SELECT id, body FROM notes;
        DROP TABLE notes;
        ALTER TABLE notes_new RENAME TO notes;
    """
    for rebuild in script.rebuilds:
        rename = rebuild.rename
        if not rebuild.old_first or rename is None:
            continue
        followers = _followers(script, rebuild.table, rename)
        if followers is None or followers:
            who = ", ".join(followers) if followers else "foreign keys, triggers and views that name it"
            yield Hit(
                rename.place("RENAME"),
                f"the rename to {rename.effect.new_name} takes {who} along, and they are lost with that table",
                "create the new table under another name, copy, drop the old one, rename the new one",
                severity=None if followers else "warning",
            )


def _followers(script: Script, table: str, rename: Step) -> list[str] | None:
    """The foreign keys, views and triggers that name ``table`` before the file, and after it the name that the table is
    renamed to. None where the schema before is not known."""
    before, after, away = script.before, script.after, rename.new_name
    legacy = _legacy_alter_table(script, rename)
    if legacy and not script.header.foreign_keys:
        return []
    if before is None:
        return None
    if legacy or rename.number in script.failures:
        children = before.referencing(table)
    else:
        children = [child for child in before.referencing(table) if child in after.referencing(away)]
    texts = [] if legacy else [e for e in before.entries() if e.type in ("view", "trigger") and table in e.words]
    followers = [f"the foreign key of {child}" for child in children]
    for entry in texts:
        now = after.entry(entry.key)
        is_own = entry.type == "trigger" and fold(entry.table) == table
        if not is_own and now is not None and away in now.words:
            followers.append(f"{entry.type} {entry.name}")
    return followers


def _legacy_alter_table(script: Script, rename: Step) -> bool:
    """Whether PRAGMA legacy_alter_table is on when ``rename`` runs. Then no view or trigger follows the table to its
    new name, and foreign keys only while they are enforced
    (https://sqlite.org/lang_altertable.html#alter_table_rename)."""
    settings = [read_pragma(step.text) for step in script.of("pragma") if step.number < rename.number]
    values = [pragma.value for pragma in settings if pragma is not None and pragma.name == "legacy_alter_table"]
    return bool(values) and is_on(values[-1] or "")


@rule("MS13", "insert_select_star", "error", DATABASE)
def insert_select_star(script: Script) -> Iterator[Hit]:
    """Rows of a table are copied with `SELECT *`.

    **Anti-pattern** Values go by position. Where the order or number of columns differs on one database, they end
    up in the wrong columns, or the statement fails there only.

        INSERT INTO notes_new SELECT * FROM notes;

    **Best practice** Name the columns on both sides. A `*` over VALUES, over a SELECT that names its columns, or over a
    table that the same file makes is no finding.

        INSERT INTO notes_new (id, body) SELECT id, body FROM notes;
    """
    for copy in script.copies:
        star = star_over_table(copy.select, script.steps)
        if star is not None:
            yield Hit(
                star.start,
                f"copies into {copy.step.effect.name} by the position of columns",
                "name the columns in INSERT and SELECT",
            )


RULES = (rebuild_with_keys_on, rebuild_forgets, rename_old_first, insert_select_star)
