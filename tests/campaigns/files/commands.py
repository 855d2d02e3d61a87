"""Every command that writes, each with a project on which it does."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """A command line, and the state of the project in which it runs.

    ``words``: the command. ``template``: the project (templates.py). ``first``: commands that bring it to the state
    before. ``script``: SQL that does so behind them. ``appended``: texts that are then added to files. ``between``:
    commands that end at a state at which a fault may leave the database although it is neither that before nor that
    after. ``again``: how the command is run after a fault, if otherwise. ``adds``: each run adds something, such as a
    backup, so that after the second there may be two. ``proof``: what must be content with the database in the end.
    ``once``: where all is done, a second run says so with an exit code, or does it again. ``journal``: the file that
    says that files are being exchanged. ``more``: what a second run may leave besides, with ``#`` for numbers.
    ``damaged``: the database is none any more.
    """

    words: str
    template: str = "ordinary"
    first: tuple[str, ...] = ()
    script: str = ""
    appended: tuple[tuple[str, str], ...] = ()
    between: tuple[str, ...] = ()
    again: str = ""
    adds: bool = False
    proof: str = "verify"
    once: bool = False
    journal: str = ""
    more: tuple[str, ...] = ()
    damaged: bool = False

    @property
    def task(self) -> str:
        """The name of the task."""
        return self.words.split()[0]

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.words)


_AT_1 = ("migrate.up --to 1",)
_SUMMED = ("migrate.up", "migrate.sum")
_ALL = ("migrate.up",)
_BACKED_UP = ("migrate.up", "backup")
_CHANGED = "UPDATE notes SET body = 'changed since' WHERE id < 10;"
_WITHOUT_LEDGER = "".join(
    f"DROP TABLE IF EXISTS {table};"
    for table in ("schema_migrations", "memsql_history", "_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")
)

# By names that say what is special, behind the name of the task.
SCENARIOS: dict[str, Scenario] = {
    "migrate.up": Scenario("migrate.up", first=_AT_1, between=("migrate.up --to 2", "migrate.up --to 3")),
    "migrate.up-new": Scenario("migrate.up", between=("migrate.up --to 1", "migrate.up --to 2", "migrate.up --to 3")),
    "migrate.up-stepwise": Scenario("migrate.up", "stepwise", between=("migrate.up --to 1",)),
    "migrate.up-take-over": Scenario("migrate.up --take-over", "golang", between=("migrate.up --take-over --to 2",)),
    "migrate.up-chain": Scenario(
        "backup migrate.up verify", first=_AT_1, between=("migrate.up --to 2", "migrate.up --to 3"), adds=True
    ),
    "migrate.up-dry": Scenario("migrate.up --dry-run --with-data", first=_AT_1, proof=""),
    "migrate.down": Scenario(
        "migrate.down --to 1", first=_ALL, between=("migrate.down --to 3", "migrate.down --to 2"), proof=""
    ),
    "migrate.to": Scenario("migrate.to 3", first=_AT_1, between=("migrate.up --to 2",), proof=""),
    "migrate.create": Scenario(
        "migrate.create add_more", "indexed", first=("migrate.up", "migrate.sum"), adds=True, once=True
    ),
    "migrate.create-from": Scenario(
        "migrate.create add_nickname --from sql/schema.sql",
        "indexed",
        first=("migrate.up", "schema.dump --write", "migrate.sum"),
        appended=(("sql/schema.sql", "CREATE INDEX users_by_both ON users (email, id);\n"),),
        adds=True,
        proof="",
    ),
    "migrate.sum": Scenario("migrate.sum", "indexed", first=("migrate.up",)),
    "migrate.squash": Scenario(
        "migrate.squash --to 2", "indexed", first=("migrate.up", "migrate.sum"), once=True, journal="migrations/.squash"
    ),
    "migrate.renumber": Scenario(
        "migrate.renumber 3 --to 7",
        "indexed",
        first=("migrate.up", "migrate.sum"),
        once=True,
        proof="migrate.up verify",
        journal="migrations/.renumber",
    ),
    "seed": Scenario("seed demo", "seeded", first=("migrate.up",)),
    "migrate.repair": Scenario(
        "migrate.repair",
        "indexed",
        first=("migrate.up",),
        appended=(("migrations/0002_by_email.sql", "-- A remark of later\n"),),
    ),
    "migrate.baseline": Scenario(
        "migrate.baseline --version 3", "indexed", first=("migrate.up",), script=_WITHOUT_LEDGER
    ),
    "migrate.test": Scenario("migrate.test", "indexed", first=("migrate.up",)),
    "migrate.permits": Scenario(
        "migrate.permits --rewrite",
        "permissive",
        again="migrate.permits --rewrite migrate.sum",
        proof="",
        more=("backups/", "backups/runs/", "backups/runs/run-#T#Z.json"),
    ),
    "import": Scenario("import dbmate db/migrations", "foreign", proof="", journal="migrations/.import"),
    "import-ledger": Scenario(
        "import dbmate db/migrations --database memory.db --take-over", "foreign", journal="migrations/.import"
    ),
    "init": Scenario("init --all", "bare", proof=""),
    "init-from": Scenario("init --from memory.db --take-over", "bare", once=True),
    "backup.create": Scenario("backup", "indexed", first=_ALL, adds=True, proof="backup.verify --all"),
    "backup.create-compressed": Scenario(
        "backup --compress", "indexed", first=_ALL, adds=True, proof="backup.verify --all"
    ),
    "backup.create-sql": Scenario("backup --format sql", "indexed", first=_ALL, adds=True, proof="backup.verify --all"),
    "backup.restore": Scenario(
        "backup.restore", "indexed", first=_BACKED_UP, script=_CHANGED, adds=True, proof="backup.verify --all"
    ),
    "backup.restore-damaged": Scenario(
        "backup.restore", "indexed", first=_BACKED_UP, adds=True, proof="backup.verify --all", damaged=True
    ),
    "backup.restore-to": Scenario(
        "backup.restore --to other.db --replace",
        "indexed",
        first=_BACKED_UP,
        adds=True,
        proof="backup.verify --all",
        more=("other.db.replaced-#T#Z",),
    ),
    "backup.prune": Scenario("backup.prune --keep 1 --all", "indexed", first=("migrate.up", *("backup",) * 3)),
    "backup.drill": Scenario(
        "backup.drill --record", "indexed", first=_BACKED_UP, adds=True, proof="backup.verify --all"
    ),
    "backup.verify": Scenario("backup.verify --all", "indexed", first=_BACKED_UP, proof="backup.verify --all"),
    "fts.rebuild": Scenario("fts.rebuild", "indexed", first=_ALL),
    "fts.rebuild-online": Scenario("fts.rebuild --online --chunk 7", "indexed", first=_ALL),
    "fts.optimize": Scenario("fts.optimize", "indexed", first=_ALL),
    "maintain.reindex": Scenario("maintain.reindex", "indexed", first=_ALL),
    "maintain.optimize": Scenario("maintain.optimize --full", "indexed", first=_ALL),
    "maintain.vacuum": Scenario("maintain.vacuum", "indexed", first=_ALL, script="DELETE FROM notes WHERE id > 5;"),
    "maintain.vacuum-into": Scenario("maintain.vacuum --into other.db", "indexed", first=_ALL, once=True),
    "maintain.orphans": Scenario(
        "maintain.orphans --archive",
        "orphaned",
        first=_ALL,
        script="PRAGMA foreign_keys = off; INSERT INTO notes VALUES (1, 7, 'orphan'), (2, 8, 'another');",
        proof="",
    ),
    "maintain.schedule": Scenario("maintain.schedule --format systemd --output units", "indexed", first=_ALL),
    "legacy.adopt": Scenario("legacy.adopt", "legacy", proof=""),
    "legacy.phase1": Scenario("legacy.phase1", "legacy", proof=""),
    "legacy.rollback": Scenario("legacy.rollback --all", "legacy", first=("legacy.adopt",), proof=""),
    "schema.dump": Scenario("schema.dump --write", "indexed", first=_ALL),
    "schema.docs": Scenario("schema.docs --output schema.html", "indexed", first=_ALL),
    "schema.diagram": Scenario("schema.diagram --format svg --output schema.svg", "indexed", first=_ALL),
    "schema.types": Scenario("schema.types --format python --output models.py", "indexed", first=_ALL),
    "monitor.metrics": Scenario("monitor.metrics --record --rounds 1", "indexed", first=_ALL, adds=True),
    "monitor.dashboard": Scenario("monitor.dashboard --output page.html --rounds 1", "indexed", first=_ALL),
    "analyze.indexes": Scenario(
        "analyze.indexes --write tune", "indexed", first=("migrate.up", "migrate.sum"), proof=""
    ),
    "verify": Scenario("verify --record", "indexed", first=_ALL, adds=True),
    "smoke": Scenario("smoke", "indexed", first=_ALL),
    "review": Scenario("review --output review.md", "repository", proof=""),
    "lint": Scenario("lint --fix", "untidy", proof=""),
}

# Tasks that write neither a database nor a file of a project.
READERS = frozenset(
    {
        "analyze.queries",
        "backup.list",
        "check",
        "fts.check",
        "fts.status",
        "legacy.status",
        "migrate.history",
        "migrate.status",
        "monitor.health",
        "monitor.review",
        "monitor.slow",
        "schema.check",
        "schema.diff",
        "schema.info",
        "schema.stats",
    }
)

# Tasks that write and are not tried, and why.
LEFT_OUT = {
    "bench.embeddings": "it measures in the temporary folder, for minutes",
    "bench.queries": "it measures in the temporary folder, for minutes",
    "bench.writes": "it measures in the temporary folder, for minutes",
    "benchmark": "it is for work on memsql itself",
    "campaign": "it is for work on memsql itself",
    "docs": "it is for work on memsql itself",
    "fuzz": "it is for work on memsql itself",
    "mutants": "it is for work on memsql itself",
    "legacy.align": "the reference project alone has it; legacy.phase1 runs the same code",
    "legacy.phase2": "it runs the same code as legacy.phase1",
    "server.install": "it writes into the cache folder of the user, with npm",
    "server.start": "it runs until Ctrl-C, and the server writes",
    "test": "it is for work on memsql itself",
}
_ALIASES = {"backup": "backup.create"}


def tried() -> frozenset[str]:
    """The tasks that have a scenario."""
    return frozenset(_ALIASES.get(word, word) for scenario in SCENARIOS.values() for word in [scenario.task])
