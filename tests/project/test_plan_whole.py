"""Every field of what the plan says of each kind of state, and every part of its refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from memsql.errors import FileError, MemsqlError, Refused, UsageError
from memsql.ledger import Hashes, Ledger, Row
from memsql.project import plan
from memsql.project.files import Migration, SqlFile
from memsql.project.folded import digest_of
from memsql.project.plan import Status

AT = "2026-01-02T03:04:05"
PATH = "migrations/0002_notes.sql"


def migration(number: int, name: str = "notes", *, text: str = "SELECT 1;\n") -> Migration:
    file = f"{number:04d}_{name}.sql"
    return Migration(number, name, file.removesuffix(".sql"), SqlFile(f"migrations/{file}", file, text.encode()), None)


def row(of: Migration, status: str = "applied", **fields: object) -> Row:
    whole = Row(of.version, of.name, None, f"{AT}.{of.version}", "ann", 10 + of.version, of.checksum, status)
    return replace(whole, **fields)  # type: ignore[arg-type]


def ledger(*rows: Row, marks: Sequence[str]) -> Ledger:
    return Ledger(
        tables=frozenset({"schema_migrations"}),
        rows={r.version: r for r in rows},
        yoyo=dict.fromkeys(marks, f"{AT}.yoyo"),
        yoyo_by=dict.fromkeys(marks, "bob"),
    )


ONE, TWO, THREE, FOUR = (migration(n, text=f"SELECT {n};\n") for n in (1, 2, 3, 4))
OTHER = "0" * 64
NEW_NAME = migration(2, "renamed", text="SELECT 2;\n")
FIRST = {"applied_at": f"{AT}.1", "applied_by": "ann", "duration_ms": 11}
SECOND = {"applied_at": f"{AT}.2", "applied_by": "ann", "duration_ms": 12}


def said(number: int, state: str, of: Migration | None, **fields: object) -> Status:
    return Status(number, of.name if of else "notes", state, of, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "known", "expected"),
    [
        pytest.param([TWO], ledger(row(TWO), marks=[TWO.id]), [said(2, "applied", TWO, **SECOND)], id="applied"),
        pytest.param(
            [TWO],
            ledger(marks=[TWO.id]),
            [
                said(
                    2,
                    "applied",
                    TWO,
                    applied_at=f"{AT}.yoyo",
                    applied_by="bob",
                    note="applied by yoyo; the ledger lacks it",
                    incomplete=True,
                )
            ],
            id="by yoyo",
        ),
        pytest.param(
            [ONE, TWO],
            ledger(row(TWO), marks=[TWO.id]),
            [
                said(1, "out_of_order", ONE, note="a later migration is applied already"),
                said(2, "applied", TWO, **SECOND),
            ],
            id="out of order",
        ),
        pytest.param(
            [NEW_NAME, THREE],
            ledger(row(TWO), row(THREE, "failed"), marks=[TWO.id]),
            [
                said(2, "edited", NEW_NAME, **SECOND, note="applied under the name 0002_notes", renamed=True),
                said(3, "failed", THREE, applied_at=f"{AT}.3", applied_by="ann", duration_ms=13),
            ],
            id="renamed",
        ),
        pytest.param(
            [THREE],
            ledger(row(TWO), marks=[TWO.id]),
            [
                said(3, "pending", THREE),
                said(2, "missing", None, **SECOND, note="applied, but its file is gone"),
            ],
            id="missing",
        ),
        pytest.param(
            [],
            ledger(marks=["0001_add_notes"]),
            [
                Status(
                    1,
                    "add_notes",
                    "missing",
                    None,
                    applied_at=f"{AT}.yoyo",
                    note="applied, but its file is gone",
                )
            ],
            id="missing, by yoyo, with a name of two words",
        ),
        pytest.param(
            [migration(3, text="SELECT 1;\n"), FOUR],
            ledger(row(ONE), marks=[ONE.id]),
            [
                said(
                    3,
                    "applied",
                    migration(3, text="SELECT 1;\n"),
                    **FIRST,
                    note="applied as 0001_notes; the ledger is to follow its new number",
                    incomplete=True,
                    former="0001_notes",
                ),
                said(4, "pending", FOUR),
            ],
            id="renumbered, and another behind it",
        ),
    ],
)
def test_a_status_has_all_that_is_known(files: list[Migration], known: Ledger, expected: list[Status]) -> None:
    assert plan.statuses(files, known) == expected


@pytest.mark.parametrize(
    ("files", "known", "states"),
    [
        pytest.param(
            [migration(2, text="SELECT 1;\n"), migration(3, text="SELECT 1;\n")],
            ledger(row(ONE), marks=[ONE.id]),
            ["pending", "pending", "missing"],
            id="two files may be it",
        ),
        pytest.param(
            [migration(2, text="SELECT 1;\n")],
            ledger(row(ONE), row(TWO, "rolled_back"), marks=[ONE.id]),
            ["rolled_back", "missing"],
            id="the file ran under its own number before",
        ),
        pytest.param(
            [migration(2, text="SELECT 1;\n")],
            ledger(row(ONE), marks=[ONE.id, TWO.id]),
            ["applied", "missing"],
            id="yoyo applied the file",
        ),
        pytest.param(
            [migration(2, text="SELECT 1;\n")],
            ledger(row(ONE), row(TWO, "rolled_back", name="old"), marks=[ONE.id]),
            ["applied"],
            id="what had its number was something else",
        ),
    ],
)
def test_a_number_changed_where_that_is_certain(files: list[Migration], known: Ledger, states: list[str]) -> None:
    assert [s.state for s in plan.statuses(files, known)] == states


def test_the_line_of_a_dependency() -> None:
    text = "-- after 0009_gone\n-- depends: 0001_notes\n  -- depends: 0009_gone\nSELECT 1;\n"
    with pytest.raises(FileError, match="0002_notes depends on 0009_gone") as caught:
        plan.order([ONE, migration(2, text=text)], list)
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == (PATH, 3)
    assert caught.value.state == "nothing was changed"


def test_what_needs_the_history() -> None:
    of = [said(2, state, TWO) for state in ("applied", "pending", "edited", "missing")]
    assert [plan.has_changed([s]) for s in of] == [False, False, True, True]
    assert plan.has_changed([replace(of[0], folded=("0001_notes",))])


def test_what_an_edit_changed() -> None:
    then, both = Hashes("u", "r"), [("comments", "x"), ("rollback", "x"), ("rollback", None), ("comments", None)]
    assert [plan.edit_of(then, Hashes(*now)) for now in (("u", "r"), ("u", None), ("v", "r"))] == [
        "comments",
        "rollback",
        None,
    ]
    assert [plan.edit_sentence(edit, rollback) for edit, rollback in both] == [  # type: ignore[arg-type]
        "only comments or white space changed",
        "its rollback changed",
        "its rollback was removed",
        "only comments or white space changed",
    ]


LATE = [said(1, "out_of_order", ONE), said(2, "out_of_order", TWO), said(3, "applied", THREE)]
REPAIR = "memsql migrate.repair --version 2"
BACK = "bring the file back (git checkout) and put the change into a new migration; "
UNFINISHED = replace(said(2, "pending", TWO), folded=("0001_notes",), lacks=("0002_notes",))


@pytest.mark.parametrize(
    ("refuse", "error", "path", "hint"),
    [
        (lambda: plan.to_apply(LATE, to=9), UsageError, None, "see: memsql migrate.status"),
        (
            lambda: plan.to_apply(LATE[1:], to=2),
            FileError,
            PATH,
            "let it come after the last one: memsql migrate.renumber 0002_notes; or",
        ),
        (lambda: plan.to_roll_back(LATE, to=9), UsageError, None, "0 means before the first; see: memsql migrate"),
        (lambda: plan.refuse_changed([said(2, "edited", TWO)]), FileError, PATH, f"{BACK}if it still does the same,"),
        (
            lambda: plan.refuse_changed([said(2, "edited", TWO, renamed=True)]),
            FileError,
            PATH,
            f"{BACK}if it was only renamed, let the ledger follow with: {REPAIR}",
        ),
        (
            lambda: plan.refuse_changed([said(2, "missing", None)]),
            FileError,
            None,
            f"{BACK}if it is to stay gone, give it up with: {REPAIR}",
        ),
        (lambda: plan.refuse_changed([LATE[2], UNFINISHED]), Refused, PATH, "apply the rest with the files from"),
    ],
    ids=["no target", "late", "no target below", "edited", "renamed", "missing", "half of what was folded"],
)
def test_a_refusal_says_where_and_what_next(
    refuse: Callable[[], object], error: type[MemsqlError], path: str | None, hint: str
) -> None:
    with pytest.raises(error) as caught:
        refuse()
    where = caught.value.where
    assert (where.path if where else None, caught.value.state) == (path, "nothing was changed")
    assert (caught.value.hint or "").startswith(hint)
    if error is Refused:
        assert "it lacks 0002_notes" in caught.value.message
        assert caught.value.details == ("applied: 0001_notes",)


def folding(*more: str, digest: str = "") -> Migration:
    """0003_notes, into which 0001_notes and 0002_notes were folded; ``more`` are lines of its header."""
    stands = f"-- stands_for: 0001_notes 0002_notes 0003_notes{digest and f' @{digest}'}\n"
    return migration(3, text=stands + "".join(f"{line}\n" for line in more) + "SELECT 3;\n")


# What each of the three did, as the history has it, and a migration that was made of these.
HISTORY = {(m.version, m.checksum): m.hashes for m in (ONE, TWO, THREE)}
MADE = folding(digest=digest_of([m.hashes.up for m in (ONE, TWO, THREE)], folding()))
FALSE = folding(digest="f" * 32)
TAKEN = folding("-- stands_for: 0000_old", digest="f" * 32)
ALL = [ONE.id, TWO.id, THREE.id]
THIRD = {"applied_at": f"{AT}.3", "applied_by": "ann", "duration_ms": 13}
FOLLOW = "applied as 0001_notes and 2 more; the ledger is to follow"
EDITED = "what ran here is not what was folded into it, or it was edited since"


@pytest.mark.parametrize(
    ("file", "known", "expected"),
    [
        pytest.param(
            MADE,
            ledger(row(ONE), row(TWO), row(THREE), marks=ALL),
            said(3, "applied", MADE, **THIRD, note=FOLLOW, incomplete=True, folded=tuple(ALL)),
            id="all of them ran",
        ),
        pytest.param(
            FALSE,
            ledger(row(ONE), row(TWO), row(THREE), marks=ALL),
            said(3, "edited", FALSE, **THIRD, note=EDITED),
            id="other texts ran",
        ),
        pytest.param(
            FALSE,
            ledger(row(ONE), row(TWO, checksum=None), row(THREE), marks=ALL),
            said(3, "applied", FALSE, **THIRD, note=FOLLOW, incomplete=True, folded=tuple(ALL)),
            id="nobody knows what ran",
        ),
        pytest.param(
            FALSE,
            ledger(row(ONE), row(THREE), marks=ALL),
            said(3, "applied", FALSE, **THIRD, note=FOLLOW, incomplete=True, folded=tuple(ALL)),
            id="there is no row of one",
        ),
        pytest.param(
            TAKEN,
            ledger(row(ONE), row(TWO), row(THREE), marks=[*ALL, "0000_old"]),
            said(
                3,
                "applied",
                TAKEN,
                **THIRD,
                note="applied as 0001_notes and 3 more; the ledger is to follow",
                incomplete=True,
                folded=(*ALL, "0000_old"),
            ),
            id="a squash of before ran, so other files had these numbers",
        ),
        pytest.param(
            MADE,
            ledger(row(ONE), row(TWO), marks=ALL),
            said(
                3,
                "applied",
                MADE,
                applied_at=f"{AT}.yoyo",
                applied_by="bob",
                note=FOLLOW,
                incomplete=True,
                folded=tuple(ALL),
            ),
            id="yoyo applied the last",
        ),
        pytest.param(
            MADE,
            ledger(row(ONE), row(TWO), marks=ALL[:2]),
            said(
                3,
                "pending",
                MADE,
                note="stands for 3 migrations, of which only 0001_notes, 0002_notes ran here",
                folded=tuple(ALL[:2]),
                lacks=(THREE.id,),
            ),
            id="the last is missing",
        ),
        pytest.param(
            MADE,
            ledger(row(ONE), row(TWO), row(THREE, "failed"), marks=ALL[:2]),
            said(
                3,
                "pending",
                MADE,
                note="stands for 3 migrations, of which only 0001_notes, 0002_notes ran here",
                folded=tuple(ALL[:2]),
                lacks=(THREE.id,),
            ),
            id="the last failed",
        ),
        pytest.param(
            MADE,
            ledger(row(ONE), row(THREE), marks=[ONE.id, THREE.id]),
            said(
                3,
                "pending",
                MADE,
                note="stands for 3 migrations, of which only 0001_notes, 0003_notes ran here",
                folded=(ONE.id, THREE.id),
                lacks=(TWO.id,),
            ),
            id="one in the middle is missing",
        ),
        pytest.param(
            MADE,
            ledger(row(MADE), marks=ALL),
            said(3, "applied", MADE, **THIRD),
            id="the ledger followed",
        ),
    ],
)
def test_what_was_folded(file: Migration, known: Ledger, expected: Status) -> None:
    assert plan.statuses([file], known, HISTORY) == [expected]
