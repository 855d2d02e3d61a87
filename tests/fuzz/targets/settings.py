"""The settings of a project: setup.cfg, pyproject.toml and .env, read as a command does before it opens anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memsql.config import DEFAULTS, Settings, load
from memsql.errors import UsageError
from tests.fuzz.target import Grammar, Repeated, Target, scratch_folder

_VALUES = [
    "memory.db", "", "5s", "24h", "0", "9999999999999999999999", "yes", "no", "libsql://host.example",
    "http://127.0.0.1:8080", "file:a.db", "sqlite:///a.db", "libsql://u:p@h?authToken=x", "https://[::1",
    "http://h:99999999", "1_000", "1.5", "nan", "inf", "-1", "a b 'c d'", "'", '"', "\\", "%(x)s", "${X}", "é",
    "\x1b[2J", "TURSO_AUTH_TOKEN", "1A", "sqlite>=3.40, turso", ":memory:", "wss://h", "foo://h", "//", "http://",
    "libsql://h?tls=2", "memsql+http://h", "x" * 300, "9" * 5000, "*.sql", "http://h?a=%", "http://\u2100",
    "http://h/\u0000", "²", "٣s", "/", "~", ".", "..", "file:", "sqlite://", "http://h:x", "1e3",
]  # fmt: skip
_SETUP: Grammar = {
    "start": ["[memsql]\n", "[memsql]\n<lines>", "[memsql]\n<lines><section>", "<lines><start>", "<start><junk>"],
    "section": [
        "[memsql:production]\n<lines>",
        "[memsql:]\n<lines>",
        "[memsql:a]\n<lines><section>",
        "[DEFAULT]\n<lines>",
        "[x]\n<lines>",
    ],
    "lines": ["", "<line>\n<lines>", "<line>\r\n<lines>"],
    "line": [
        "<key> = <value>",
        "<key>: <value>",
        "<key>",
        " <value>",
        "# words",
        "; words",
        "<key>=<value>\n  <value>",
        "[memsql]",
        "",
    ],
    "key": [*DEFAULTS, "nonsense", "DATABASE", "é"],
    "value": _VALUES,
    "junk": ["[", "]", "=", "\0", "\ufeff", "[[", "\v", "%", "\n[memsql]"],
}
_TOML: Grammar = {
    "start": [
        "[tool.memsql]\n", "[tool.memsql]\n<lines>", "[tool.memsql]\n<lines><section>", "<lines><start>",
        "<start><junk>",
    ],
    "section": [
        "[tool.memsql.production]\n<lines>", "[tool.memsql.\"\"]\n<lines>", "[tool.other]\n<lines>",
        "[[tool.memsql.a]]\n<lines>",
    ],
    "lines": ["", "<line>\n<lines>"],
    "line": [
        "<key> = <value>", "# words", "<key>.a = <value>", "'<key>' = <value>", "production = <value>", "tool = 1",
    ],
    "key": [*DEFAULTS, "nonsense", "\"é\""],
    "value": [
        "1", "true", "0.5", "inf", "nan", "1e400", "9" * 5000, "0x7f", "[]", "{}", "1979-05-27", "07:32:00",
        "'<text>'", '"<text>"', "[<value>, <value>]", "{a = <value>}", "'''\n<text>'''", "[<value>", '"\\u0000"',
        '"\\ud800"', '["<text>"]', '["a b", "c"]',
    ],
    "text": [value for value in _VALUES if "'" not in value and '"' not in value and "\0" not in value],
    "junk": ["[", "]", "=", "\0", "\ufeff", "[[", "\r", "[tool.memsql]", "tool.memsql.x = 1"],
}  # fmt: skip
_DOTENV: Grammar = {
    "start": ["TURSO_URL=a.db\n", "<line>\n<start>", "<line>\r\n", "<start><start>", "<line>"],
    "line": [
        "<key>=<value>", "export <key>=<value>", "<key> = <value>", "<key>", "# words", "<key>='<value>'",
        '<key>="<value>"', "", "'<key>'=<value>", "=<value>",
    ],
    "key": ["TURSO_URL", "TURSO_AUTH_TOKEN", "MEMSQL_ENV", "A", "é", "a b", "export", "\0"],
    "value": [
        *_VALUES, "production", "${TURSO_URL}", "${A:-x}", "$A", "\\n", "\\x", "\\u12", '\\"', "${A", "a # b", "\n",
        "\\N{DASH}", "\\777",
    ],
}  # fmt: skip


def _reads(name: str, beside: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        with scratch_folder() as folder:
            (folder / name).write_bytes(data)
            if beside:
                (folder / "setup.cfg").write_text(beside, encoding="utf-8")
            for env in (None, "production"):
                settings = _load(folder, env)
                if settings is not None:
                    _is_sound(settings, folder)

    return run


def _load(folder: Path, env: str | None) -> Settings | None:
    try:
        return load(project=str(folder), env=env, environ={})
    except UsageError:
        return None


def _is_sound(settings: Settings, folder: Path) -> None:
    assert settings.root == folder
    assert settings.busy_timeout >= 0
    assert settings.backup_max_age >= 0
    assert isinstance(settings.protected, bool)
    # Each can be looked at.
    folders = [settings.migrations, settings.sql, settings.backups, settings.runs]
    assert all(isinstance(folder.is_dir(), bool) for folder in folders)
    assert isinstance(settings.target.is_missing, bool)
    assert (settings.target.path is None) != (settings.target.url is None)
    token = settings.target.token
    if token is not None and len(token) > 8:
        assert token not in repr(settings)
        assert token not in str(settings.target)


def _work(name: str, beside: str = "") -> Callable[[str], object]:
    def work(text: str) -> object:
        with scratch_folder() as folder:
            (folder / name).write_text(text, encoding="utf-8", newline="")
            if beside:
                (folder / "setup.cfg").write_text(beside, encoding="utf-8")
            return _load(folder, None)

    return work


_PROMISES = "raises ConfigError or UsageError alone, and shows no token of what it reads"
TARGETS = [
    Target(
        "setup_cfg",
        _PROMISES,
        _reads("setup.cfg", ""),
        _SETUP,
        work=_work("setup.cfg"),
        growing=[
            Repeated("[memsql:{}]\n", "[memsql]\n"),
            Repeated(" a\n", "[memsql]\nmodels = a\n"),
            Repeated("\n", "[memsql]\nmodels = a\n", " b"),
            Repeated(", ", "[memsql]\nmodels = "),
            Repeated("9", "[memsql]\nserver_copy_rows = "),
            Repeated("9", "[memsql]\nbusy_timeout = "),
            Repeated(" ", "[memsql]\nbusy_timeout = 1", "x"),
            Repeated("=", "[memsql]\ndatabase "),
        ],
    ),
    Target(
        "pyproject",
        _PROMISES,
        _reads("pyproject.toml", ""),
        _TOML,
        work=_work("pyproject.toml"),
        growing=[
            Repeated("'a', ", "[tool.memsql]\nmodels = [", "]"),
            Repeated("[", "[tool.memsql]\nmodels = "),
            Repeated("# a\n", "[tool.memsql]\n"),
            Repeated("9", "[tool.memsql]\nslow_query_ms = "),
        ],
    ),
    Target(
        "dotenv",
        _PROMISES,
        _reads(".env", "[memsql]\n[memsql:production]\ndatabase = production.db\n"),
        _DOTENV,
        work=_work(".env", "[memsql]\n"),
        growing=[
            Repeated("A=a\n"),
            Repeated("${A}", "A=", "\n"),
            Repeated("\\", "A='"),
            Repeated("'", "A="),
            Repeated("\n", "A"),
            Repeated(" ", "A", "b"),
            Repeated("export "),
        ],
    ),
]
