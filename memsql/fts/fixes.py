"""The triggers that would be right, as SQL to paste."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.fts.discover import FtsTable
from memsql.fts.filling import Filling, guarded
from memsql.fts.triggers import Trigger, effect_on, with_row
from memsql.sqltext import fold
from memsql.sqltext.names import quote_if_needed
from memsql.sqltext.tokens import tokenize


def writers(table: FtsTable, event: str) -> list[Trigger]:
    """The triggers on ``event`` (insert, delete or update) of the content of ``table`` that write to the index."""
    return [
        trigger
        for trigger in table.triggers
        if fold(trigger.table) == fold(table.content or "")
        and trigger.head().event == event
        and trigger.writes_to(table.name)
    ]


def fix(table: FtsTable, event: str, triggers: Sequence[Trigger]) -> str | None:
    """SQL that puts the right trigger in the place of ``triggers``; their statements that do not write to the index
    stay. None where the rows of a partial index are chosen in a way that no single WHEN says."""
    guard = _guard(table)
    if guard is None:
        return None
    lines, free = [], []
    for trigger in triggers:
        lines.append(f"DROP TRIGGER {quote_if_needed(trigger.name)};")
        others = [text.strip().rstrip(";") for text in trigger.statements() if not effect_on(text, table.name)]
        if others:
            body = "".join(f"    {text};\n" for text in others)
            lines.append(f"{trigger.parts()[0].rstrip()} BEGIN\n{body}END;")
        else:
            free.append(trigger.name)
    taken = {fold(t.name) for t in table.triggers} - set(map(fold, free))
    name = free[0] if free else f"{table.name}_{event}"
    while fold(name) in taken:
        name += "_index"
    return "\n".join([*lines, right_trigger(table, event, name, guard)])


def right_trigger(table: FtsTable, event: str, name: str | None = None, guard: str = "") -> str:
    """CREATE TRIGGER that keeps an external-content index right on ``event`` (insert, delete or update). ``guard``: the
    condition on ``new`` for a row to be in the index."""
    columns = [*table.columns, *table.unindexed]
    index = quote_if_needed(table.name)
    listed = ", ".join(["rowid", *map(quote_if_needed, columns)])

    def values(row: str) -> str:
        return ", ".join(
            [f"{row}.{quote_if_needed(table.content_rowid)}", *(f"{row}.{quote_if_needed(c)}" for c in columns)]
        )

    when = ""
    old_guard = with_row(guard, "new", "old")
    out, into = f"VALUES ('delete', {values('old')})", f"VALUES ({values('new')})"
    if guard and event == "update":
        out = f"SELECT 'delete', {values('old')} WHERE {old_guard}"
        into = f"SELECT {values('new')} WHERE {guard}"
    elif guard:
        when = f" WHEN {guard if event == 'insert' else old_guard}"
    delete = f"    INSERT INTO {index} ({index}, {listed}) {out};\n"
    insert = f"    INSERT INTO {index} ({listed}) {into};\n"
    body = {"insert": insert, "delete": delete, "update": delete + insert}[event]
    assert table.content is not None
    trigger = quote_if_needed(name or f"{table.name}_{event}")
    return f"CREATE TRIGGER {trigger} AFTER {event.upper()} ON {quote_if_needed(table.content)}{when} BEGIN\n{body}END;"


def _guard(table: FtsTable) -> str | None:
    """The condition on ``new`` for a row to be in the index, as its triggers on insert say, or else those on delete;
    empty where all rows are, None where it cannot be said."""
    partial = guarded(table)
    return "" if partial is None else _single_guard(partial)


def _single_guard(filling: Filling) -> str | None:
    if len(filling.parts) != 1 or filling.transforms:
        return None
    guard, write = filling.parts[0]
    where = write.choice
    if where and (not where.upper().startswith("WHERE") or {t.word for t in tokenize(where)} & {"FROM", "LIMIT"}):
        return None
    texts = [with_row(text, "old", "new") for text in (guard, where[len("WHERE") :].strip()) if text]
    return texts[0] if len(texts) == 1 else " AND ".join(f"({text})" for text in texts)
