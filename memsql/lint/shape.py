"""The clauses of a CREATE TABLE or of ALTER TABLE ADD COLUMN, with their places in the file."""

from __future__ import annotations

from memsql.lint.step import Step
from memsql.schema import ForeignKey
from memsql.schema.definition import Clause


def added_column(step: Step) -> Clause | None:
    """The column of an ALTER TABLE … ADD COLUMN; None where the statement has none."""
    place = step.find("ADD")
    if place is None:
        return None
    tokens = step.tokens[place + 1 :]
    if len(tokens) > 1 and tokens[0].word == "COLUMN":
        tokens = tokens[1:]
    return Clause(tokens[0].name, step.text[tokens[0].start - step.at :], tokens) if tokens else None


def references(clause: Clause) -> list[ForeignKey]:
    """The foreign keys of a column or of a constraint, without the columns of the parent and ON UPDATE."""
    keys = []
    tokens = clause.tokens
    for place, token in enumerate(tokens[:-1]):
        if token.word != "REFERENCES" or place == 0:
            continue
        opening = next((n for n, t in enumerate(tokens) if t.word == "("), place)
        columns = (clause.name,) if clause.name else tuple(t.name for t in tokens[opening:place] if t.name)
        words = [t.word for t in tokens[place:]]
        at = next((n for n in range(len(words) - 2) if words[n : n + 2] == ["ON", "DELETE"]), None)
        action = "NO ACTION" if at is None else words[at + 2]
        if action in ("SET", "NO") and at is not None:
            action = " ".join(words[at + 2 : at + 4])
        keys.append(ForeignKey(columns, tokens[place + 1].name, (), "", action))
    return keys
