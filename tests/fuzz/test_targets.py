"""Every target keeps its promises for what broke them once, for sentences of its grammar, and for mangled inputs."""

from __future__ import annotations

import extent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.grammar import sentence, words
from tests.fuzz.registry import corpus, targets
from tests.fuzz.target import Target

TARGETS = targets()
_SETTINGS = settings(
    max_examples=extent.number(40, 20_000),
    derandomize=not extent.THOROUGH,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
"""The same examples in every run; others each time, and many, with ``--thorough``."""


@st.composite
def sentences(draw: st.DrawFn, target: Target) -> str:
    """A sentence of the grammar of ``target``."""
    return sentence(target.grammar, lambda number: draw(st.integers(0, number - 1)))


@st.composite
def mangled(draw: st.DrawFn, target: Target) -> bytes:
    """A sentence or seed of ``target`` with something cut out and something put in."""
    data = draw(st.one_of(sentences(target).map(_encoded), st.sampled_from([*target.seeds, b""])))
    start = draw(st.integers(0, len(data)))
    end = min(len(data), start + draw(st.integers(0, 8)))
    piece = draw(st.one_of(st.sampled_from(words(target.grammar)).map(_encoded), st.binary(max_size=4)))
    return data[:start] + piece * draw(st.sampled_from([1, 1, 1, 2, 50])) + data[end:]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """What ``target`` is tried with."""
    mashed = st.lists(st.sampled_from(words(target.grammar)), max_size=12).map(lambda parts: _encoded("".join(parts)))
    return st.one_of(sentences(target).map(_encoded), mangled(target), mashed, st.binary(max_size=40))


@pytest.mark.parametrize("name", TARGETS)
def test_promises_hold(name: str) -> None:
    target = TARGETS[name]

    @_SETTINGS
    @given(inputs(target))
    def holds(data: bytes) -> None:
        target.run(data)

    holds()


@pytest.mark.parametrize("name", TARGETS)
def test_what_broke_a_promise_breaks_none_now(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        target.run(seed)
    for path in corpus(target):
        try:
            target.run(path.read_bytes())
        except Exception as e:
            raise AssertionError(f"{path.name}: {e!r}") from e
