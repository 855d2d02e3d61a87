"""Looking for words of concern without splitting: none is missed, and it takes no time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsql.sqltext import (
    effect,
    forbidden_in_transaction,
    may_concern,
    may_control_transactions,
    split,
)

CONTROL = ["BEGIN", "commit", "END", "Rollback", "SAVEPOINT x", "release x", "ATTACH 'x' AS y", "detach y", "VACUUM"]


@pytest.mark.parametrize("word", CONTROL)
@pytest.mark.parametrize(
    "before",
    ["", "\ufeff", "-- c\n", "SELECT 1;", "SELECT 1; \ufeff", "SELECT 1;\n--a;\n/*b;*/\ufeff", ";;/**/", "--;\n"],
)
def test_control_is_never_missed(word: str, before: str) -> None:
    text = before + word + ";"
    assert may_control_transactions(text)
    assert any(forbidden_in_transaction(effect(statement.text)) for statement in split(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-- commit\nCREATE TABLE t(a);\n-- begin;\nSELECT 1;",
        "INSERT INTO t VALUES ('commit'); INSERT INTO t VALUES ('end');\n",
        "UPDATE t SET a = CASE WHEN 1 THEN 2 END; SELECT 1;",
        "CREATE TABLE t(begin, 'end', x DEFAULT 'a; b');\nENDING;",
        "EXPLAIN COMMIT;",
        "CREATE TABLE t(a); /* commit; */ INSERT INTO t VALUES (1); -- ok\nCREATE TABLE u(b);",
    ],
)
def test_ordinary_text_passes_the_gate(text: str) -> None:
    assert not may_control_transactions(text)


@pytest.mark.parametrize("before", ["", "INSERT INTO t VALUES (1);\n", "-- c\n", "SELECT 1; \ufeff", ";\n/* c */"])
@pytest.mark.parametrize("statement", [
    *CONTROL, "DROP TABLE t", "alter table t ADD a", "Delete from t", "REPLACE INTO t VALUES (1)",
    "with a AS (SELECT 1) SELECT 1",
    "PRAGMA foreign_keys = on", "INSERT OR REPLACE INTO t VALUES (1)", "insert\n or ignore INTO t VALUES (1)",
    "INSERT/**/INTO t VALUES (1)", "INSERT --\nINTO t VALUES (1)", "UPDATE OR REPLACE t SET a = 1",
])  # fmt: skip
def test_what_is_of_concern_is_never_missed(statement: str, before: str) -> None:
    assert may_concern(f"{before}{statement};\nINSERT INTO t VALUES (2);\n")


def test_what_only_adds_is_of_no_concern() -> None:
    assert not may_concern(
        "-- drop\nCREATE TABLE t(a);\nINSERT INTO t VALUES ('; dropped');\ninsert into t VALUES (';delet');\n"
        "Insert Into t VALUES (1); UPDATE t SET a = 1;;SELECT 1; CREATE TRIGGER x AFTER INSERT ON t BEGIN "
        "INSERT INTO u VALUES (1); END_;"
    )


@given(
    st.lists(
        st.sampled_from(
            [*CONTROL, *"';\"`[]/*\n \r\v\t\ufeff", "--", "/*", "*/", "x", "SELECT 1", "é", "\u212a", ";\n", "$a(;"]
        ),
        max_size=30,
    ).map("".join)
)  # fmt: skip
def test_a_closed_gate_is_certain(text: str) -> None:
    if not may_control_transactions(text):
        assert not any(forbidden_in_transaction(effect(statement.text)) for statement in split(text))


def test_the_gate_gives_up_instead_of_taking_long() -> None:
    # Each `;` is followed by all the comments below it: without a budget that is 25 000 times 1 MB.
    assert may_control_transactions("SELECT 1\n" + "-- a;-- b\n" * 50_000)
