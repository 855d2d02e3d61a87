"""The clauses of a CREATE TABLE or of ALTER TABLE ADD COLUMN, with their places in the file."""

from __future__ import annotations

from memsql.lint.step import Step
from memsql.schema.definition import Clause, Definition, read_definition


def definition(step: Step) -> Definition:
    """The columns, constraints and options of a CREATE TABLE. CREATE TABLE AS has none."""
    return read_definition(step.text, offset=step.at)


def added_column(step: Step) -> Clause | None:
    """The column of an ALTER TABLE … ADD COLUMN; None where the statement has none."""
    place = step.find("ADD")
    if place is None:
        return None
    tokens = step.tokens[place + 1 :]
    if len(tokens) > 1 and tokens[0].word == "COLUMN":
        tokens = tokens[1:]
    return Clause(tokens[0].name, step.text[tokens[0].start - step.at :], tokens) if tokens else None
