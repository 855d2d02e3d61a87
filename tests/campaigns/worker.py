"""``python -m tests.campaigns.worker NAME FOLDER``: tries points of a campaign; one request a line, many answers.

A request is {"group": text, "take": number or null, "seed": number} or {"point": text, "seed": number}. The answers are
a line for each point, {"point", "seed", "problems", "note", "reached", "seconds"}, and then {"places": number}.
"""

from __future__ import annotations

import json
import random
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from tests.campaigns import registry, tether
from tests.campaigns.points import Group, Outcome, Point, Session


def serve(session: Session, requests: Iterable[str], answers: IO[str]) -> None:
    """Answer ``requests`` until there are no more."""
    for line in requests:
        request = json.loads(line)
        seed = request["seed"]
        if "point" in request:
            points, places = [Point.parse(request["point"], seed)], 1
        else:
            group = Group.parse(request["group"])
            try:
                points, places = _chosen(session, group, request["take"], seed)
            except Exception:
                _say(answers, _answer(Point(group, 0, seed), Outcome((_failure(),), reached=False), 0))
                points, places = [], 0
        for point in points:
            _say(answers, _tried(session, point))
        _say(answers, {"places": places})


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _failure() -> str:
    return "the campaign itself failed: " + traceback.format_exc()


def _chosen(session: Session, group: Group, take: int | None, seed: int) -> tuple[list[Point], int]:
    """The points to try, ``take`` of them drawn with ``seed`` (None: all), and how many there are."""
    places = session.places(group)
    numbers = list(range(1, places + 1))
    if take is not None and take < places:
        numbers = sorted(random.Random(f"{seed} {group}").sample(numbers, take))
    return [Point(group, number, seed) for number in numbers], places


def _tried(session: Session, point: Point) -> dict[str, Any]:
    begun = time.perf_counter()
    try:
        outcome = session.try_point(point)
    except Exception:
        outcome = Outcome((_failure(),))
    return _answer(point, outcome, time.perf_counter() - begun)


def _answer(point: Point, outcome: Outcome, seconds: float) -> dict[str, Any]:
    return {
        "point": str(point),
        "seed": point.seed,
        "problems": list(outcome.problems),
        "note": outcome.note,
        "reached": outcome.reached,
        "seconds": round(seconds, 3),
    }


if __name__ == "__main__":
    tether.tie(sys.stdin.fileno())
    with registry.load(sys.argv[1]).session(Path(sys.argv[2])) as session:
        serve(session, sys.stdin, sys.stdout)
