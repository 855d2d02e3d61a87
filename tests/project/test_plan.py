"""What state each migration is in, and which ones are applied or rolled back: decided from files and ledger alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memsql.errors import FileError, UsageError
from memsql.ledger import Ledger, Row
from memsql.project import plan
from memsql.project.files import Migration, SqlFile
from memsql.project.plan import Status

AT = "2026-01-02T03:04:05"


def migration(version: int, *depends: str, text: str = "SELECT 1;\n") -> Migration:
    """``0001_m`` and so on; ``depends`` are ids."""
    header = f"-- depends: {' '.join(depends)}\n" if depends else ""
    name = f"{version:04d}_m.sql"
    return Migration(
        version, "m", f"{version:04d}_m", SqlFile(f"migrations/{name}", name, (header + text).encode()), None
    )


def row(of: Migration, status: str = "applied", *, checksum: str | None = None) -> Row:
    return Row(of.version, of.name, None, AT, "somebody", 12, checksum or of.checksum, status)


def ledger(*rows: Row, marks: Sequence[str] | None = None) -> Ledger:
    """A ledger with ``rows``. ``marks``: the ids that yoyo holds for applied; those of the applied rows by default."""
    ids = [f"{r.version:04d}_m" for r in rows if r.status == "applied"] if marks is None else marks
    return Ledger(
        tables=frozenset({"schema_migrations", "_yoyo_migration"}),
        rows={r.version: r for r in rows},
        yoyo=dict.fromkeys(ids, AT),
        yoyo_by=dict.fromkeys(ids, "yoyo"),
    )


def states(migrations: Sequence[Migration], of: Ledger) -> list[tuple[int, str]]:
    return [(s.version, s.state) for s in plan.statuses(migrations, of)]


def status(version: int, state: str) -> Status:
    return Status(version, "m", state, None if state == plan.MISSING else migration(version))


ONE, TWO, THREE = migration(1), migration(2), migration(3)


class TestOrder:
    def test_by_version_nobody_sorts(self) -> None:
        second = migration(2, "0001_m")

        def fail(_: Sequence[Migration]) -> list[Migration]:
            raise AssertionError("sorted without need")

        assert plan.order([ONE, second], fail) == [ONE, second]

    def test_a_dependency_that_points_forward_is_sorted(self) -> None:
        first = migration(1, "0002_m")
        assert plan.order([first, TWO], lambda given: [given[1], given[0]]) == [TWO, first]

    def test_a_dependency_that_does_not_exist_is_named_with_its_line(self) -> None:
        with pytest.raises(FileError, match="0002_m depends on 0009_m, and there is no such migration") as caught:
            plan.order([ONE, migration(2, "0009_m")], list)
        assert caught.value.where is not None
        assert (caught.value.where.path, caught.value.where.line) == ("migrations/0002_m.sql", 1)


class TestStatuses:
    def test_nothing_is_applied_to_an_empty_database(self) -> None:
        assert states([ONE, TWO], Ledger()) == [(1, "pending"), (2, "pending")]

    def test_what_row_and_mark_say_together(self) -> None:
        assert states([ONE, TWO, THREE], ledger(row(ONE), row(TWO))) == [
            (1, "applied"),
            (2, "applied"),
            (3, "pending"),
        ]

    @pytest.mark.parametrize("state", ["rolled_back", "failed"])
    def test_a_row_that_is_not_applied_keeps_its_state(self, state: str) -> None:
        assert states([ONE, TWO], ledger(row(ONE), row(TWO, state))) == [(1, "applied"), (2, state)]

    def test_a_gap_is_out_of_order(self) -> None:
        statuses = plan.statuses([ONE, TWO, THREE], ledger(row(ONE), row(THREE)))
        assert [s.state for s in statuses] == ["applied", "out_of_order", "applied"]
        assert statuses[1].note == "a later migration is applied already"
        assert not statuses[1].is_applied

    def test_a_failed_one_before_applied_ones_stays_failed(self) -> None:
        assert states([ONE, TWO], ledger(row(ONE, "failed"), row(TWO))) == [(1, "failed"), (2, "applied")]

    def test_another_checksum_is_an_edit(self) -> None:
        edited = plan.statuses([ONE], ledger(row(ONE, checksum="0" * 64)))[0]
        assert (edited.state, edited.note) == ("edited", "the file changed after it was applied")
        assert edited.is_applied

    def test_a_row_without_a_checksum_is_believed(self) -> None:
        of = Row(1, "m", None, AT, None, None, None, "applied")
        assert states([ONE], ledger(of)) == [(1, "applied")]

    def test_a_mark_without_a_row_is_yoyos_work(self) -> None:
        marked = plan.statuses([ONE], ledger(marks=["0001_m"]))[0]
        assert (marked.state, marked.applied_at, marked.applied_by, marked.incomplete) == ("applied", AT, "yoyo", True)

    def test_a_row_without_a_mark_was_rolled_back_by_yoyo(self) -> None:
        unmarked = plan.statuses([ONE], ledger(row(ONE), marks=[]))[0]
        assert (unmarked.state, unmarked.note, unmarked.incomplete) == ("rolled_back", "rolled back by yoyo", True)

    def test_a_file_that_is_gone_comes_last(self) -> None:
        statuses = plan.statuses([TWO], ledger(row(ONE), row(TWO)))
        assert [(s.version, s.state, s.migration) for s in statuses] == [(2, "applied", TWO), (1, "missing", None)]
        assert statuses[1].note == "applied, but its file is gone"

    def test_a_renumbered_file_is_recognised_by_content_and_name(self) -> None:
        now = Migration(3, "m", "0003_m", ONE.up, None)
        (status,) = plan.statuses([now], ledger(row(ONE)))
        assert (status.version, status.state, status.former, status.incomplete) == (3, "applied", "0001_m", True)
        assert status.note == "applied as 0001_m; the ledger is to follow its new number"

    def test_a_renumbered_file_with_another_name_is_for_a_person(self) -> None:
        now = Migration(3, "n", "0003_n", ONE.up, None)
        statuses = plan.statuses([now], ledger(row(ONE)))
        assert [(s.version, s.state) for s in statuses] == [(3, "pending"), (1, "missing")]
        assert statuses[1].note == "its content is now in 0003_n; was it renumbered?"

    def test_another_file_with_the_number_is_another_migration(self) -> None:
        now = Migration(1, "other", "0001_other", TWO.up, None)
        statuses = plan.statuses([now], ledger(row(ONE, checksum="0" * 64)))
        assert [(s.id, s.state) for s in statuses] == [("0001_other", "pending"), ("0001_m", "missing")]
        assert statuses[1].note == "applied, but its file is gone, and 0001_other has its number"

    def test_an_edit_that_changes_nothing_is_told_by_the_hashes(self) -> None:
        then = {(1, "0" * 64): ONE.hashes}
        (status,) = plan.statuses([ONE], ledger(row(ONE, checksum="0" * 64)), then)
        assert (status.state, status.edit) == ("applied", "comments")
        assert plan.notices([status]) == ("0001_m: only comments or white space changed after it was applied",)

    def test_a_renamed_file_is_an_edit_under_its_version(self) -> None:
        now = Migration(1, "other", "0001_other", ONE.up, None)
        statuses = plan.statuses([now], ledger(row(ONE)))
        assert [(s.state, s.note) for s in statuses] == [("edited", "applied under the name 0001_m")]

    def test_a_mark_that_is_no_migration_of_ours_is_missing(self) -> None:
        statuses = plan.statuses([], ledger(marks=["initial"]))
        assert [(s.version, s.name, s.state) for s in statuses] == [(-1, "initial", "missing")]

    def test_the_ledger_of_another_tool_counts_as_none(self) -> None:
        foreign = Ledger(tables=frozenset({"schema_migrations"}), rows={1: row(ONE)})
        assert foreign.is_foreign
        assert states([ONE], foreign) == [(1, "pending")]


class TestToApply:
    def test_everything_that_waits_in_order(self) -> None:
        statuses = [status(1, "applied"), status(2, "failed"), status(3, "rolled_back"), status(4, "pending")]
        assert [m.version for m in plan.to_apply(statuses)] == [2, 3, 4]
        assert [m.version for m in plan.to_apply(statuses, to=3)] == [2, 3]
        assert plan.to_apply(statuses, to=1) == []

    def test_no_version_is_no_target(self) -> None:
        with pytest.raises(UsageError, match="there is no migration 9"):
            plan.to_apply([status(1, "pending")], to=9)

    def test_out_of_order_is_applied_where_that_is_wanted(self) -> None:
        statuses = [status(1, "out_of_order"), status(2, "applied"), status(3, "pending")]
        with pytest.raises(FileError, match="0001_m would be applied out of order"):
            plan.to_apply(statuses)
        assert [m.version for m in plan.to_apply(statuses, out_of_order=True)] == [1, 3]

    def test_what_lies_beyond_the_target_is_no_reason_to_refuse(self) -> None:
        statuses = [status(1, "pending"), status(2, "out_of_order"), status(3, "applied")]
        assert [m.version for m in plan.to_apply(statuses, to=1)] == [1]

    @pytest.mark.parametrize("state", ["edited", "missing"])
    def test_nothing_runs_over_files_that_do_not_match(self, state: str) -> None:
        with pytest.raises(FileError, match="0001_m was applied, and") as caught:
            plan.to_apply([status(1, state), status(2, "pending")])
        assert "memsql migrate.repair --version 1" in (caught.value.hint or "")
        assert ('--accept "reason"' in (caught.value.hint or "")) == (state == "edited")

    def test_all_that_do_not_match_are_named(self) -> None:
        with pytest.raises(FileError, match="2 applied migrations no longer match the files: 0001_m, 0002_m") as caught:
            plan.refuse_changed([status(1, "edited"), status(2, "missing")])
        assert caught.value.details == ("0001_m: edited (None)", "0002_m: missing (None)")


class TestToRollBack:
    APPLIED = (status(1, "applied"), status(2, "applied"), status(3, "applied"), status(4, "pending"))

    @pytest.mark.parametrize(
        ("steps", "to", "versions"),
        [
            (None, None, [3]),
            (1, None, [3]),
            (2, None, [3, 2]),
            (9, None, [3, 2, 1]),
            (None, 1, [3, 2]),
            (None, 0, [3, 2, 1]),
            (None, 4, []),
        ],
    )
    def test_latest_first(self, steps: int | None, to: int | None, versions: list[int]) -> None:
        assert [m.version for m in plan.to_roll_back(self.APPLIED, steps=steps, to=to)] == versions

    def test_no_steps_are_no_number_of_steps(self) -> None:
        with pytest.raises(UsageError, match="--steps 0: give a number of migrations, 1 or more"):
            plan.to_roll_back(self.APPLIED, steps=0)

    def test_no_version_is_no_target(self) -> None:
        with pytest.raises(UsageError, match="there is no migration 9"):
            plan.to_roll_back(self.APPLIED, to=9)

    def test_nothing_runs_over_files_that_do_not_match(self) -> None:
        with pytest.raises(FileError, match="0001_m was applied, and then changed"):
            plan.to_roll_back([status(1, "edited"), status(2, "applied")])
