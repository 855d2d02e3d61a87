"""What is wrong with the triggers of an FTS5 table. Pure: a table and its content in, findings out.

An external-content index keeps no copy of the text. To take a row out it must be told the text that
was indexed, with the special 'delete' command and the old values (https://sqlite.org/fts5.html, section 4.4.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memsql.fts.discover import FtsTable, Trigger, unquote
from memsql.sqltext import effect, split

_TRIGGER = re.compile(
    r"CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\s+.*?(?P<time>BEFORE|AFTER|INSTEAD\s+OF)?\s*"
    r"\b(?P<event>INSERT|DELETE|UPDATE)(?:\s+OF\s+(?P<of>.*?))?\s+ON\s",
    re.IGNORECASE | re.DOTALL,
)
_NAME = r"(?:'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$.]+)"
_INSERT = re.compile(
    rf"(?:INSERT|REPLACE)\s+(?:OR\s+\w+\s+)?INTO\s+{_NAME}\s*\((?P<columns>.*?)\)\s*VALUES\s*\((?P<values>.*)\)\s*",
    re.IGNORECASE | re.DOTALL,
)
_LIST = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|\([^)]*\)|[^,])+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Content:
    """The table that an external-content index is over, as the database has it now."""

    kind: str | None
    columns: tuple[str, ...]
    integer_key: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: a stable ``code``, severity error or warning, the trigger concerned (or None), what
    it does to searches, and the SQL that mends it (or None)."""

    code: str
    severity: str
    table: str
    trigger: str | None
    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One statement of a trigger that writes to the index: ``action`` is insert, delete_command, delete or
    update; ``values`` pairs each column it names with the expression it gives."""

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
        return [Finding("FTS06", "error", table.name, None,
                        f"its content table {table.content} does not exist; every search that reads a column fails")]
    found = _content(table, content)
    if content.kind == "view":
        return found
    for event in ("insert", "delete", "update"):
        found += _event(table, event)
    return found


def right_trigger(table: FtsTable, event: str, name: str | None = None) -> str:
    """The trigger that keeps an external-content index right on ``event`` (insert, delete or update)."""
    columns = [*table.columns, *table.unindexed]
    quoted = _quote(table.name)
    listed = ", ".join(["rowid", *map(_quote, columns)])

    def values(row: str) -> str:
        return ", ".join([f"{row}.{_quote(table.content_rowid)}", *(f"{row}.{_quote(c)}" for c in columns)])

    delete = f"    INSERT INTO {quoted} ({quoted}, {listed}) VALUES ('delete', {values('old')});\n"
    insert = f"    INSERT INTO {quoted} ({listed}) VALUES ({values('new')});\n"
    body = {"insert": insert, "delete": delete, "update": delete + insert}[event]
    assert table.content is not None
    trigger = _quote(name or f"{table.name}_{event}")
    return f"CREATE TRIGGER {trigger} AFTER {event.upper()} ON {_quote(table.content)} BEGIN\n{body}END;"


def event_of(trigger: Trigger) -> tuple[str, str, str | None]:
    """Event (insert, delete, update), time (before, after) and the UPDATE OF list of a trigger."""
    head = _TRIGGER.match(trigger.sql)
    if head is None:
        return "", "", None
    return head["event"].lower(), (head["time"] or "before").lower(), head["of"]


def writes(trigger: Trigger, table: FtsTable) -> list[Write]:
    """The statements of ``trigger`` that write to ``table``, in order."""
    body = re.split(r"\bBEGIN\b", trigger.sql, maxsplit=1, flags=re.IGNORECASE)[-1]
    body = re.sub(r"\bEND\s*;?\s*$", "", body, flags=re.IGNORECASE)
    found = []
    for statement in split(body):
        what = effect(statement.text)
        if (what.name or "").lower() != table.name.lower():
            continue
        if what.kind in ("delete", "update"):
            found.append(Write(what.kind, ()))
        elif what.kind in ("insert", "replace"):
            found.append(_insert(statement.text, table))
    return found


def _insert(text: str, table: FtsTable) -> Write:
    parsed = _INSERT.match(text)
    if parsed is None:
        return Write("insert", ())
    columns = [unquote(c).lower() for c in _items(parsed["columns"])]
    values = _items(parsed["values"])
    pairs = tuple(zip(columns, values, strict=False))
    command = dict(pairs).get(table.name.lower())
    rest = tuple((c, v) for c, v in pairs if c != table.name.lower())
    return Write("delete_command" if command and unquote(command).lower() == "delete" else "insert", rest)


def _items(text: str) -> list[str]:
    return [m.group().strip() for m in _LIST.finditer(text)]


def _content(table: FtsTable, content: Content) -> list[Finding]:
    found = []
    known = {c.lower() for c in content.columns}
    for column in table.all_columns:
        if column.lower() not in known:
            found.append(Finding("FTS06", "error", table.name, None,
                                 f"column {column} does not exist in {table.content}; reading it fails"))
    key = table.content_rowid.lower()
    if content.kind == "table" and key not in ("rowid", "oid", "_rowid_") and key != (content.integer_key or "").lower():
        found.append(Finding(
            "FTS05", "error", table.name, None,
            f"content_rowid {table.content_rowid} is not the INTEGER PRIMARY KEY of {table.content}; rows are looked up wrongly"))
    elif content.kind == "table" and content.integer_key is None:
        found.append(Finding(
            "FTS05", "warning", table.name, None,
            f"{table.content} has no INTEGER PRIMARY KEY; VACUUM may renumber its rows and the index then points at others"))
    return found


def _event(table: FtsTable, event: str) -> list[Finding]:
    assert table.content is not None
    mine = [t for t in table.triggers
            if t.table.lower() == table.content.lower() and event_of(t)[0] == event and writes(t, table)]
    if not mine:
        stale = {"insert": "new rows are never found", "delete": "deleted rows are still found and then fail",
                 "update": "changed rows are found by their old words and not by their new ones"}[event]
        return [Finding("FTS01", "error", table.name, None, f"no trigger on {event} of {table.content}: {stale}",
                        right_trigger(table, event))]
    done = [w for t in mine for w in writes(t, table)]
    name = mine[0].name
    found: list[Finding] = []

    def report(code: str, message: str) -> None:
        found.append(Finding(code, "error", table.name, name, message,
                             f"DROP TRIGGER {_quote(name)};\n" + right_trigger(table, event, name)))

    if any(w.action == "delete" for w in done):
        report("FTS02", f"trigger {name} runs DELETE FROM {table.name}, which after the row has changed cannot tell what was "
                        "indexed: old words stay behind, and a search that hits them fails with "
                        "\"database disk image is malformed\"")
    elif any(w.action == "update" for w in done):
        report("FTS08", f"trigger {name} runs UPDATE {table.name}, which leaves the old words behind")
    elif event in ("delete", "update") and not any(w.action == "delete_command" for w in done):
        report("FTS02", f"trigger {name} never takes the old row out of the index")
    for write in done:
        row = {"delete_command": "old", "insert": "new"}.get(write.action)
        if row is None or found:
            continue
        problem = _values(table, write, row)
        if problem:
            report(problem[0], f"trigger {name}: {problem[1]}")
    if event in ("insert", "update") and not any(w.action == "insert" for w in done) and not found:
        report("FTS01", f"trigger {name} never puts the new row into the index")
    found += _restricted(table, mine[0], event)
    return found


def _values(table: FtsTable, write: Write, row: str) -> tuple[str, str] | None:
    given = dict(write.values)
    other = "new" if row == "old" else "old"
    if any(re.match(rf"{other}\s*\.", v, re.IGNORECASE) for v in given.values()):
        return "FTS03", (f"it uses {other} values where the {row} ones are meant, so what it "
                         + ("takes out is not what was put in" if row == "old" else "puts in is out of date"))
    missing = [c for c in table.columns if c.lower() not in given]
    if missing:
        return "FTS04", f"it leaves out {', '.join(missing)}"
    for column in table.columns:
        value = re.fullmatch(rf"{row}\s*\.\s*({_NAME})", given[column.lower()], re.IGNORECASE)
        if value and unquote(value[1]).lower() != column.lower() and unquote(value[1]).lower() in {
                c.lower() for c in table.columns}:
            return "FTS04", f"it gives {given[column.lower()]} for {column}"
    return None


def _restricted(table: FtsTable, trigger: Trigger, event: str) -> list[Finding]:
    _, time, of = event_of(trigger)
    if event == "update" and of:
        named = {unquote(c).lower() for c in _items(of)}
        missed = [c for c in table.columns if c.lower() not in named]
        if missed:
            return [Finding("FTS07", "error", table.name, trigger.name,
                            f"trigger {trigger.name} fires only on UPDATE OF {' '.join(of.split())} and misses {', '.join(missed)}",
                            f"DROP TRIGGER {_quote(trigger.name)};\n" + right_trigger(table, event, trigger.name))]
    if time == "before" and event == "insert":
        return [Finding("FTS09", "error", table.name, trigger.name,
                        f"trigger {trigger.name} fires BEFORE INSERT, when an automatic rowid is not known yet",
                        f"DROP TRIGGER {_quote(trigger.name)};\n" + right_trigger(table, event, trigger.name))]
    return []


def _contentless(table: FtsTable) -> list[Finding]:
    if ("contentless_delete", "1") in table.options:
        return []
    return [
        Finding("FTS02", "error", table.name, t.name,
                f"trigger {t.name} runs {w.action.upper()} on a contentless table, which refuses it")
        for t in table.triggers for w in writes(t, table) if w.action in ("delete", "update")
    ]


def _quote(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
