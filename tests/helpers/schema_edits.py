"""Edits of the schema in edited_schema.py, each as somebody would make it in sql/schema.sql."""

from __future__ import annotations

from edited_schema import edit

_END_OF_POSTS = "    rank INTEGER\n);"
_POSTS_FTS = "fts5(title, body, content='posts', content_rowid='id')"
EDITS = [
    edit(
        "add_column",
        (_END_OF_POSTS, "    rank INTEGER,\n    extra TEXT\n);"),
        text=("ALTER TABLE posts ADD COLUMN extra TEXT;",),
    ),
    edit(
        "add_not_null_column",
        (_END_OF_POSTS, "    rank INTEGER,\n    extra TEXT NOT NULL DEFAULT 'x'\n);"),
        text=("ADD COLUMN extra",),
    ),
    edit(
        "add_column_in_the_middle",
        ("    nick TEXT,\n", "    nick TEXT,\n    city TEXT, -- where\n"),
        text=("ADD COLUMN city TEXT;",),
    ),
    edit(
        "add_reference",
        (_END_OF_POSTS, "    rank INTEGER,\n    editor INTEGER REFERENCES users (id)\n);"),
        text=("ADD COLUMN editor",),
    ),
    edit(
        "add_column_with_check",
        (_END_OF_POSTS, "    rank INTEGER,\n    n INTEGER DEFAULT 1 CHECK (n > 0)\n);"),
        text=("ADD COLUMN n",),
    ),
    edit(
        "add_column_with_time",
        (_END_OF_POSTS, "    rank INTEGER,\n    made TEXT DEFAULT CURRENT_TIMESTAMP\n);"),
        rebuilt="posts",
    ),
    edit(
        "add_column_with_expression",
        (_END_OF_POSTS, "    rank INTEGER,\n    made TEXT DEFAULT (1 + 1)\n);"),
        rebuilt="posts",
    ),
    edit("add_unique_column", (_END_OF_POSTS, "    rank INTEGER,\n    slug TEXT UNIQUE\n);"), rebuilt="posts"),
    edit(
        "add_generated_column",
        (_END_OF_POSTS, "    rank INTEGER,\n    twice INTEGER AS (rank * 2)\n);"),
        text=("ADD COLUMN twice",),
    ),
    edit(
        "add_stored_column",
        (_END_OF_POSTS, "    rank INTEGER,\n    twice INTEGER AS (rank * 2) STORED\n);"),
        rebuilt="posts",
    ),
    edit("change_generated_column", ("AS (w * h)", "AS (w * h * 2)"), rebuilt="areas"),
    edit("generated_becomes_plain", (" AS (w * h)", ""), rebuilt="areas", lost=(("areas", "area"),)),
    edit(
        "plain_becomes_generated",
        ("amount INTEGER, kind", "amount INTEGER AS (length(kind)), kind"),
        rebuilt="plain",
        lost=(("plain", "amount"),),
    ),
    edit("drop_column", (", label TEXT", ""), lost=(("tree", "label"),), text=("ALTER TABLE tree DROP COLUMN label;",)),
    edit(
        "drop_indexed_column",
        (",\n    rank INTEGER\n", "\n"),
        ("CREATE INDEX posts_rank ON posts (rank);\n", ""),
        lost=(("posts", "rank"),),
        text=("DROP INDEX posts_rank;", "ALTER TABLE posts DROP COLUMN rank;"),
    ),
    edit(
        "drop_not_null_column",
        ("name TEXT NOT NULL, size", "size"),
        lost=(("firm", "name"),),
        text=("DROP COLUMN name",),
    ),
    edit(
        "drop_unique_column",
        ("    email TEXT NOT NULL UNIQUE,\n", ""),
        ("SELECT id, email, nick", "SELECT id, nick"),
        (
            "INSERT INTO users (email, nick, age) VALUES (new.email, new.nick, 18)",
            "INSERT INTO users (nick) VALUES (new.nick)",
        ),
        rebuilt="users",
        lost=(("users", "email"),),
    ),
    edit(
        "drop_checked_column",
        ("    state TEXT DEFAULT 'new' CHECK (state IN ('new', 'done')),\n", ""),
        ("CREATE INDEX posts_done ON posts (user_id) WHERE state = 'done';\n", ""),
        lost=(("posts", "state"),),
        text=("DROP COLUMN state",),
    ),
    edit(
        "rename_column",
        ("    nick TEXT,", "    handle TEXT, -- renamed from: nick"),
        ("users (nick)", "users (handle)"),
        ("SELECT id, email, nick FROM users", "SELECT id, email, handle AS nick FROM users"),
        ("users (email, nick, age)", "users (email, handle, age)"),
        text=("ALTER TABLE users RENAME COLUMN nick TO handle;",),
    ),
    edit(
        "rename_key_column",
        (
            "CREATE TABLE tree (id INTEGER PRIMARY KEY,",
            "CREATE TABLE tree (\n-- renamed from: id\nnode INTEGER PRIMARY KEY,",
        ),
        ("REFERENCES tree (id)", "REFERENCES tree (node)"),
        text=("RENAME COLUMN id TO node",),
    ),
    edit(
        "rename_referred_column",
        (
            "    id INTEGER PRIMARY KEY AUTOINCREMENT,",
            "    uid INTEGER PRIMARY KEY AUTOINCREMENT, -- renamed from: id\n   ",
        ),
        ("REFERENCES users (id)", "REFERENCES users (uid)"),
        ("SELECT id, email", "SELECT uid AS id, email"),
        text=("RENAME COLUMN id TO uid",),
    ),
    edit(
        "rename_and_retype",
        ("    age INT,", "    years TEXT, -- renamed from: age"),
        ("age > 17", "years > 17"),
        ("nick, age)", "nick, years)"),
        rebuilt="users",
    ),
    edit(
        "rename_indexed_text",
        ("    body TEXT,", "    content TEXT, -- renamed from: body"),
        (_POSTS_FTS, "fts5(title, content, content='posts', content_rowid='id')"),
        ("title, body)", "title, content)"),
        ("new.body", "new.content"),
        ("old.body", "old.content"),
        text=("fts_rebuild: posts_fts",),
    ),
    edit(
        "swap_columns",
        ("(w INTEGER, h INTEGER,", "(h INTEGER, -- renamed from: w\n w INTEGER, -- renamed from: h\n"),
        rebuilt="areas",
    ),
    edit(
        "rename_table",
        ("CREATE TABLE tree (", "-- renamed from: tree\nCREATE TABLE forest ("),
        ("REFERENCES tree", "REFERENCES forest"),
        text=("ALTER TABLE tree RENAME TO forest;",),
    ),
    edit(
        "rename_referred_table",
        ("CREATE TABLE users (", "CREATE TABLE people ( -- renamed from: users"),
        ("REFERENCES users", "REFERENCES people"),
        ("ON users", "ON people"),
        ("FROM users", "FROM people"),
        ("INTO users", "INTO people"),
        text=("ALTER TABLE users RENAME TO people;",),
    ),
    edit(
        "rename_and_rebuild_table",
        ("CREATE TABLE hen (", "-- renamed from: hen\nCREATE TABLE hens ("),
        ("REFERENCES hen ", "REFERENCES hens "),
        ("hens (id)", "hens (id)"),
        ("name TEXT);\nCREATE TABLE egg", "name TEXT DEFAULT 'h');\nCREATE TABLE egg"),
        rebuilt="hens",
    ),
    edit(
        "rename_indexed_table",
        ("CREATE TABLE posts (", "-- renamed from: posts\nCREATE TABLE articles ("),
        ("ON posts", "ON articles"),
        ("FROM posts", "FROM articles"),
        ("content='posts'", "content='articles'"),
        text=("fts_rebuild: posts_fts",),
    ),
    edit("retype_column", ("    age INT,", "    age TEXT,"), rebuilt="users"),
    edit("retype_to_number", ("amount INTEGER, kind TEXT", "amount INTEGER, kind INTEGER"), rebuilt="plain"),
    edit(
        "add_not_null",
        ("    title TEXT,", "    title TEXT NOT NULL,"),
        rebuilt="posts",
        text=("Fails where title is NULL",),
    ),
    edit(
        "add_not_null_with_default",
        ("    body TEXT,", "    body TEXT NOT NULL DEFAULT 'none',"),
        rebuilt="posts",
        lost=(("posts", "body"), ("posts_fts", "body")),
        text=("coalesce(body, 'none')",),
    ),
    edit("remove_not_null", ("name TEXT NOT NULL, size", "name TEXT, size"), rebuilt="firm"),
    edit("add_default", ("    rank INTEGER\n", "    rank INTEGER DEFAULT 3\n"), rebuilt="posts"),
    edit("change_default", ("REAL DEFAULT 1.5", "REAL DEFAULT 2.5"), rebuilt="users"),
    edit("remove_default", ("REAL DEFAULT 1.5", "REAL"), rebuilt="users"),
    edit("add_check", (_END_OF_POSTS, "    rank INTEGER,\n    CHECK (rank > -5)\n);"), rebuilt="posts"),
    edit("change_check", ("IN ('new', 'done')", "IN ('new', 'done', 'gone')"), rebuilt="posts"),
    edit("remove_check", (" CHECK (state IN ('new', 'done'))", ""), rebuilt="posts"),
    edit("add_reference_to_column", ("post INTEGER)", "post INTEGER REFERENCES posts (id))"), rebuilt="audit"),
    edit("remove_reference", (" REFERENCES users (id) ON DELETE CASCADE", ""), rebuilt="posts"),
    edit("change_reference", ("ON DELETE CASCADE", "ON DELETE RESTRICT"), rebuilt="posts"),
    edit("add_unique", ("    title TEXT,", "    title TEXT UNIQUE,"), rebuilt="posts"),
    edit(
        "add_composite_unique", (_END_OF_POSTS, "    rank INTEGER,\n    UNIQUE (user_id, title)\n);"), rebuilt="posts"
    ),
    edit("remove_unique", ("NOT NULL UNIQUE", "NOT NULL"), rebuilt="users"),
    edit("collate", ("    title TEXT,", "    title TEXT COLLATE NOCASE,"), rebuilt="posts"),
    edit(
        "composite_key",
        (
            "code TEXT PRIMARY KEY, amount INTEGER, kind TEXT",
            "code TEXT, amount INTEGER, kind TEXT, PRIMARY KEY (code, kind)",
        ),
        rebuilt="plain",
    ),
    edit(
        "add_key", ("(what TEXT, post INTEGER)", "(id INTEGER PRIMARY KEY, what TEXT, post INTEGER)"), rebuilt="audit"
    ),
    edit(
        "key_moves",
        ("(code TEXT PRIMARY KEY, amount INTEGER,", "(code TEXT, amount INTEGER, id INTEGER PRIMARY KEY,"),
        rebuilt="plain",
    ),
    edit("remove_autoincrement", (" AUTOINCREMENT", ""), rebuilt="users"),
    edit(
        "add_autoincrement",
        (
            "CREATE TABLE posts (\n    id INTEGER PRIMARY KEY",
            "CREATE TABLE posts (\n    id INTEGER PRIMARY KEY AUTOINCREMENT",
        ),
        rebuilt="posts",
    ),
    edit("strict", ("kind TEXT);", "kind TEXT) STRICT;"), rebuilt="plain"),
    edit("not_strict", (" STRICT", ""), rebuilt="firm"),
    edit("without_rowid", ("kind TEXT);", "kind TEXT) WITHOUT ROWID;"), rebuilt="plain", lost=(("plain", "_rowid"),)),
    edit("with_rowid", (" WITHOUT ROWID", ""), rebuilt="kv"),
    edit(
        "add_index",
        ("CREATE INDEX posts_rank", "CREATE INDEX posts_title ON posts (title);\nCREATE INDEX posts_rank"),
        text=("CREATE INDEX posts_title",),
    ),
    edit(
        "add_unique_index",
        ("CREATE INDEX posts_rank", "CREATE UNIQUE INDEX posts_title ON posts (title);\nCREATE INDEX posts_rank"),
    ),
    edit("drop_index", ("CREATE INDEX posts_rank ON posts (rank);\n", ""), text=("DROP INDEX posts_rank;",)),
    edit("change_partial_index", ("WHERE state = 'done'", "WHERE state = 'new'"), text=("DROP INDEX posts_done;",)),
    edit("change_expression_index", ("lower(title)", "upper(title)")),
    edit(
        "rename_index",
        ("CREATE INDEX posts_rank", "-- renamed from: posts_rank\nCREATE INDEX posts_by_rank"),
        text=("DROP INDEX posts_rank;",),
    ),
    edit(
        "drop_index_of_rebuilt",
        ("CREATE INDEX posts_rank ON posts (rank);\n", ""),
        ("DEFAULT 'new' ", "DEFAULT 'done' "),
        rebuilt="posts",
        text=("DROP INDEX posts_rank;",),
    ),
    edit(
        "add_trigger",
        (
            "CREATE TRIGGER posts_audit",
            "CREATE TRIGGER users_audit AFTER DELETE ON users BEGIN\n"
            "    INSERT INTO audit (what) VALUES ('gone; END');\nEND;\nCREATE TRIGGER posts_audit",
        ),
    ),
    edit(
        "change_trigger", ("VALUES ('insert', new.id)", "VALUES ('added', new.id)"), text=("DROP TRIGGER posts_audit;",)
    ),
    edit(
        "drop_trigger",
        (
            "CREATE TRIGGER posts_audit AFTER INSERT ON posts BEGIN\n"
            "    INSERT INTO audit (what, post) VALUES ('insert', new.id);\nEND;\n",
            "",
        ),
    ),
    edit("change_instead_of_trigger", ("new.nick, 18)", "new.nick, 21)"), text=("DROP TRIGGER active_insert;",)),
    edit(
        "add_view",
        (
            "CREATE VIEW active_posts",
            "CREATE VIEW roots AS SELECT * FROM tree WHERE parent IS NULL;\nCREATE VIEW active_posts",
        ),
    ),
    edit("change_view", ("age > 17", "age > 20"), text=("DROP VIEW active;",)),
    edit(
        "drop_view",
        ("CREATE VIEW active_posts AS SELECT p.id, a.nick FROM posts AS p JOIN active AS a ON a.id = p.user_id;\n", ""),
    ),
    edit(
        "add_fts_column",
        (_POSTS_FTS, "fts5(title, body, state, content='posts', content_rowid='id')"),
        ("title, body)", "title, body, state)"),
        ("new.body)", "new.body, new.state)"),
        ("old.body)", "old.body, old.state)"),
        text=("-- fts_rebuild: posts_fts",),
    ),
    edit(
        "add_fts_column_of_new_column",
        (_END_OF_POSTS, "    rank INTEGER,\n    extra TEXT UNIQUE\n);"),
        (_POSTS_FTS, "fts5(title, body, extra, content='posts', content_rowid='id')"),
        ("title, body)", "title, body, extra)"),
        ("new.body)", "new.body, new.extra)"),
        ("old.body)", "old.body, old.extra)"),
        rebuilt="posts",
        text=("-- fts_rebuild: posts_fts",),
    ),
    edit(
        "change_tokenizer",
        ("content_rowid='id')", "content_rowid='id', tokenize='porter')"),
        text=("-- fts_rebuild: posts_fts",),
    ),
    edit(
        "add_fts_table",
        (
            "CREATE VIRTUAL TABLE docs",
            """CREATE VIRTUAL TABLE tree_fts USING fts5(label, content='tree', content_rowid='id');
CREATE TRIGGER tree_i AFTER INSERT ON tree BEGIN
    INSERT INTO tree_fts (rowid, label) VALUES (new.id, new.label);
END;
CREATE TRIGGER tree_d AFTER DELETE ON tree BEGIN
    INSERT INTO tree_fts (tree_fts, rowid, label) VALUES ('delete', old.id, old.label);
END;
CREATE TRIGGER tree_u AFTER UPDATE ON tree BEGIN
    INSERT INTO tree_fts (tree_fts, rowid, label) VALUES ('delete', old.id, old.label);
    INSERT INTO tree_fts (rowid, label) VALUES (new.id, new.label);
END;
CREATE VIRTUAL TABLE docs""",
        ),
        text=("-- fts_rebuild: tree_fts",),
    ),
    edit("add_column_to_own_fts", ("fts5(head, text)", "fts5(head, text, tail)"), rebuilt="docs"),
    edit(
        "drop_own_fts",
        ("CREATE VIRTUAL TABLE docs USING fts5(head, text);\n", ""),
        lost=(("docs", ""),),
        text=("-- Loses the rows of docs", "DROP TABLE docs;"),
    ),
    edit(
        "add_table",
        (
            "CREATE TABLE audit",
            "CREATE TABLE tags (post INTEGER REFERENCES posts (id), tag TEXT);\n"
            "CREATE INDEX tags_tag ON tags (tag);\nCREATE TABLE audit",
        ),
    ),
    edit(
        "drop_table",
        ("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID;\n", ""),
        lost=(("kv", ""),),
        text=("DROP TABLE kv;",),
    ),
    edit(
        "drop_parent_table",
        ("CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INTEGER REFERENCES egg (id), name TEXT);\n", ""),
        (" REFERENCES hen (id)", ""),
        rebuilt="egg",
        lost=(("hen", ""), ("egg", "hen")),
    ),
    edit(
        "rebuild_both_that_refer_to_each_other",
        ("egg (id), name TEXT", "egg (id), name TEXT DEFAULT 'h'"),
        ("hen (id), name TEXT", "hen (id), name TEXT DEFAULT 'e'"),
        rebuilt="hen,egg",
    ),
    edit("rebuild_self_reference", ("label TEXT", "label TEXT DEFAULT 'x'"), rebuilt="tree"),
    edit("rebuild_odd_names", ("[b c] INTEGER", "[b c] INTEGER DEFAULT 4"), rebuilt="odd table"),
    edit(
        "rename_odd_names",
        ("`select` TEXT", '"from" TEXT -- renamed from: "select"\n'),
        ("[b c] INTEGER", '"d ""e" INTEGER -- renamed from: [b c]\n'),
        ('("b c" DESC)', '("d ""e" DESC)'),
        text=('RENAME COLUMN "b c" TO "d ""e"',),
    ),
    edit(
        "everything_at_once",
        ("    nick TEXT,", "    handle TEXT NOT NULL DEFAULT 'anon', -- renamed from: nick"),
        ("users (nick)", "users (handle)"),
        ("SELECT id, email, nick FROM users", "SELECT id, email, handle AS nick FROM users"),
        ("users (email, nick, age)", "users (email, handle, age)"),
        ("    title TEXT,", "    title TEXT NOT NULL,"),
        ("kind TEXT);", "kind TEXT, extra TEXT) STRICT;"),
        ("v TEXT) WITHOUT ROWID", "v TEXT)"),
        ("CREATE INDEX posts_rank ON posts (rank);\n", ""),
        rebuilt="users,posts,plain,kv",
        lost=(("users", "nick"),),
    ),
]
