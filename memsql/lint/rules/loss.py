"""Rules about the loss of rows, columns and names."""

from __future__ import annotations

from collections.abc import Iterator

from memsql.lint.conditions import always_true
from memsql.lint.model import DATABASE, OURS, Hit, rule
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.schema.read_rules import rules_of
from memsql.sqltext import fold, permit_line
from memsql.sqltext.selects import tables_of
from memsql.sqltext.tokens import Token, join, tokenize


@rule("MS01", "drop_table", "error", DATABASE)
def drop_table(script: Script) -> Iterator[Hit]:
    """A table is dropped.

    **Anti-pattern** Every row goes with it, and a rollback can only bring an empty table back.

        DROP TABLE notes;

    **Best practice** Rename it, and drop it in a later release when nobody has missed it. Say so where it is meant: `--
    allow: MS01` or, as the loss guard wants it for a table that holds rows, `-- allow: data-loss notes`. Dropping what
    the same file made, what a rebuild replaces, a table whose columns the file copied as they are, a full-text index,
    and in a rollback what the migration made, is no finding.

        ALTER TABLE notes RENAME TO notes_retired;
    """
    replaced = {r.drop.number for r in script.rebuilds if r.drop is not None}
    new_tables: dict[str, int] = {step.name: step.at for step in script.making("table", "virtual")}
    for step in script.of("drop"):
        if (
            step.effect.object_type != "table"
            or step.number in replaced
            or new_tables.get(step.name, step.at) < step.at
        ):
            continue
        if _is_index_only(script, step) or step.name in script.made_by_up or step.effect.schema == "temp":
            continue
        if _loses_nothing(script, step):
            continue
        name = step.effect.name or ""
        yield Hit(
            step.place("DROP"),
            f"table {name} is dropped with every row",
            f"rename it and drop it later, or say why it may go: {permit_line(name)}",
            loses=((name, None),),
        )


def _is_index_only(script: Script, step: Step) -> bool:
    """A full-text table over another table's content holds nothing of its own."""
    tables = (catalogue.fts(step.name) for catalogue in (script.before, script.after) if catalogue is not None)
    return any(table is not None and table.kind == "external" for table in tables)


def _loses_nothing(script: Script, step: Step) -> bool:
    """Whether there is no such table, it is empty, or the file copies all of its columns."""
    before, name = script.before, step.name
    renames = [s for s in script.of("alter_rename") if s.new_name == name]
    earlier = next((s.name for s in renames if s.at < step.at), name)
    if name in script.held(step).empty or earlier in script.made_by_up:
        return True
    if before is None:
        return False
    shape = before.table(name) or before.table(earlier)
    if shape is None:
        is_new = any(s.name in (name, earlier) for s in script.making("table", "virtual"))
        # IF EXISTS in front of what the file gives that name removes what an earlier attempt left.
        is_leftover = step.find("IF", "EXISTS") is not None and any(s.at > step.at for s in renames)
        return (before.exact and not is_new) or is_leftover
    return script.carries(fold(shape.name), [fold(c.name) for c in shape.columns if not c.hidden])


@rule("MS02", "drop_column", "error", DATABASE)
def drop_column(script: Script) -> Iterator[Hit]:
    """A column is dropped, or left out of a table that is made anew.

    **Anti-pattern** Its values are gone, and releases of the application that still read it fail.

        ALTER TABLE users DROP COLUMN phone;

    **Best practice** Stop using it in one release, drop it in a later one, and say why the values may go (`-- allow:
    data-loss users.phone`). In a rollback, dropping the column that the migration added is no finding. Nor is a
    generated column, which holds nothing of its own, or one without a value: the file made it, or emptied its table.

        -- allow: data-loss users.phone was copied to contacts by 0012
        ALTER TABLE users DROP COLUMN phone;
    """
    if script.is_way_back:
        return
    added = {(step.name, step.column): step.at for step in script.of("alter_add_column")}
    for step in script.of("alter_drop_column"):
        table, column = step.effect.name or "", step.effect.column or ""
        is_new = added.get((step.name, step.column), step.at) < step.at
        if (
            not is_new
            and not _is_generated(script, step.name, step.column)
            and not script.held(step).has_no_value(step.name, step.column)
            and not script.carries(step.name, [step.column])
        ):
            yield Hit(
                step.place_of(column),
                f"column {column} of {table} is dropped with its values",
                f"drop it when no release reads it any more, and say why it may go: {permit_line(table, column)}",
                loses=((table, column),),
            )
    yield from _left_out(script)


def _is_generated(script: Script, table: str, column: str) -> bool:
    shape = script.before.table(table) if script.before is not None else None
    return shape is not None and any(fold(c.name) == column and c.hidden in (2, 3) for c in shape.columns)


def _left_out(script: Script) -> Iterator[Hit]:
    """Columns that a rebuilt table no longer has, except those that the file renamed or dropped by name."""
    changed_by_name = {(step.name, step.column) for step in script.of("alter_drop_column", "alter_rename_column")}
    for rebuild in script.remade:
        old = script.before.table(rebuild.table) if script.before else None
        new = script.after.table(rebuild.table)
        if old is None or new is None or not (rebuild.copies or rebuild.create.selects):
            # Without a copy every row is gone, not only a column.
            continue
        remaining = {fold(c.name) for c in new.columns if not c.hidden}
        for column in (c.name for c in old.columns if not c.hidden):
            if (
                fold(column) not in remaining
                and (rebuild.table, fold(column)) not in changed_by_name
                and not script.carries(rebuild.table, [fold(column)])
            ):
                yield Hit(
                    rebuild.create.place_of(rebuild.create.effect.name),
                    f"the rebuild of {rebuild.table} leaves column {column} out, with its values",
                    f"add it to the new table, or say why it may go: {permit_line(rebuild.table, column)}",
                    loses=((rebuild.table, column),),
                )


@rule("MS03", "rename_in_use", "error", ("migration",))
def rename_in_use(script: Script) -> Iterator[Hit]:
    """A table or column is renamed or dropped, and a file of sql/queries or sql/checks still uses the old name.

    **Anti-pattern** The query ran before this statement and does not run after it, nor after any later migration. The
    application, or `verify`, fails from the moment it is applied.

        ALTER TABLE users RENAME COLUMN email TO mail;    -- sql/queries/users_by_email.sql says email

    **Best practice** Change the queries in the same pull request. While old and new releases run side by side, add the
    new column, fill it, and drop the old one in a later release.

        ALTER TABLE users ADD COLUMN mail TEXT;
    """
    steps = {step.number: step for step in script.steps}
    for broken in script.broken:
        step, path = steps[broken.number], broken.query.path
        verb = "renamed" if step.kind.startswith("alter_rename") else "dropped"
        what = f"{step.effect.name}.{step.effect.column}" if step.effect.column else step.effect.name
        yield Hit(
            step.place_of(step.effect.column or step.effect.name),
            f"{what} is {verb}, and {path} still uses it: {broken.error}",
            f"change {path} in the same pull request",
        )


@rule("MS06", "write_without_where", "error", (*OURS, "legacy", "other"))
def write_without_where(script: Script) -> Iterator[Hit]:
    """UPDATE or DELETE without WHERE, or with one that every row passes.

    **Anti-pattern** It changes every row of a table, which is rarely meant and cannot be undone. `WHERE true`, `1 = 1`,
    `NOT 0` or `id = id` say no more than no WHERE, and UPDATE … FROM without WHERE joins every row with every row.

        DELETE FROM sessions;

    **Best practice** Say which rows. Where all of them are meant, say so: `-- allow: MS06` or, as the loss guard wants
    it for a DELETE, `-- allow: data-loss sessions`. Filling a column that the same file added is no finding, nor is a
    table that the file made, one that can hold a single row only, or rows that the file copies away and back.

        DELETE FROM sessions WHERE expires_at < '2024-01-01';
    """
    new_columns = {(step.name, step.column) for step in script.of("alter_add_column")}
    new_tables = {step.name for step in script.making("table", "virtual")}
    for step in script.of("update", "delete"):
        if step.name in new_tables or step.effect.schema == "temp" or step.name.startswith("sqlite_stat"):
            continue
        idle = _idle_condition(script, step)
        columns = step.write.columns if step.write is not None else ()
        if idle is None or (columns and all((step.name, c) in new_columns for c in columns)):
            continue
        if _has_one_row(script, step.name) or (step.kind == "delete" and _comes_back(script, step)):
            continue
        table, verb = step.effect.name or "", step.kind.upper()
        is_delete = step.kind == "delete"
        how = f"{verb} WHERE {join(idle)[:60]}" if idle else f"{verb} without WHERE"
        say = permit_line(table) if is_delete else "-- allow: MS06 <reason>"
        yield Hit(
            step.place(verb),
            f"{how} {'removes' if is_delete else 'changes'} every row of {table}",
            f"add a WHERE that names the rows; if all of them are meant, say so: {say}",
            loses=((table, None),) if is_delete else (),
        )


def _has_one_row(script: Script, table: str) -> bool:
    """Whether a table can hold one row only, as with ``id INTEGER PRIMARY KEY CHECK (id = 1)``."""
    shape = script.after.table(table)
    if shape is None or shape.kind != "table" or "check" not in shape.sql.lower():
        return False
    rules = rules_of(shape)
    keys = [key.columns for key in (*rules.unique, *([rules.primary_key] if rules.primary_key else []))]
    for check in rules.checks:
        sides = [token for token in tokenize(check.expression) if token.word not in ("=", "==", "IN", "(", ")")]
        values = [side for side in sides if side.kind in ("string", "number")]
        if len(sides) == 2 and len(values) == 1 and (next(s for s in sides if s not in values).name,) in keys:
            return "<" not in check.expression and ">" not in check.expression
    return False


def _comes_back(script: Script, delete: Step) -> bool:
    """Whether the rows were copied to another table before, and are copied back behind the statement."""
    table = delete.name
    kept = {copy.target for copy in script.copies if table in copy.sources and copy.step.at < delete.at}
    for step in script.making("table"):
        if step.selects and step.at < delete.at and step.write is not None and step.write.select is not None:
            kept |= {step.name} if table in tables_of(step.write.select) else set()
    back = [copy for copy in script.copies if copy.target == table and copy.step.at > delete.at]
    return any(not kept.isdisjoint(copy.sources) for copy in back)


def _idle_condition(script: Script, step: Step) -> tuple[Token, ...] | None:
    """The condition of a statement that reaches every row of its table, () for none; None where it names rows."""
    write = step.write
    if write is None:
        return None if step.find("WHERE") is not None else ()
    if not write.some:
        return ()
    condition = write.condition
    if any(t.word == "LIMIT" for t in write.conditions):
        return None
    if write.sources:
        # A join with the table itself needs no WHERE.
        label = write.alias or write.table
        joined = any(source.table == write.table for source in write.sources)
        return None if condition or joined or any(t.name == label for t in write.conditions) else ()
    if not condition:
        return None
    shape = script.after.table(step.name) or (script.before.table(step.name) if script.before is not None else None)
    columns = shape.columns if shape is not None else ()
    never_null = {fold(c.name) for c in columns if c.notnull or (c.pk and c.type.upper() == "INTEGER")}
    return condition if always_true(condition, step.name, never_null) else None


@rule("MS37", "renamed_under_code", "warning", ("migration",))
def renamed_under_code(script: Script) -> Iterator[Hit]:
    """A table or column gets another name, or a view goes, and the application may still use the old one.

    **Anti-pattern** Every release that says the old name fails from the moment the migration is applied, also the one
    that is running while the new one is being deployed. MS03 finds it only where a file of sql/queries says the name.

        ALTER TABLE users RENAME COLUMN email TO mail;

    **Best practice** Deploy a release that can do with both names first, or keep the old name alive: a view for a
    table, a second column until no release reads the first. Then say so. What a rebuild renames, and what the same file
    made, is no finding.

        -- allow: MS37 release 2.3 and later read both names
        ALTER TABLE users RENAME TO accounts;
        CREATE VIEW users AS SELECT id, email FROM accounts;
    """
    rebuilt = {r.rename.number for r in script.rebuilds if r.rename is not None}
    broken = {b.number for b in script.broken}
    yield from _renamed_by_rebuild(script)
    for step in script.of("alter_rename", "alter_rename_column", "drop"):
        if step.number in rebuilt | broken or step.effect.schema == "temp" or _is_still_there(script, step):
            continue
        name = step.effect.name or ""
        if step.kind == "drop":
            if step.effect.object_type != "view" or script.before is None or not script.before.holds("view", name):
                continue
            message = f"view {name} is dropped: releases of the application that read it fail"
        elif step.kind == "alter_rename":
            message = f"table {name} is renamed: releases of the application that still say {name} fail"
        else:
            column = step.effect.column
            message = f"column {column} of {name} is renamed: releases that still say {column} fail"
        yield Hit(
            step.place_of(step.effect.column or name),
            message,
            _KEEP_ALIVE,
        )


_KEEP_ALIVE = "keep the old name alive until no release uses it, and say so: -- allow: MS37 <which release>"


def _renamed_by_rebuild(script: Script) -> Iterator[Hit]:
    """Columns that a rebuilt table has under another name: the values are there, and the old name is not."""
    for rebuild in script.remade:
        old = script.before.table(rebuild.table) if script.before else None
        new = script.after.table(rebuild.table)
        remaining = {fold(c.name) for c in new.columns} if new is not None else set()
        for column in old.columns if old is not None and new is not None else ():
            if fold(column.name) not in remaining and script.carries(rebuild.table, [fold(column.name)]):
                yield Hit(
                    rebuild.create.place_of(rebuild.create.effect.name),
                    f"the rebuild gives {rebuild.table}.{column.name} another name or place: releases that still say "
                    f"{column.name} fail",
                    _KEEP_ALIVE,
                )


def _is_still_there(script: Script, step: Step) -> bool:
    """Whether what a statement renames or drops was made by the file, or is there under its old name in the end."""
    if not script.existed(step.name):
        return True
    if step.kind != "alter_rename_column":
        return script.after.has(step.name)
    column = step.column
    known = script.before.table(step.name) if script.before is not None else None
    shape = script.after.table(step.name)
    is_new = known is not None and column not in {fold(c.name) for c in known.columns}
    return is_new or (shape is not None and column in {fold(c.name) for c in shape.columns})


RULES = (drop_table, drop_column, rename_in_use, write_without_where, renamed_under_code)
