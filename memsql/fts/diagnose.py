"""What is wrong with the triggers of an FTS5 table. Pure: a table and its content in, findings out.

An external-content index keeps no copy of the text. To take a row out it must be told the text that
was indexed, with the special 'delete' command and the old values (https://sqlite.org/fts5.html, section 4.4.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memsql.fts.discover import FtsTable, Trigger, split_list
from memsql.sqltext import ROWIDS, effect, split
from memsql.sqltext.names import quote_if_needed, unquote

_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]"
_NAME = rf"(?:{_QUOTED}|[\w$.]+)"
_TRIGGER = re.compile(
    rf"CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:{_NAME}\s*\.\s*)?{_NAME}\s*"
    rf"(?:\b(?P<time>BEFORE|AFTER|INSTEAD\s+OF)\s+)?\b(?P<event>INSERT|DELETE|UPDATE)\b"
    rf"(?:\s*OF\s*(?P<of>{_NAME}(?:\s*,\s*{_NAME})*))?\s*ON\b",
    re.IGNORECASE,
)
_INSERT = re.compile(rf"(?:INSERT|REPLACE)\s+(?:OR\s+\w+\s+)?(?:INTO\s+)?{_NAME}\s*\(", re.IGNORECASE)
_GIVEN = re.compile(r"\s*(?:VALUES\s*\(|(?P<select>SELECT\s+(?:DISTINCT\s+|ALL\s+)?))", re.IGNORECASE)
_CLAUSE = re.compile(
    rf"{_QUOTED}|(?P<sign>[()])|\b(?P<word>FROM|WHERE|GROUP|ORDER|LIMIT|UNION|EXCEPT|INTERSECT)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Content:
    """The table that an external-content index is over, as the database has it now."""

    kind: str | None
    columns: tuple[str, ...]
    integer_key: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: a stable ``code``, severity error or warning, the trigger concerned (or None), what
    it does to searches, and the SQL that mends it (or None). Run one fix, then look again: two may be about
    one trigger."""

    code: str
    severity: str
    table: str
    trigger: str | None
    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One statement of a trigger that writes to the index: ``action`` is insert, delete_command, rebuild,
    delete or update; ``values`` pairs each column it names, in lower case, with the expression it gives,
    which is empty where it cannot be told."""

    action: str
    values: tuple[tuple[str, str], ...]


def diagnose(table: FtsTable, content: Content) -> list[Finding]:
    """All findings about ``table``, the gravest first."""
    if table.kind == "own":
        return []
    if table.kind == "contentless":
        return _contentless(table)
    assert table.content is not None
    if content.kind is None:
        return [
            Finding(
                "FTS06",
                "error",
                table.name,
                None,
                f"its content table {table.content} does not exist; every search that reads a column fails",
            )
        ]
    found = _content(table, content)
    if content.kind == "view":
        return found
    for event in ("insert", "delete", "update"):
        found += _event(table, content, event)
    return found


def right_trigger(table: FtsTable, event: str, name: str | None = None) -> str:
    """The trigger that keeps an external-content index right on ``event`` (insert, delete or update)."""
    columns = [*table.columns, *table.unindexed]
    index = quote_if_needed(table.name)
    listed = ", ".join(["rowid", *map(quote_if_needed, columns)])

    def values(row: str) -> str:
        return ", ".join(
            [f"{row}.{quote_if_needed(table.content_rowid)}", *(f"{row}.{quote_if_needed(c)}" for c in columns)]
        )

    delete = f"    INSERT INTO {index} ({index}, {listed}) VALUES ('delete', {values('old')});\n"
    insert = f"    INSERT INTO {index} ({listed}) VALUES ({values('new')});\n"
    body = {"insert": insert, "delete": delete, "update": delete + insert}[event]
    assert table.content is not None
    trigger = quote_if_needed(name or f"{table.name}_{event}")
    return f"CREATE TRIGGER {trigger} AFTER {event.upper()} ON {quote_if_needed(table.content)} BEGIN\n{body}END;"


def event_of(trigger: Trigger) -> tuple[str, str, str | None]:
    """Event (insert, delete, update), time (before, after) and the UPDATE OF list of a trigger."""
    head = _TRIGGER.match(trigger.parts()[0])
    if head is None:
        return "", "", None
    return head["event"].lower(), (head["time"] or "before").lower(), head["of"]


def writes(trigger: Trigger, table: FtsTable) -> list[Write]:
    """The statements of ``trigger`` that change what ``table`` indexes, in order."""
    found = []
    for text in _statements(trigger):
        kind = _write_kind(text, table)
        if kind in ("delete", "update"):
            found.append(Write(kind, ()))
        elif kind:
            write = _insert(text, table)
            if write is not None:
                found.append(write)
    return found


def _statements(trigger: Trigger) -> list[str]:
    return [statement.text for statement in split(trigger.parts()[1])]


def _write_kind(text: str, table: FtsTable) -> str:
    what = effect(text)
    mine = (what.name or "").lower() == table.name.lower()
    return what.kind if mine and what.kind in ("delete", "update", "insert", "replace") else ""


def _insert(text: str, table: FtsTable) -> Write | None:
    head = _INSERT.match(text.lstrip())
    if head is None:
        return Write("insert", ())
    rest = text.lstrip()[head.end() :]
    listed, end = split_list(rest)
    columns = [unquote(c).lower() for c in listed]
    pairs = dict(zip(columns, _given(rest[end:], len(columns)), strict=False))
    command = pairs.pop(table.name.lower(), None)
    if command is None:
        return Write("insert", tuple(pairs.items()))
    action = {"delete": "delete_command", "rebuild": "rebuild"}.get(unquote(command).lower())
    return Write(action, tuple(pairs.items())) if action else None


def _given(text: str, count: int) -> list[str]:
    """The expressions of VALUES (…) or of a SELECT's result; ``count`` empty ones where a star stands for them."""
    start = _GIVEN.match(text)
    if start is None:
        return [""] * count
    rest = text[start.end() :]
    if start["select"]:
        rest = rest[: _end_of_result(rest)]
    found = split_list(rest)[0]
    return [""] * count if any(v.endswith("*") for v in found) else found


def _end_of_result(text: str) -> int:
    depth = 0
    for match in _CLAUSE.finditer(text):
        depth += (match["sign"] == "(") - (match["sign"] == ")")
        if match["word"] and depth == 0:
            return match.start()
    return len(text)


def _content(table: FtsTable, content: Content) -> list[Finding]:
    found = []
    known = {c.lower() for c in content.columns}
    for column in table.all_columns:
        if column.lower() not in known:
            found.append(
                Finding(
                    "FTS06",
                    "error",
                    table.name,
                    None,
                    f"column {column} does not exist in {table.content}; reading it fails",
                )
            )
    key = table.content_rowid.lower()
    if content.kind == "table" and key not in ROWIDS and key != (content.integer_key or "").lower():
        found.append(
            Finding(
                "FTS05",
                "error",
                table.name,
                None,
                f"content_rowid {table.content_rowid} is not the INTEGER PRIMARY KEY of {table.content}; rows are looked up wrongly",
            )
        )
    elif content.kind == "table" and content.integer_key is None:
        found.append(
            Finding(
                "FTS05",
                "warning",
                table.name,
                None,
                f"{table.content} has no INTEGER PRIMARY KEY; VACUUM may renumber its rows and the index then points at others",
            )
        )
    return found


def _event(table: FtsTable, content: Content, event: str) -> list[Finding]:
    assert table.content is not None
    mine = [
        t
        for t in table.triggers
        if t.table.lower() == table.content.lower() and event_of(t)[0] == event and writes(t, table)
    ]
    if not mine:
        stale = {
            "insert": "new rows are never found",
            "delete": "deleted rows are still found and then fail",
            "update": "changed rows are found by their old words and not by their new ones",
        }[event]
        return [
            Finding(
                "FTS01",
                "error",
                table.name,
                None,
                f"no trigger on {event} of {table.content}: {stale}",
                _fix(table, event, mine),
            )
        ]
    problem = next(filter(None, (_of_trigger(table, content, t, event) for t in mine)), None) or _of_all(
        table, mine, event
    )
    if problem is None:
        return []
    code, trigger, message = problem
    return [Finding(code, "error", table.name, trigger, f"trigger {trigger} {message}", _fix(table, event, mine))]


def _fix(table: FtsTable, event: str, mine: Sequence[Trigger]) -> str:
    """The right trigger instead of ``mine``; whatever else those do, they go on doing without the index."""
    lines, free = [], []
    for trigger in mine:
        lines.append(f"DROP TRIGGER {quote_if_needed(trigger.name)};")
        others = [text.strip().rstrip(";") for text in _statements(trigger) if not _write_kind(text, table)]
        if others:
            body = "".join(f"    {text};\n" for text in others)
            lines.append(f"{trigger.parts()[0].rstrip()} BEGIN\n{body}END;")
        else:
            free.append(trigger.name)
    taken = {t.name.lower() for t in table.triggers} - {name.lower() for name in free}
    name = free[0] if free else f"{table.name}_{event}"
    while name.lower() in taken:
        name += "_index"
    return "\n".join([*lines, right_trigger(table, event, name)])


def _of_trigger(table: FtsTable, content: Content, trigger: Trigger, event: str) -> tuple[str, str, str] | None:
    """What one trigger does wrong, whatever the others do: code, trigger, message."""
    _, time, of = event_of(trigger)
    for write in writes(trigger, table):
        # FTS5 reads what to take out from the content table, which before the change still has it.
        if time != "before" and write.action == "delete":
            return (
                "FTS02",
                trigger.name,
                (
                    f"runs DELETE FROM {table.name}, which after the row has changed cannot tell what was indexed: "
                    'old words stay behind, and a search that hits them fails with "database disk image is malformed"'
                ),
            )
        if time != "before" and write.action == "update":
            return "FTS08", trigger.name, f"runs UPDATE {table.name}, which leaves the old words behind"
        row = {"delete_command": "old", "insert": "new"}.get(write.action)
        problem = _values(table, content, write, row) if row else None
        if problem:
            return problem[0], trigger.name, problem[1]
    if of:
        named = {unquote(c).lower() for c in split_list(of)[0]}
        missed = [c for c in table.columns if c.lower() not in named]
        if missed:
            return (
                "FTS07",
                trigger.name,
                f"fires only on UPDATE OF {' '.join(of.split())} and misses {', '.join(missed)}",
            )
    if time == "before" and event == "insert" and any(w.action == "insert" for w in writes(trigger, table)):
        return "FTS09", trigger.name, "fires BEFORE INSERT, when an automatic rowid is not known yet"
    return None


def _of_all(table: FtsTable, mine: Sequence[Trigger], event: str) -> tuple[str, str, str] | None:
    """What the triggers on one event leave undone between them."""
    done = {write.action for trigger in mine for write in writes(trigger, table)}
    if done & {"rebuild", "update"}:
        return None
    if event != "insert" and not done & {"delete_command", "delete"}:
        return "FTS02", mine[0].name, "never takes the old row out of the index"
    if event != "delete" and "insert" not in done:
        return "FTS01", mine[0].name, "never puts the new row into the index"
    return None


def _values(table: FtsTable, content: Content, write: Write, row: str) -> tuple[str, str] | None:
    given = dict(write.values)
    other = "new" if row == "old" else "old"
    if any(re.match(rf"{other}\s*\.", v, re.IGNORECASE) for v in given.values()):
        return "FTS03", (
            f"uses {other} values where the {row} ones are meant, so what it "
            + ("takes out is not what was put in" if row == "old" else "puts in is out of date")
        )
    key = next((name for name in ROWIDS if name in given), None)
    if key is None:
        return "FTS04", "leaves out rowid, so the index does not know which row it is"
    missing = [c for c in table.columns if c.lower() not in given]
    if missing:
        return "FTS04", f"leaves out {', '.join(missing)}"
    keys = {*ROWIDS, table.content_rowid.lower(), (content.integer_key or "rowid").lower()}
    for name, right in ((key, keys), *((c.lower(), {c.lower()}) for c in table.columns)):
        value = re.fullmatch(rf"{row}\s*\.\s*({_NAME})", given[name], re.IGNORECASE)
        if value and unquote(value[1]).lower() not in right:
            return "FTS04", f"gives {given[name]} for {name}"
    return None


def _contentless(table: FtsTable) -> list[Finding]:
    if ("contentless_delete", "1") in table.options:
        return []
    return [
        Finding(
            "FTS02",
            "error",
            table.name,
            t.name,
            f"trigger {t.name} runs {w.action.upper()} on a contentless table, which refuses it",
        )
        for t in table.triggers
        for w in writes(t, table)
        if w.action in ("delete", "update")
    ]
