"""Which pending migration repairs a full-text index that is wrong now: found out by a trial on a clone."""

from __future__ import annotations

from collections.abc import Collection

from memsql.actions.up import up_on
from memsql.db import Connection
from memsql.engine.session import trial_on
from memsql.engine.state import RunOptions, read_state
from memsql.errors import MemsqlError
from memsql.fts import check, discover
from memsql.progress import Progress
from memsql.project import plan
from memsql.project.load import Project


def repaired_by(clone: Connection, project: Project, names: Collection[str], progress: Progress) -> dict[str, str]:
    """The id of the pending migration after which an index is right, by the name of the index.

    ``clone`` is a copy that nobody needs afterwards; what waits is applied there, and a legacy database is adopted
    first. ``names`` are the indexes that are wrong. One that no pending migration repairs is not in the result, and
    neither is one behind a migration that does not run on the clone.
    """
    repaired: dict[str, str] = {}
    waiting = [s for s in read_state(project, clone).statuses if s.migration and s.state in plan.WAITING]
    for status in waiting:
        wrong = [name for name in names if name not in repaired]
        if not wrong:
            break
        try:
            options = RunOptions(to=status.version, for_server=project.settings.target.is_server)
            with trial_on(clone, options, progress) as session:
                up_on(session, read_state(project, clone))
            still = {table.name for table in discover(clone) if table.name in wrong and not check(clone, table).ok}
        except MemsqlError:
            break
        repaired |= {name: status.id for name in wrong if name not in still}
    return repaired
