"""No reader takes more than linear time: the work is counted at one, two and four times the size."""

from __future__ import annotations

import re
from functools import partial
from itertools import product

import extent
import pytest

from tests.fuzz import work
from tests.fuzz.regex_steps import program_of
from tests.fuzz.registry import targets
from tests.fuzz.target import Repeated, Target

_TIMES = extent.number(16, 80)
_MOST = 2.6
"""The second step of growth is twice as large as the first one where work grows with the size, and four times where it
grows with its square."""
_GROWING = [
    pytest.param(target, repeated, id=f"{target.name}-{number}")
    for target in targets().values()
    for number, repeated in enumerate(target.growing)
]


def growth(target: Target, repeated: Repeated) -> float:
    """How many times as much more work four times the size is than two times."""
    read = target.work
    assert read is not None
    # What is imported or remembered at the first time is not the text's. Python 3.12 counts from the second time on.
    work.counted(read, repeated.text(1))
    read(repeated.text(_TIMES))
    once, twice, four = (work.counted(read, repeated.text(_TIMES * times)) for times in (1, 2, 4))
    return (four - twice) / max(twice - once, _TIMES)


@pytest.mark.parametrize(("target", "repeated"), extent.some(_GROWING, 5))
def test_work_grows_with_the_size(target: Target, repeated: Repeated) -> None:
    assert growth(target, repeated) < _MOST


def test_every_target_has_growing_texts() -> None:
    assert [name for name, target in targets().items() if target.work is None or not target.growing] == []


@pytest.mark.parametrize("pattern", [r"(?:a|b)*c", r"a*a*c", r"(?:a+)+c"], ids=["linear", "square", "power"])
def test_steps_of_a_pattern_are_those_that_its_backtracking_takes(pattern: str) -> None:
    def steps(size: int) -> int:
        program = program_of(re.compile(pattern))
        assert program.end("a" * size, 0) is None
        return program.steps

    seen = (steps(16) - steps(8)) / (steps(8) - steps(4))
    assert seen == pytest.approx({r"(?:a|b)*c": 2, r"a*a*c": 4}.get(pattern, 1 << 8), rel=0.35)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a*)*b(?:ab|a)*?c|(x)\2",
        r"(?i:A[^b]+)(?=c)(?!d)|(?<=a)b",
        r"\ba{2,3}+a?$",
        r"(?s:.)+?b|[\w-]{0,2}",
        r"(?m)^a|\Z",
    ],
)
def test_the_machine_matches_what_re_matches(pattern: str) -> None:
    compiled = re.compile(pattern)
    program = program_of(compiled)
    texts = ["".join(text) for size in range(5) for text in product("abcx\n", repeat=size)]
    for text in texts:
        for place in range(len(text) + 1):
            match = compiled.match(text, place)
            assert program.end(text, place) == (match.end() if match is not None else None), (text, place)


def test_instructions_of_our_modules_count() -> None:
    from memsql.sqltext.split import split

    few, many = (work.counted(partial(split), "SELECT 1;" * number) for number in (1, 10))
    assert 0 < few < many
