"""Views and triggers that do not compile after a migration."""

from __future__ import annotations

from contextlib import closing

import pytest
from structures import run, structure_after, up_job

from memsql.db.sqlite import SQLiteConnection, memory
from memsql.engine.structure import proof
from memsql.engine.structure.cache import StructureCache

ITEM = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE item_log (id INTEGER, name TEXT);"
KEEP = "CREATE TRIGGER item_keep AFTER UPDATE ON item BEGIN INSERT INTO item_log SELECT * FROM item WHERE id = 1; END;"
VIEW = "CREATE VIEW named AS SELECT id, name FROM item;"
NESTED = VIEW + "CREATE VIEW upper AS SELECT upper(name) AS n FROM named; CREATE VIEW top AS SELECT n FROM upper;"
CHILD = "CREATE TABLE part (id INTEGER PRIMARY KEY, item_id REFERENCES item (id));"


@pytest.mark.parametrize(
    ("base", "change", "names"),
    [
        pytest.param(ITEM + KEEP, "ALTER TABLE item ADD COLUMN price;", ["item_keep"], id="select star"),
        pytest.param(ITEM + KEEP, "ALTER TABLE item_log ADD COLUMN at;", ["item_keep"], id="the table it writes to"),
        pytest.param(ITEM + KEEP, "DROP TABLE item_log;", ["item_keep"], id="the table it writes to is gone"),
        pytest.param(ITEM + VIEW, "DROP TABLE item;", ["named"], id="the table of a view is gone"),
        pytest.param(ITEM + NESTED, "DROP TABLE item;", ["named", "upper", "top"], id="views on views"),
        pytest.param(ITEM + NESTED, "DROP VIEW named;", ["upper", "top"], id="the view of a view is gone"),
        pytest.param(
            ITEM + NESTED,
            "DROP VIEW named; CREATE VIEW named AS SELECT id FROM item;",
            ["upper", "top"],
            id="a view is made anew without a column",
        ),
        pytest.param(ITEM, "CREATE VIEW v AS SELECT nmae FROM item;", ["v"], id="a new view"),
        pytest.param(ITEM, "create view v as select count(*) from itm;", ["v"], id="a new view of no table"),
        pytest.param(ITEM, "CREATE VIEW v (a, b) AS SELECT id FROM item;", ["v"], id="a new view with too many names"),
        pytest.param(
            ITEM,
            "CREATE TRIGGER t AFTER UPDATE OF name ON item BEGIN INSERT INTO item_lgo VALUES (1, 2); END;",
            ["t"],
            id="a new trigger for one column",
        ),
        pytest.param(
            ITEM,
            "CREATE TRIGGER t AFTER INSERT ON item WHEN new.prise > 1 BEGIN DELETE FROM item_log; END;",
            ["t"],
            id="the condition of a new trigger",
        ),
        pytest.param(
            ITEM + "CREATE UNIQUE INDEX once ON item_log (id);"
            "CREATE TRIGGER t AFTER INSERT ON item BEGIN "
            "INSERT INTO item_log VALUES (new.id, '') ON CONFLICT (id) DO NOTHING; END;",
            "DROP INDEX once;",
            ["t"],
            id="the index that a trigger needs",
        ),
        pytest.param(
            ITEM + "CREATE INDEX by_name ON item (name);"
            "CREATE VIEW quick AS SELECT * FROM item INDEXED BY by_name WHERE name = 'a';",
            "DROP INDEX by_name;",
            ["quick"],
            id="the index that a view names",
        ),
        pytest.param(
            ITEM + VIEW + "CREATE TRIGGER w INSTEAD OF UPDATE ON named BEGIN "
            "UPDATE item SET name = new.name WHERE id = old.id; END;"
            "CREATE VIEW other AS SELECT id FROM named;",
            "DROP TABLE item; CREATE TABLE item (id INTEGER PRIMARY KEY, title TEXT);",
            ["named", "other"],
            id="the triggers of a broken view are not told too",
        ),
        pytest.param(
            ITEM + KEEP + "CREATE TRIGGER fine AFTER UPDATE ON item BEGIN DELETE FROM item_log WHERE id = 0; END;",
            "ALTER TABLE item ADD COLUMN price;",
            ["item_keep"],
            id="of two triggers the one to blame",
        ),
        pytest.param(
            ITEM + KEEP + "CREATE TABLE top (a); CREATE TRIGGER far AFTER INSERT ON top BEGIN "
            "UPDATE item SET name = ''; END;",
            "ALTER TABLE item ADD COLUMN price;",
            ["item_keep"],
            id="a trigger that fires the one to blame",
        ),
        pytest.param(
            ITEM,
            'CREATE TRIGGER "update" /* INSERT */ AFTER DELETE ON item BEGIN DELETE FROM gone; END;',
            ["update"],
            id="a trigger called like an event",
        ),
        pytest.param(ITEM + KEEP + CHILD, "ALTER TABLE item ADD COLUMN p;", ["item_keep"], id="with a child"),
        pytest.param(
            'CREATE TABLE "it em" (a); CREATE VIEW "v w" AS SELECT a FROM "it em";', 'DROP TABLE "IT EM";', ["v w"]
        ),
        pytest.param(
            "CREATE VIRTUAL TABLE doc USING fts5(body); CREATE VIEW found AS SELECT body FROM doc;",
            "DROP TABLE doc;",
            ["found"],
            id="a full-text table is gone",
        ),
    ],
)
def test_newly_broken(base: str, change: str, names: list[str]) -> None:
    structure = structure_after(base, change)
    assert [problem.split(" ")[0] in ("view", "trigger") for problem in structure.problems] == [True] * len(names)
    for name, problem in zip(names, structure.problems, strict=True):
        assert f" {name} " in problem
    assert structure.unproven == ()


@pytest.mark.parametrize(
    ("base", "change"),
    [
        pytest.param(ITEM + KEEP + VIEW, "CREATE TABLE other (a); CREATE INDEX i ON other (a);", id="another table"),
        pytest.param(ITEM + KEEP + VIEW, "ALTER TABLE item RENAME COLUMN name TO title;", id="a rename is followed"),
        pytest.param(ITEM + KEEP + VIEW, "ALTER TABLE item RENAME TO thing;", id="a rename of a table too"),
        pytest.param(ITEM + VIEW, "ALTER TABLE item ADD COLUMN price;", id="a column more"),
        pytest.param(ITEM + VIEW, "DROP VIEW named; DROP TABLE item;", id="both go"),
        pytest.param(ITEM + NESTED, "DROP VIEW top; DROP VIEW upper; DROP VIEW named; DROP TABLE item;", id="all go"),
        pytest.param(ITEM + KEEP, "DROP TRIGGER item_keep; DROP TABLE item_log;", id="the trigger goes first"),
        pytest.param(ITEM + KEEP, "DROP TABLE item;", id="the trigger goes with its table"),
        pytest.param(
            ITEM + "CREATE VIEW v AS SELECT lost FROM item; CREATE VIEW w AS SELECT * FROM v;",
            "ALTER TABLE item ADD COLUMN price;",
            id="broken before",
        ),
        pytest.param(
            ITEM + "CREATE TRIGGER t AFTER INSERT ON item BEGIN DELETE FROM gone; END;",
            "ALTER TABLE item ADD COLUMN price;",
            id="a trigger that was broken before",
        ),
        pytest.param(
            "CREATE VIEW v AS SELECT a FROM later;", "CREATE TABLE later (a); CREATE VIEW w AS SELECT 1;", id="repaired"
        ),
        pytest.param(
            ITEM + KEEP,
            "CREATE TABLE part (id INTEGER PRIMARY KEY, item_id REFERENCES later (id)); "
            "CREATE TRIGGER part_t AFTER INSERT ON part BEGIN DELETE FROM item_log; END;",
            id="a reference to a table that comes later",
        ),
        pytest.param(ITEM + 'CREATE VIEW v AS SELECT "text" AS a FROM item;', "ALTER TABLE item ADD COLUMN p;"),
        pytest.param(
            ITEM + "CREATE VIEW v AS WITH RECURSIVE n (x) AS (SELECT 1 UNION SELECT x + 1 FROM n LIMIT 5) "
            "SELECT x, json_each.value FROM n, json_each('[1]');",
            "CREATE TABLE n (a);",
            id="names of a view's own",
        ),
        pytest.param(
            ITEM + "CREATE TABLE k (a INTEGER PRIMARY KEY AUTOINCREMENT); "
            "CREATE TRIGGER t AFTER DELETE ON k BEGIN UPDATE sqlite_sequence SET seq = 0 WHERE name = 'k'; END;"
            "CREATE VIEW broken AS SELECT lost FROM k;",
            "ALTER TABLE k ADD COLUMN b;",
            id="tables of SQLite",
        ),
    ],
)
@pytest.mark.parametrize("keys", ["on", "off"])
def test_nothing_newly_broken(base: str, change: str, keys: str) -> None:
    structure = structure_after(base, change, keys=keys)
    assert (structure.problems, structure.unproven) == ((), ())


def _with_function(conn: SQLiteConnection) -> None:
    conn.raw.create_function("app_rank", 1, lambda x: x, deterministic=True)
    conn.raw.create_collation("app_order", lambda a, b: (a > b) - (a < b))
    conn.raw.executescript(
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT COLLATE app_order);"
        "CREATE INDEX ranked ON item (app_rank(name));"
        "CREATE TABLE other (a); CREATE VIEW v AS SELECT app_rank(name) AS r FROM item, other ORDER BY a, name;"
    )
    conn.raw.create_function("app_rank", 1, None)
    conn.raw.create_collation("app_order", None)


@pytest.mark.parametrize(
    ("base", "change", "sentence"),
    [
        (
            ITEM,
            "CREATE VIEW v AS SELECT app_rank(id) FROM item;",
            "view v uses the function app_rank, which is unknown here",
        ),
        (
            ITEM,
            "CREATE VIEW v AS SELECT id FROM item ORDER BY name COLLATE app_order;",
            "view v uses the collation app_order, which is unknown here",
        ),
        (ITEM, "CREATE VIEW v AS SELECT value FROM series(1, 9);", "view v reads series, which is unknown here"),
        (
            ITEM,
            "CREATE VIEW v AS SELECT name FROM item WHERE name REGEXP 'a';",
            "view v uses the function REGEXP, which is unknown here",
        ),
    ],
)
def test_what_is_unknown_here_is_not_broken(base: str, change: str, sentence: str) -> None:
    structure = structure_after(base, change)
    assert (structure.problems, structure.unproven) == ((), (sentence,))


def test_a_function_of_the_application_hides_no_mistake() -> None:
    structure = structure_after(ITEM, "CREATE VIEW v AS SELECT app_rank(id), nmae FROM item;")
    assert structure.problems == ("view v cannot be read: no such column: nmae",)


def test_a_schema_with_functions_and_collations_of_an_application() -> None:
    structure = structure_after("", "DROP TABLE other; CREATE TABLE other (a, b);", prepare=_with_function)
    assert structure.problems == ()
    assert structure.unproven == ("view v uses the collation app_order, which is unknown here",)


def test_a_table_whose_module_is_unknown() -> None:
    def prepare(conn: SQLiteConnection) -> None:
        row = "'table', 'cells', 'cells', 0, 'CREATE VIRTUAL TABLE cells USING o(a)'"
        with conn.trusted():
            conn.raw.executescript(
                f"CREATE TABLE item (a); PRAGMA writable_schema = on; INSERT INTO sqlite_schema VALUES ({row});"
                "PRAGMA writable_schema = RESET; CREATE VIEW v AS SELECT a FROM cells JOIN item USING (a);"
            )

    structure = structure_after("", "ALTER TABLE item ADD COLUMN price;", prepare=prepare)
    assert (structure.problems, structure.unproven) == ((), ("view v reads cells, which is unknown here",))


CODE = "CREATE TABLE code (id INTEGER PRIMARY KEY, name TEXT);"
UNKEYED = 'foreign key mismatch - "use" referencing "code"'


@pytest.mark.parametrize("keys", ["on", "off"])
@pytest.mark.parametrize(
    ("base", "change"),
    [
        pytest.param(CODE, "CREATE TABLE use (name TEXT REFERENCES code (name));", id="a new table"),
        pytest.param(CODE, "create table use (name references code (nmae));", id="a column that is not there"),
        pytest.param(CODE + "CREATE TABLE use (a);", "ALTER TABLE use ADD name REFERENCES code (name);", id="a column"),
        pytest.param(
            CODE + "CREATE TABLE use (name);",
            "DROP TABLE use; CREATE TABLE use (name REFERENCES code (name));",
            id="a rebuilt table",
        ),
        pytest.param(
            CODE + "CREATE TABLE old (a);", "DROP TABLE old; CREATE TABLE use (name REFERENCES code (name));", id="both"
        ),
    ],
)
def test_a_new_foreign_key_names_a_key(base: str, change: str, keys: str) -> None:
    change = "-- foreign_keys: off\n" * (keys == "off") + change
    structure = structure_after(base, change, keys=keys)
    assert structure.problems == (f"table use cannot be written: {UNKEYED}",)
    permitted = structure_after(base, f"-- allow: broken use the index follows\n{change}", keys=keys)
    assert (permitted.problems, len(permitted.broken)) == ((), 1)


@pytest.mark.parametrize("keys", ["on", "off"])
@pytest.mark.parametrize(
    ("base", "change"),
    [
        pytest.param("", "CREATE TABLE use (name REFERENCES code (name));", id="the parent comes later"),
        pytest.param(
            CODE,
            "CREATE TABLE use (name REFERENCES code (name)); CREATE UNIQUE INDEX once ON code (name);",
            id="the key comes behind it",
        ),
        pytest.param(CODE, "CREATE TABLE use (id REFERENCES code);", id="a primary key"),
        pytest.param("", "CREATE TABLE use (a UNIQUE, b REFERENCES use (a));", id="a tree"),
        pytest.param(
            CODE + "CREATE TABLE use (name REFERENCES code (name));",
            "ALTER TABLE use ADD more REFERENCES code (id);",
            id="broken before",
        ),
        pytest.param(CODE, "CREATE TEMP TABLE use (name REFERENCES code (name));", id="a TEMP table"),
        pytest.param(CODE, "CREATE TABLE use (a); INSERT INTO use VALUES ('references code');", id="a word"),
        pytest.param(
            CODE + "CREATE TABLE use (name REFERENCES code (name));",
            "CREATE TABLE new (name REFERENCES code (name)); DROP TABLE use; ALTER TABLE new RENAME TO use;",
            id="broken before and rebuilt",
        ),
    ],
)
def test_other_foreign_keys_are_nobody_s_mistake(base: str, change: str, keys: str) -> None:
    change = "-- foreign_keys: off\n" * (keys == "off") + change
    assert structure_after(base, change, keys=keys).problems == ()


def test_a_trigger_for_a_column_that_its_view_has_no_more() -> None:
    trigger = "CREATE TRIGGER w INSTEAD OF UPDATE OF name ON v BEGIN UPDATE item SET name = new.name; END;"
    base = ITEM + f"CREATE VIEW v AS SELECT id, name FROM item; {trigger}"
    structure = structure_after(base, f"DROP VIEW v; CREATE VIEW v AS SELECT id FROM item; {trigger}")
    assert structure.problems == ("trigger w on v cannot run: the view has none of the columns behind UPDATE OF",)


def test_the_permit_names_the_view_or_the_table() -> None:
    for name in ("item_keep", "ITEM", '"item_keep"'):
        structure = structure_after(
            ITEM + KEEP, f"-- allow: broken {name} it is made anew next week\nALTER TABLE item ADD COLUMN price;"
        )
        assert structure.problems == ()
        assert structure.broken == (
            "trigger item_keep on item cannot run: table item_log has 2 columns but 3 values were supplied",
        )


def test_the_line_to_paste_is_in_the_hint() -> None:
    structure = structure_after(
        'CREATE TABLE t (a); CREATE VIEW "my view" AS SELECT a FROM t;', "DROP TABLE t; -- gone"
    )
    assert '`-- allow: broken "my view" <reason>`' in structure.remedies[0]


def test_what_a_run_knows_to_be_broken_is_asked_once() -> None:
    with closing(memory()) as conn:
        conn.raw.executescript(ITEM + "CREATE VIEW v AS SELECT lost FROM item;")
        cache = StructureCache(conn)
        run(conn, cache, up_job("ALTER TABLE item ADD COLUMN a;"))
        assert cache.broken == {("view", "v")}
        run(conn, cache, up_job("ALTER TABLE item ADD COLUMN b;"))
        assert run(conn, cache, up_job("DROP VIEW v; CREATE VIEW v AS SELECT lost FROM item;")).problems == ()
        assert run(conn, cache, up_job("DROP VIEW v; CREATE VIEW v AS SELECT b FROM item;")).problems == ()
        assert run(conn, cache, up_job("DROP VIEW v; CREATE VIEW v AS SELECT c FROM item;")).problems != ()


def test_a_limit_of_this_sqlite_is_no_mistake() -> None:
    views = "CREATE VIEW v0 AS SELECT id FROM item;"
    views += "".join(
        f"CREATE VIEW v{n} AS SELECT x.id FROM v{n - 1} x JOIN v{n - 1} y ON x.id = y.id;" for n in range(1, 9)
    )
    structure = structure_after(ITEM, views)
    assert (structure.problems, len(structure.unproven)) == ((), 2)


def test_a_broken_view_that_was_repaired_may_break_again() -> None:
    with closing(memory()) as conn:
        conn.raw.executescript(ITEM + "CREATE VIEW v AS SELECT price FROM item;")
        cache = StructureCache(conn)
        assert run(conn, cache, up_job("ALTER TABLE item ADD COLUMN a;")).problems == ()
        assert run(conn, cache, up_job("ALTER TABLE item ADD COLUMN price;")).problems == ()
        assert cache.broken == frozenset()
        assert run(conn, cache, up_job("ALTER TABLE item RENAME COLUMN a TO c;")).problems == ()
        problems = run(conn, cache, up_job("DROP TABLE item; CREATE TABLE item (id);")).problems
        assert problems == ("view v cannot be read: no such column: price",)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE other (a); CREATE INDEX i ON other (a); INSERT INTO other VALUES (1);",
        "INSERT INTO item VALUES (9, 'x');",
    ],
)
def test_a_small_migration_asks_nothing(change: str) -> None:
    with closing(memory()) as conn:
        conn.raw.executescript(ITEM + KEEP + NESTED)
        cache, job = StructureCache(conn), up_job(change)
        statements: list[str] = []
        conn.raw.set_trace_callback(statements.append)
        before = proof.begin(cache, job)
        assert proof.findings(conn, cache, job, before) == proof.UNTOUCHED
        assert statements == []


def test_columns_of_a_table_that_nothing_names_compile_nothing() -> None:
    with closing(memory()) as conn:
        conn.raw.executescript(ITEM + KEEP + NESTED + "CREATE TABLE other (a);")
        cache = StructureCache(conn)
        statements: list[str] = []
        for number in range(3):
            job = up_job(f"ALTER TABLE other ADD COLUMN id{number};")
            conn.raw.set_trace_callback(statements.append)
            before = proof.begin(cache, job)
            conn.raw.set_trace_callback(None)
            conn.raw.execute(job.file.text())
            conn.raw.set_trace_callback(statements.append)
            assert proof.findings(conn, cache, job, before) == proof.UNTOUCHED
        assert len(statements) == 1, statements
