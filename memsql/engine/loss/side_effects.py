"""What a statement may destroy besides what it says: from what it reached, the schema, and the text of triggers."""

from __future__ import annotations

from memsql.db import Touched
from memsql.engine.loss import effects
from memsql.engine.loss.effects import Effect
from memsql.engine.loss.facts import Facts
from memsql.engine.loss.tables import Table
from memsql.sqltext import fold
from memsql.sqltext.writes import Write


def of_statement(facts: Facts, write: Write | None, table: Table, touched: Touched) -> list[Effect]:
    """The effects of a statement on ``table`` (None: DROP TABLE) that reached ``touched``."""
    excused = facts.triggers_of(table.name) if table.kind == "view" else frozenset()
    name, reach = fold(table.name), _reach(facts, touched)
    others = {e.table: e for e in effects.effects_of(write, name, reach, excused) if facts.is_data(e.table)}
    if write is not None and (write.replaces or table.replaces) and table.holds_data:
        own = effects.replace_effect(write, table, others.pop(name, None))
        if own is not None:
            others[name] = own
    # The conflict clause of a statement holds for its triggers too (https://sqlite.org/lang_createtrigger.html).
    replaces = write is not None and write.replaces
    others.update(_commands(facts, reach, excused))
    inserts: dict[str, list[Write]] = {}
    if write is not None and write.verb == "insert":
        inserts[name] = [write]
    for trigger, written in sorted(effects.trigger_writes(reach)):
        target = facts.table(written)
        if target is None or not target.holds_data:
            continue
        for part in facts.trigger_writes(trigger):
            if part.table != written or part.verb == "delete":
                continue
            if part.verb == "insert":
                inserts.setdefault(written, []).append(part)
            if replaces or part.replaces or target.replaces:
                silent = effects.trigger_replaces(part, target, trigger, is_excused=trigger in excused)
                others[written] = silent.merged(others.get(written))
    for written, parts in inserts.items():
        effect, target = others.get(written), facts.table(written)
        if effect is not None and target is not None and effect.deletes and effect.named is None:
            others[written] = effects.renewed(effect, target, parts)
    return list(others.values())


def of_inserts(facts: Facts, touched: Touched) -> list[Effect]:
    """The effects of statements INSERT … VALUES, which reached ``touched``."""
    views, reach = [name for name in touched.inserted if facts.is_view(name)], _reach(facts, touched)
    excused = frozenset().union(*(facts.triggers_of(view) for view in views))
    others = {e.table: e for e in effects.effects_of(None, "", reach, excused) if facts.is_data(e.table)}
    return list((others | _commands(facts, reach, excused)).values())


def _reach(facts: Facts, touched: Touched) -> effects.Reach:
    """What statements reached, without the rows that an index without content holds of rows that are deleted."""
    upkeep = {
        (table, trigger)
        for _, table, _, trigger in touched.writes
        if trigger is not None and _is_contentless(facts, table) and facts.keeps_index(trigger, table)
    }
    return frozenset(write for write in touched.writes if (write[1], write[3]) not in upkeep)


def _commands(facts: Facts, reach: effects.Reach, excused: frozenset[str]) -> dict[str, Effect]:
    """What commands of triggers may take from full-text indexes without content, by table. Such a command is an INSERT
    into the column of the name of the index."""
    return {
        index: Effect(index, True, frozenset(), f"trigger {trigger}")
        for trigger, index in sorted(effects.trigger_writes(reach))
        if trigger not in excused
        and _is_contentless(facts, index)
        and any(part.table == index and index in part.columns for part in facts.trigger_writes(trigger))
    }


def _is_contentless(facts: Facts, name: str) -> bool:
    table = facts.table(name)
    return table is not None and table.kind == "contentless"
