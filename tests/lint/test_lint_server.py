"""What rule MS21 says a libSQL server refuses, asked of one."""

from __future__ import annotations

import pytest
import servers

from memsql.db import connect
from memsql.errors import MemsqlError
from memsql.lint import lint_text
from memsql.server import Running

STATEMENTS = [
    "ANALYZE",
    "CREATE TEMP TABLE t (a)",
    "PRAGMA optimize",
    "PRAGMA legacy_alter_table = on",
    "PRAGMA query_only = on",
    "PRAGMA busy_timeout = 1",
    "PRAGMA recursive_triggers = on",
    "PRAGMA writable_schema = on",
    "PRAGMA auto_vacuum = 1",
    "PRAGMA cache_size = 10",
    "PRAGMA case_sensitive_like = on",
    "PRAGMA user_version",
    "PRAGMA user_version = 3",
    "PRAGMA defer_foreign_keys = on",
    "PRAGMA foreign_key_check",
    "PRAGMA table_info(x)",
    "PRAGMA index_list(x)",
    "PRAGMA index_xinfo(x)",
    "PRAGMA page_count",
    "PRAGMA page_size",
    "PRAGMA freelist_count",
    "PRAGMA encoding",
    "PRAGMA table_list",
    "PRAGMA application_id = 3",
    "PRAGMA temp_store = 2",
    "PRAGMA foreign_key_list(x)",
    "PRAGMA table_xinfo(x)",
    "PRAGMA index_info(x)",
    "PRAGMA integrity_check",
    "PRAGMA quick_check",
    "REINDEX",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_it_says_of_each_what_the_server_does(shared_server: Running, statement: str) -> None:
    conn = connect(servers.target(shared_server.url), "rw", 1000)
    try:
        conn.execute(statement)
        refused = False
    except MemsqlError:
        refused = True
    finally:
        conn.close()
    said = any(f.rule == "MS21" for f in lint_text(f"-- x\n{statement};\n", "migrations/0001_x.sql"))
    assert said == refused
