"""Splitting, judged by SQLite itself: by what it executes, what it stores and where it says a statement ends."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsql.sqltext import (
    Statement,
    effect,
    pieces,
    split,
    statements,
)

GOLDEN = Path(__file__).parent / "golden" / "split"
TRIGGER = "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END"
# Texts that SQLite runs to the end.
HARD = {
    "empty": "",
    "only trivia": " \n-- nothing;\n/* ; */ ;; \t",
    "no final semicolon": "CREATE TABLE t(a); INSERT INTO t VALUES (1)",
    "no final semicolon, trailing comment": "CREATE TABLE t(a); CREATE INDEX i ON t(a) -- kept\n/* too */ \n",
    "blank before the semicolon": "CREATE TABLE t(a INT) STRICT \n;CREATE TABLE u(a INT) STRICT /*c*/ ;",
    "stored text of index and view": "CREATE TABLE t(a);CREATE INDEX i ON t(a) -- c;\n ;"
    "CREATE VIEW v AS SELECT 1 /*;*/ ;",
    "strings": "CREATE TABLE t(a);INSERT INTO t VALUES ('a;b'),('it''s; '''),(''),(';'),('--'),('/*'),('\n;\n');",
    "blobs": "CREATE TABLE t(a);INSERT INTO t VALUES (x'3b3B'),(X''),('x''ab'';');",
    "quoted names": 'CREATE TABLE "x;y"("a"";" INT, [b;"] INT, `c``;` INT);INSERT INTO "x;y" VALUES (1,2,3);',
    "names of strings": "CREATE TABLE 'p;q'('a;');INSERT INTO 'p;q' VALUES (1);",
    "line comments": "-- first; 'not a string\nCREATE TABLE t(a); -- it's; fine\nINSERT INTO t -- x;\nVALUES (1);--",
    "carriage return in a comment": "CREATE TABLE t(a); -- one\r CREATE TABLE u(a);",
    "crlf": "-- c\r\nCREATE TABLE t(\r\n  a\r\n);\r\nINSERT INTO t VALUES ('\r\n;');\r\n",
    "block comments do not nest": "/* /* ; */ CREATE TABLE t(a); /*/ ; */ CREATE TABLE u(a); /***/ SELECT 1; /**/",
    "unterminated block comment": "CREATE TABLE t(a); /* ; CREATE TABLE u(a);",
    "unterminated block comment in a statement": "CREATE TABLE t(a); CREATE INDEX i ON t(a) /* ; SELECT",
    "comment of two quotes": "CREATE TABLE t(a); /* ' */ INSERT INTO t VALUES (1); /* ' */",
    "minus and slash": "CREATE TABLE t(a);INSERT INTO t VALUES (1 - -1),(4/2),(4 /* */ /2),(1 - --x;\n2);",
    "json arrows": """CREATE TABLE t(a);INSERT INTO t VALUES ('{"a;":1}' -> '$.a;'), ('[1]' ->> 0);""",
    "byte order marks": "\ufeffCREATE TABLE t(a);\ufeffINSERT INTO \ufeff t VALUES (1);\ufeff",
    "vertical tab behind a blank": " \vCREATE TABLE t(a); \v\f;",
    "unicode": "CREATE TABLE größe(ſelect, ﬁn);INSERT INTO größe VALUES ('ſ;', '😀;');CREATE TABLE é(\xa0);",
    "trigger": f"CREATE TABLE t(a);{TRIGGER};CREATE TABLE u(a);",
    "trigger at the end": f"CREATE TABLE t(a);{TRIGGER}",
    "trigger with case": """CREATE TABLE t(a, b);
    CREATE TRIGGER g AFTER INSERT ON t WHEN new.a > CASE 1 WHEN 1 THEN 0 END BEGIN
        UPDATE t SET b = CASE WHEN a > 1 THEN 'END;' ELSE CASE a WHEN 1 THEN 2 END END;
        INSERT INTO t SELECT CASE WHEN 1 THEN 2 END, 3 WHERE new.a > 9;
    END; INSERT INTO t VALUES (1, 0);""",
    "trigger with names like keywords": """CREATE TABLE "end"(begin, "end", declare_x, loop, case_, end_ INT, ending);
        CREATE TRIGGER begin AFTER UPDATE OF begin, "end", loop ON "end" BEGIN
          UPDATE "end" SET declare_x = 1, "end" = 2, loop = "end";
          DELETE FROM "end" WHERE end_ = 1; INSERT INTO "end"(begin) VALUES ('; END;'); -- ; END;
          SELECT "end" FROM "end"; /* ; END ; */
        END; CREATE TABLE trigger_(a); CREATE TABLE u(temp, query, plan);""",
    "trigger words apart": """CREATE TABLE t(a); CREATE/**/TEMP -- x;
        TRIGGER IF NOT EXISTS g BEFORE DELETE ON t BEGIN SELECT 1;-- c
        END /* ; */ ; create temporary trigger h instead of insert on v begin select 1;end;CREATE TABLE u(a);
        """.replace("; create temp", "; CREATE VIEW v AS SELECT 1; create temp"),
    "trigger behind a block comment": "/* a */ CREATE /* b */ TABLE t(a); /* c */ "
    "CREATE TABLE u(a /* TRIGGER */); SELECT 1;",
    "table then comment trigger": "CREATE /* a */ TABLE t(a); /* b */ -- TRIGGER\n SELECT 1; SELECT 2;",
    "comments before the end": "CREATE TABLE t(a);CREATE TRIGGER g AFTER INSERT ON t BEGIN "
    "/* a */ SELECT 1; /* b */ SELECT 2; /* c */ END; /* d */ SELECT 3;",
    "explain": f"CREATE TABLE t(a);EXPLAIN {TRIGGER};EXPLAIN QUERY PLAN /* ; */ SELECT 1;"
    "explain query plan create trigger q after insert on t begin select 1; end;SELECT 2;",
    "empty statements": ";;CREATE TABLE t(a);;;-- x\n;INSERT INTO t VALUES (1);;",
    "word glued to a letter": f"CREATE TABLE t(a);CREATE TABLE create$(a);"
    f"CREATE TABLE triggeré(a);{TRIGGER};CREATE TABLE end€(a);",
    "virtual table": "CREATE VIRTUAL TABLE f USING fts5(a, tokenize=\"unicode61 tokenchars ';'\");"
    "INSERT INTO f VALUES (';');",
}  # fmt: skip
# Texts that SQLite refuses somewhere: both ways must have done the same until then.
BROKEN = {
    "unterminated string": "CREATE TABLE t(a); INSERT INTO t VALUES ('x; SELECT 1;",
    "unterminated name": 'CREATE TABLE t(a); SELECT "x; SELECT 1;',
    "unterminated bracket": "CREATE TABLE t(a); SELECT [x; SELECT 1;",
    "unterminated backtick": "CREATE TABLE t(a); SELECT `x; SELECT 1;",
    "comment opener at the very end": "CREATE TABLE t(a); /*",
    "vertical tab first": "CREATE TABLE t(a);\vCREATE TABLE u(a);",
    "syntax error": "CREATE TABLE t(a); CREAT TABLE u(a); CREATE TABLE v(a);",
    "trigger without end": "CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT 2;",
    "trigger without body": "CREATE TABLE t(a); CREATE TRIGGER g; SELECT 1;",
    "words behind end": "CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END x; SELECT 2;",
    "empty statement in a trigger": "CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1;; END; "
    "SELECT 2;",
    "kelvin sign is no k": "CREATE TABLE t(a); ROLLBAC\u212a; CREATE TABLE u(a);",
    "long s is no s": "CREATE TABLE t(a); \u017fELECT 1; CREATE TABLE u(a);",
    "no variable without a name": "CREATE TABLE t(a); SELECT :(;); CREATE TABLE u(a);",
    "nul": "CREATE TABLE t(a);\0 CREATE TABLE u(a); SELECT 1",
}  # fmt: skip


def everything(connection: sqlite3.Connection) -> object:
    """The catalogue with its stored text, and every row of every table."""
    catalogue = []
    rows = {}
    for schema in ("sqlite_schema", "sqlite_temp_schema"):
        catalogue += connection.execute(f"SELECT type, name, tbl_name, sql FROM {schema}").fetchall()
    for kind, name, _, _ in catalogue:
        if kind == "table":
            quoted = name.replace('"', '""')
            rows[name] = connection.execute(f'SELECT * FROM "{quoted}"').fetchall()
    return catalogue, rows


def run_script(text: str) -> tuple[object, bool]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    failed = False
    try:
        connection.executescript(text)
    except (sqlite3.Error, ValueError):
        failed = True
    return everything(connection), failed


def run_statements(text: str) -> tuple[object, bool]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    failed = False
    try:
        for statement in split(text):
            connection.execute(statement.text).fetchall()
    except (sqlite3.Error, ValueError):
        failed = True
    return everything(connection), failed


def what_sqlite_ran(text: str) -> list[str]:
    """The statements as SQLite cut them, blanks and comments in front included."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    connection.executescript(text)
    return seen


@pytest.mark.parametrize("name", HARD)
def test_hard_text_does_what_executescript_does(name: str) -> None:
    state, failed = run_script(HARD[name])
    assert not failed, "this belongs to BROKEN"
    assert run_statements(HARD[name]) == (state, False)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_text_fails_like_executescript(name: str) -> None:
    if "\0" in BROKEN[name]:
        # Python refuses the whole script; statement by statement the first one is good.
        assert run_script(BROKEN[name])[1]
        state, failed = run_statements(BROKEN[name])
        assert failed
        assert state == run_script("CREATE TABLE t(a);")[0]
        return
    state, failed = run_script(BROKEN[name])
    assert failed, "this belongs to HARD"
    assert run_statements(BROKEN[name]) == (state, True)


@pytest.mark.parametrize("name", [*HARD, *BROKEN])
def test_nothing_is_dropped_and_positions_are_true(name: str) -> None:
    check_shape({**HARD, **BROKEN}[name])


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sql")), ids=lambda path: path.stem)
def test_positions_equal_the_golden_file(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    golden = json.loads(path.with_suffix(".json").read_text("utf-8"))
    positions = [[s.number, s.line, s.start, s.end, s.text] for s in split(text)]
    assert positions == golden


def test_there_are_golden_files() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == {path.stem for path in GOLDEN.glob("*.json")}
    assert len(list(GOLDEN.glob("*.sql"))) >= 3


def test_a_variable_hides_what_its_parentheses_hold() -> None:
    text = "CREATE TABLE t(a);INSERT INTO t VALUES (:a(;)),($b::c(')),(@d(\")),(?1);SELECT 1;"
    parts = split(text)
    assert len(parts) == 3
    # `execute` wants values for the variables; a script leaves them NULL.
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in parts:
        connection.executescript(statement.text)
    state, failed = run_script(text)
    assert not failed
    assert everything(connection) == state


def test_one_statement_in_full() -> None:
    assert split("-- a\n\n  SELECT 1 ; ;") == [Statement("SELECT 1 ", 8, 17, 3, 1)]


def check_shape(text: str) -> None:
    assert "".join(pieces(text)) == text
    parts = split(text)
    assert parts == list(statements(text))
    assert list(statements(text, without={"select"})) == [s for s in parts if s.text[:6].lower() != "select"]
    assert len(pieces(text)) - len(parts) in (0, 1)
    behind = 0
    for number, (statement, piece) in enumerate(zip(parts, pieces(text), strict=False), 1):
        assert statement.number == number
        assert behind <= statement.start < statement.end
        assert text[statement.start : statement.end] == statement.text
        assert statement.line == text.count("\n", 0, statement.start) + 1
        assert statement.text[0] not in " \t\n\f\r;\ufeff"
        assert not statement.text.startswith("--")
        assert statement.text == "/*" or not statement.text.startswith("/*")
        closing = text[statement.end : statement.end + 1]
        assert closing in ("", ";")
        assert piece.endswith(statement.text + closing)
        behind = statement.end + 1
        # A statement is one statement, wherever it stands.
        assert [s.text for s in split(statement.text)] == [statement.text]
    assert all(not split(piece) for piece in pieces(text)[len(parts) :])


nasty = st.lists(
    st.sampled_from(
        [
            *"';\"`[]-/*()$@:#. \n\r\t\v\f\0\ufeffxéK",
            "--", "/*", "*/", "''", "::", "x'", "CREATE", "TRIGGER", "TEMP", "BEGIN", "END", "EXPLAIN", "; END;", "ſ",
        ]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@given(nasty)
def test_any_text_is_cut_without_loss(text: str) -> None:
    check_shape(text)


# SQLite's own word on where a `;` ends something; it knows no variables, marks and vertical tabs.
plain = st.lists(
    st.sampled_from([*"';;;\"`[]-/*(). \n\r\téx", "--", "/*", "*/", "''", "x'", "BEGIN", "END", "SELECT"]),
    max_size=30,
).map("".join)


@given(plain)
def test_every_end_is_one_that_sqlite_sees(text: str) -> None:
    ends = set()
    position = 0
    for piece in pieces(text):
        position += len(piece)
        if sqlite3.complete_statement(piece):
            ends.add(position)
    cut = {statement.end + 1 for statement in split(text) if statement.end < len(text)}
    assert cut <= ends
    seen = {at + 1 for at, sign in enumerate(text) if sign == ";" and sqlite3.complete_statement(text[: at + 1])}
    assert cut <= seen
    # Every other end that SQLite sees has nothing but blanks and comments in front of it.
    for at in seen - cut:
        assert split(text[:at]) == [s for s in split(text) if s.end < at]


trivia = st.sampled_from(
    [" ", "\n", "\t", "\r\n", " \v", "--;'\n", "-- END;\n", "/* ; ' */", "/**/", "/* /* */", "/*/ * **/", "\n \n"]
)
gap = st.lists(trivia, min_size=1, max_size=3).map("".join)
maybe_gap = st.one_of(st.just(""), gap)
literal = st.sampled_from(
    [
        "1",
        "';'",
        "'it''s;'",
        "''''",
        "x'3b'",
        "'--'",
        "'/*'",
        "'😀;'",
        "CASE WHEN 1 THEN 2 END",
        "'; END;'",
        "(1)",
        "-1",
    ]
)
name = st.sampled_from(['"a;b"', "[c;'d]", "`e``;f`", "'g;'", "é", '"END"', "begin", "end$", "loop", '"x"";"'])


@st.composite
def simple(draw: st.DrawFn) -> str:
    words = ["SELECT", draw(literal), "AS", draw(name)]
    return words[0] + "".join(draw(gap) + word for word in words[1:])


@st.composite
def trigger(draw: st.DrawFn) -> str:
    head = draw(st.sampled_from(["CREATE TRIGGER", "create temp trigger", "Create Temporary Trigger"])).split(" ")
    words = [*head, "IF", "NOT", "EXISTS", draw(name), "AFTER", "INSERT", "ON", "t", "BEGIN"]
    body = "".join(draw(gap) + draw(simple()) + draw(maybe_gap) + ";" for _ in range(draw(st.integers(1, 3))))
    return "".join(word + draw(gap) for word in words) + body + draw(maybe_gap) + "END"


@st.composite
def script(draw: st.DrawFn) -> str:
    parts = ["CREATE TABLE t(a);"]
    for _ in range(draw(st.integers(0, 5))):
        explain = draw(st.sampled_from(["", "", "", "EXPLAIN ", "explain/**/query -- ;\n plan\t"]))
        parts.append(draw(maybe_gap) + explain + draw(st.one_of(simple(), trigger())) + draw(maybe_gap) + ";")
        parts.append(draw(st.sampled_from(["", "", ";", " ;\n;"])))
    text = "".join(parts) + draw(maybe_gap)
    return text.rstrip("; \n") if draw(st.booleans()) else text


@pytest.mark.slow
@given(script())
def test_sqlite_cuts_the_same_pieces(text: str) -> None:
    # SQLite traces every statement but an EXPLAIN.
    cut = zip(split(text), pieces(text), strict=False)
    assert what_sqlite_ran(text) == [piece for statement, piece in cut if effect(statement.text).kind != "explain"]
    assert run_statements(text) == run_script(text)


@pytest.mark.slow
@given(script())
def test_complete_statement_agrees(text: str) -> None:
    # To this function a vertical tab is never a blank; the parser, which decides, says otherwise.
    for statement in split(text.replace("\v", "")):
        assert sqlite3.complete_statement(statement.text + "\n;")
        for at, sign in enumerate(statement.text):
            assert sign != ";" or not sqlite3.complete_statement(statement.text[: at + 1])


def test_sizes_beyond_every_internal_limit() -> None:
    many = "INSERT INTO t VALUES " + ",".join(f"('a;{n}', \"b;\")" for n in range(5000))
    comments = "-- ;\n/* ; */" * 5000
    body = "CREATE TRIGGER g AFTER INSERT ON t BEGIN" + " SELECT '; END;'; -- x\n" * 5000 + comments + "END"
    text = comments + many + ";" + comments + ";" + body + comments + ";" + comments + "SELECT 1"
    parts = split(text)
    assert [s.text for s in parts] == [many, body + comments, "SELECT 1"]
    assert "".join(pieces(text)) == text
    assert parts[1].line == text[: text.index("CREATE")].count("\n") + 1
