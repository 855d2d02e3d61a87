"""What is wrong with the triggers of an FTS5 table. Pure: takes a table and its content, returns problems.

An external-content index keeps no copy of the text. To remove a row from it, the special 'delete' command needs the old
values, which are the text that was indexed (https://sqlite.org/fts5.html, section 4.4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memsql.fts.discover import FtsTable
from memsql.fts.filling import guarded
from memsql.fts.fixes import fix, writers
from memsql.fts.simulation import flaw_of
from memsql.fts.triggers import Trigger, Write, split_list
from memsql.sqltext import ROWIDS, fold
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import tokenize

_EVENTS = ("insert", "delete", "update")
_WITHOUT_TRIGGER = {
    "insert": "new rows are never found",
    "delete": "deleted rows are still found and then fail",
    "update": "changed rows are found by their old words and not by their new ones",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What an external-content index is over, as the database has it now. ``kind`` is table or view, None where it does
    not exist; ``integer_key`` is the column that is its INTEGER PRIMARY KEY, None where there is none; ``sql`` is
    the text of the table whose triggers keep the index."""

    kind: str | None
    columns: tuple[str, ...]
    integer_key: str | None
    sql: str = ""

    @property
    def may_be_renumbered(self) -> bool:
        """Whether VACUUM may give its rows other numbers (https://sqlite.org/lang_vacuum.html)."""
        return self.kind == "table" and self.integer_key is None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with an index: a stable ``code``, ``severity`` (error or warning), the ``trigger`` that does it
    (or None), what it does to searches, and the SQL that repairs it (or None). Run one fix and then diagnose again: two
    problems may have the same trigger."""

    code: str
    severity: str
    table: str
    trigger: str | None
    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class _Fault:
    """What one trigger does wrong: the code of the problem, and a text that continues "trigger NAME"."""

    code: str
    trigger: str
    text: str


def diagnose(table: FtsTable, content: Content) -> list[Problem]:
    """All problems of ``table``, the worst first."""
    if table.kind == "own":
        return []
    if table.kind == "contentless":
        return _of_contentless(table) or _of_writes(table, content)
    if content.kind is None:
        text = f"its content table {table.content} does not exist; every search that reads a column fails"
        return [Problem("FTS06", "error", table.name, None, text)]
    problems = _of_content(table, content)
    for event in _EVENTS if content.kind == "table" else ():
        problems += _of_event(table, content, event)
    if not any(problem.severity == "error" for problem in problems):
        problems += _of_writes(table, content)
    partial = guarded(table)
    if partial is not None and not partial.is_settled:
        text = (
            f"its triggers put in {partial.shown}, which depends on more than the row: "
            "when that changes without a write of the row, the index keeps what it has"
        )
        problems.append(Problem("FTS12", "warning", table.name, None, text))
    return problems


def _of_contentless(table: FtsTable) -> list[Problem]:
    if ("contentless_delete", "1") in table.options:
        return []
    return [
        Problem(
            "FTS02",
            "error",
            table.name,
            trigger.name,
            f"trigger {trigger.name} runs {write.action.upper()} on a contentless table, which refuses it",
        )
        for trigger in table.triggers
        for write in trigger.writes_to(table.name)
        if write.action in ("delete", "update")
    ]


def _of_content(table: FtsTable, content: Content) -> list[Problem]:
    """Columns that the content does not have, and a key that does not find its rows."""
    existing = set(map(fold, content.columns))
    texts = [
        ("FTS06", "error", f"column {column} does not exist in {table.content}; reading it fails")
        for column in table.all_columns
        if fold(column) not in existing
    ]
    key = fold(table.content_rowid)
    if content.kind == "table" and key not in ROWIDS and key != fold(content.integer_key or ""):
        text = (
            f"content_rowid {table.content_rowid} is not the INTEGER PRIMARY KEY of {table.content}; "
            "rows are looked up wrongly"
        )
        texts.append(("FTS05", "error", text))
    elif content.may_be_renumbered:
        text = (
            f"{table.content} has no INTEGER PRIMARY KEY; "
            "VACUUM may renumber its rows and the index then points at others"
        )
        texts.append(("FTS05", "warning", text))
    return [Problem(code, severity, table.name, None, text) for code, severity, text in texts]


def _of_event(table: FtsTable, content: Content, event: str) -> list[Problem]:
    """What is wrong with the triggers on ``event`` of the content that write to the index."""
    triggers = writers(table, event)
    if not triggers:
        text = f"no trigger on {event} of {table.content}: {_WITHOUT_TRIGGER[event]}"
        return [Problem("FTS01", "error", table.name, None, text, fix(table, event, triggers))]
    faults = (_fault_of(table, content, trigger, event) for trigger in triggers)
    fault = next(filter(None, faults), None) or _fault_of_all(table, triggers, event)
    if fault is None:
        return []
    text = f"trigger {fault.trigger} {fault.text}"
    return [Problem(fault.code, "error", table.name, fault.trigger, text, fix(table, event, triggers))]


def _of_writes(table: FtsTable, content: Content) -> list[Problem]:
    """What the triggers do wrong together, by their guards or their order."""
    flaw = flaw_of(table, content.sql)
    if flaw is None:
        return []
    code = "FTS11" if flaw.kind == "order" else "FTS10"
    text = f"trigger {flaw.trigger} {flaw.text}"
    partial = guarded(table)
    # Where only the triggers on delete have a guard, what INSERT puts in is too much.
    event = "insert" if partial is not None and partial.event == "delete" else flaw.event
    triggers = writers(table, event)
    repair = fix(table, event, triggers) if triggers else None
    return [Problem(code, "error", table.name, flaw.trigger, text, repair)]


def _fault_of(table: FtsTable, content: Content, trigger: Trigger, event: str) -> _Fault | None:
    """What one trigger does wrong, whatever the other triggers do."""
    head, writes = trigger.head(), trigger.writes_to(table.name)
    for write in writes:
        # Before the row changes, FTS5 finds in the content table the text that it has to remove from the index.
        if head.time != "before" and write.action == "delete":
            return _Fault(
                "FTS02",
                trigger.name,
                f"runs DELETE FROM {table.name}, which after the row has changed cannot tell what was indexed: "
                'old words stay behind, and a search that hits them fails with "database disk image is malformed"',
            )
        if head.time != "before" and write.action == "update":
            return _Fault("FTS08", trigger.name, f"runs UPDATE {table.name}, which leaves the old words behind")
        row = {"delete_command": "old", "insert": "new"}.get(write.action)
        wrong = _wrong_values(table, content, write, row) if row else None
        if wrong:
            return _Fault(wrong[0], trigger.name, wrong[1])
    if head.columns:
        named = {fold(unquote(c)) for c in split_list(head.columns)[0]}
        missed = [c for c in table.columns if fold(c) not in named]
        if missed:
            text = f"fires only on UPDATE OF {' '.join(head.columns.split())} and misses {', '.join(missed)}"
            return _Fault("FTS07", trigger.name, text)
    if head.time == "before" and event == "insert" and any(write.action == "insert" for write in writes):
        return _Fault("FTS09", trigger.name, "fires BEFORE INSERT, when an automatic rowid is not known yet")
    return None


def _fault_of_all(table: FtsTable, triggers: Sequence[Trigger], event: str) -> _Fault | None:
    """What none of the triggers on one event does."""
    actions = {write.action for trigger in triggers for write in trigger.writes_to(table.name)}
    if actions & {"rebuild", "update"}:
        return None
    if event != "insert" and not actions & {"delete_command", "delete"}:
        return _Fault("FTS02", triggers[0].name, "never takes the old row out of the index")
    if event != "delete" and "insert" not in actions:
        return _Fault("FTS01", triggers[0].name, "never puts the new row into the index")
    return None


def _wrong_values(table: FtsTable, content: Content, write: Write, row: str) -> tuple[str, str] | None:
    """The code and the text of the problem with the values of an INSERT into the index. They must be those of ``row``,
    old or new."""
    values = dict(write.values)
    other = "new" if row == "old" else "old"
    if any(_is_column_of(other, expression) for expression in values.values()):
        return "FTS03", (
            f"uses {other} values where the {row} ones are meant, so what it "
            + ("takes out is not what was put in" if row == "old" else "puts in is out of date")
        )
    key = next((name for name in ROWIDS if name in values), None)
    if key is None:
        return "FTS04", "leaves out rowid, so the index does not know which row it is"
    missing = [c for c in table.columns if fold(c) not in values]
    if missing:
        return "FTS04", f"leaves out {', '.join(missing)}"
    keys = {*ROWIDS, fold(table.content_rowid), fold(content.integer_key or "rowid")}
    for name, right in ((key, keys), *((fold(c), {fold(c)}) for c in table.columns)):
        column = _column_of(row, values[name])
        if column and column not in right:
            return "FTS04", f"gives {values[name]} for {name}"
    return None


def _is_column_of(row: str, expression: str) -> bool:
    """Whether ``expression`` begins with a column of ``row``, as in ``old.body || ''``."""
    tokens = tokenize(expression)
    return len(tokens) > 1 and tokens[0].word == row.upper() and tokens[1].text == "."


def _column_of(row: str, expression: str) -> str:
    """The column of ``row``, in lower case, that is the whole ``expression``; empty where it is anything else."""
    tokens = tokenize(expression)
    return tokens[2].name if len(tokens) == 3 and _is_column_of(row, expression) else ""
