"""Which foreign keys to check, from a text and from what the engine reports, and what is broken: no database asked."""

from __future__ import annotations

from memsql.db import Touched
from memsql.engine.analysis import Analysis, analyse
from memsql.engine.loss import guard
from memsql.engine.loss.guard import Counts, Virtual, Watch
from memsql.project.files import SqlFile

FULL_TEXT = Virtual(
    frozenset({"docs"}), frozenset({"docs_data", "docs_idx", "docs_content", "docs_docsize", "docs_config"})
)


def of(text: str) -> Analysis:
    """The analysis of a migration with this text."""
    return analyse(SqlFile("migrations/0001_x.sql", "0001_x.sql", text.encode()))


class TestLinked:
    """Whose foreign keys to check where the engine does not."""

    def needed(self, touched: Touched, text: str = "SELECT 1;") -> frozenset[str]:
        return guard.needed(touched, of(text), FULL_TEXT).linked

    def test_foreign_keys_that_may_break_are_watched(self) -> None:
        assert guard.planned(frozenset({"child", "docs"}), FULL_TEXT) == Watch(linked=frozenset({"child"}))

    def test_all_that_is_written_may_break_them(self) -> None:
        touched = Touched(inserted={"Child"}, dropped={"parent"}, altered={"other"})
        assert self.needed(touched) == {"child", "parent", "other"}

    def test_a_renamed_table_is_watched_under_both_names(self) -> None:
        assert self.needed(Touched(dropped={"b"}), "ALTER TABLE a RENAME TO b;\nDROP TABLE b;") == {"a", "b"}

    def test_a_full_text_index_holds_no_rows_of_anybodys_own(self) -> None:
        assert self.needed(Touched(deleted={"docs_data", "docs_idx", "docs_content"})) == {"docs_content"}


class TestBrokenKeys:
    def test_only_new_orphans_count(self) -> None:
        before = Counts(violations={("c", "p"): 2, ("d", "p"): 1})
        after = Counts(violations={("c", "p"): 5, ("d", "p"): 1, ("e", "p"): 1})
        sentences = guard.broken_keys(before, after)
        assert len(sentences) == 2
        assert "3 rows" in sentences[0]
        assert "1 row" in sentences[1]
        assert guard.broken_keys(after, before) == []

    def test_a_key_without_an_index_is_broken(self) -> None:
        before, after = Counts(keyless=frozenset({"old"})), Counts(keyless=frozenset({"old", "foreign key mismatch"}))
        assert [text.partition(":")[0] for text in guard.broken_keys(before, after)] == ["foreign key mismatch"]


class TestNames:
    def test_after_a_rename_both_names_are_checked(self) -> None:
        watch = Watch(frozenset({"a"}), frozenset({"b"}))
        after = guard.after_watch(watch, of("ALTER TABLE a RENAME TO x;\nALTER TABLE x RENAME TO y;"))
        assert after == Watch(frozenset({"a", "x", "y"}), frozenset({"b"}))

    def test_what_a_watch_covers(self) -> None:
        linked = Watch(linked=frozenset({"t"}))
        assert linked.covers(Watch())
        assert not Watch().covers(linked)
        assert (linked | Watch(keyed=frozenset({"c"}))).covers(Watch(keyed=frozenset({"c"})))

    def test_shadows_with_rows_of_ones_own(self) -> None:
        assert FULL_TEXT.is_user_table("docs_content")
        assert FULL_TEXT.is_user_table("other_data")
        assert not FULL_TEXT.is_user_table("Docs")
        assert not FULL_TEXT.is_user_table("DOCS_DATA")
