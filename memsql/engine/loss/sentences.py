"""The sentences about losses. Each names the table and the column as they were called before the migration."""

from __future__ import annotations

from memsql import words


def rows_text(number: int) -> str:
    """``1 row``, ``2,000 rows``."""
    return words.count(number, "row")


def dropped(table: str, rows: int) -> str:
    """A table is dropped whose rows are nowhere else."""
    return f"table {table} is dropped with {rows_text(rows)}"


def unreadable(table: str, module: str) -> str:
    """A virtual table is dropped whose module is not here, or whose rows cannot be read."""
    if module == "fts5":
        return f"table {table} is dropped, and its rows cannot be counted: it has no content, and columnsize=0"
    if module == "fts4":
        return f"table {table} is dropped, and its rows cannot be counted: it has no content"
    return f"table {table} is dropped, and its rows cannot be counted: the module {module} is not here"


def emptied_unread(table: str) -> str:
    """A command may take rows from a full-text index whose rows cannot be read."""
    return f"table {table} may be emptied by a command, and its rows cannot be counted: it has columnsize=0"


def not_copied(table: str, missing: int, rows: int) -> str:
    """Rows are in none of the copies."""
    return f"table {table} loses {rows_text(missing)} of {rows:,} without a DELETE of its own: the copy has not all"


def values_not_copied(table: str, column: str, rows: int) -> str:
    """Values of a column are not what they were in any copy."""
    return f"column {table}.{column} loses a value in {rows_text(rows)}: the copy does not have it"


def key_not_copied(table: str, column: str, rows: int) -> str:
    """Rows have another key, for the copy does not carry the old one."""
    return f"key {table}.{column} is another one in {rows_text(rows)}: it is not copied"


def column_dropped(table: str, column: str, rows: int) -> str:
    """A column is dropped with values that are nowhere else."""
    return f"column {table}.{column} is dropped with a value in {rows_text(rows)}"


def rows_by_effect(table: str, gone: int, rows: int, cause: str) -> str:
    """Rows went by a foreign-key action, a trigger or REPLACE."""
    return f"table {table} loses {rows_text(gone)} of {rows:,} without a DELETE of its own, by {cause}"


def values_by_effect(table: str, column: str, rows: int, cause: str) -> str:
    """Values went by a foreign-key action, a trigger or REPLACE."""
    return f"column {table}.{column} loses a value in {rows_text(rows)} without an UPDATE of its own, by {cause}"


def too_large(table: str, column: str | None, cause: str, numbers: tuple[int, int, int]) -> str:
    """Rows of ``table``, or values of its ``column``, may have gone, and nobody can tell which. ``numbers``: the rows
    of the table, how many are copied at most, and by how many rows or values it holds less."""
    rows, most, gone = numbers
    name, what = (f"table {table}", "rows") if column is None else (f"column {table}.{column}", "values")
    return (
        f"{name} may lose {what} by {cause}, and with {rows_text(rows)} it is too large to be compared on a server "
        f"(server_copy_rows = {most}); by number {gone:,} {what} are gone"
    )


def key_set_anew(table: str) -> str:
    """Rows that could not be found again by their key."""
    return f"{table}: its key is set anew, so rows were compared without it"


def rowids_renewed(table: str, rows: int) -> str:
    """Rows of a virtual table have another rowid than before, which was not copied."""
    return f"{table}: the rowid was not copied, so it is another one in {rows_text(rows)}"
