"""Random spellings of random schemas are equal; random edits of them are not."""

from __future__ import annotations

import os
from random import Random

import extent
import pytest
from spelled_edits import edited
from spelled_model import random_model
from speller import Speller

from memsql.schema import diff, from_sql
from memsql.schema.compare import definitions

RUNS = int(os.environ.get("MEMSQL_SPELLINGS") or extent.number(60, 2000))
_PART = 100


@pytest.mark.parametrize("start", range(0, RUNS, _PART))
def test_every_spelling_is_equal(start: int) -> None:
    for seed in range(start, min(start + _PART, RUNS)):
        random = Random(seed)
        model = random_model(random)
        texts = [Speller(random).sql(model) for _ in range(2)]
        one, two = map(from_sql, texts)
        lines = diff(one, two).lines()
        assert not lines, f"seed {seed}: {lines}\n\n{texts[0]}\n\n{texts[1]}"
        assert definitions(one) == definitions(two), seed


@pytest.mark.parametrize("start", range(0, RUNS, _PART))
def test_every_edit_is_a_difference(start: int) -> None:
    for seed in range(start, min(start + _PART, RUNS)):
        random = Random(seed)
        model = random_model(random)
        other, what = edited(random, model)
        texts = [Speller(random).sql(m) for m in (model, other)]
        one, two = map(from_sql, texts)
        assert diff(one, two), f"seed {seed}: {what}\n\n{texts[0]}\n\n{texts[1]}"
        # SQLite takes both for the same name.
        assert (definitions(one) == definitions(two)) == (what == "rename_in_letters"), (seed, what)
