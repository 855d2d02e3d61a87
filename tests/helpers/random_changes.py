"""Random migrations of random tables. Each step says what its author means."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from random import Random

import random_tables
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_copies import Copy
from random_intents import Case, Copied, Fate, Migration, Named, Remade, Step
from random_tables import GONE, VALUES, Column, Schema, Table


def seeds(number: int) -> Callable[[Callable[[int], None]], Callable[[], None]]:
    """Call a test with ``number`` seeds for make(): the same ones every time, unless somebody searches with
    LOSS_EXAMPLES=2000. A smaller seed makes no smaller migration, so nothing is shrunk."""

    def decorate(test: Callable[[int], None]) -> Callable[[], None]:
        return settings(
            max_examples=number,
            derandomize="LOSS_EXAMPLES" not in os.environ,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )(given(st.integers(0, 10**9))(test))

    return decorate


def make(rng: Random) -> Case:
    """Tables with rows, and one to three migrations of them."""
    schema, base = random_tables.make(rng)
    written = [_migration(rng, schema) for _ in range(rng.choices([1, 2, 3], [6, 3, 1])[0])]
    migrations = tuple(migration for migration in written if migration.steps)
    tags = {tag for migration in migrations for step in migration.steps for tag in step.tags}
    if len(migrations) > 1:
        tags.add("shared transaction")
    return Case(base, migrations, frozenset(tags))


def _migration(rng: Random, schema: Schema) -> Migration:
    author = Author(rng, schema, careful=rng.random() < 0.45, keys_off=rng.random() < 0.5)
    steps: list[Step] = []
    for _ in range(rng.choices([1, 2, 3], [6, 3, 2])[0]):
        steps += author.steps()
    return Migration(tuple(steps), author.keys_off)


class Author:
    """Writes the steps of one migration. A ``careful`` one loses nothing in a copy."""

    def __init__(self, rng: Random, schema: Schema, *, careful: bool, keys_off: bool) -> None:
        self.rng, self.schema, self.careful, self.keys_off = rng, schema, careful, keys_off

    def steps(self) -> list[Step]:
        work = self.rng.choices(
            [self._rebuild, self._update, self._delete, self._replace, self._move_key, self._upsert, self._drop_column,
             self._remake, self._rename, self._insert, self._through_view, self._drop_table, self._forget_key],
            [28, 8, 12, 12, 5, 3, 5, 8, 2, 5, 9, 5, 12],
        )[0]  # fmt: skip
        table = self._pick()
        step = work(table)
        if step is None:
            return []
        if isinstance(step.intent, Copied) and table.name in self.schema.tables and self.rng.random() < 0.5:
            after = self._update(self.schema.tables[table.name])
            if after is not None:
                return [step, replace(after, tags=after.tags | {"update after rebuild"})]
        return [step]

    def _pick(self) -> Table:
        return self.rng.choice(list(self.schema.tables.values()))

    def step(self, table: Table, intent: Named | Copied | Remade, statements: list[str], *tags: str) -> Step:
        return Step(tuple(statements), intent, frozenset(tags) | self._circumstances(table, intent))

    def _circumstances(self, table: Table, intent: Named | Copied | Remade) -> set[str]:
        """What else the step has to do with."""
        tags = set()
        references = self.schema.references(table.name)
        removes = isinstance(intent, Copied) or (isinstance(intent, Named) and intent.verb in ("delete", "replace"))
        acts = any(c.reference and c.reference.on_delete in GONE for _, c in references)
        follows = isinstance(intent, Named) and bool(intent.shift)
        if not self.keys_off and references and ((removes and acts) or follows):
            tags.add("action")
        if any(child.name == table.name for child, _ in references):
            tags.add("self-reference")
        if table.key == "none":
            tags.add("keyless")
        verbs = {"insert": "INSERT", "replace": "INSERT", "update": "UPDATE", "delete": "DELETE"}
        if isinstance(intent, Named):
            fired = verbs[intent.verb]
            if any(t.table == table.name and t.event.endswith(fired) for t in self.schema.triggers):
                tags.add("trigger")
        return tags

    # -- statements on rows

    def where(self, table: Table) -> str:
        if table.key == "none":
            column = self.rng.choice(table.columns).name
            return self.rng.choice(["true", f"{column} IS NOT NULL", f"{column} IS NULL", f"typeof({column}) = 'text'"])
        some = self.rng.choice(table.ids)
        return self.rng.choice(["true", f"id = {some}", f"id <= {some}", f"id <> {some}"])

    def _update(self, table: Table) -> Step | None:
        column = self.rng.choice(table.columns)
        where = self.where(table)
        if column.unique:
            return self._update_or_replace(table, column, where)
        if column.reference:
            expression = "NULL"
        else:
            other = self.rng.choice(table.columns).name
            expression = self.rng.choice(["NULL", "'w'", f"upper({column.name})", f"coalesce({column.name}, 0)", other])
        intent = Named("update", table.name, frozenset({column.name}), where)
        return self.step(table, intent, [f"UPDATE {table.name} SET {column.name} = {expression} WHERE {where};"])

    def _update_or_replace(self, table: Table, column: Column, where: str) -> Step:
        careful = f"{column.name} || '!'"
        value = careful if self.careful else self.rng.choice([careful, "'u0'", "'u1'"])
        intent = Named("update", table.name, frozenset({column.name}), where)
        sql = f"UPDATE OR REPLACE {table.name} SET {column.name} = {value} WHERE {where};"
        return self.step(table, intent, [sql], "replace")

    def _delete(self, table: Table) -> Step:
        where = self.where(table)
        statements = [f"DELETE FROM {table.name} WHERE {where};"]
        return self.step(table, Named("delete", table.name, where=where), statements)

    def _replace(self, table: Table) -> Step:
        rng = self.rng
        named = [c for c in table.columns if self.careful or c.unique or rng.random() < 0.7]
        if table.key == "none":
            identity, where = None, "false"
        else:
            known = rng.random() < 0.7
            fresh = self._fresh(table)
            identity = rng.choice(table.ids) if known else fresh
            where = f"id = {identity}" + (" AND part = 1" if table.key == "pair" else "")
        values = {"int": [identity], "text": [identity], "pair": [identity, "1"], "none": []}[table.key]
        row = [str(v) for v in values] + [self._value(column, table) for column in named]
        names = [*table.keys, *(c.name for c in named)]
        if not names:
            return self._delete(table)
        verb = rng.choice(["INSERT OR REPLACE INTO", "REPLACE INTO", "insert /* x */ or replace into"])
        columns = frozenset(c.name for c in named)
        sql = f"{verb} {table.name} ({', '.join(names)}) VALUES ({', '.join(row)});"
        return self.step(table, Named("replace", table.name, columns, where), [sql], "replace")

    def _value(self, column: Column, table: Table) -> str:
        if column.reference:
            return "NULL"
        if column.unique:
            return f"'n{self.schema.number()}'" if self.careful else self.rng.choice(["'u0'", "'u1'", "'n'"])
        return self.rng.choice(VALUES[column.type])

    def _fresh(self, table: Table) -> str:
        number = self.schema.number()
        return f"'k{number}'" if table.key == "text" else str(number)

    def _move_key(self, table: Table) -> Step | None:
        if table.key != "int":
            return None
        where = self.where(table)
        intent = Named("update", table.name, where=where, shift=1000)
        self.set(replace(table, ids=(*table.ids, *(str(int(i) + 1000) for i in table.ids))))
        return self.step(table, intent, [f"UPDATE {table.name} SET id = id + 1000 WHERE {where};"], "key moved")

    def _upsert(self, table: Table) -> Step | None:
        columns = [c for c in table.columns if not c.reference and not c.unique]
        if table.key not in ("int", "text") or not columns:
            return None
        column, identity = self.rng.choice(columns), self.rng.choice(table.ids)
        sql = (
            f"INSERT INTO {table.name} (id, {column.name}) VALUES ({identity}, {self.rng.choice(VALUES[column.type])}) "
            f"ON CONFLICT (id) DO UPDATE SET {column.name} = excluded.{column.name};"
        )
        intent = Named("update", table.name, frozenset({column.name}), f"id = {identity}")
        return self.step(table, intent, [sql])

    def _insert(self, table: Table) -> Step:
        values = {"int": 1, "text": 1, "pair": 1, "none": 0}[table.key] * [self._fresh(table)]
        values += ["1"] if table.key == "pair" else []
        row = ", ".join([*values, *(self._value(column, table) for column in table.columns)])
        # A UNIQUE ON CONFLICT REPLACE replaces here too.
        tags = ["replace"] if any("REPLACE" in c.unique for c in table.columns) else []
        columns = frozenset(c.name for c in table.columns)
        intent = Named("replace" if tags else "insert", table.name, columns, "false")
        return self.step(table, intent, [f"INSERT INTO {table.name} VALUES ({row});"], *tags)

    def _through_view(self, table: Table) -> Step | None:
        if not self.schema.view:
            return None
        viewed = self.schema.tables[self.schema.view]
        where = self.where(viewed)
        return self.step(
            viewed, Named("delete", viewed.name, where=where), [f"DELETE FROM seen WHERE {where};"], "view"
        )

    # -- columns in place

    def set(self, table: Table) -> None:
        self.schema.tables[table.name] = table

    def free(self, table: Table) -> list[Column]:
        """Columns that nothing else depends on."""
        pinned = self.schema.pinned(table.name)
        return [c for c in table.columns if not c.unique and not c.reference and c.name not in pinned]

    def _drop_column(self, table: Table) -> Step | None:
        free = self.free(table)
        if len(table.columns) < 2 or not free:
            return None
        column = self.rng.choice(free)
        statements = [f"ALTER TABLE {table.name} DROP COLUMN {column.name};"]
        if self.careful:
            statements.insert(0, f"UPDATE {table.name} SET {column.name} = NULL;")
        self.set(replace(table, columns=tuple(c for c in table.columns if c is not column)))
        if self.careful:
            intent = Named("update", table.name, frozenset({column.name}))
            return self.step(table, intent, statements, "drop column")
        return self.step(table, Remade(table.name, {column.name: Fate(None, "none")}), statements, "drop column")

    def _rename(self, table: Table) -> Step | None:
        column = self.rng.choice(table.columns)
        name = f"n{self.schema.number()}"
        if column not in self.free(table):
            return None
        self.set(replace(table, columns=tuple(replace(c, name=name) if c is column else c for c in table.columns)))
        statements = [f"ALTER TABLE {table.name} RENAME COLUMN {column.name} TO {name};"]
        return self.step(table, Remade(table.name, {column.name: Fate(name, "bare")}), statements)

    def _remake(self, table: Table) -> Step | None:
        """ADD, UPDATE, DROP and RENAME COLUMN."""
        free = self.free(table)
        if not free:
            return None
        column = self.rng.choice(free)
        how, expression, type_ = self.expression(column, table)
        new = replace(column, type=type_)
        where = "" if self.careful else self.rng.choice(["", "", f" WHERE {self.where(table)}"])
        statements = [
            f"ALTER TABLE {table.name} ADD COLUMN fresh {type_};",
            f"UPDATE {table.name} SET fresh = {expression}{where};",
            f"ALTER TABLE {table.name} DROP COLUMN {column.name};",
            f"ALTER TABLE {table.name} RENAME COLUMN fresh TO {column.name};",
        ]
        self.set(replace(table, columns=(*(c for c in table.columns if c is not column), new)))
        # Rows that the UPDATE leaves out have NULL, which is a loss whatever its expression.
        return self.step(
            table, Remade(table.name, {column.name: Fate(column.name, how)}), statements, "column made anew"
        )

    def expression(self, column: Column, table: Table) -> tuple[str, str, str]:
        """How a column gets its values in a copy, by which expression, and its type there."""
        name, kind, rng = column.name, column.type, self.rng
        harmless = [("bare", name, kind)] * 4
        harmless += [("word", f"coalesce({name}, 0)", kind), ("word", f"{name} || '+'", kind)]
        if self.careful or rng.random() < 0.3:
            return rng.choice(harmless)
        other = rng.choice(table.columns).name
        risky = [("none", "'lit'", kind), ("none", "NULL", kind), ("none", "'phnoe'", kind)]
        risky += [
            ("word", f"nullif({name}, 'a')", kind),
            ("word", f"CASE WHEN typeof({name}) = 'text' THEN {name} END", kind),
        ]
        if other != name:
            risky.append(("none", other, kind))
        if kind:
            type_ = rng.choice(["INTEGER", "REAL", "TEXT"])
            risky += [("bare", name, type_), ("bare", f"CAST({name} AS {type_})", type_)]
        return rng.choice(risky)

    # -- whole tables

    def _drop_table(self, table: Table) -> Step | None:
        if self.schema.references(table.name) or len(self.schema.tables) < 2 or self.schema.view == table.name:
            return None
        if any(table.name in (t.table, t.target) for t in self.schema.triggers):
            return None
        del self.schema.tables[table.name]
        fates = {c.name: Fate(c.name, "bare") for c in table.columns}
        if self.careful:
            moved = replace(table, name=f"moved_{self.schema.number()}")
            self.schema.tables[moved.name] = moved
            names = ", ".join(table.names)
            statements = [
                moved.create(moved.name),
                f"INSERT INTO {moved.name} ({names}) SELECT {names} FROM {table.name};",
                f"DROP TABLE {table.name};",
            ]
            key = "none" if table.key == "none" else "same"
            return self.step(table, Copied(table.name, moved.name, fates, key), statements, "drop table")
        return self.step(table, Copied(table.name, "", fates), [f"DROP TABLE {table.name};"], "drop table")

    def _rebuild(self, table: Table) -> Step | None:
        return Copy(self, table).step()

    def _forget_key(self, table: Table) -> Step | None:
        """A rebuild that gives the rows other keys, of whichever table it can be written for."""
        copies = [Copy(self, one) for one in (table, *self.schema.tables.values())]
        return next((copy.step(new_keys=True) for copy in copies if copy.may_forget_key), None)
