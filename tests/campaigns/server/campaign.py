"""The campaign ``server``: a lie at each request of each command, over HTTP and over WebSockets."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import cli

from tests.campaigns.points import Group, Outcome, Point
from tests.campaigns.server import judge, kinds, project, truth
from tests.campaigns.server.proxy import Lie, Loop, Proxy, Recorded, lying, reaches
from tests.campaigns.server.scenarios import SCENARIOS, TOKEN, Bench, Ran, Scenario, port_of
from tests.campaigns.server.truth import Truth


class Campaign:
    """See tests.campaigns.points.Campaign. The mode is the protocol, ``http`` or ``ws``."""

    def groups(self) -> Sequence[Group]:
        return [Group(name, mode, kind) for name in SCENARIOS for mode in ("http", "ws") for kind in kinds.names(mode)]

    def environment(self, folder: Path) -> Mapping[str, str]:
        return {}

    @contextmanager
    def session(self, folder: Path) -> Iterator[Session]:
        yield Session(folder)


class Session:
    """See tests.campaigns.points.Session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Before there are threads, because it forks.
        self._bench = Bench(folder)
        self._loop = Loop()
        self._kinds = kinds.by_name()

    def places(self, group: Group) -> int:
        return len(self._numbers(group))

    def _numbers(self, group: Group) -> list[int]:
        """The numbers of the requests whose answers the kind can change, in a run where nothing fails."""
        kind = self._kinds[group.kind]
        return [place.number for place in self._recorded(group.command, group.mode) if reaches(kind, place, self._loop)]

    @cache  # noqa: B019 - it lives as long as its worker
    def _recorded(self, command: str, mode: str) -> list[Recorded]:
        """The requests that the command sends where nothing fails, with their answers."""
        scenario = SCENARIOS[command]
        with self._copied(scenario) as (root, data), self._bench.served(data) as running:
            with lying(self._loop, port_of(running), Lie()) as proxy:
                ran = self._bench.run(root, _url(proxy, mode), *scenario.words)
            assert ran.done is not None
            ran.done.expect(scenario.code)
            return proxy.record

    def try_point(self, point: Point) -> Outcome:
        scenario, kind = SCENARIOS[point.group.command], self._kinds[point.group.kind]
        draw = random.Random(f"{point.seed} {point}")
        words = [*scenario.words, *(["--json"] if draw.random() < 0.75 else [])]
        with self._copied(scenario) as (root, data):
            files = cli.files_below(root)
            with self._bench.served(data) as running:
                lie = Lie(kind, self._numbers(point.group)[point.number - 1], f"{point.seed} {point}")
                with lying(self._loop, port_of(running), lie) as proxy:
                    ran = self._bench.run(root, _url(proxy, point.group.mode), *words, hasty=True)
            problems = judge.manners(ran, scenario, kind)
            if any(TOKEN.encode() in sent for sent in proxy.stray):
                problems.append("the token went to another host")
            if scenario.words[0] == "backup.create":
                problems += self._backup(ran, root)
            elif cli.files_below(root) != files:
                problems.append("files of the project changed")
            # The server was killed: what is there now stays there.
            with self._bench.served(data) as running:
                problems += self._left(scenario, ran, root, running.url)
        note = f"exit code {ran.done.code}" if ran.done else "killed"
        return Outcome(tuple(problems), f"request {lie.number}, {note}, {ran.seconds:.1f} s", reached=proxy.reached)

    @contextmanager
    def _copied(self, scenario: Scenario) -> Iterator[tuple[Path, Path]]:
        into = self._folder / "point"
        try:
            yield self._bench.copy(scenario.start, into)
        finally:
            shutil.rmtree(into, ignore_errors=True)

    def _left(self, scenario: Scenario, ran: Ran, root: Path, url: str) -> list[str]:
        """Judge what the server holds, and run the command again where nothing fails."""
        port = int(url.rpartition(":")[2])
        start, now = self._bench.truth(scenario.start), truth.read(port)
        contents = [self._bench.content(number) for number in range(len(project.IDS) + 1)]
        problems = [*judge.consistency(now, contents, start), *judge.claims(ran, scenario, now, start)]
        if scenario.words[0] == "backup.restore" and now.applied:
            return [*problems, *self._clean(root, url)]
        return problems + self._rerun(scenario, root, url, now)

    def _rerun(self, scenario: Scenario, root: Path, url: str, now: Truth) -> list[str]:
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

    def _backup(self, ran: Ran, root: Path) -> list[str]:
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


def _url(proxy: Proxy, mode: str) -> str:
    return f"{mode}://127.0.0.1:{proxy.port}"
