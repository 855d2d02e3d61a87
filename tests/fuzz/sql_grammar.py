"""A part of SQL as a grammar: its layout and its quotes in full, of its meaning what the readers look at.

The tables are those of ``sqlite_parser.SCHEMA``.
"""

from __future__ import annotations

from tests.fuzz.target import Grammar

SQL: Grammar = {
    "start": [
        "<statement>;", "<gap><statement><maybe>;<start>", "<statement><maybe>", "<start><noise><start>", ";<start>",
    ],
    "statement": ["SELECT 1", "<select>", "<write>", "<create>", "<trigger>", "<other>", "EXPLAIN<gap><statement>"],
    "gap": [" ", "\n", "\t", "\r\n", "<comment>", " \v", "\f", "\ufeff", "<gap><gap>"],
    "maybe": ["", "<gap>"],
    "comment": ["--;'\n", "/* ; ' */", "/**/", "-- END;\n", "/*/ * **/", "/* /* */", "--\r--x\n", "/***/", "-- \"`[\n"],
    "noise": [
        "", "'", '"', "`", "[", "]", "/*", "*/", "--", ";", "(", ")", "END", "\0", "\x1b", "é", "K", "ſ", "$", "@",
        ":", "#",
    ],
    "name": [
        "t", "u", "v", '"t"', "[t]", "`u`", "'t'", "é", '"a;b"', "[c;'d]", "`e``;f`", "begin", "END_", "x$",
        '"x"";"',
    ],
    "table": ["t", "u", "main.t", "v", '"t"', "[u]", "temp.<name>", "main<maybe>.<maybe><name>", "<name>"],
    "column": ["a", "b", "c", "x", "y", '"b"', "t.a", "<name>"],
    "value": [
        "1", "NULL", "';'", "'it''s;'", "x'3b'", "'😀;'", "-1", "1e9", "?", ":v", "$n::a(;)", "@x", "'--'", "'/*'",
        "''''",
    ],
    "expression": [
        "<value>", "<column>", "(<expression>)", "<expression><maybe>+<maybe><expression>", "f(<expression>, <value>)",
        "CASE<gap>WHEN <expression> THEN <value> END", "(SELECT<gap><expression>)", "<expression> IN (<value>)",
        "<column>->>'$.a;'", "<expression> IS NOT NULL", "a - -1", "a --x;\n- 1", "EXISTS (<select>)",
    ],
    "select": [
        "SELECT <expression>", "SELECT<gap>*<gap>FROM<gap><table>", "VALUES (<value>)",
        "WITH q AS (<select>) <select>", "SELECT <expression> AS <name> FROM <table> WHERE <expression>",
        "WITH RECURSIVE q(n) AS (SELECT 1) SELECT n FROM q",
    ],
    "write": [
        "INSERT INTO t VALUES (1, 2, 3)", "INSERT<gap>INTO<gap><table> DEFAULT VALUES",
        "REPLACE INTO t(b) VALUES (<value>)", "INSERT OR <conflict> INTO <table> SELECT 1, 2, 3",
        "UPDATE <table> SET b = <expression>",
        "UPDATE OR <conflict> <table> SET <column> = <value> WHERE <expression>",
        "DELETE FROM <table> WHERE <expression>", "DELETE<gap>FROM<gap><table>", "WITH q(n) AS (<select>) <write>",
        "INSERT INTO t(a) VALUES (<value>) RETURNING a",
        "INSERT INTO t(a) VALUES (1) ON CONFLICT DO UPDATE SET b = <expression>",
        "WITH q AS MATERIALIZED (<select>) <write>",
    ],
    "conflict": ["REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK", "replace"],
    "temp": ["", "TEMP ", "temporary<gap>", "TEMP<gap>"],
    "exists": ["", "IF NOT EXISTS ", "IF<gap>NOT<gap>EXISTS<gap>"],
    "create": [
        "CREATE TABLE n(a)", "CREATE<gap><temp>TABLE<gap><exists><name>(<column_list>)<options>",
        "CREATE <temp>TABLE <exists><name> AS <select>", "CREATE<gap><temp>VIEW<gap><exists><name> AS <select>",
        "CREATE INDEX<gap><exists><name> ON t(<column><direction>)",
        "CREATE UNIQUE INDEX <name> ON u(x) WHERE <expression>",
        "CREATE VIRTUAL TABLE<gap><exists><name> USING fts5(a, tokenize=\"unicode61 tokenchars ';'\")",
    ],
    "direction": ["", " DESC", " ASC", " COLLATE NOCASE"],
    "options": ["", " STRICT", " WITHOUT ROWID", "<gap>STRICT<maybe>,<maybe>WITHOUT<gap>ROWID"],
    "column_list": [
        "a", "a INTEGER PRIMARY KEY", "<column_rule>", "<column_rule><maybe>,<maybe><column_list>",
        "a, <table_rule>",
    ],
    "column_rule": ["<name>", "<name> <type>", "<name> <type> <constraint>", "<column_rule> <constraint>"],
    "type": [
        "INT", "INTEGER", "TEXT", "VARCHAR(20, 3)", "ANY", "'a type'", "DOUBLE PRECISION", "[x;y]", "<gap>BLOB<gap>",
    ],
    "constraint": [
        "NOT NULL", "UNIQUE", "PRIMARY KEY", "PRIMARY KEY AUTOINCREMENT", "DEFAULT <value>",
        "DEFAULT (<expression>)", "NULL", "CHECK (<expression>)", "COLLATE NOCASE", "REFERENCES t(a)",
        "REFERENCES t ON DELETE <action>", "AS (<expression>)", "GENERATED ALWAYS AS (<expression>) STORED",
        "CONSTRAINT <name> <constraint>", "NOT<gap>NULL ON CONFLICT <conflict>", "DEFERRABLE INITIALLY DEFERRED",
        "UNIQUE ON CONFLICT <conflict>", "DEFAULT - 1", "DEFAULT x", "CONSTRAINT <name>",
    ],
    "action": ["CASCADE", "SET NULL", "SET<gap>DEFAULT", "NO ACTION", "RESTRICT"],
    "table_rule": [
        "UNIQUE (a)", "PRIMARY KEY (a<direction>)", "CHECK (<expression>)", "FOREIGN KEY (a) REFERENCES u(x)",
        "CONSTRAINT <name> <table_rule>", "<table_rule><maybe>,<maybe><table_rule>", "<table_rule><gap><table_rule>",
        "FOREIGN<gap>KEY<gap>(a)<gap>REFERENCES t ON UPDATE <action> MATCH FULL NOT DEFERRABLE",
        "PRIMARY KEY (a AUTOINCREMENT)",
    ],
    "trigger": [
        "CREATE TRIGGER n AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE<gap><temp>TRIGGER<gap><exists><name> <when> <event> ON <table> <row>BEGIN<gap><body>;<maybe>END",
        "CREATE TRIGGER <name> <event> ON t BEGIN <body>; END<noise>",
    ],
    "when": ["AFTER", "BEFORE", "INSTEAD OF", ""],
    "event": ["INSERT", "UPDATE", "DELETE", "UPDATE OF b, c"],
    "row": ["", "FOR EACH ROW ", "WHEN <expression> "],
    "body": [
        "SELECT 1", "<maybe><write><maybe>", "<body>;<maybe><body>", "SELECT CASE WHEN 1 THEN 'END;' END",
        "<select>",
    ],
    "other": [
        "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT <name>", "RELEASE <name>", "ROLLBACK TO <name>",
        "BEGIN IMMEDIATE", "ATTACH <value> AS <name>", "DETACH <name>", "VACUUM", "VACUUM INTO 'x'", "ANALYZE",
        "REINDEX", "ANALYZE <table>", "PRAGMA foreign_keys = off", "PRAGMA main.table_info(t)", "DROP TABLE <table>",
        "DROP<gap>VIEW<gap>IF EXISTS<gap><name>", "DROP INDEX i", "DROP TRIGGER <exists><name>",
        "ALTER TABLE <table> RENAME TO <name>", "ALTER TABLE t ADD <column_rule>",
        "ALTER TABLE t RENAME COLUMN <column> TO <name>", "ALTER TABLE t DROP COLUMN c", "REINDEX <name>", "CREATE",
        "COMMIT TRANSACTION", "ROLLBACK TRANSACTION TO SAVEPOINT <name>", "ALTER TABLE u RENAME y TO <name>",
        "END<gap>TRANSACTION", "DETACH DATABASE x",
    ],
}  # fmt: skip
