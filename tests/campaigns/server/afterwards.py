"""What is looked at behind a command on a server that did not behave: the server itself, and the command once more."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.campaigns.server import judge, project, truth
from tests.campaigns.server.scenarios import Bench, Ran, Scenario
from tests.campaigns.server.truth import Truth

# The share of the points on a known database at which the command is run again.
_AGAIN = 0.1


class Afterwards:
    """Judges with the states and commands of ``bench``."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        # What came of the command once more on the same database, by command and database.
        self._draw = random.Random(0)
        self._known: dict[tuple[Scenario, Truth], list[str]] = {}

    def left(self, scenario: Scenario, ran: Ran, root: Path, url: str, *, told: bool = True) -> list[str]:
        """Judge what the server holds, and run the command again where nothing fails. ``told``: as of a Kind.

        It is not run again where it was on the same content and ledger before; now and then it is all the same.
        """
        port = int(url.rpartition(":")[2])
        start, now = self._bench.truth(scenario.start), truth.read(port)
        problems = [
            *judge.consistency(now, self._bench.contents(scenario), start),
            *judge.claims(ran, scenario, now, start, told=told),
        ]
        known = self._known.get((scenario, now))
        if known is None or self._draw.random() < _AGAIN:
            known = self._known[scenario, now] = self._rerun(scenario, root, url, now)
        return problems + known

    def _rerun(self, scenario: Scenario, root: Path, url: str, now: Truth) -> list[str]:
        if scenario.words[0] == "backup.restore" and now.applied:
            return self._clean(root, url)
        words, code, end = scenario.words, scenario.code, scenario.end
        if scenario.again and len(now.applied) == scenario.end:
            words, code, end = scenario.again, 0, len(project.IDS)
        again = self._bench.run(root, url, *words).done
        if again is None:
            return ["the command without a fault did not end"]
        if again.code != code:
            return [f"the command without a fault ends with {again.code}\n{again.out}{again.err}"]
        if not scenario.writes or scenario.code:
            return []
        applied = len(truth.read(int(url.rpartition(":")[2])).applied)
        if applied != end:
            return [f"after the command without a fault {applied} migrations are applied"]
        return self._clean(root, url)

    def _clean(self, root: Path, url: str) -> list[str]:
        verified = self._bench.run(root, url, "verify").done
        if verified is None or verified.code:
            return [f"verify is not clean\n{verified.out + verified.err if verified else ''}"]
        return []

    def backup(self, ran: Ran, root: Path) -> list[str]:
        """A backup that the command calls proven holds what the server does; and there is nothing of any other."""
        folder = root / "backups"
        files = sorted(path.name for path in folder.glob("*")) if folder.exists() else []
        if ran.done is None or ran.done.code:
            return [f"a backup that failed left {', '.join(files)}"] if files else []
        copies = [name for name in files if name.endswith(".db")]
        if len(copies) != 1:
            return [f"it says that there is a backup, and there are {files}"]
        with closing(sqlite3.connect(folder / copies[0])) as conn:
            for table, rows in self._bench.truth("5").rows:
                kept = conn.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
                if kept != len(rows):
                    return [f"the backup has {kept} rows of {table}, the server {len(rows)}"]
        return []
