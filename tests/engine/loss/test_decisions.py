"""What the guard decides from a text, from what the engine reports and from two counts. No database is asked."""

from __future__ import annotations

import pytest

from memsql.db import Touched
from memsql.engine.analysis import Analysis, analyse
from memsql.engine.loss import guard
from memsql.engine.loss.guard import Counts, Schema, TableCounts, Virtual, Watch
from memsql.project.files import SqlFile

NONE = Virtual()
FULL_TEXT = Virtual(
    frozenset({"docs"}), frozenset({"docs_data", "docs_idx", "docs_content", "docs_docsize", "docs_config"})
)


def of(text: str) -> Analysis:
    """The analysis of a migration with this text."""
    return analyse(SqlFile("migrations/0001_x.sql", "0001_x.sql", text.encode()))


def counts(**tables: TableCounts) -> Counts:
    return Counts(tables)


def table(name: str, rows: int, **columns: int | None) -> TableCounts:
    return TableCounts(name, rows, columns)


REBUILD = of("CREATE TABLE new (id);\nINSERT INTO new SELECT id FROM t;\nDROP TABLE t;\nALTER TABLE new RENAME TO t;\n")


class TestPlanned:
    """What to count according to the text alone."""

    @pytest.mark.parametrize(
        ("text", "watch"),
        [
            ("INSERT INTO t VALUES (1);", Watch()),
            ("CREATE TABLE t (a);", Watch()),
            ("DROP TABLE t;", Watch(counted=frozenset({"t"}))),
            ("DROP TABLE T;", Watch(counted=frozenset({"t"}))),
            ("DROP TABLE t;\nCREATE TABLE t (a);", Watch(whole=frozenset({"t"}))),
            ("ALTER TABLE t DROP COLUMN a;", Watch(whole=frozenset({"t"}))),
            ("DROP INDEX i;", Watch()),
        ],
    )
    def test_of_a_text(self, text: str, watch: Watch) -> None:
        assert guard.planned(of(text), frozenset(), NONE) == watch

    def test_a_delete_is_counted(self) -> None:
        assert guard.planned(of("DELETE FROM t;"), frozenset(), NONE).covers(Watch(counted=frozenset({"t"})))

    def test_a_renamed_table_is_counted_under_both_names(self) -> None:
        watch = guard.planned(of("ALTER TABLE a RENAME TO b;\nDROP TABLE b;"), frozenset(), NONE)
        assert watch.covers(Watch(counted=frozenset({"a", "b"})))

    def test_foreign_keys_that_may_break_are_watched(self) -> None:
        watch = guard.planned(of("SELECT 1;"), frozenset({"child", "docs"}), FULL_TEXT)
        assert watch == Watch(linked=frozenset({"child"}))

    def test_the_rows_of_a_full_text_table_are_in_its_shadow(self) -> None:
        watch = guard.planned(of("DROP TABLE docs;"), frozenset(), FULL_TEXT)
        assert watch == Watch(counted=frozenset({"docs_content"}))


class TestNeeded:
    """What should have been counted, according to what the engine reached."""

    def needed(self, touched: Touched, text: str = "SELECT 1;", schema: Schema | None = None, **options: bool) -> Watch:
        return guard.needed(touched, of(text), schema or Schema(NONE), foreign_keys=options.get("foreign_keys", True))

    def test_what_is_only_written_loses_nothing(self) -> None:
        assert self.needed(Touched(inserted={"t"}, updated={"u"})) == Watch()

    def test_what_is_deleted_from_by_whomever_may_lose_rows(self) -> None:
        assert self.needed(Touched(deleted={"T"})).covers(Watch(counted=frozenset({"t"})))

    def test_where_rows_are_replaced_every_write_may_delete(self) -> None:
        touched = Touched(inserted={"t"}, updated={"u"})
        watch = self.needed(touched, schema=Schema(NONE, replaces=True))
        assert watch.covers(Watch(counted=frozenset({"t", "u"})))

    def test_a_table_that_is_created_held_nothing(self) -> None:
        assert self.needed(Touched(created={"new"}, deleted={"new"})) == Watch()

    def test_create_if_not_exists_creates_nothing_that_was_there(self) -> None:
        schema = Schema(NONE, existing=frozenset({"old"}))
        watch = self.needed(Touched(created={"old"}, deleted={"old"}), schema=schema)
        assert watch.covers(Watch(counted=frozenset({"old"})))

    def test_without_enforced_keys_all_that_is_written_may_break_them(self) -> None:
        touched = Touched(inserted={"child"}, dropped={"parent"}, altered={"other"})
        watch = self.needed(touched, foreign_keys=False)
        assert watch.linked == {"child", "parent", "other"}
        assert self.needed(touched).linked == frozenset()

    def test_a_full_text_index_holds_no_rows_of_anybodys_own(self) -> None:
        touched = Touched(deleted={"docs_data", "docs_idx", "docs_content"})
        watch = self.needed(touched, schema=Schema(FULL_TEXT))
        assert watch.covers(Watch(counted=frozenset({"docs_content"})))
        assert not watch.covers(Watch(counted=frozenset({"docs_data"})))

    def test_whoever_names_a_table_that_lost_an_index_is_watched(self) -> None:
        assert self.needed(Touched(), schema=Schema(NONE, keyed=frozenset({"t"}))).keyed == {"t"}


class TestDoubtful:
    """Whether only the list of the tables before the run tells what it created."""

    def doubtful(self, touched: Touched, watch: Watch | None = None) -> bool:
        return guard.doubtful(touched, watch or Watch(), of("SELECT 1;"), replaces=False)

    def test_a_new_table_that_is_deleted_from_may_be_an_old_one(self) -> None:
        assert self.doubtful(Touched(created={"t"}, deleted={"t"}))

    def test_one_that_was_counted_is_no_matter(self) -> None:
        assert not self.doubtful(Touched(created={"t"}, deleted={"t"}), Watch(counted=frozenset({"t"})))
        assert not self.doubtful(Touched(created={"t"}, deleted={"t"}), Watch(whole=frozenset({"t"})))

    def test_one_that_is_only_filled_is_no_matter(self) -> None:
        assert not self.doubtful(Touched(created={"t"}, inserted={"t"}))

    def test_a_new_virtual_table_writes_to_its_shadows(self) -> None:
        touched = Touched(created={"docs", "docs_data"}, virtual_created={"docs"}, deleted={"docs_data"})
        assert not self.doubtful(touched)


class TestLosses:
    BEFORE = counts(t=table("T", 3, id=3, note=2))

    def sentences(self, after: Counts, text: str = "SELECT 1;") -> list[str]:
        return [loss.message for loss in guard.losses(self.BEFORE, after, of(text))]

    def test_the_same_is_no_loss(self) -> None:
        assert self.sentences(self.BEFORE) == []

    def test_more_is_no_loss(self) -> None:
        assert self.sentences(counts(t=table("T", 9, id=9, note=2, more=9))) == []

    def test_a_table_that_is_gone(self) -> None:
        assert self.sentences(counts(), "DROP TABLE t;") == ["table T is dropped with 3 rows"]

    def test_a_table_that_is_emptied_by_name_first(self) -> None:
        assert self.sentences(counts(), "DELETE FROM t;\nDROP TABLE t;") == []

    def test_another_delete_excuses_no_drop(self) -> None:
        text = "DELETE FROM t WHERE id = 1;\nDROP TABLE t;"
        assert self.sentences(counts(), text) == ["table T is dropped with 3 rows"]

    def test_rows_that_nobody_deletes_by_name(self) -> None:
        after = counts(t=table("T", 1, id=1, note=1))
        assert self.sentences(after)[0] == "table T loses 2 rows of 3 without a DELETE of its own"
        assert self.sentences(after, "DELETE FROM t WHERE id > 1;") == []
        assert self.sentences(after, "DELETE FROM other;") != []

    def test_a_column_that_is_gone_with_its_values(self) -> None:
        after = counts(t=table("T", 3, id=3))
        assert self.sentences(after, "ALTER TABLE t DROP COLUMN note;") == [
            "column T.note is dropped with a value in 2 rows"
        ]

    def test_a_column_without_values_may_go(self) -> None:
        before = counts(t=table("T", 3, id=3, note=0))
        assert guard.losses(before, counts(t=table("T", 3, id=3)), of("ALTER TABLE t DROP COLUMN note;")) == []

    def test_a_renamed_column_is_found_again(self) -> None:
        after = counts(t=table("T", 3, id=3, remark=2))
        assert self.sentences(after, "ALTER TABLE t RENAME COLUMN note TO remark;") == []

    def test_values_that_become_null(self) -> None:
        after = counts(t=table("T", 3, id=3, note=1))
        assert self.sentences(after) == ["column T.note loses a value in 1 row: NULL afterwards"]
        meant = Analysis(empty=False, updates=frozenset({"t"}))
        assert guard.losses(self.BEFORE, after, meant) == []

    def test_a_value_that_moves_to_another_column_is_no_loss(self) -> None:
        assert self.sentences(counts(t=table("T", 3, id=3, note=1, more=1))) != []
        before = counts(t=table("T", 3, id=3, note=2, more=0))
        after = counts(t=table("T", 3, id=3, note=1, more=1))
        assert guard.losses(before, after, of("SELECT 1;")) == []

    def test_a_rebuilt_table_is_the_new_one(self) -> None:
        assert guard.losses(self.BEFORE, counts(t=table("t", 3, id=3, note=2)), REBUILD) == []
        after = counts(t=table("t", 2, id=2, note=2))
        assert guard.losses(self.BEFORE, after, REBUILD)[0].rows == 1

    def test_a_table_that_takes_the_name_of_a_dropped_one_saves_no_rows(self) -> None:
        before = counts(a=table("a", 2, id=2), b=table("b", 5, id=5))
        after = counts(b=table("b", 2, id=2))
        lost = guard.losses(before, after, of("DROP TABLE b;\nALTER TABLE a RENAME TO b;"))
        assert [(loss.table, loss.rows) for loss in lost] == [("b", 5)]


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
    def test_after_a_rename_both_names_are_counted(self) -> None:
        watch = Watch(frozenset({"a"}), frozenset({"b"}), frozenset({"c"}), frozenset({"d"}))
        after = guard.after_watch(watch, of("ALTER TABLE a RENAME TO x;\nALTER TABLE x RENAME TO y;"))
        assert after == Watch(frozenset({"a", "x", "y"}), frozenset({"b"}), frozenset({"c"}), frozenset({"d"}))

    def test_the_final_name_is_the_last_one_that_exists(self) -> None:
        text = of("ALTER TABLE a RENAME TO x;")
        assert guard.final_name("a", counts(x=table("x", 1)), text) == "x"
        assert guard.final_name("a", counts(a=table("a", 1)), text) == "a"

    def test_what_a_watch_covers(self) -> None:
        whole = Watch(whole=frozenset({"t"}))
        assert whole.covers(Watch(counted=frozenset({"t"})))
        assert not Watch(counted=frozenset({"t"})).covers(whole)
        assert (whole | Watch(linked=frozenset({"c"}))).covers(Watch(linked=frozenset({"c"})))

    def test_shadows_with_rows_of_ones_own(self) -> None:
        assert FULL_TEXT.is_user_table("docs_content")
        assert FULL_TEXT.is_user_table("other_data")
        assert not FULL_TEXT.is_user_table("Docs")
        assert not FULL_TEXT.is_user_table("DOCS_DATA")
