"""Finds what a schema protects less, or otherwise, behind a migration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from memsql.db.sqlite import memory
from memsql.engine.analysis import analyse
from memsql.errors import MemsqlError, StatementError
from memsql.lint import Finding
from memsql.review.case import Case
from memsql.review.findings import finding_of
from memsql.schema import Object, Schema
from memsql.schema.meaning import same_object
from memsql.schema.weaker import weaker
from memsql.sqltext import fold
from memsql.sqltext.names import quote_if_needed
from memsql.sqltext.tokens import join, tokenize
from memsql.sqltext.writes import read_trigger

_CONSTANT = frozenset({"TRUE", "FALSE", "NULL", "NOT", "AND", "OR", "IS"})
SAID_BY = {"MR16": ("MS35",), "MR17": ("MS11", "MS36", "MS42")}
"""The rules of lint that say the same of a statement, by the rule of the review."""


def weakened(case: Case, before: Schema, after: Schema) -> Iterator[Finding]:
    """A finding for everything that the tables and views of both schemas protect less, or otherwise."""
    renamed, columns, dropped = _by_name(case, after)
    for sentence in weaker(before, after, renamed):
        if _is_a_rename(sentence, columns):
            continue
        kind, _, rest = sentence.partition(" ")
        # Who drops an index or trigger by its name and makes another one of that name means it.
        meant = kind in ("index", "trigger") and fold(rest.split(" ")[0].strip('"')) in dropped
        unique = sentence.endswith("is no longer UNIQUE")
        if kind == "trigger" and (idle := _idle(rest.split(" ")[0].strip('"'), before, after)):
            yield finding_of(
                "MR17", case.up, idle, fix="drop it where it is not needed, or say: -- allow: MR17 <reason>"
            )
            continue
        yield finding_of(
            "MR17",
            case.up,
            sentence,
            severity="info" if meant and not unique else None,
            fix="write it again, or say that it may go: -- allow: MR17 <reason>",
        )
    for trigger in _lost_triggers(before, after, renamed):
        if fold(trigger.name) not in dropped or _reaches(trigger, after):
            view = before.table(trigger.table)
            of = "INSTEAD OF trigger" if view is not None and view.kind == "view" else "trigger"
            yield finding_of(
                "MR17",
                case.up,
                f"{of} {quote_if_needed(trigger.name)} of {quote_if_needed(trigger.table)} is gone",
                fix=_make_again(trigger, by_name=fold(trigger.name) in dropped),
            )


def _make_again(trigger: Object, *, by_name: bool) -> str:
    if by_name:
        return "say that what it did is not needed any more: -- allow: MR17 <reason>"
    return f"make it again behind {quote_if_needed(trigger.table)}, or drop it by its name:\n{trigger.sql};"


def _reaches(trigger: Object, after: Schema) -> bool:
    """Whether a trigger that its migration drops by name has something to do yet: it refuses rows, or each table that
    it writes is there."""
    writes = list(read_trigger(trigger.sql))
    return _refuses(trigger.sql) or bool(writes and all(after.table(write.table) is not None for write in writes))


def _refuses(sql: str) -> bool:
    return any(token.word == "RAISE" for token in tokenize(sql))


def _idle(name: str, before: Schema, after: Schema) -> str:
    """What to say of a trigger that does nothing any more; empty where it does something."""
    old, new = (next((o.sql for o in s.objects if fold(o.name) == fold(name)), "") for s in (before, after))
    shown = quote_if_needed(name)
    if _never_fires(new) and not _never_fires(old):
        return f"trigger {shown} never fires: its condition is false for all rows"
    did, does = (_refuses(sql) or any(True for _ in read_trigger(sql)) for sql in (old, new))
    return f"trigger {shown} does nothing any more" if did and not does else ""


def _never_fires(sql: str) -> bool:
    """Whether the WHEN of a trigger names no column, and is false."""
    tokens = tokenize(sql)
    words = [token.word for token in tokens]
    if "WHEN" not in words or "BEGIN" not in words:
        return False
    condition = tokens[words.index("WHEN") + 1 : words.index("BEGIN")]
    if any(t.kind == "quoted" or (t.kind == "word" and t.word not in _CONSTANT) for t in condition):
        return False
    with closing(memory()) as conn:
        try:
            return not conn.execute(f"SELECT ({join(condition)}) IS TRUE").one()
        except StatementError:
            return False


def without_repeats(findings: Iterable[Finding], linted: Sequence[Finding]) -> list[Finding]:
    """``findings`` of the review without those that ``linted``, the findings of lint, say of the same file."""
    return [f for f in findings if not any(_says_the_same(other, f) for other in linted)]


def _says_the_same(linted: Finding, finding: Finding) -> bool:
    if linted.path != finding.path or linted.rule not in SAID_BY.get(finding.rule, ()):
        return False
    if finding.rule == "MR16":
        return finding.message.partition(" was ")[0] == linted.message.partition(" was ")[0]
    subject = finding.message.removeprefix("INSTEAD OF ").removeprefix("trigger ").partition(" of ")[0]
    return finding.message in linted.message or (linted.rule == "MS11" and subject in linted.message)


def _by_name(case: Case, after: Schema) -> tuple[dict[str, str], dict[str, str], frozenset[str]]:
    """The new names of tables and columns, by the old ones, and what the migration drops by name beside tables.

    A name that there is again is not that of another table.
    """
    try:
        analysis = analyse(case.migration.up, case.migration.header)
    except MemsqlError:
        return {}, {}, frozenset()
    tables = {old: new for old, new in analysis.renames if after.table(old) is None}
    return tables, {old: new for _, old, new in analysis.columns}, analysis.dropped


def _is_a_rename(sentence: str, columns: dict[str, str]) -> bool:
    """Whether ``index i is on (new) and was on (old)`` speaks of a column that has a new name."""
    now, _, was = sentence.partition(" and was on ")
    terms = now.partition(" is on ")[2]
    return bool(was) and re.sub(r"\w+", lambda word: columns.get(word[0], word[0]), was) == terms


def _lost_triggers(before: Schema, after: Schema, renamed: dict[str, str]) -> Iterator[Object]:
    """The triggers of tables and views that are still there, of which no other one says the same."""
    left = [o for o in after.objects if o.type == "trigger"]
    names = {fold(o.name) for o in left}
    for trigger in before.objects:
        if trigger.type != "trigger" or fold(trigger.name) in names:
            continue
        table = renamed.get(fold(trigger.table), trigger.table)
        if after.table(table) is not None and not any(
            same_object((trigger, before), (other, after), [{}, renamed])
            for other in left
            if fold(other.table) == fold(table)
        ):
            yield trigger
