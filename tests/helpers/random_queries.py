"""Random queries over tables, views and subqueries whose aliases are the names of other tables."""

from __future__ import annotations

from random import Random

SCHEMA = """
CREATE TABLE a (id INTEGER PRIMARY KEY, x INT, y INT); CREATE INDEX a_x ON a (x); CREATE INDEX a_xy ON a (x, y);
CREATE TABLE b (id INTEGER PRIMARY KEY, x INT, y INT); CREATE INDEX b_x ON b (x);
CREATE TABLE c (id INTEGER PRIMARY KEY, x INT, y INT);
CREATE TABLE d (id INT, x INT, y INT, PRIMARY KEY (x, y, id)) WITHOUT ROWID;
CREATE VIEW v AS SELECT a.id, a.x, b.y FROM a JOIN b ON a.x = b.x;
CREATE VIEW w AS SELECT x AS id, count(*) AS x, max(y) AS y FROM c GROUP BY x;
CREATE VIEW u AS SELECT * FROM v UNION ALL SELECT id, x, y FROM d;
CREATE VIEW t AS SELECT w.id, w.x, c.y FROM w LEFT JOIN c ON c.x = w.id;
"""
_SOURCES = ("a", "b", "c", "d", "v", "w", "u", "t")
_ALIASES = ("a", "b", "c", "d", "p", "q", "v")


def random_query(random: Random, depth: int = 2) -> str:
    """A SELECT with the columns id, x and y."""
    aliases = random.sample(_ALIASES, random.randint(1, 3))
    joined = ""
    for alias in aliases:
        is_subquery = depth > 0 and random.random() < 0.2
        source = f"({random_query(random, depth - 1)})" if is_subquery else random.choice(_SOURCES)
        joined += (random.choice((" JOIN ", " LEFT JOIN ", ", ")) if joined else "") + f"{source} AS {alias}"
    where = " AND ".join(_condition(random, aliases) for _ in range(random.randint(0, 3)))
    one = random.choice(aliases)
    columns, end = f"{one}.id AS id, {one}.x AS x, {one}.y AS y", ""
    if random.random() < 0.15:
        columns, end = f"{one}.x AS id, count(*) AS x, min({one}.y) AS y", f" GROUP BY {one}.x"
    elif random.random() < 0.2:
        columns = f"DISTINCT {columns}"
    end += random.choice(("", "", "", " ORDER BY 1", " ORDER BY 2, 3")) + random.choice(("", "", "", " LIMIT 5"))
    query = f"SELECT {columns} FROM {joined}{f' WHERE {where}' if where else ''}{end}"
    return f"WITH a AS ({random_query(random, 1)}) {query}" if depth == 2 and random.random() < 0.15 else query


def _condition(random: Random, aliases: list[str]) -> str:
    alias, other = random.choice(aliases), random.choice(aliases)
    column, source = random.choice(("id", "x", "y")), random.choice(_SOURCES)
    return random.choice(
        (
            f"{alias}.{column} = {other}.x",
            f"{alias}.{column} = {random.randint(0, 9)}",
            f"{alias}.{column} > {random.randint(0, 9)}",
            f"{alias}.{column} IN (SELECT id FROM {source} AS b)",
            f"{alias}.{column} IN (SELECT x FROM {source} AS k WHERE k.y = {alias}.y)",
            f"EXISTS (SELECT 1 FROM {source} AS e WHERE e.x = {alias}.x)",
            f"({alias}.x = 1 OR {alias}.id = 2)",
            f"{alias}.id = (SELECT max(k.id) FROM {source} AS k WHERE k.x = {alias}.y)",
        )
    )
