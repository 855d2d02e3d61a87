"""Rules about the loss of rows, columns and names."""

from __future__ import annotations

from collections.abc import Iterator

from memsql.lint.model import DATABASE, OURS, Hit, rule
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.sqltext import fold, permit_line


@rule("MS01", "drop_table", "error", DATABASE)
def drop_table(script: Script) -> Iterator[Hit]:
    """A table is dropped.

    **Anti-pattern** Every row goes with it, and a rollback can only bring an empty table back.

        DROP TABLE notes;

    **Best practice** Rename it, and drop it in a later release when nobody has missed it. Say so where it is meant:
    `-- allow: MS01` or, as the loss guard wants it for a table that holds rows, `-- allow: data-loss notes`. Dropping
    what the same file made, what a rebuild replaces, a full-text index, and in a rollback what the migration made,
    is no finding.

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
        if _dropped_by_rename(script, step):
            continue
        name = step.effect.name or ""
        yield Hit(
            step.place("DROP"),
            f"table {name} is dropped with every row",
            f"rename it and drop it later, or say why it may go: {permit_line(name)}",
            loses=(name, None),
        )


def _is_index_only(script: Script, step: Step) -> bool:
    """A full-text table over another table's content holds nothing of its own."""
    tables = (catalogue.fts(step.name) for catalogue in (script.before, script.after) if catalogue is not None)
    return any(table is not None and table.kind == "external" for table in tables)


def _dropped_by_rename(script: Script, step: Step) -> bool:
    """Whether it drops the old table of a rebuild that renamed that table first."""
    return any(r.old_first and r.drop is not None and r.drop.number == step.number for r in script.rebuilds)


@rule("MS02", "drop_column", "error", DATABASE)
def drop_column(script: Script) -> Iterator[Hit]:
    """A column is dropped, or left out of a table that is made anew.

    **Anti-pattern** Its values are gone, and releases of the application that still read it fail.

        ALTER TABLE users DROP COLUMN phone;

    **Best practice** Stop using it in one release, drop it in a later one, and say why the values may go
    (`-- allow: data-loss users.phone`). In a rollback, dropping the column that the migration added is no finding.

        -- allow: data-loss users.phone was copied to contacts by 0012
        ALTER TABLE users DROP COLUMN phone;
    """
    if script.is_way_back:
        return
    added = {(step.name, fold(step.effect.column or "")) for step in script.of("alter_add_column")}
    for step in script.of("alter_drop_column"):
        table, column = step.effect.name or "", step.effect.column or ""
        if (step.name, fold(column)) not in added:
            yield Hit(
                step.place_of(column),
                f"column {column} of {table} is dropped with its values",
                f"drop it when no release reads it any more, and say why it may go: {permit_line(table, column)}",
                loses=(table, column),
            )
    yield from _left_out(script)


def _left_out(script: Script) -> Iterator[Hit]:
    """Columns that a rebuilt table no longer has, except those that the file renamed or dropped by name."""
    changed_by_name = {
        (step.name, fold(step.effect.column or "")) for step in script.of("alter_drop_column", "alter_rename_column")
    }
    for rebuild in script.rebuilds:
        old = script.before.table(rebuild.table) if script.before else None
        new = script.after.table(rebuild.table)
        if old is None or new is None:
            continue
        remaining = {fold(c.name) for c in new.columns if not c.hidden}
        for column in (c.name for c in old.columns if not c.hidden):
            if fold(column) not in remaining and (rebuild.table, fold(column)) not in changed_by_name:
                yield Hit(
                    rebuild.create.place_of(rebuild.create.effect.name),
                    f"the rebuild of {rebuild.table} leaves column {column} out, with its values",
                    f"add it to the new table, or say why it may go: {permit_line(rebuild.table, column)}",
                    loses=(rebuild.table, column),
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
    """UPDATE or DELETE without WHERE.

    **Anti-pattern** It changes every row of a table, which is rarely meant and cannot be undone.

        DELETE FROM sessions;

    **Best practice** Say which rows. Filling a column that the same file added is no finding, nor is a table that
    the file made.

        DELETE FROM sessions WHERE expires_at < '2024-01-01';
    """
    new_columns = {(step.name, fold(step.effect.column or "")) for step in script.of("alter_add_column")}
    new_tables = {step.name for step in script.making("table", "virtual")}
    for step in script.of("update", "delete"):
        depth, narrow = 0, False
        for token in step.tokens:
            depth += (token.word == "(") - (token.word == ")")
            narrow = narrow or (depth == 0 and token.word in ("WHERE", "LIMIT"))
        if narrow or step.name in new_tables or step.effect.schema == "temp":
            continue
        if (
            step.kind == "update"
            and (changed := _assigned(step))
            and all((step.name, c) in new_columns for c in changed)
        ):
            continue
        verb = "UPDATE" if step.kind == "update" else "DELETE"
        yield Hit(
            step.place(verb),
            f"{verb} without WHERE changes every row of {step.effect.name}"
            if verb == "UPDATE"
            else f"DELETE without WHERE removes every row of {step.effect.name}",
            "add a WHERE that names the rows; WHERE true if all of them are meant",
        )


def _assigned(step: Step) -> list[str]:
    """The columns that an UPDATE sets; empty where it assigns other than ``column = value``."""
    place = step.find("SET")
    if place is None:
        return []
    tokens, columns, depth = step.tokens[place + 1 :], [], 0
    for i, token in enumerate(tokens):
        depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and token.word in ("WHERE", "FROM", "RETURNING"):
            break
        starts = i == 0 or (depth == 0 and tokens[i - 1].word == ",")
        if starts and i + 1 < len(tokens) and tokens[i + 1].word == "=":
            columns.append(token.name)
        elif starts:
            return []
    return columns


RULES = (drop_table, drop_column, rename_in_use, write_without_where)
