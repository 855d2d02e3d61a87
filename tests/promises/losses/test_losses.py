"""No migration loses a row or a value that nobody named: many that try, and many that rightly go through.

All are tried on a file, and one in 24 on a server; ``LOSS_SERVER=all pytest tests/promises/losses`` tries all there, as
``invoke test --thorough`` does.
The table is in the .yml files beside this one; tests/helpers/loss_cases.py says how an entry is written.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import extent
import loss_cases
import pytest
import servers
from cli import Done, Project
from loss_cases import Entry

from memsql.db import connect

ALL = list(loss_cases.read())
# Each needs a server of its own, which takes minutes for all: LOSS_SERVER=all.
ON_SERVER = ALL if os.environ.get("LOSS_SERVER") == "all" else extent.some(ALL, 72)
CHANGE = "9999_change"
pytestmark = pytest.mark.slow


@dataclass
class Place:
    """A database with the base of ``entry``, and the project whose files change it."""

    entry: Entry
    project: Project
    words: tuple[str, ...]
    ask: Callable[[str], list[tuple[Any, ...]]] = field(repr=False)

    def change(self, permits: list[str]) -> Done:
        for number, text in enumerate(self.entry.earlier, 2):
            self.project.add(f"{number:04}_earlier", text)
        text = self.entry.text(permits)
        if self.entry.down:
            self.project.down_file(CHANGE).write_text(text, encoding="utf-8")
            return self.project.run("migrate.down", *self.words)
        self.project.add(CHANGE, text)
        return self.project.run("migrate.up", *self.words)

    def content(self) -> list[object]:
        return loss_cases.content(self.ask)


def prepare(project: Project, base: str, *words: str, down: bool) -> Project:
    """Apply the base, and for a rollback the migration that it takes back."""
    project.add("0001_base", base)
    if down:
        project.add(CHANGE, "SELECT 1;\n")
    project.run("migrate.up", *words).expect(0)
    return project


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Entry], Project]:
    """The project with the base of an entry, which many entries have; they work on copies."""

    @cache
    def make(base: str, down: bool) -> Project:
        return prepare(Project(tmp_path_factory.mktemp("base")), base, down=down)

    return lambda entry: make(entry.base, entry.down)


@contextmanager
def on_file(entry: Entry, project: Project) -> Iterator[Place]:
    def ask(sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(project.db)) as conn:
            return conn.execute(sql).fetchall()

    yield Place(entry, project, (), ask)


@contextmanager
def on_server(entry: Entry, folder: Path) -> Iterator[Place]:
    with servers.fresh(folder / "sqld") as server:

        def ask(sql: str) -> list[tuple[Any, ...]]:
            with closing(connect(servers.target(server.url), "ro")) as conn:
                return [tuple(row) for row in conn.execute(sql).rows]

        words = ("--database", server.url)
        project = prepare(Project(folder / "project"), entry.base, *words, down=entry.down)
        yield Place(entry, project, words, ask)


def test_there_are_enough_of_them() -> None:
    assert sum(entry.lossy for entry in ALL) >= 150
    assert sum(not entry.lossy for entry in ALL) >= 60
    assert len({entry.name for entry in ALL}) == len(ALL)


# One in three; tests/engine/loss tries the rules that they are about.
@pytest.mark.parametrize("entry", extent.some(ALL, 5), ids=[entry.name for entry in extent.some(ALL, 5)])
def test_on_a_file(entry: Entry, prepared: Callable[[Entry], Project], tmp_path: Path) -> None:
    with on_file(entry, prepared(entry).copy(tmp_path)) as place:
        judge(place)


@pytest.mark.server
@pytest.mark.parametrize("entry", ON_SERVER, ids=[entry.name for entry in ON_SERVER])
def test_on_a_server(entry: Entry, tmp_path: Path) -> None:
    if isinstance(entry.server, str):
        pytest.skip(entry.server)
    with on_server(entry, tmp_path) as place:
        if entry.server is None:
            judge(place)
        else:
            place.change([]).expect(entry.server)


def judge(place: Place) -> None:
    if place.entry.lossy:
        refuse(place)
    else:
        keep(place)


def refuse(place: Place) -> None:
    """It is refused with what it would lose; it goes through with the lines that the refusal offers, not with fewer."""
    entry = place.entry
    before = place.content()
    refusal = place.change([])
    shows(refusal, 6, entry)
    assert entry.earlier or place.content() == before
    offered = loss_cases.permits(refusal.out + refusal.err)
    assert sorted(map(loss_cases.permitted, offered)) == sorted(count.target for count in entry.counts), refusal
    if len(offered) > 1:
        fewer = place.change(offered[:-1])
        fewer.expect(6)
        assert loss_cases.permits(fewer.out + fewer.err) == offered[-1:]
    shows(place.change(offered), entry.then, entry)


def keep(place: Place) -> None:
    done = place.change([])
    shows(done, 0, place.entry)
    assert "allow: data-loss" not in done.out + done.err
    assert done.out.count("lost, as allowed") == 0
    for query, rows in place.entry.leaves.items():
        assert [list(row) for row in place.ask(query)] == rows


def shows(done: Done, code: int, entry: Entry) -> None:
    done.expect(code)
    for count in entry.counts if code in (0, 6) else ():
        shown = f"{count} is not in:\n{done.out}{done.err}"
        assert count.is_in(done.out + done.err, any_number=entry.any_number), shown
