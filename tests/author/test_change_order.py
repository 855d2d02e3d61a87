"""Which views and triggers give way while tables change, and in which order they come back."""

from __future__ import annotations

from memsql.author.change.order import TableEffects, dependent_steps, in_order, reaching
from memsql.author.change.steps import Create, Drop
from memsql.schema import Schema, from_sql
from memsql.schema.compare import Element

SQL = (
    "CREATE TABLE t (a, b); CREATE TABLE other (a);"
    "CREATE VIEW z AS SELECT a FROM t; CREATE VIEW y AS SELECT a FROM z; CREATE VIEW free AS SELECT a FROM other;"
    "CREATE INDEX i ON t (a); CREATE INDEX j ON other (a);"
    "CREATE TRIGGER own AFTER INSERT ON t BEGIN SELECT 1; END;"
    "CREATE TRIGGER far AFTER INSERT ON other BEGIN INSERT INTO t SELECT a, a FROM y; END;"
)


def schema() -> Schema:
    return from_sql(SQL)


def names(steps: object) -> list[str]:
    assert isinstance(steps, list)
    return [step.name if isinstance(step, Drop) else step.sql.split()[2] for step in steps if step]


def test_views_come_behind_those_they_read() -> None:
    views = [o for o in schema().objects if o.type == "view"]
    assert [v.name for v in in_order(views)] == ["free", "z", "y"]


def test_views_that_read_each_other_still_have_an_order() -> None:
    one = from_sql("CREATE VIEW a AS SELECT * FROM b; CREATE VIEW b AS SELECT * FROM a;")
    assert [v.name for v in in_order([o for o in one.objects if o.type == "view"])] == ["a", "b"]


def test_reaching_goes_through_views() -> None:
    assert {o.name for o in reaching(schema(), ("view", "trigger"), frozenset({"t"}))} == {"z", "y", "own", "far"}
    assert {o.name for o in reaching(schema(), ("view",), frozenset({"other"}))} == {"free"}


def test_nothing_gives_way_to_nothing() -> None:
    assert dependent_steps(schema(), schema(), TableEffects(), frozenset()) == ([], [])


def test_a_rebuilt_table_takes_its_own_along() -> None:
    table = frozenset({"t"})
    effects = TableEffects(disturbed=table, rebuilt=table, checks_schema=True)
    drops, creates = dependent_steps(schema(), schema(), effects, frozenset())
    # The index and the trigger on the table go with it.
    assert names(drops) == ["far", "y", "z"]
    assert names(creates) == ["i", "z", "y", "far", "own"]


def test_a_changed_view_is_replaced() -> None:
    after = from_sql(SQL.replace("SELECT a FROM other", "SELECT a AS b FROM other"))
    drops, creates = dependent_steps(schema(), after, TableEffects(), frozenset({Element("view", "free")}))
    assert drops == [Drop("view", "free")]
    assert creates == [Create("CREATE VIEW free AS SELECT a AS b FROM other")]


def test_a_view_that_cannot_be_read_gives_way_to_alter_table() -> None:
    broken = from_sql("CREATE TABLE t (a); CREATE VIEW v AS SELECT * FROM missing;")
    assert dependent_steps(broken, broken, TableEffects(), frozenset()) == ([], [])
    drops, creates = dependent_steps(broken, broken, TableEffects(checks_schema=True), frozenset())
    assert names(drops) == ["v"]
    assert names(creates) == ["v"]
