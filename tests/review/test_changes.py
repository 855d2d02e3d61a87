"""Versions for what is not merged yet: pure functions."""

from __future__ import annotations

import pytest

from memsql.project.versions import free_versions, renamed, stems
from memsql.review.changes import changes_of, migrations, sql_file


@pytest.mark.parametrize(
    ("new", "taken", "moved", "why"),
    [
        ([], ["0001_a"], {}, []),
        (["0002_b"], ["0001_a"], {}, []),
        (["0007_b"], ["0001_a"], {}, []),
        (["0001_b"], [], {}, []),
        (["0002_b"], ["0001_a", "0002_x"], {"0002_b": 3}, [("0002_b", False)]),
        (["0002_b", "0003_c"], ["0001_a", "0002_x"], {"0002_b": 3, "0003_c": 4}, [("0002_b", False)]),
        (["0002_b", "0009_c"], ["0001_a", "0002_x"], {"0002_b": 3}, [("0002_b", False)]),
        (["0002_b"], ["0001_a", "0005_x"], {"0002_b": 6}, [("0002_b", True)]),
        (["0002_b", "0002_c"], ["0001_a"], {"0002_c": 3}, [("0002_c", False)]),
        (["0002_b"], ["0001_a", "0002_b"], {"0002_b": 3}, [("0002_b", False)]),
    ],
)
def test_free_versions(new: list[str], taken: list[str], moved: dict[str, int], why: list[tuple[str, bool]]) -> None:
    versions, reasons = free_versions(new, taken)
    assert versions == moved
    assert [(r.name, r.late) for r in reasons] == why


def test_names_keep_their_width() -> None:
    assert renamed("0009_a_b", 10) == "0010_a_b"
    assert renamed("9_a", 10) == "10_a"


def test_what_changed() -> None:
    def files(**texts: bytes) -> dict[str, object]:
        return {name: sql_file(f"migrations/{name}", text) for name, text in texts.items()}

    base = files(
        **{"1_a.sql": b"A;\n", "2_b.sql": b"B;\n", "2_b.rollback.sql": b"b;\n", "3_c.sql": b"C;\n", "4_d.sql": b"D;\n"}
    )
    now = files(
        **{
            "1_a.sql": b"\xef\xbb\xbfA;\r\n",
            "2_b.sql": b"B;\n",
            "2_b.rollback.sql": b"other;\n",
            "5_c.sql": b"C;\n",
            "6_e.sql": b"E;\n",
        }
    )
    changed = changes_of(base, now)  # type: ignore[arg-type]
    assert [(c.name, c.kind, c.was, c.up, c.down) for c in changed] == [
        ("2_b", "edited", "", False, True),
        ("4_d", "removed", "", True, True),
        ("5_c", "renamed", "3_c", True, True),
        ("6_e", "new", "", True, True),
    ]


def test_order_and_odd_names() -> None:
    names = ["10_b.sql", "9_a.sql", "x.sql", "9_a.rollback.sql", "99999999999999999999_c.sql", "11_\udcff.sql"]
    assert stems(names) == ["9_a", "10_b"]
    files = {name: sql_file(f"migrations/{name}", b"") for name in names}
    assert [(m.version, m.id, m.down is not None) for m in migrations(files, {"9_a": 12})] == [
        (10, "10_b", False),
        (12, "9_a", True),
    ]
