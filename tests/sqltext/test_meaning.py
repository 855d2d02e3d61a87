"""What of a migration file counts as its meaning: tokens and directives, and neither comments nor white space."""

from __future__ import annotations

import pytest

from memsql.sqltext.meaning import has_statement, meaning
from memsql.sqltext.tokens import tokenize

TEXT = "-- team\n-- depends: 0001_a 0002_b\nCREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT DEFAULT ' ');\n"


@pytest.mark.parametrize(
    "other",
    [
        TEXT.replace("-- team", "-- The teams of a league"),
        TEXT.replace("-- team\n", ""),
        TEXT.replace(" KEY,", " KEY, -- given by us\n  "),
        TEXT.replace(" (id", "(\n\tid /* first; */"),
        TEXT.replace("0001_a 0002_b", " 0001_a   0002_b "),
        TEXT.replace("-- depends:", "--depends :"),
        "/* a league */\n" + TEXT + "\n-- the end; really",
        "\ufeff" + TEXT,
    ],
)
def test_comments_and_white_space_mean_nothing(other: str) -> None:
    assert meaning(other) == meaning(TEXT)


@pytest.mark.parametrize(
    "other",
    [
        TEXT.replace("' '", "''"),
        TEXT.replace("' '", "'  '"),
        TEXT.replace("team (", "Team ("),
        TEXT.replace("team (", '"team" ('),
        TEXT.replace("-- depends: 0001_a 0002_b\n", ""),
        TEXT.replace("-- depends: 0001_a 0002_b", "-- depends: 0001_a"),
        TEXT.replace("-- team", "-- foreign_keys: off"),
        TEXT.replace("-- team", "-- allow: data-loss it was never written to"),
        TEXT.replace("INTEGER PRIMARY", "INTEGERPRIMARY"),
        TEXT + "SELECT 1;\n",
    ],
)
def test_every_other_edit_means_something(other: str) -> None:
    assert meaning(other) != meaning(TEXT)


def test_a_reason_is_part_of_its_directive() -> None:
    assert meaning("-- allow: MS11 one\nDROP TABLE a;") != meaning("-- allow: MS11 two\nDROP TABLE a;")


@pytest.mark.parametrize(
    "text",
    ["a||b->>c->d<>e", "x'00' 'it''s' \"q\" [n] `b` $v(1) :p ?3", "1e5 .5 0x1F 1_000", "/*", "'open", "a/**/b\v c"],
)
def test_tokens_are_those_of_the_lexer(text: str) -> None:
    assert meaning(text).split("\0")[1:] == ([t.text for t in tokenize(text)] or [""])


def test_a_file_without_a_statement() -> None:
    assert not has_statement("-- taken; do not use\n/* ; */ ;\n")
    assert not has_statement("")
    assert has_statement("-- a\nSELECT 1")
