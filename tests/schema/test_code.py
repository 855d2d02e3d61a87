"""Schemas against the models in source code: what fits, what does not, and what is said of it."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import extent
import pytest
import random_schemas
from cli import Project
from places import ROOT

from memsql.errors import FileError
from memsql.schema import from_sql
from memsql.schema.code import Finding, Source, compare, read_python, read_typescript, write_python, write_typescript
from memsql.schema.code.names import camel, column_of, pascal, table_of

MODELS = ROOT / "models"
SNAPSHOT = (ROOT / "sql" / "schema.sql").read_text(encoding="utf-8")


def typescript(sql: str, text: str, query: str = "") -> list[Finding]:
    return list(compare(from_sql(sql), [read_typescript(text, "m.ts")], {"query": query}).findings)


def python(sql: str, text: str, query: str = "") -> list[Finding]:
    head = "from dataclasses import dataclass\n"
    return list(compare(from_sql(sql), [read_python(head + text, "m.py")], {"query": query}).findings)


def short(findings: list[Finding]) -> list[str]:
    return [f"{finding.level} {finding.rule}" for finding in findings]


# A column of the table notes, a TypeScript field for it, a Python field for it, and what is said of either.
FIELDS = [
    ("n INTEGER NOT NULL", "n: number", "n: int", ""),
    ("n INTEGER NOT NULL", "n: bigint", "n: int", ""),
    ("n INTEGER NOT NULL", "n: boolean", "n: bool", ""),
    ("n INTEGER NOT NULL", "n: string", "n: str", "error type"),
    ("n INTEGER NOT NULL", "n: Date", "n: datetime", "error type"),
    ("n INTEGER NOT NULL", "n: number[]", "n: list[int]", "error type"),
    ("n INTEGER NOT NULL", "n: string | number", "n: str | int", "warning type"),
    ("n INTEGER NOT NULL DEFAULT 2", "n: boolean", "n: bool", "error values"),
    ("n INTEGER NOT NULL CHECK (n IN (0, 1))", "n: boolean", "n: bool", ""),
    ("n INTEGER NOT NULL CHECK (n IN (1, 2))", "n: boolean", "n: bool", "error values"),
    ("n BOOLEAN NOT NULL", "n: boolean", "n: bool", ""),
    ("n BOOLEAN NOT NULL", "n: string", "n: str", "error type"),
    ("n REAL NOT NULL", "n: number", "n: float", ""),
    ("n REAL NOT NULL", "n: boolean", "n: int", "error type"),
    ("n TEXT NOT NULL", "n: string", "n: str", ""),
    ("n TEXT NOT NULL", "n: Date", "n: date", ""),
    ("n TEXT NOT NULL", "n: number", "n: int", "error type"),
    ("n TEXT NOT NULL", "n: boolean", "n: bool", "error type"),
    ("n TEXT NOT NULL", "n: Uint8Array", "n: bytes", "error type"),
    ("n TEXT NOT NULL", "n: Record<string, number>", "n: dict[str, int]", ""),
    ("n TEXT NOT NULL", "n: { a: number }[]", "n: list[dict[str, int]]", ""),
    ("n TEXT NOT NULL CHECK (json_valid(n))", "n: unknown", "n: Any", ""),
    ("n TEXT NOT NULL CHECK (json_valid(n))", "n: number[]", "n: tuple[int, ...]", ""),
    ("n BLOB NOT NULL", "n: Uint8Array", "n: bytes", ""),
    ("n BLOB NOT NULL", "n: string", "n: str", "error type"),
    ("n F32_BLOB(3) NOT NULL", "n: number[]", "n: list[float]", ""),
    ("n NOT NULL", "n: string | Uint8Array", "n: str | bytes", ""),
    ("n DATETIME NOT NULL", "n: string", "n: datetime", ""),
    # NULL.
    ("n TEXT", "n?: string", "n: str | None", ""),
    ("n TEXT", "n: string | null", "n: Optional[str]", ""),
    ("n TEXT", "n: string | undefined", "n: str = None", ""),
    ("n TEXT", "n: string", "n: str", "error null"),
    ("n TEXT DEFAULT 'x'", "n: string", "n: str", "warning null"),
    ("n TEXT DEFAULT NULL", "n: string", "n: str", "error null"),
    ("n TEXT CHECK (n IS NOT NULL)", "n: string", "n: str", ""),
    ("n TEXT NOT NULL", "n: string | null", "n: str | None", "error null"),
    ("n TEXT NOT NULL", "n?: string", "n: Union[str, None]", "error null"),
    ("n TEXT NOT NULL DEFAULT 'x'", "n?: string", "n: str = 'y'", ""),
    ("n TEXT NOT NULL DEFAULT 'x'", "n: null | string", "n: None | str", "warning null"),
    ("n TEXT GENERATED ALWAYS AS (upper(other))", "n: string", "n: str", "warning null"),
    ("n TEXT GENERATED ALWAYS AS (upper(other)) STORED NOT NULL", "n?: string", "n: str", ""),
    # Values.
    ("n TEXT NOT NULL CHECK (n IN ('a', 'b'))", "n: 'a' | 'b'", "n: Literal['a', 'b']", ""),
    ("n TEXT CHECK (n IS NULL OR n IN ('a', 'b'))", "n?: 'a' | 'b'", "n: Literal['a', 'b', None]", ""),
    ("n TEXT NOT NULL CHECK (n IN ('a', 'b'))", "n: 'a'", "n: Literal['a']", "error values"),
    ("n TEXT NOT NULL CHECK (n IN ('a'))", "n: 'a' | 'b'", "n: Literal['a', 'b']", "error values"),
    ("n TEXT NOT NULL DEFAULT 'c'", "n: 'a' | 'b'", "n: Literal['a', 'b']", "error values"),
    ("n TEXT NOT NULL", "n: 'a' | 'b'", "n: Literal['a', 'b']", ""),
    ("n INTEGER NOT NULL CHECK (n IN (1, -2))", "n: 1 | -2", "n: Literal[1, -2]", ""),
    # What is not known is said.
    ("n TEXT NOT NULL", "n: Unheard", "n: Unheard", "note not compared"),
]


@pytest.mark.parametrize(("column", "ts", "py", "expected"), FIELDS)
def test_a_field_and_its_column(column: str, ts: str, py: str, expected: str) -> None:
    sql = f"CREATE TABLE notes (id INTEGER PRIMARY KEY, other TEXT NOT NULL, {column});"
    wanted = [expected] if expected else []
    assert short(typescript(sql, f"interface Note {{ id: number; other: string; {ts} }}")) == wanted
    assert short(python(sql, f"@dataclass\nclass Note:\n    id: int\n    other: str\n    {py}\n")) == wanted


NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('a', 'b')), note TEXT);"
# A schema to which nothing of a model of NOTES fits.
OTHER_NOTES = NOTES.replace("INTEGER", "TEXT").replace("'b'", "'c'").replace("note TEXT", "note TEXT NOT NULL")

# Other ways to declare { id: number; kind: 'a' | 'b'; note?: string | null }.
SAME = [
    "export type Kind = 'a' | 'b';\nexport interface Note { id: number, kind: Kind, note?: string | null }",
    "interface Base { readonly id: number }\ninterface Note extends Base { kind: 'a' | 'b'\nnote: string | null }",
    "enum Kind { A = 'a', B = `b`, }\ntype Note = { 'id': number; kind: Kind; note?: string }",
    "const KINDS = ['a', 'b'] as const;\ntype Note = { id: number } & { kind: (typeof KINDS)[number]; note?: string };",
    "interface Note { id: number; kind: 'a' | 'b' }\ninterface Note { note: null | string }",
    "namespace db { export interface Note { id: number; kind: 'a' | 'b'; note?: string } }",
    "type All = { id: number; kind: 'a' | 'b'; note?: string; x: Date }; type Note = Omit<All, 'x'>;",
    "type All = { id: number; kind: 'a' | 'b'; note?: string; x: Date };\n"
    "type Note = Pick<All, 'id' | 'kind' | 'note'>;",
    "interface Note { id: Other['id']; kind: Exclude<'a' | 'b' | 'c', 'c'>; note?: string }\n"
    "type Other = { id: number }",
    "type Id = number & { readonly brand: unique symbol };\ninterface Note { id: Id; kind: 'a' | 'b'; note?: string }",
    "interface Note { id: Generated<number>; kind: 'a' | 'b'; note?: string; save(): Promise<void>; (x: string): void\n"
    "  get?<T extends { a: '}' }>(key: keyof T): T[keyof T]; [key: `x-${string}`]: any; new (a: number): Note }",
    "const re = /['\"`{]/g, half = a / b / c; const t = `x ${ {a: `}`}.a } y`;\n"
    "class C<T> { private x = '{'; m(): void { interface Inner { id: string } } }\n"
    "function f(type: string) { type = 'x'; return /}/.test(type) }\n"
    "/* interface Note { id: string } */ interface Note { id: number; kind: 'a' | 'b'; note?: string }",
    "const x = `a ${ f('`', \"}\") } b`; interface C { <T>(x: T): T; new <T>(): C }\n"
    "interface Note { id: number; kind: 'a' | 'b'; note?: string }",
    "declare module 'x' { interface Note { id: number; kind: 'a' | 'b'; note: string | null; } }",
    "// table: notes\ninterface Anything { id: number; kind: 'a' | 'b'; text?: string; /* column: note */ }",
    "export interface NoteRow { // table: notes\n  id: number;\n  /** The kind.\n   * column: kind\n   */\n"
    "  type: 'a' | 'b';\n  // column: note\n  text?: string;\n  author: string; // not a column: from a join\n}",
]


@pytest.mark.parametrize("text", SAME)
def test_typescript_is_read(text: str) -> None:
    comparison = compare(from_sql(NOTES), [read_typescript(text, "m.ts")])
    assert [finding for finding in comparison.findings if finding.level != "warning"] == []
    assert "notes" in dict(comparison.models).values()
    # It does compare: another schema does not fit.
    rules = {finding.rule for finding in typescript(OTHER_NOTES, text)}
    assert rules >= {"type", "values", "null"}


PYTHON = [
    "@dataclass(frozen=True)\nclass Note:\n    id: int\n    kind: Literal['a', 'b']\n    note: 'str | None' = None\n",
    "import enum\nclass Kind(str, enum.Enum):\n    A = 'a'\n    B = 'b'\n"
    "class Note(NamedTuple):\n    id: int\n    kind: Kind\n    note: Optional[str]\n",
    "class Kind(StrEnum):\n    A = auto()\n    B = auto()\n"
    "class Note(pydantic.BaseModel):\n    id: int\n    kind: Kind\n    note: str = Field(default=None)\n",
    "Kind: TypeAlias = \"Literal['a', 'b']\"\nKind = Literal['a', 'b']\nId = NewType('Id', int)\n"
    "@attrs.define\nclass Note:\n    id: Id\n    kind: Annotated[Kind, 'x']\n"
    "    note: typing.Optional[str] = field(default=None)\n",
    "@dataclass\nclass Base:\n    id: int\n    _: KW_ONLY\n    table: ClassVar[str] = 'notes'\n"
    "@dataclass\nclass Note(Base):\n    kind: Literal['a', 'b']\n    note: str | None\n    def f(self) -> None: ...\n",
    "class Note(TypedDict, total=False):\n    id: Required[int]\n"
    "    kind: Required[Literal['a', 'b']]\n    note: str\n",
    "# table: notes\n@dataclass\nclass Anything:\n    id: int\n    type: Literal['a', 'b']  # column: kind\n"
    "    # column: note\n    text: str | None\n    author: str  # not a column: from a join\n",
    "if TYPE_CHECKING:\n    import x\nelse:\n    @dataclass\n    class Note:\n        id: int\n"
    "        kind: Literal['a', 'b']\n        note: str | None\nraise SystemExit('it was run')\n",
]


@pytest.mark.parametrize("text", PYTHON)
def test_python_is_read(text: str) -> None:
    assert [finding for finding in python(NOTES, text) if finding.level != "warning"] == []
    assert {finding.rule for finding in python(OTHER_NOTES, text)} >= {"type", "values", "null"}


BROKEN = [
    ("interface Note {\n  id: number;\n", 3),
    ("type A = string;\ninterface Note { id: ; }", 2),
    ("interface Note {\n  id: number name: string\n}", 2),
    ("\n\n/* no end", 3),
    ("type A =\n  | 'a'\n  | ;", 3),
    ("const x = `\n${a\n", 1),
    ("function f() {\n  (]\n}", 2),
    (f"type A = {'(' * 5000}string;", 1),
    (f"type A = {'Array<' * 5000}string;", 1),
    ("interface A extends { b: string }\n", 2),
]


@pytest.mark.parametrize(("text", "line"), BROKEN)
def test_wrong_typescript_is_named_with_its_line(text: str, line: int) -> None:
    with pytest.raises(FileError) as refused:
        read_typescript(text, "m.ts")
    assert refused.value.where is not None
    assert (refused.value.where.path, refused.value.where.line) == ("m.ts", line)


@pytest.mark.parametrize("text", ["class Note\n", "x = (\n", "x = 1\n  y = 2\n", "(" * 3000, "-" * 100_000 + "1"])
def test_wrong_python_is_named(text: str) -> None:
    with pytest.raises(FileError, match=r"m\.py"):
        read_python(text, "m.py")


def test_columns_tables_and_models_of_one_side_alone() -> None:
    sql = """
        CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, old TEXT, seen TEXT, sorted TEXT,
            must TEXT NOT NULL);
        CREATE INDEX by_sorted ON notes (sorted);
        CREATE TABLE others (id INTEGER PRIMARY KEY);
        CREATE VIEW bodies AS SELECT id, body FROM notes;
    """
    text = """
        interface Note { id: number; body: string; text: string }
        interface Body { id: number; body: string }
        interface Tag { id: number; body: string; seen?: Shade }
        interface Shade { red: number }
        interface Options { limit: number; order: string; id: number }
        // table: nowhere
        interface Lost { id: number }
        // table: none
        interface Free { id: number }
    """
    query = "SELECT seen FROM notes"
    differences = {(f.level, f.rule, f.model, f.table, f.field or f.column) for f in typescript(sql, text, query)}
    assert differences == {
        ("error", "unknown field", "Note", "notes", "text"),
        ("warning", "dead column", "Note", "notes", "old"),
        ("warning", "column not in the model", "Note", "notes", "seen"),
        ("warning", "column not in the model", "Note", "notes", "sorted"),
        ("error", "column not in the model", "Note", "notes", "must"),
        ("error", "model without table", "Tag", "", ""),
        ("warning", "model without table", "Options", "", ""),
        ("error", "model without table", "Lost", "nowhere", ""),
        ("warning", "table without model", "", "others", ""),
    }
    silenced = text.replace(
        "interface Note", "// not in the model: old, seen, sorted; without a model: others\ninterface Note"
    )
    assert len(typescript(sql, silenced, query)) == len(differences) - 4


def test_models_for_reading_and_for_writing() -> None:
    sql = (
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, n INTEGER NOT NULL DEFAULT 0, note TEXT,"
        " size INTEGER AS (length(body)));"
    )
    row = "interface Note { id: number; body: string; n: number; note: string | null; size: number | null }\n"
    assert typescript(sql, row + "interface NewNote { body: string; n?: number; note?: string | null }") == []
    assert typescript(sql, row + "type NoteUpdate = Partial<Pick<Note, 'body' | 'note'>>") == []
    wrong = "interface NoteInsert { body?: string; n: number | null; size: number }"
    assert short(typescript(sql, row + wrong)) == ["error null", "error null", "error generated column"]
    assert short(typescript(sql, row + "interface CreateNoteRequest { note: string }")) == [
        "error column not in the model"
    ]
    assert short(typescript(sql, row + "interface NotePatch { body?: string | null }")) == ["error null"]


def test_a_field_may_hold_a_model_of_another_table_or_a_list_of_them() -> None:
    sql = "CREATE TABLE users (id INTEGER PRIMARY KEY); CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER);"
    text = """
        interface User { id: number; notes?: Note[] }
        interface Note { id: number; userId?: number; user: User | null }
        interface Database { users: User; notes: Note }
    """
    assert typescript(sql, text) == []


VIEWS = [
    ("SELECT id, body, note FROM notes", "id: number; body: string; note: string | null", []),
    ("SELECT id, body AS text, n.note FROM notes AS n", "id: number; text: string; note?: string", []),
    ("SELECT * FROM notes", "id: number; body: string; note: string | null", []),
    (
        "SELECT n.*, u.name FROM notes n JOIN users u ON u.id = n.id",
        "id: number; body: string; note?: string; name: string",
        [],
    ),
    ("SELECT * FROM (SELECT id, body FROM notes)", "id: number; body: string", []),
    ("SELECT id, note FROM notes", "id: number; note: string", ["error null"]),
    ("SELECT id, body FROM notes", "id: string; body: string | null", ["warning null", "error type"]),
    ("SELECT u.id, n.body FROM users u LEFT JOIN notes n ON n.id = u.id", "id: number; body: string", []),
    ("SELECT u.id, n.body FROM users u LEFT JOIN notes n ON n.id = u.id", "id: number; body: string | null", []),
    ("SELECT body, count(*) AS n FROM notes", "body: string | null; n: number", []),
    ("SELECT body, count(*) AS n FROM notes GROUP BY body", "body: string | null; n: number", ["warning null"]),
    ("SELECT id FROM notes UNION SELECT name FROM users", "id: number", []),
    ("SELECT id, body FROM deeper", "id: number; body: string", []),
    ("SELECT body FROM notes", "body: string; other: string", ["error unknown field"]),
]


@pytest.mark.parametrize(("select", "fields", "expected"), VIEWS)
def test_views_are_compared_by_what_they_pass_on(select: str, fields: str, expected: list[str]) -> None:
    sql = f"""
        CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, note TEXT);
        CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE VIEW deeper AS SELECT body, id FROM notes;
        CREATE VIEW things AS {select};
    """
    text = f"interface Thing {{ {fields} }} // without a model: notes, users"
    assert short(typescript(sql, text)) == expected


def test_a_base_that_is_not_known_is_said() -> None:
    sql = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);"
    assert short(typescript(sql, "interface Note extends Elsewhere { id: number }")) == ["note not compared"]
    assert short(python(sql, "@dataclass\nclass Note(Elsewhere):\n    id: int\n")) == ["note not compared"]


NAMES = [
    ("User", "users"), ("user", "users"), ("UserRow", "users"), ("DbUser", "users"), ("Memory", "memories"),
    ("MemoryEntity", "memories"), ("Entity", "entities"), ("Person", "people"), ("House", "houses"),
    ("Status", "statuses"),
    ("APIKey", "api_keys"), ("ApiKeys", "api_keys"), ("UserAddress", "userAddresses"), ("Box", "Boxes"),
    ("Nobody", None), ("Base", None),
]  # fmt: skip


@pytest.mark.parametrize(("model", "table"), NAMES)
def test_a_model_finds_its_table_by_name(model: str, table: str | None) -> None:
    tables = {name for _, name in NAMES if name}
    assert table_of(model, tables)[0] == table


def test_fields_find_their_columns_by_name() -> None:
    columns = ["user_id", "userid", "APIKey", "is_active2", "Name", "a_b", "ab"]
    names = ("userId", "userid", "api_key", "apiKey", "isActive2", "name", "aB", "ab", "none")
    assert [column_of(name, columns) for name in names] == [
        "user_id", "userid", "APIKey", "APIKey", "is_active2", "Name", "a_b", "ab", None,
    ]  # fmt: skip
    assert (camel("api_key_hash"), pascal("api_keys"), pascal("memories")) == ("apiKeyHash", "ApiKey", "Memory")


ODD = """
    CREATE TABLE "order" ("select" TEXT, "two words" INTEGER NOT NULL, userId TEXT, user_id TEXT, "class" INT DEFAULT 1,
        "it's */ odd" TEXT
        CHECK ("it's */ odd" IN ('a"b', 'c\\d', '😀')), "__x" REAL, "1st" BLOB, "é" ANY, f F32_BLOB(2),
        "int" INTEGER, "table: x" "column: y");
    CREATE TABLE orders (id INTEGER PRIMARY KEY, "order" INTEGER REFERENCES "order", d DATETIME NOT NULL DEFAULT 'now;
        column: z', up TEXT AS (upper(d)), j TEXT NOT NULL CHECK (json_valid(j)), n INT CHECK (n IN (1, 2.5)));
    CREATE TABLE none (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE " " (a); CREATE TABLE Date (a); CREATE TABLE insert_row (a);
    CREATE TABLE "order_insert" (a, b NOT NULL);
    CREATE VIEW v AS SELECT id, d, n + 1 FROM orders;
    CREATE VIRTUAL TABLE words USING fts5(text);
"""


@pytest.mark.parametrize("sql", [SNAPSHOT, ODD, ""], ids=["reference", "odd", "empty"])
def test_what_is_written_fits(sql: str) -> None:
    assert _round_trip(sql) == []
    schema = from_sql(sql)
    assert write_typescript(schema) == write_typescript(from_sql(sql))
    compile(write_python(schema), "m.py", "exec")


@pytest.mark.parametrize("seed", range(extent.number(30, 60)))
def test_what_is_written_for_a_random_schema_fits(seed: int) -> None:
    assert _round_trip(random_schemas.text(random_schemas.make(random.Random(seed)))) == []


def _round_trip(sql: str) -> list[str]:
    schema = from_sql(sql)
    python, typescript = write_python(schema), write_typescript(schema)
    sources: list[list[Source]] = [[read_python(python, "m.py")], [read_typescript(typescript, "m.ts")]]
    exec(compile(python, "m.py", "exec"), {"__name__": "typing"})
    return [f"{finding.rule}: {finding.message}" for of in sources for finding in compare(schema, of).findings]


def test_the_reference_project_fits_and_every_renamed_column_is_noticed() -> None:
    sources = [
        read_typescript((MODELS / "reference.ts").read_text(encoding="utf-8"), "reference.ts"),
        read_python((MODELS / "reference.py").read_text(encoding="utf-8"), "reference.py"),
    ]
    schema = from_sql(SNAPSHOT)
    comparison = compare(schema, sources)
    assert comparison.findings == ()
    modelled = {"users", "entities", "memories", "interactions", "api_usage_tracking"}
    assert {table for _, table in comparison.models} == modelled
    for table in sorted(modelled):
        sql = schema.tables[table].sql
        for column in schema.tables[table].columns:
            renamed = from_sql(re.sub(rf"\b{column.name}\b", "renamed", sql))
            findings = compare(renamed, sources).findings
            unknown = {
                finding.path for finding in findings if (finding.rule, finding.table) == ("unknown field", table)
            }
            assert unknown == {"reference.ts", "reference.py"}, column


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("models"))
    project.script("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, kind TEXT);")
    source = project.root / "src" / "app"
    source.mkdir(parents=True)
    (source / "kinds.ts").write_text("export type Kind = 'a' | 'b'; export interface Tag { id: string }\n")
    (source / "good.ts").write_text(
        "import type { Kind as K } from './kinds.js';\nexport interface Note { id: number; body: string; kind?: K }\n"
    )
    (source / "bad.ts").write_text("interface Note {\n  id: number;\n  body: number;\n  kind?: string }\n")
    (source / "broken.ts").write_text("interface Note {\n  id number }\n")
    (source / "latin.ts").write_bytes(b"// caf\xe9\n")
    (source / "words.txt").write_text("Note")
    (source / "code.ts").write_text("export const x = 1;\n")
    (source / "__init__.py").write_text("from .models import Note\n")
    (source / "index.ts").write_text("export * from './good';\nexport { type Note } from './good.js'\n")
    (source / "models.py").write_text(
        "from dataclasses import dataclass\nfrom .kinds import Kind as K\n\nopen('it was run', 'w')\n\n\n"
        "@dataclass\nclass Note:\n    id: int\n    body: str\n    kind: K | None\n"
    )
    (source / "kinds.py").write_text("from typing import Literal\nKind = Literal['a']\n")
    return project


def test_check_names_files_modules_and_what_it_found(project: Project) -> None:
    project.run("schema.check", "src/app/good.ts").expect(
        0, "1 model and 3 fields of 1 file against", "everything fits"
    )
    project.run("schema.check", "--models", "app.models", "--models", "src/app/good.ts").expect(0, "2 models")
    project.run("schema.check", "src/app/index.ts", "--models", "app").expect(0, "2 models and 6 fields of 4 files")
    assert not (project.root / "it was run").exists()
    project.run("schema.check", "src/app/bad.ts").expect(1, "src/app/bad.ts:3: error: type: Note.body is number")
    report = project.run("schema.check", "src/app/bad.ts", "--json").expect(1).json()
    assert (report["ok"], report["errors"], report["findings"][0]["line"]) == (False, 1, 3)
    assert report["models"] == [{"model": "Note", "table": "notes"}]
    project.configure("[memsql]\ndatabase = memory.db\nmodels = src/app/good.ts\n")
    project.run("schema.check", "--strict").expect(0)
    project.configure("[memsql]\ndatabase = memory.db\n")


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        ((), 2, "no models are named"),
        (("nowhere.ts",), 2, "there is no such file, folder or module"),
        (("src/app/words.txt",), 2, "not a .py or .ts file"),
        (("src/app/broken.ts",), 2, "at: src/app/broken.ts:2"),
        (("src/app/latin.ts",), 2, "is not UTF-8"),
        (("src/app/code.ts",), 2, "there are no models in src/app/code.ts"),
        (("migrations",), 2, "the folder holds no Python and no TypeScript"),
        (("src/app/good.ts", "--of", "nothing"), 2, "no such source of a schema"),
        (("src/app/good.ts", "--database", "none.db"), 3, "does not exist"),
    ],
)
def test_check_says_what_is_wrong(project: Project, words: tuple[str, ...], code: int, part: str) -> None:
    project.run("schema.check", *words).expect(code, part)


def test_types_are_written_and_checked(project: Project) -> None:
    for name in ("out.ts", "out.py"):
        project.run("schema.types", "--output", name).expect(0, f"wrote {name}")
        project.run("schema.check", name, "--strict").expect(0)
    printed = project.run("schema.types", "--format", "python").expect(0).out
    assert printed == (project.root / "out.py").read_text(encoding="utf-8")
    assert "class Note" in json.loads(project.run("schema.types", "--format", "python", "--json").out)["python"]
    project.run("schema.types", "--tables", "nothing").expect(2, "there is no table nothing")
    project.run("schema.types", "--format", "cobol").expect(2, "there is no such format")
    Path(project.root / "out.ts").unlink()


def test_the_text_of_jsx_hides_no_interface() -> None:
    text = (
        "export const A = () => <p>{1}</p> /* it's */;\nconst B = () => {\n return <p>it's (a) { } @x/*</p> }\n"
        "export interface Note { id: number; body: string }\n"
    )
    source = read_typescript(text, "m.tsx")
    assert [declaration.name for declaration in source.declarations] == ["Note"]


def test_a_misspelt_field_names_the_column_that_is_meant() -> None:
    sql = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body_text TEXT);"
    effects = {f.rule: f.effect for f in typescript(sql, "interface Note { id: number; bodyTxt: string }")}
    assert effects["unknown field"].startswith("did you mean body_text?")
