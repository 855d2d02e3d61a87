"""Names of new indexes: as the project calls its own."""

from __future__ import annotations

import pytest

from memsql.advise.candidates import Candidate
from memsql.advise.index_list import Index, column_term
from memsql.advise.naming import name_for
from memsql.advise.terms import TermUse


def index(name: str, table: str, *columns: str) -> Index:
    return Index(name, table, tuple(column_term(column) for column in columns), "")


@pytest.mark.parametrize(
    ("existing", "table", "terms", "name"),
    [
        ([], "notes", ["user_id", "created_at"], "idx_notes_user_id_created_at"),
        ([index("idx_notes_user", "notes", "user_id")], "notes", ["user_id", "created_at"], "idx_notes_user_created"),
        ([index("idx_notes_user_id", "notes", "user_id")], "notes", ["created_at"], "idx_notes_created_at"),
        ([index("idx_usage_day", "api_usage_log", "day")], "api_usage_log", ["model"], "idx_usage_model"),
        ([index("idx_fk_film", "cast", "film")], "cast", ["actor"], "idx_cast_actor"),
        ([index("ix_a_b", "a", "b")], "other", ["c"], "ix_other_c"),
        ([], "notes", ["lower(title)"], "idx_notes_lower_title"),
        ([], "odd one", ['"a b"'], "idx_odd_one_a_b"),
        ([index("idx_notes_a", "notes", "b")], "notes", ["a"], "idx_notes_a_2"),
    ],
)
def test_name(existing: list[Index], table: str, terms: list[str], name: str) -> None:
    candidate = Candidate(table, tuple((TermUse(term, term), False) for term in terms))
    assert name_for(candidate, existing, {i.name for i in existing}) == name
