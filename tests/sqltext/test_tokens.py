"""The lexer: tokens as SQLite cuts them, and names as SQLite compares them."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsql.sqltext.names import free_rowid, quote_if_needed, unquote
from memsql.sqltext.tokens import Token, comments, join, tokenize, without_comments, without_tail


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("select größe", "word word"),
        ("'it''s' \"a\"\"b\" `c``d` [e]]", "string quoted quoted quoted op"),
        ("1 1.5 .5 1e-3 0xFF 1_000 12abc", "number number number number number number number"),
        ("x'00' X'ff' x", "blob blob word"),
        ("?1 ? :a @b $c $d(--e) #g::h", "variable variable variable variable variable variable variable"),
        ("a||b->>c->d<=e<>f", "word op word op word op word op word op word"),
        ("-- c\na /* d */ b -- e", "word word"),
        ("a.b.1", "word op word number"),
        ("/*", "op op"),
        ("\ufeffa", "word"),
        ("", ""),
    ],
)
def test_kinds(sql: str, kinds: str) -> None:
    assert " ".join(token.kind for token in tokenize(sql)) == kinds


def test_places() -> None:
    sql = "CREATE /* x */ TABLE [t u]"
    tokens = tokenize(sql, 10)
    assert [(t.start, t.end) for t in tokens] == [(10, 16), (25, 30), (31, 36)]
    assert [sql[t.start - 10 : t.end - 10] for t in tokens] == [t.text for t in tokens]


@pytest.mark.parametrize(
    ("text", "word", "name"),
    [
        ("Create", "CREATE", "create"),
        ('"Create"', "", "create"),
        ("'It''s'", "", "it's"),
        ("ÄB", "", "Äb"),
        # The Turkish and the long s are no ASCII letters.
        ("\u017felect", "", "\u017felect"),
        (",", ",", ""),
        ("12", "", ""),
        ("x'00'", "", ""),
    ],
)
def test_words_and_names(text: str, word: str, name: str) -> None:
    (token,) = tokenize(text)
    assert (token.word, token.name) == (word, name)


TEXTS = st.lists(
    st.sampled_from(
        [
            "select",
            "A",
            '"b\'c"',
            "[x;y]",
            "`y``z`",
            "'it''s'",
            "(",
            ")",
            ",",
            ".",
            "1.5",
            "x'00'",
            "-",
            "|",
            "||",
            "->",
            "=",
            "<",
            ">",
            ":a",
            "$b(c)",
            "?1",
            "é",
            ";",
            "*",
        ]
    ),
    max_size=12,
)


@given(TEXTS, st.sampled_from([" ", "\n", " /* c */ ", " -- d\n"]))
def test_joined_tokens_are_the_same_tokens(parts: list[str], gap: str) -> None:
    tokens = tokenize(gap.join(parts))
    assert [t[:2] for t in tokenize(join(tokens))] == [t[:2] for t in tokens]


@given(st.text())
def test_tokens_and_trivia_are_the_whole_text(text: str) -> None:
    end = 0
    for token in tokenize(text):
        assert text[token.start : token.end] == token.text
        assert not tokenize(text[end : token.start])
        end = token.end
    assert not tokenize(text[end:])


def test_comments_are_not_in_strings() -> None:
    sql = "a '--b' \"/*c*/\" -- d\n/* e */ $f(--g) [--h]"
    assert [(c.text, sql[c.start : c.end]) for c in comments(sql)] == [("-- d", "-- d"), ("/* e */", "/* e */")]
    assert without_comments("a/* b */c -- d\n") == "a c  \n"


@pytest.mark.parametrize(
    ("sql", "rest"),
    [("a; -- b\n", "a"), ("a -- b", "a"), (" ;; ", ""), ("'a;'", "'a;'"), ("a /* ; */ b ; ;", "a /* ; */ b")],
)
def test_the_tail_of_a_statement(sql: str, rest: str) -> None:
    assert without_tail(sql) == rest


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8))
def test_sqlite_reads_a_quoted_name_as_it_was(name: str) -> None:
    spelled = quote_if_needed(name)
    assert unquote(spelled) == name
    with sqlite3.connect(":memory:") as conn:
        (column,) = conn.execute(f"SELECT 1 AS {spelled}").description
    assert column[0] == name


@pytest.mark.parametrize("word", ["select", "ORDER", "table", "null", "current_date", "1a", "a b", "", "a-b"])
def test_a_name_gets_quotes_where_it_needs_them(word: str) -> None:
    assert quote_if_needed(word) == f'"{word}"'


def test_a_text_without_an_end_keeps_its_quote() -> None:
    assert [unquote(text) for text in ("'", "'a", "[a", '"', "")] == ["'", "'a", "[a", '"', ""]


def test_a_rowid_that_no_column_hides() -> None:
    assert free_rowid(["a"]) == "rowid"
    assert free_rowid(["RowId", "_rowid_"]) == "oid"
    assert free_rowid(["rowid", "_rowid_", "OID"]) is None


def test_a_token_is_data() -> None:
    assert tokenize("a") == [Token("word", "a", 0)]
