"""The campaign ``server``: a lie at each request of each command, over HTTP and over WebSockets."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import cli

from tests.campaigns.points import Group, Outcome, Point
from tests.campaigns.server import judge, kinds
from tests.campaigns.server.afterwards import Afterwards
from tests.campaigns.server.proxy import Lie, Loop, Proxy, Recorded, lying, reaches
from tests.campaigns.server.scenarios import SCENARIOS, TOKEN, Bench, port_of


class Campaign:
    """See tests.campaigns.points.Campaign. The mode is the protocol, ``http`` or ``ws``."""

    def groups(self) -> Sequence[Group]:
        return [Group(name, mode, kind) for name in SCENARIOS for mode in ("http", "ws") for kind in kinds.names(mode)]

    def environment(self, folder: Path) -> Mapping[str, str]:
        return {}

    @contextmanager
    def session(self, folder: Path) -> Iterator[Session]:
        yield Session(Bench(folder))


class Session:
    """See tests.campaigns.points.Session."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._afterwards = Afterwards(self._bench)
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
        with self._bench.copied(scenario) as (root, data), self._bench.served(data) as running:
            with lying(self._loop, port_of(running), Lie()) as proxy:
                ran = self._bench.run(root, url_of(proxy, mode), *scenario.words)
            assert ran.done is not None
            ran.done.expect(scenario.code)
            return proxy.record

    def try_point(self, point: Point) -> Outcome:
        scenario, kind = SCENARIOS[point.group.command], self._kinds[point.group.kind]
        draw = random.Random(f"{point.seed} {point}")
        words = [*scenario.words, *(["--json"] if draw.random() < 0.75 else [])]
        with self._bench.copied(scenario) as (root, data):
            files = cli.files_below(root)
            with self._bench.served(data) as running:
                lie = Lie(kind, self._numbers(point.group)[point.number - 1], f"{point.seed} {point}")
                with lying(self._loop, port_of(running), lie) as proxy:
                    ran = self._bench.run(root, url_of(proxy, point.group.mode), *words, hasty=True)
            problems = judge.manners(ran, scenario, kind)
            if any(TOKEN.encode() in sent for sent in proxy.stray):
                problems.append("the token went to another host")
            if scenario.words[0] == "backup.create":
                problems += self._afterwards.backup(ran, root)
            elif cli.files_below(root) != files:
                problems.append("files of the project changed")
            # The server was killed: what is there now stays there.
            with self._bench.served(data) as running:
                problems += self._afterwards.left(scenario, ran, root, running.url, told=kind.told)
        note = f"exit code {ran.done.code}" if ran.done else "killed"
        return Outcome(tuple(problems), f"request {lie.number}, {note}, {ran.seconds:.1f} s", reached=proxy.reached)


def url_of(proxy: Proxy, mode: str) -> str:
    return f"{mode}://127.0.0.1:{proxy.port}"
