"""Which rows the triggers of an external-content index put into it, and the statements that put the same rows in again.

Triggers with a guard (``WHEN new.gone_at IS NULL``, or ``INSERT … SELECT … WHERE …``) keep an index of a part of the
rows. FTS5's own commands know only the whole content: 'integrity-check' calls such an index broken, and 'rebuild' fills
it with rows that the delete trigger will never take out again. So the rows are chosen by the triggers themselves: their
guards and statements are copied, word for word, into triggers on a view of the table, and every row is sent through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from memsql.fts.discover import FtsTable
from memsql.fts.triggers import Trigger, Write
from memsql.schema.definition import read_definition
from memsql.sqltext import ROWIDS, fold, quote
from memsql.sqltext.tokens import join, tokenize

SAVEPOINT = "memsql_fts_proof"
# Every name of a proof begins so; the schema of a project holds none of them.
_TEXT, _ROWS, _PROOF = "memsql_fts_text", "memsql_fts_rows", "memsql_fts_proof"
_ROW_OF = {"insert": "new", "delete": "old"}
_ACTION_OF = {"insert": "insert", "delete": "delete_command"}
_VOLATILE = frozenset(
    {"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "RANDOM", "RANDOMBLOB", "CHANGES", "TOTAL_CHANGES"}
)
_CLOCKS = frozenset({"DATE", "TIME", "DATETIME", "JULIANDAY", "UNIXEPOCH"})
_CHOSEN_BY = frozenset({"content", "content_rowid"})


@dataclass(frozen=True, slots=True)
class Filling:
    """How the triggers on one ``event`` (insert; or delete, for what it takes out was put in) of the table ``source``
    choose the rows of the index ``table``. Each of ``parts`` is a guard, empty where there is none, and a write."""

    table: FtsTable
    event: str
    source: str
    parts: tuple[tuple[str, Write], ...]

    @property
    def is_guarded(self) -> bool:
        """Whether the triggers may leave rows out."""
        return any(guard or write.choice for guard, write in self.parts)

    @property
    def transforms(self) -> bool:
        """Whether a trigger may put another text in than the content holds."""
        plain = {(_ROW_OF[self.event], fold(c)) for c in self.table.columns}
        return any(
            value and (fold(name) in map(fold, self.table.columns)) and _column(value) not in plain
            for _, write in self.parts
            for name, value in write.values
        )

    @property
    def is_settled(self) -> bool:
        """Whether the row alone decides if it is in the index; else other rows, or the time, may change that behind the
        back of the triggers."""
        return not any(_reads_more(text, self.source) for part in self.parts for text in (part[0], part[1].choice))

    @property
    def shown(self) -> str:
        """The rows in words."""
        where = f" for which {self.condition}" if self.is_guarded else ""
        return f"the rows of {self.source}{where}"

    @property
    def condition(self) -> str:
        """The guards, for people and to compare them: without ``new.`` and ``old.``, in one spelling of spaces."""
        conditions = [
            " AND ".join(_without_row(text.removeprefix("WHERE ")) for text in (guard, write.choice) if text)
            for guard, write in self.parts
        ]
        return " OR ".join(condition or "true" for condition in conditions)


@lru_cache(64)
def fillings(table: FtsTable) -> tuple[Filling | None, ...]:
    """The ways in which the rows of ``table`` may have been chosen, the likeliest first.

    None stands for all rows of the content. There are several where the triggers on insert and on delete differ, or
    where the index is over a view, which may choose the rows itself.
    """
    if table.kind != "external":
        return (None,)
    into, out = filling_of(table, "insert"), filling_of(table, "delete")
    ways: list[Filling | None] = []
    for filling in (into, out):
        if filling is None:
            continue
        if not filling.is_guarded or fold(filling.source) != fold(table.content or ""):
            ways.insert(0, None)
        if filling.is_guarded or (filling.transforms and filling.event == "insert"):
            ways.append(filling)
    conditions: list[str | None] = []
    distinct = []
    for way in ways:
        condition = None if way is None else fold(way.condition)
        if condition not in conditions:
            conditions.append(condition)
            distinct.append(way)
    return tuple(distinct) or (None,)


def guarded(table: FtsTable) -> Filling | None:
    """The filling of a partial index, one that the triggers on insert keep of a part of the rows; else that of the
    triggers on delete where only these have a guard; None for an index of all rows."""
    return next((way for way in fillings(table) if way is not None and way.is_guarded), None)


def rebuild_filling(table: FtsTable) -> Filling | None:
    """The filling by which to build the index anew; None where FTS5's own 'rebuild' is right."""
    filling = filling_of(table, "insert")
    return filling if filling in fillings(table) else None


def rebuild_statements(table: FtsTable, *, temporary: bool) -> list[str]:
    """The statements that build the index anew. ``temporary``: helpers are TEMP objects, which a server refuses."""
    filling, name = rebuild_filling(table), quote(table.name)
    if filling is None:
        return [f"INSERT INTO {name} ({name}) VALUES ('rebuild')"]
    return fill_statements(filling, temporary=temporary)


def filling_of(table: FtsTable, event: str) -> Filling | None:
    """The filling of the triggers on ``event``, insert or delete; None where there are none, or on several tables that
    are not the content."""
    writers = [(trigger, write) for trigger in table.triggers for write in _writes(trigger, table, event)]
    own = [(trigger, write) for trigger, write in writers if fold(trigger.table) == fold(table.content or "")]
    chosen = own or writers
    if len({fold(trigger.table) for trigger, _ in chosen}) != 1:
        return None
    return Filling(table, event, chosen[0][0].table, tuple((trigger.head().guard, write) for trigger, write in chosen))


def fill_statements(filling: Filling, *, temporary: bool) -> list[str]:
    """The statements that fill the index anew with the rows of ``filling``, an insert, and leave nothing behind.

    ``temporary``: the helpers are TEMP objects; a server refuses these.
    """
    name = quote(filling.table.name)
    return [
        *_sender(filling, filling.table.name, temporary=temporary),
        f"INSERT INTO {name} ({name}) VALUES ('delete-all')",
        *_send(filling, temporary=temporary),
        f"DROP VIEW {_in(temporary)}{_ROWS}",
    ]


def proof_statements(filling: Filling, *, temporary: bool) -> list[str]:
    """The statements that compare the index with the rows of ``filling``; the last but two fails where they differ.

    The rows are written into a table, and a copy of the index is checked against it at rank 1, which looks at every
    word, prefix, position and size. A savepoint is left at the end, and with it everything that this made.
    """
    table, temp = filling.table, "TEMP " if temporary else ""
    here, main = _in(temporary), "main."
    columns = [*table.columns, *table.unindexed, *([table.name] if filling.event == "delete" else [])]
    arguments = [
        clause.text
        for clause in read_definition(table.sql).clauses
        if not (len(clause.tokens) > 1 and clause.tokens[1].text == "=" and clause.tokens[0].name in _CHOSEN_BY)
    ]
    shadows = ["data", "idx", "config", *([] if ("columnsize", "0") in table.options else ["docsize"])]
    return [
        f"SAVEPOINT {SAVEPOINT}",
        f"CREATE {temp}TABLE {_TEXT} ({', '.join(map(quote, columns))})",
        *_sender(filling, _TEXT, temporary=temporary),
        *_send(filling, temporary=temporary),
        f"CREATE VIRTUAL TABLE {here}{_PROOF} USING fts5({', '.join([*arguments, f'content={_TEXT}'])})",
        *(
            statement
            for shadow in shadows
            for statement in (
                f"DELETE FROM {here}{_PROOF}_{shadow}",
                f"INSERT INTO {here}{_PROOF}_{shadow} SELECT * FROM {main}{quote(f'{table.name}_{shadow}')}",
            )
        ),
        f"INSERT INTO {here}{_PROOF} ({_PROOF}, rank) VALUES ('integrity-check', 1)",
        f"ROLLBACK TO {SAVEPOINT}",
        f"RELEASE {SAVEPOINT}",
    ]


def _sender(filling: Filling, target: str, *, temporary: bool) -> Iterator[str]:
    """A view of the source whose triggers do to ``target`` what those of the source do to the index."""
    temp, event = "TEMP " if temporary else "", filling.event.upper()
    used = {name for guard, write in filling.parts for name in _columns_of_row(f"{guard} {write.text}")}
    rowids = "".join(f"{name} AS {name}, " for name in ROWIDS if name in used)
    yield f"CREATE {temp}VIEW {_ROWS} AS SELECT {rowids}* FROM main.{quote(filling.source)}"
    for number, (guard, write) in enumerate(filling.parts):
        when = f" WHEN {guard}" if guard else ""
        head = f"CREATE {temp}TRIGGER {_ROWS}_{number} INSTEAD OF {event} ON {_ROWS}{when}"
        yield f"{head} BEGIN\n{write.into(target)};\nEND"


def _send(filling: Filling, *, temporary: bool) -> Sequence[str]:
    """Send every row of the source through the view."""
    rows = _in(temporary) + _ROWS
    return [f"INSERT INTO {rows} SELECT * FROM {rows}" if filling.event == "insert" else f"DELETE FROM {rows}"]


def _in(temporary: bool) -> str:
    return "temp." if temporary else "main."


def _writes(trigger: Trigger, table: FtsTable, event: str) -> list[Write]:
    if trigger.head().event != event:
        return []
    return [write for write in trigger.writes_to(table.name) if write.action == _ACTION_OF[event]]


def _column(expression: str) -> tuple[str, str] | None:
    """``new`` or ``old`` and the column, both in lower case, where that is the whole expression."""
    tokens = tokenize(expression)
    return (tokens[0].name, tokens[2].name) if len(tokens) == 3 and tokens[1].text == "." else None


def _columns_of_row(text: str) -> Iterator[str]:
    """The columns, in lower case, that ``text`` reads as ``new.column`` or ``old.column``."""
    tokens = tokenize(text)
    for row, dot, column in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if row.name in ("new", "old") and dot.text == ".":
            yield column.name


def _reads_more(condition: str, source: str) -> bool:
    """Whether ``condition`` may turn out otherwise for the same row of ``source``."""
    tokens = tokenize(condition)
    for place, token in enumerate(tokens):
        following = [t.text for t in tokens[place + 1 : place + 3]]
        if token.word in _VOLATILE or (token.kind == "string" and token.name == "now"):
            return True
        if token.word in _CLOCKS and following == ["(", ")"]:
            return True
        if token.word in ("FROM", "JOIN") and (place + 1 == len(tokens) or tokens[place + 1].name != fold(source)):
            return True
    return False


def _without_row(text: str) -> str:
    tokens = tokenize(text)
    prefix = {
        place for place, (row, dot) in enumerate(pairwise(tokens)) if row.name in ("new", "old") and dot.text == "."
    }
    return join(token for place, token in enumerate(tokens) if not {place, place - 1} & prefix)
