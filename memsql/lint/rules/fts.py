"""Rules about full-text indexes over another table's content (https://sqlite.org/fts5.html, section 4.4.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memsql.fts.diagnose import Problem
from memsql.fts.discover import FtsTable
from memsql.fts.filling import guarded
from memsql.lint.full_text import by_name, diagnose_in
from memsql.lint.model import DATABASE, Hit, rule
from memsql.lint.script import Script
from memsql.lint.step import Step
from memsql.sqltext import fold
from memsql.sqltext.names import quote_if_needed

_MISSING, _ROWID = frozenset({"FTS01"}), frozenset({"FTS05", "FTS06"})


@rule("MS14", "fts_trigger_missing", "error", DATABASE)
def fts_trigger_missing(script: Script) -> Iterator[Hit]:
    """An FTS5 table over another table's content without its three triggers.

    **Anti-pattern** Rows that come, change or go later are not found, are found by their old words, or make the
    search fail with "database disk image is malformed".

        CREATE VIRTUAL TABLE notes_fts USING fts5 (body, content='notes', content_rowid='id');

    **Best practice** Create a trigger for INSERT, one for DELETE and one for UPDATE in the same file.

        CREATE TRIGGER notes_fts_insert AFTER INSERT ON notes BEGIN
            INSERT INTO notes_fts (rowid, body) VALUES (new.id, new.body);
        END;
    """
    for table, problem in script.full_text_problems:
        if problem.code in _MISSING and problem.trigger is None:
            yield Hit(_place(script, table, problem), f"{table.name}: {problem.message}", problem.fix or "")
    yield from _left_behind(script)


def _left_behind(script: Script) -> Iterator[Hit]:
    """Indexes that the file drops without their triggers: each write to the content table then fails."""
    names = {step.name for step in script.of("drop")}
    for table in by_name(script.before.fts(name) for name in names) if script.before else ():
        if script.after.has(table.name):
            continue
        triggers = [t for t in table.triggers if fold(table.name) in script.after.words_of_trigger(t.name)]
        for step in script.of("drop"):
            if triggers and step.name == fold(table.name):
                listed = ", ".join(t.name for t in triggers)
                yield Hit(
                    step.place_of(step.effect.name),
                    f"{table.name} is dropped, and {listed} of {triggers[0].table} still write to it: "
                    "every write there fails",
                    "\n".join(f"DROP TRIGGER {quote_if_needed(t.name)};" for t in triggers),
                )


@rule("MS15", "fts_trigger_wrong", "error", DATABASE)
def fts_trigger_wrong(script: Script) -> Iterator[Hit]:
    """A trigger of an FTS5 table that leaves the index wrong.

    **Anti-pattern** `DELETE FROM notes_fts` in an AFTER trigger reads the words to remove from the content row,
    which has gone or changed by then. The old words stay behind, and a search that hits them fails with "database
    disk image is malformed".

        CREATE TRIGGER notes_fts_delete AFTER DELETE ON notes BEGIN
            DELETE FROM notes_fts WHERE rowid = old.id;
        END;

    Guards (WHEN) that do not fit each other take out rows that never were in the index, or leave rows in it. Of two
    AFTER UPDATE triggers SQLite fires the newer one first: it must be the one that takes the old row out.

    **Best practice** Give the special 'delete' command the old values; an UPDATE trigger then inserts the new ones.

        CREATE TRIGGER notes_fts_delete AFTER DELETE ON notes BEGIN
            INSERT INTO notes_fts (notes_fts, rowid, body) VALUES ('delete', old.id, old.body);
        END;
    """
    for table, problem in script.full_text_problems:
        if problem.code not in _ROWID and problem.trigger is not None:
            yield Hit(_place(script, table, problem), f"{table.name}: {problem.message}", problem.fix or "")


@rule("MS16", "fts_rowid", "error", DATABASE)
def fts_rowid(script: Script) -> Iterator[Hit]:
    """An FTS5 table over content without INTEGER PRIMARY KEY, or over columns that are not there.

    **Anti-pattern** Without an INTEGER PRIMARY KEY a VACUUM may renumber the rows, and the index then points at
    other ones.

        CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, body TEXT);
        CREATE VIRTUAL TABLE notes_fts USING fts5 (body, content='notes');

    **Best practice** Give the content table an INTEGER PRIMARY KEY and name it as content_rowid.

        CREATE TABLE notes (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT);
        CREATE VIRTUAL TABLE notes_fts USING fts5 (body, content='notes', content_rowid='number');
    """
    for table, problem in script.full_text_problems:
        if problem.code in _ROWID:
            yield Hit(
                _place(script, table, problem),
                f"{table.name}: {problem.message}",
                "name the INTEGER PRIMARY KEY as content_rowid"
                if problem.code == "FTS05"
                else "index columns that exist",
            )


@rule("MS17", "fts_not_rebuilt", "error", DATABASE)
def fts_not_rebuilt(script: Script) -> Iterator[Hit]:
    """An FTS5 table is made or mended over rows that are there already, without 'rebuild'.

    **Anti-pattern** A new index over a table with rows is empty and finds none of them; what wrong triggers left
    behind stays in it; after a rebuild of the content table it holds what was there before.

        CREATE VIRTUAL TABLE notes_fts USING fts5 (body, content='notes', content_rowid='id');    -- notes has rows

    **Best practice** Build the index from the content in the end, with the command or with
    `-- fts_rebuild: notes_fts` in the header. Where the triggers have a guard, only the header does it: the command
    knows no guards and fills in every row.

        INSERT INTO notes_fts (notes_fts) VALUES ('rebuild');
    """
    rebuilt = {fold(name) for name in script.header.fts_rebuild}
    if "all" in rebuilt:
        return
    names = {step.name for step in script.making("virtual")}
    names |= {step.name for step in script.of("insert") if _is_rebuild(step)}
    contents = {r.table for r in script.rebuilds} | {fold(s.effect.table or "") for s in script.making("trigger")}
    tables = [*map(script.after.fts, names), *(t for c in contents for t in script.after.fts_over(c))]
    for table in by_name(tables):
        if table.kind != "external" or fold(table.name) in rebuilt:
            continue
        name = quote_if_needed(table.name)
        fills = [step for step in script.of("insert") if step.name == fold(table.name)]
        partial = guarded(table)
        if partial is not None:
            remedy = f"write into the header: -- fts_rebuild: {name}"
            for step in filter(_is_rebuild, fills):
                message = f"{table.name} is to hold {partial.shown}, and 'rebuild' fills in every row"
                yield Hit(step.place_of(step.effect.name), message, remedy)
        else:
            fills = [step for step in fills if _is_rebuild(step) or _fills_in_every_row(script, step, table)]
            remedy = f"end the file with: INSERT INTO {name} ({name}) VALUES ('rebuild')"
        cause = _needs_rebuild(script, table)
        if cause is not None and not any(step.at > cause[0].at for step in fills):
            yield Hit(cause[0].place_of(cause[0].effect.name), f"{table.name} {cause[1]}, and is not rebuilt", remedy)


def _needs_rebuild(script: Script, table: FtsTable) -> tuple[Step, str] | None:
    """The statement after which the index differs from its content table, and the reason; None without one.

    The reason follows the name of the index in a sentence: "notes_fts is made over rows of notes".
    """
    name, content = fold(table.name), fold(table.content or "")
    created = next((s for s in script.making("virtual") if s.name == name), None)
    if created is not None:
        kept_from = next((s for s in script.making("trigger") if fold(s.effect.table or "") == content), created)
        has_rows = script.existed(content) or any(
            s.name == content and s.at < created.at for s in script.making("table")
        )
        is_empty = content in script.held(kept_from).empty
        return (created, f"is made over rows of {table.content}") if has_rows and not is_empty else None
    for rebuild in script.rebuilds:
        if rebuild.table == content:
            return rebuild.rename or rebuild.create, f"indexes {table.content}, which is rebuilt"
    earlier = script.before.fts(name) if script.before else None
    new_triggers = [
        s for s in script.making("trigger") if fold(s.effect.table or "") == content and name in s.text.lower()
    ]
    if script.before is None or earlier is None or not new_triggers:
        return None
    if diagnose_in(script.before, earlier):
        return new_triggers[-1], "was kept by wrong triggers"
    rows = [filling.condition if filling else "" for filling in map(guarded, (earlier, table))]
    return (new_triggers[-1], "holds the rows of the guard before this one") if rows[0] != rows[1] else None


def _fills_in_every_row(script: Script, step: Step, table: FtsTable) -> bool:
    """Whether the INSERT copies every row of the content table into an index that the file makes."""
    if not any(s.name == fold(table.name) and s.at < step.at for s in script.making("virtual")):
        return False
    arms = [arm for copy in script.copies if copy.step is step for arm in copy.select.arms]
    return any(not arm.some and [s.table for s in arm.sources] == [fold(table.content or "")] for arm in arms)


def _is_rebuild(step: Step) -> bool:
    """Whether the INSERT into a full-text index is its command 'rebuild'."""
    return len(step.text) < 1000 and re.search(r"\(\s*'rebuild'\s*\)", step.text) is not None


def _place(script: Script, table: FtsTable, problem: Problem) -> int:
    """The offset of what causes the problem.

    That is the first of these that the file holds: the wrong statement of the trigger, the trigger, the full-text
    table, the DROP TRIGGER, the last statement that changes the content table. Else it is the first statement.
    """
    name = fold(problem.trigger or "")
    for step in script.making("trigger"):
        if name and step.name == name:
            return _inside(step, table, problem)
    created = [s for s in script.making("virtual") if s.name == fold(table.name)]
    if created:
        return created[-1].place_of(created[-1].effect.name)
    earlier = script.before.fts(table.name) if script.before else None
    for trigger in earlier.triggers if earlier else ():
        for step in script.of("drop"):
            if (
                step.name == fold(trigger.name)
                and f"on {trigger.head().event} of" in problem.message
                and trigger.writes_to(table.name)
            ):
                return step.place_of(step.effect.name)
    touching = [
        s
        for s in script.steps
        if s.kind.startswith(("alter_", "drop", "create")) and fold(table.content or "") in (s.name, s.new_name)
    ]
    return touching[-1].place_of(touching[-1].effect.name) if touching else script.steps[0].at


def _inside(step: Step, table: FtsTable, problem: Problem) -> int:
    """The offset of the first statement in the trigger that writes wrongly to the index, or of the trigger's name."""
    body = step.find("BEGIN")
    tokens = step.tokens
    verbs = {
        "FTS02": ("DELETE",),
        "FTS08": ("UPDATE",),
        "FTS03": ("INSERT", "REPLACE"),
        "FTS04": ("INSERT", "REPLACE"),
    }.get(problem.code)
    for i in range(body or 0, len(tokens) if verbs and body is not None else 0):
        if tokens[i].word in (verbs or ()) and any(t.name == fold(table.name) for t in tokens[i + 1 : i + 6]):
            return tokens[i].start
    return step.place_of(step.effect.name)


RULES = (fts_trigger_missing, fts_trigger_wrong, fts_rowid, fts_not_rebuilt)
