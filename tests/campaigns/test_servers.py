"""The campaigns ``server``, ``kills`` and ``races``: a share of their points. docs/campaigns.md says how to run them
whole."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import extent
import pytest

from tests.campaigns.kills import campaign as kills_campaign
from tests.campaigns.points import Group, Point, Session
from tests.campaigns.races import campaign as races_campaign
from tests.campaigns.server import campaign as server_campaign
from tests.campaigns.server import kinds
from tests.campaigns.server.scenarios import Bench

COMMAND = "up-some"
LIES = {
    "http": [
        *(
            "lost-answer",
            "cut-at-a-third",
            "http-400-after",
            "baton-of-another",
            "base-url-elsewhere",
            "body-bad-utf-8",
        ),
        *("number-1e999", "nested-lists", "results-swapped", "autocommit-flipped"),
    ],
    "ws": ["ws-end", "ws-message-before", "ws-id-text", "step-skipped"],
}


def test_there_are_lies_of_every_kind() -> None:
    assert len(kinds.by_name()) > 200
    assert len(kinds.names("http")) + len(kinds.names("ws")) > len(kinds.by_name()), "some are for both"
    assert {name for names in LIES.values() for name in names} <= set(kinds.by_name())


@pytest.mark.server
@pytest.mark.kill
@pytest.mark.slow
def test_a_share_of_the_lies_and_kills(sqld: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    lying, killing = server_campaign.Session(bench), kills_campaign.Session(bench)
    groups = [Group(COMMAND, mode, name) for mode, names in LIES.items() for name in names]
    _try(lying, groups)
    _try(killing, [Group(COMMAND, mode, kind) for mode, kind in (("http", "during"), ("ws", "before-and-restart"))])


@pytest.mark.server
@pytest.mark.slow
def test_a_share_of_the_races(sqld: Path, tmp_path: Path) -> None:
    with races_campaign.Campaign().session(tmp_path) as session:
        _try(session, [Group("up-writers", "http", "2"), Group("up-down", "file-wal", "2")])


def _try(session: Session, groups: Sequence[Group]) -> None:
    """Try one point of each group, or with --thorough some; the places are drawn by lot, the same in every run."""
    failures = []
    for group in groups:
        places = session.places(group)
        assert places, group
        draw = random.Random(str(group))
        for number in draw.sample(range(1, places + 1), min(places, extent.number(1, 10))):
            outcome = session.try_point(Point(group, number))
            failures += [f"{group}/{number}: {problem}" for problem in outcome.problems]
    assert not failures, "\n".join(failures)
