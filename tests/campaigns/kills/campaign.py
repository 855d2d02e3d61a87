"""The campaign ``kills``: SIGKILL for the server before, during and after each request of each command.

The proxy in front of the server only counts the requests, and tells when it is time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import cli

from memsql.server import Running
from tests.campaigns.points import Group, Outcome, Point
from tests.campaigns.server import judge
from tests.campaigns.server.afterwards import Afterwards
from tests.campaigns.server.campaign import url_of
from tests.campaigns.server.exchange import HttpExchange, Kind, SocketExchange
from tests.campaigns.server.proxy import Lie, Loop, lying
from tests.campaigns.server.scenarios import SCENARIOS, Bench, port_of
from tests.campaigns.server.wire import Answer, Wire, frame

_MOMENTS = ("before", "during", "after")
_KINDS = [f"{moment}{ending}" for moment in _MOMENTS for ending in ("", "-and-restart")]
# How often a place is tried, each time at another moment of the request.
_ROUNDS = 3
# Seconds after a request has come; most take the server a thousandth.
_DELAYS = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.02)


class Campaign:
    """See tests.campaigns.points.Campaign. The mode is the protocol, ``http`` or ``ws``."""

    def groups(self) -> Sequence[Group]:
        return [Group(name, mode, kind) for name in SCENARIOS for mode in ("http", "ws") for kind in _KINDS]

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

    def places(self, group: Group) -> int:
        return _ROUNDS * self._requests(group.command, group.mode)

    @cache  # noqa: B019 - it lives as long as its worker
    def _requests(self, command: str, mode: str) -> int:
        scenario = SCENARIOS[command]
        with self._bench.copied(scenario) as (root, data), self._bench.served(data) as running:
            with lying(self._loop, port_of(running), Lie()) as proxy:
                ran = self._bench.run(root, url_of(proxy, mode), *scenario.words)
            assert ran.done is not None
            ran.done.expect(scenario.code)
            return proxy.requests

    def try_point(self, point: Point) -> Outcome:
        scenario = SCENARIOS[point.group.command]
        draw = random.Random(f"{point.seed} {point}")
        with self._bench.copied(scenario) as (root, data):
            files = cli.files_below(root)
            with Victim(self._bench, data, restarts=point.group.kind.endswith("-and-restart")) as victim:
                kind = _kind(point.group.kind, victim, draw.choice(_DELAYS))
                lie = Lie(kind, (point.number - 1) // _ROUNDS + 1)
                with lying(self._loop, victim.port, lie) as proxy:
                    ran = self._bench.run(root, url_of(proxy, point.group.mode), *scenario.words, "--json", hasty=True)
            problems = judge.manners(ran, scenario, kind)
            if scenario.words[0] == "backup.create":
                problems += self._afterwards.backup(ran, root)
            elif cli.files_below(root) != files:
                problems.append("files of the project changed")
            with self._bench.served(data) as running:
                problems += self._afterwards.left(scenario, ran, root, running.url)
        note = f"exit code {ran.done.code}" if ran.done else "killed"
        return Outcome(tuple(problems), f"request {lie.number}, {note}, {ran.seconds:.1f} s", reached=proxy.reached)


class Victim:
    """A server that can be killed."""

    def __init__(self, bench: Bench, data: Path, *, restarts: bool) -> None:
        self._bench, self._data, self._restarts = bench, data, restarts
        self._stack = ExitStack()
        self._running: Running | None = None

    def __enter__(self) -> Victim:
        self._running = self._stack.enter_context(self._bench.served(self._data))
        self.port = port_of(self._running)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def kill(self) -> None:
        """Kill it once, and start it again on its port if it restarts."""
        running, self._running = self._running, None
        if running is None:
            return
        running.process.kill()
        running.process.wait()
        if self._restarts:
            self._stack.enter_context(self._bench.served(self._data, self.port))


def _kind(name: str, victim: Victim, delay: float) -> Kind:
    """The fault that kills ``victim`` before, during or after a request."""
    if name.startswith("after"):

        async def http(exchange: HttpExchange) -> Answer:
            answer = await exchange.answer()
            victim.kill()
            return answer

        def socket(exchange: SocketExchange) -> Wire:
            victim.kill()
            return Wire((frame(exchange.text),), "keep")

        return Kind(name, http, socket)
    if name.startswith("before"):
        return Kind(name, strike=victim.kill)
    return Kind(name, strike=lambda: _soon(victim, delay))


def _soon(victim: Victim, delay: float) -> None:
    asyncio.get_running_loop().call_later(delay, victim.kill)
