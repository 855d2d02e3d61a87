"""What the forecast of costs in a rehearsal says."""

from __future__ import annotations

from collections.abc import Sequence

from memsql.advise.disk import Disk
from memsql.db.tally import Tally
from memsql.engine.meter import Cost
from memsql.words import count, milliseconds, size


def lines(id: str, costs: Sequence[Cost]) -> list[str]:
    """A line about the transaction of the migration ``id``; none where it was not measured. Where several share one, it
    stands below the last of them."""
    cost = next((c for c in costs if c.ids[-1:] == (id,)), None)
    if cost is None:
        return []
    if cost.rows_read is not None and cost.rows_written is not None:
        return [f"  costs: {count(cost.rows_read, 'row')} read, {count(cost.rows_written, 'row')} written"]
    together = f" together with {count(len(cost.ids) - 1, 'other')}" if len(cost.ids) > 1 else ""
    lock = (
        f"holds the write lock for {milliseconds(cost.locked_seconds * 1000)}"
        if cost.locked_seconds is not None
        else f"takes {milliseconds(cost.seconds * 1000)}, and the write lock for each statement alone"
    )
    grown, journal = cost.growth_bytes or 0, cost.journal_bytes or 0
    growth = f", the database grows by {size(grown)}" if grown > 0 else ""
    temporary = f", temporary files of {size(cost.temporary_bytes)}" if cost.temporary_bytes else ""
    return [f"  costs{together}: {lock}, writes {size(journal)} of journal{growth}{temporary}"]


def data(costs: Sequence[Cost]) -> list[dict[str, object]]:
    """The transactions as fields of the JSON output."""
    return [
        {
            "ids": list(c.ids),
            "seconds": round(c.seconds, 6),
            "locked_seconds": None if c.locked_seconds is None else round(c.locked_seconds, 6),
            "journal_bytes": c.journal_bytes,
            "growth_bytes": c.growth_bytes,
            "temporary_bytes": c.temporary_bytes,
            "rows_read": c.rows_read,
            "rows_written": c.rows_written,
        }
        for c in costs
    ]


def disk_lines(disk: Disk | None) -> list[str]:
    """What the run needs beside the database, and what is free there."""
    if disk is None:
        return []
    journal = "write-ahead log" if disk.journal_mode == "wal" else "rollback journal"
    free = "nobody can tell how much is free" if disk.free is None else f"{size(disk.free)} are free"
    lacks = "" if disk.suffices else ": NOT ENOUGH"
    return [
        f"needs {size(disk.needed)} in {disk.folder} ({journal} {size(disk.journal)},"
        f" growth {size(disk.growth)}); {free}{lacks}"
    ]


def disk_data(disk: Disk | None) -> dict[str, object] | None:
    """The same as fields of the JSON output; None on a server."""
    if disk is None:
        return None
    return {
        "folder": str(disk.folder),
        "journal_mode": disk.journal_mode,
        "journal_bytes": disk.journal,
        "growth_bytes": disk.growth,
        "needed_bytes": disk.needed,
        "free_bytes": disk.free,
        "suffices": disk.suffices,
    }


def tally_lines(tally: Tally | None) -> list[str]:
    """How many rows a server read and wrote for the run."""
    if tally is None:
        return []
    more = f"; not counted: {count(tally.uncounted, 'text')} of many statements" if tally.uncounted else ""
    return [f"{count(tally.rows_read, 'row')} read, {count(tally.rows_written, 'row')} written, with the proof{more}"]


def tally_data(tally: Tally | None) -> dict[str, object] | None:
    """The same as fields of the JSON output; None where no server ran it."""
    if tally is None:
        return None
    return {"rows_read": tally.rows_read, "rows_written": tally.rows_written, "uncounted": tally.uncounted}
