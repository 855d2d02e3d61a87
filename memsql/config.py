"""Settings: where the project is, which database to use, and how.

The project is the nearest folder upwards with settings of memsql (see memsql.settings_file). The database is the one
of the command line, or else of the environment section ``[memsql:NAME]``, or else of TURSO_URL, or else of
``[memsql]``. Where MEMSQL_ENV and TURSO_URL name two of them, neither is taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from memsql import extensions, hints, setting_values, settings_file, token_rules
from memsql.address import file_in, refuse_pattern, refuse_scheme, refuse_word
from memsql.errors import ConfigError, ConnectError, Location, UsageError
from memsql.token_rules import STRICT, TokenRules

SERVER_SCHEMES = frozenset({"libsql", "http", "https", "ws", "wss"})
DEFAULTS = {
    "migrations": "migrations",
    "sql": "sql",
    "database": "memory.db",
    "backups": "backups",
    "busy_timeout": "5000",
    "protected": "no",
    "backup_max_age": "24h",
    "check_timeout": "",
    "rehearsal_timeout": "",
    "server_copy_rows": "",
    "lock_budget": "",
    "slow_query_ms": "100",
    "notify": "",
    "runs": "",
    "token_variable": "TURSO_AUTH_TOKEN",
    "insecure": "no",
    "trust_base_url": "",
    "target": "",
    "queries": "",
    "price_rows_read": "",
    "models": "",
    "engine": "",
    "extensions": "",
    "versions": "sequential",
    "out_of_order": "no",
    "seeds": "",
}
# The value of ?tls= that agrees with the scheme.
_TLS = {"http": "0", "ws": "0", "https": "1", "wss": "1"}


@dataclass(frozen=True, slots=True)
class Target:
    """A database: a file (``path``) or a server (``url`` without secrets, and its ``token``). ``display`` is what
    messages call it. ``token_rules``: where the token may go."""

    path: Path | None = None
    url: str | None = None
    token: str | None = field(default=None, repr=False)
    display: str = ""
    token_rules: TokenRules = STRICT

    def __str__(self) -> str:
        return self.display

    @property
    def is_server(self) -> bool:
        return self.url is not None

    @property
    def is_missing(self) -> bool:
        """Whether it is a file that is not there."""
        return self.path is not None and not os.path.exists(self.path)

    def expect_file(self) -> None:
        """Raise ConnectError where it is a file that is not there."""
        if self.is_missing:
            hint = f"check --database, --env and TURSO_URL; a new database is made by: {hints.command('migrate.up')}"
            raise ConnectError(f"{self} does not exist", hint=hint)

    @property
    def identity(self) -> str:
        """A text that is equal for every name of the same database: an absolute path, or host and path of a URL."""
        if self.path is not None:
            return os.path.realpath(self.path)
        parts = urlsplit(self.url or "")
        return f"{parts.netloc}{parts.path}".rstrip("/").lower()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a task needs before it opens a connection. Times are in milliseconds. ``runs`` is the folder of the
    reports of chains. ``notify`` is the command that hears of changes, as the words of its command line; none means
    that nobody does. ``environments`` are the names of all of them in setup.cfg. ``engines`` is the setting
    ``target``, the engines on which the SQL is to run (see memsql.targets). ``queries`` are patterns of files of an
    application that hold queries. ``price_rows_read`` is what a billion rows read cost; None where nobody pays.
    ``lock_budget``: for how long a migration may hold the write lock without a warning; None for any time.
    ``models`` are the files, folders and modules of the models in source code.
    ``rehearsal_timeout``: for how long a dry run may run; None for any time. ``opening``: how files are opened.
    ``overruled`` is the database that the settings name where TURSO_URL chose another one. ``timestamps``: new
    migrations are numbered by the clock. ``out_of_order``: those that come before an applied one are applied too.
    ``seeds`` is the folder below sql/seeds whose files insert the first rows; "" for none.
    ``own_folders``: the section of the environment names migrations or sql."""

    root: Path
    migrations: Path
    sql: Path
    backups: Path
    runs: Path
    target: Target
    env: str | None
    busy_timeout: int
    protected: bool
    backup_max_age: int
    check_timeout: int = setting_values.CHECK_MS
    server_copy_rows: int = setting_values.SERVER_COPY_ROWS
    slow_query_ms: int = 100
    lock_budget: int | None = None
    notify: tuple[str, ...] = ()
    token_variable: str = "TURSO_AUTH_TOKEN"
    token_rules: TokenRules = STRICT
    environments: tuple[str, ...] = ()
    engines: str = ""
    queries: tuple[str, ...] = ()
    price_rows_read: float | None = None
    models: tuple[str, ...] = ()
    rehearsal_timeout: int | None = None
    opening: extensions.Choice = extensions.NONE
    overruled: str = ""
    timestamps: bool = False
    out_of_order: bool = False
    seeds: str = ""
    own_folders: bool = False

    def show(self, path: Path) -> str:
        """``path`` relative to the project folder, as a person there would write it."""
        try:
            return str(path.relative_to(self.root))
        except ValueError:
            return str(path)


def find_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards whose setup.cfg has a ``[memsql]`` section, or whose pyproject.toml has
    ``[tool.memsql]``.

    Raises ConfigError where there is none, or where a folder has both.
    """
    return settings_file.find(start)


def defaults(root: Path) -> Settings:
    """The settings of a folder that is no project yet: those of a section without a line, whatever the environment
    says."""
    values = DEFAULTS
    target = Target(path=root / values["database"], display=values["database"])
    return Settings(
        root=root,
        migrations=root / values["migrations"],
        sql=root / values["sql"],
        backups=root / values["backups"],
        runs=root / values["backups"] / "runs",
        target=target,
        env=None,
        busy_timeout=setting_values.duration("busy_timeout", values["busy_timeout"]),
        protected=False,
        backup_max_age=setting_values.duration("backup_max_age", values["backup_max_age"]),
    )


def load(
    *,
    project: str | None = None,
    env: str | None = None,
    database: str | None = None,
    insecure: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read setup.cfg, .env and the environment into Settings.

    ``project`` is a folder, ``env`` the name of a ``[memsql:NAME]`` section, ``database`` a path or
    URL; each may be None. ``insecure``: the token may go unencrypted. Raises ConfigError or UsageError.
    """
    environ = os.environ if environ is None else environ
    if project is not None and not Path(project).is_dir():
        raise UsageError(f"--project {project}: there is no such folder")
    root = find_root(Path(project).absolute() if project else Path.cwd())
    variables = {**settings_file.read_dotenv(root), **environ}
    is_typed, env = env is not None, env or variables.get("MEMSQL_ENV") or None
    file = settings_file.read(root)
    values, has_address = _values(file, env)
    environments = file.environments
    token, url = _token(root, values, variables), variables.get("TURSO_URL", "")
    if database is not None:
        origin, text, base = "--database", database, Path.cwd()
    elif env is None and url:
        origin, text, base = "TURSO_URL", url, root
    else:
        origin, text, base = "database", values["database"], root
    rules = token_rules.from_settings(values["insecure"], values["trust_base_url"], typed=insecure)
    target = replace(parse_target(text, base, token), token_rules=rules)
    own_folders = env is not None and not {"migrations", "sql"}.isdisjoint(file.sections[env])
    if env is not None and own_folders:
        hints.use_folders(env)
    if target.path is not None:
        if not is_url(text):
            refuse_word(text, target.display, base, environments, origin=origin)
        refuse_pattern(text, target.display, target.path, origin=origin)
    if database is None and env is not None and url:
        # A variable that was set for this command is newer than what .env says for all of them.
        is_newer = environ.get("MEMSQL_ENV") and not environ.get("TURSO_URL")
        if not (has_address and (is_typed or is_newer)):
            chosen_by = "--env " if is_typed else "MEMSQL_ENV="
            _refuse_other(target, env, url, root, chosen_by=chosen_by, has_address=has_address)
    return Settings(
        root=root,
        migrations=root / values["migrations"],
        sql=root / values["sql"],
        backups=root / values["backups"],
        runs=root / (values["runs"] or f"{values['backups']}/runs"),
        target=target,
        env=env,
        busy_timeout=setting_values.duration("busy_timeout", values["busy_timeout"]),
        protected=setting_values.boolean("protected", values["protected"]),
        backup_max_age=setting_values.duration("backup_max_age", values["backup_max_age"]),
        check_timeout=setting_values.check_timeout(values["check_timeout"], on_server=target.is_server),
        server_copy_rows=setting_values.rows("server_copy_rows", values["server_copy_rows"]),
        slow_query_ms=setting_values.duration("slow_query_ms", values["slow_query_ms"]),
        lock_budget=setting_values.lock_budget(values["lock_budget"], on_server=target.is_server),
        notify=setting_values.command("notify", values["notify"]),
        token_variable=values["token_variable"],
        token_rules=rules,
        environments=tuple(environments),
        engines=values["target"],
        queries=tuple(re.split(r"[\s,]+", values["queries"].strip())) if values["queries"].strip() else (),
        price_rows_read=setting_values.price("price_rows_read", values["price_rows_read"]),
        models=tuple(word for word in re.split(r"[,\s]+", values["models"]) if word),
        opening=extensions.read(values["engine"], values["extensions"], root),
        rehearsal_timeout=setting_values.rehearsal_timeout(values["rehearsal_timeout"]),
        timestamps=setting_values.timestamps("versions", values["versions"]),
        out_of_order=setting_values.boolean("out_of_order", values["out_of_order"]),
        seeds=setting_values.folder_name("seeds", values["seeds"]),
        own_folders=own_folders,
        overruled=_overruled(target, values["database"], root) if origin == "TURSO_URL" and has_address else "",
    )


def migration_folders(root: Path) -> tuple[str, ...]:
    """For each folder of migrations that the settings in ``root`` name, the first environment that has it; "" is the
    settings outside of the environments, which count where their folder is there or no other is named. Folders of
    folded migrations are none of a database."""
    file = settings_file.read(root)
    base = {**DEFAULTS, **file.sections.get("", {})}
    folders: dict[str, str] = {}
    for env in ("", *file.environments):
        values = {**base, **file.sections.get(env, {})}
        if "squashed" not in Path(values["migrations"]).parts:
            folders.setdefault(os.path.normpath(root / values["migrations"]), env)
    names = [env for folder, env in folders.items() if env or os.path.isdir(folder)]
    return tuple(names) or ("",)


def named_target(settings: Settings, text: str, *, origin: str) -> Target:
    """The database that ``text``, the value of the option ``origin``, names beside ``settings``, with the token of the
    variable that they name. Raises UsageError for what is no database."""
    token = {**settings_file.read_dotenv(settings.root), **os.environ}.get(settings.token_variable) or None
    target = replace(parse_target(text, Path.cwd(), token), token_rules=settings.token_rules)
    if target.path is not None:
        if not is_url(text):
            refuse_word(text, target.display, Path.cwd(), settings.environments, origin=origin)
        refuse_pattern(text, target.display, target.path, origin=origin)
    return target


def _overruled(target: Target, text: str, root: Path) -> str:
    """``text``, the database of the settings, without secrets, where it is another one than ``target``; else ""."""
    try:
        other = parse_target(text, root)
    except UsageError:
        return redact(text)
    return "" if other.identity == target.identity else str(other)


def _refuse_other(target: Target, env: str, url: str, root: Path, *, chosen_by: str, has_address: bool) -> None:
    """Raise UsageError where ``url``, the text of TURSO_URL, names another database than ``target``.

    ``chosen_by``: what chose ``env``, the environment of ``target``: "MEMSQL_ENV=" or "--env ". ``has_address``:
    whether its section of setup.cfg names ``target``.
    """
    if url.strip().casefold() == env.casefold():
        return
    try:
        if parse_target(url, root).identity == target.identity:
            return
    except UsageError:
        # What it means is no matter: it is not what would be used.
        pass
    this = (
        f"--env {env}"
        if has_address
        else f"`database = …` in the section {hints.section(env)} of {hints.settings_file()}"
    )
    raise UsageError(
        f"{chosen_by}{env} and TURSO_URL={redact(url)} name two databases: {target} and {redact(url)}",
        state="nothing was changed",
        hint=f"for {target} write {this}, for the other one --database {redact(url)}; or unset one of the two "
        "variables, as with MEMSQL_ENV= or TURSO_URL= in front of the command",
    )


def parse_target(text: str, base: Path, token: str | None = None) -> Target:
    """The database that ``text`` names: a path (literal, relative to ``base``), ``sqlite:///path``, ``file:path`` or a
    server's URL.

    A token inside the URL is removed from it and used in place of ``token``. Raises UsageError for an unknown scheme.
    """
    name = file_in(text.removeprefix("memsql+"), base)
    if name is not None:
        return Target(path=base / name, display=name)
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        if text in ("", ":memory:"):
            raise UsageError(f"{text!r} is no database that a later command could find", hint="give a file name")
        if re.match(r"(?i)(?:libsql|https?|wss?):", text):
            # As a file name it would be created, with the token in its name.
            raise UsageError(f"{redact(text)} is no URL: two slashes follow the colon")
        refuse_scheme(text, base)
        return Target(path=base / text, display=redact(text) if "authToken" in text else text)
    scheme = scheme.lower().removeprefix("memsql+")
    if scheme not in SERVER_SCHEMES:
        raise UsageError(
            f"{scheme}:// is no kind of database that memsql knows",
            hint="a path, sqlite:///path, file:path, libsql://, https://, http://, wss:// or ws://",
        )
    return _server(scheme, rest, token)


def redact(text: str, token: str | None = None) -> str:
    """``text`` with the secrets of a URL, and ``token``, replaced by ``***``."""
    if token:
        text = text.replace(token, "***")
    text = re.sub(r"(?i)((?:auth_?token|token|jwt|password|api_?key)=)[^&\s#'\"]+", r"\1***", text)
    return re.sub(r"(//)[^/\s@]+@", r"\1***@", text)


def _server(scheme: str, rest: str, token: str | None) -> Target:
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{redact(f'{scheme}://{rest}')} is no URL: host or port cannot be read") from None
    if not host:
        raise UsageError(
            f"{redact(f'{scheme}://{rest}')}: there is no host in this URL",
            hint="write libsql://HOST or http://HOST:PORT",
        )
    token, tls = parts.password or token, ""
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key == "authToken":
            token = value or token
        elif key != "tls":
            # Without the value, which may be a token under a wrong key.
            raise UsageError(f"a libSQL URL has no parameter {key!r}", hint="there are: authToken, tls")
        elif value not in ("0", "1") or value != _TLS.get(scheme, value):
            raise UsageError(
                f"?tls={value} does not go with {scheme}://", hint="libsql://HOST:PORT?tls=0 is without TLS"
            )
        else:
            tls = f"tls={value}"
    token = (token or "").strip() or None
    if token and not (token.isascii() and token.isprintable()):
        raise UsageError("the token holds a character that no token has, such as a line break")
    url = urlunsplit((scheme, parts.netloc.rpartition("@")[2], parts.path, tls, ""))
    return Target(url=url, token=token, display=url)


def _token(root: Path, values: Mapping[str, str], variables: Mapping[str, str]) -> str | None:
    """The token in the variable that the setting token_variable names."""
    name = values["token_variable"]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        # Without the value, which may be the token itself.
        raise ConfigError(
            "token_variable is not the name of an environment variable",
            where=Location(str(root / hints.settings_file())),
            hint="name the variable that holds the token, such as PRODUCTION_TOKEN; not the token itself",
        )
    return variables.get(name) or None


def _values(file: settings_file.SettingsFile, env: str | None) -> tuple[dict[str, str], bool]:
    """The settings of ``env`` by their names, and whether its own section names a database."""
    values = dict(DEFAULTS)
    for name in ("",) if env is None else ("", env):
        if name not in file.sections:
            known = ", ".join(file.environments)
            raise ConfigError(
                f"there is no environment {env!r}: {file.name} has no {hints.section(env or '')} section",
                hint=f"known environments: {known}" if known else f"add the section to {file.name}",
            )
        for key, value in file.sections[name].items():
            if key not in DEFAULTS:
                raise ConfigError(
                    f"unknown setting {key!r} in {hints.section(name)}",
                    where=file.where,
                    hint="settings are: " + ", ".join(DEFAULTS),
                )
            values[key] = value
    # A word for one database must not open the way to another one.
    values["insecure"] = file.sections[env or ""].get("insecure", DEFAULTS["insecure"])
    return values, "database" in file.sections[env or ""]


def is_url(text: str) -> bool:
    """Whether ``text``, the address of a database, is a URL: of a server, or ``file:`` or ``sqlite:``."""
    return "://" in text or re.match(r"(?i)(?:file|sqlite):", text) is not None
