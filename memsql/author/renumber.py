"""Gives migrations other numbers where two branches took the same: with all that names them, proven to be usable."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from memsql import git, hints
from memsql.author.renumber_choice import Move, Rules, Sides, doubles, late_moves, named_moves
from memsql.author.renumber_files import Contents
from memsql.config import Settings
from memsql.db import connection
from memsql.engine.state import State, read_state
from memsql.errors import ConnectError, FileError, Location, LockedError, Refused, UsageError
from memsql.legacy.eras import era_files
from memsql.project import foreign, plan
from memsql.project.files import SUM_NAME, Migration, SqlFile, lf, parse_file_name, raw_bytes
from memsql.project.folded import ASIDE
from memsql.project.load import Project, in_order
from memsql.project.renaming import renamed_in_comments
from memsql.project.skeletons import is_new_check, new_check
from memsql.project.sums import refuse_edited, sum_text
from memsql.project.versions import renamed, stems, timestamp, version_of
from memsql.storage import regular

_BOM = b"\xef\xbb\xbf"
_NEEDS = re.compile(r"(?m)^(\s*--\s*needs\s*:\s*)(\d+)(?=\s*$)")
_CONFLICT = re.compile(rb"(?m)^<{7} ")


@dataclass(frozen=True, slots=True)
class Renumbering:
    """What gets other names: migrations (``moves``) and ``files`` by their paths as messages show them. ``changed`` are
    other files whose text follows.

    ``applied`` are the former ids that the database has, whose ledger will follow; ``late`` the migrations that then
    come before one that it has. ``unseen``: why the database could not be asked. ``before`` and ``after`` are for
    renumber_files.exchange().
    """

    moves: tuple[Move, ...]
    files: Mapping[str, str]
    changed: tuple[str, ...]
    applied: tuple[str, ...]
    late: tuple[str, ...]
    unseen: str
    before: Contents
    after: Contents


@dataclass(frozen=True, slots=True)
class _Base:
    """The branch to compare with: its name, the ids of its migrations, the paths of all its files below migrations and
    sql, and the ids of those that the working tree has from it."""

    name: str
    ids: tuple[str, ...]
    paths: frozenset[str]
    merged: frozenset[str]


def renumber(settings: Settings, words: str | None, *, to: int | None, base_name: str | None) -> Renumbering | None:
    """Plan it; reads only. ``words``: what to move, None for whatever the base ``base_name`` makes move.

    None where nothing has to move. Raises UsageError where it is not clear what is to move, FileError where a file
    cannot be used, Refused where a database would lose track of what it applied.
    """
    shown = settings.show(settings.migrations)
    try:
        names = foreign.names_in(settings.migrations, shown)
    except OSError as e:
        raise FileError(f"the migrations folder {shown} cannot be read: {e.strerror}") from None
    there = stems(names)
    base = _find_base(settings, base_name, names, needed=words is None or base_name is not None)
    sides = _sides(there, base)
    raw = {settings.migrations / name: raw_bytes(settings.migrations / name, f"{shown}/{name}") for name in names}
    old = {name: _migration(settings, name, name, raw) for name in there}
    refuse_edited(settings.migrations, old.values(), shown)
    least = timestamp(datetime.now(UTC)) if settings.timestamps else 0
    if words is not None:
        moves = named_moves(sides, words, to, {name: m.depends for name, m in old.items()}, least)
    elif to is not None:
        raise UsageError("--to goes with the migration that is to move", state="nothing was changed")
    else:
        moves = late_moves(sides, Rules(least, late=settings.out_of_order))
    if not moves:
        return None
    mapping = {move.former: move.id for move in moves}
    _refuse_unfit(settings, mapping, old, there)
    before, after = _exchanged(settings, mapping, old, raw=raw, base=base)
    ids = [mapping.get(name, name) for name in there]
    _refuse_doubles(ids)
    texts = {path: data for path, data in {**raw, **after}.items() if data is not None}
    new = in_order([_migration(settings, name, name, texts) for name in stems(f"{i}.sql" for i in ids)])
    sums = settings.migrations / SUM_NAME
    before[sums] = regular.read_bytes(sums) if sums.is_file() else None
    after[sums] = sum_text(sorted(new, key=lambda m: m.version)).encode()
    state, unseen = _ledger(Project(settings, new))
    applied, late = ((), ()) if state is None else _outlook(state, mapping)
    return Renumbering(
        tuple(moves),
        {settings.show(a): settings.show(b) for a, b in _renames(settings, mapping, before, after).items()},
        tuple(settings.show(p) for p, data in after.items() if data is not None and before[p] is not None),
        applied,
        late,
        unseen,
        before,
        after,
    )


def _find_base(settings: Settings, name: str | None, names: Collection[str], *, needed: bool) -> _Base | None:
    """The base. None where there is none to compare with and it is not ``needed``."""
    try:
        repository = git.find_repository(
            settings.root, f"say which one is to move: {hints.command('migrate.renumber VERSION_name')}"
        )
        base = git.find_base(repository, name)
    except UsageError:
        if needed:
            raise
        return None
    folder = f"{repository.prefix}{settings.show(settings.migrations)}"
    sql = f"{repository.prefix}{settings.show(settings.sql)}"
    tip = git.files_in(repository, base.tip, folder)
    start = git.files_in(repository, base.start, folder)
    ids = tuple(stems(path.rpartition("/")[2] for path in tip if path.rpartition("/")[0] == folder))
    # In the middle of a merge the branches have not met yet, but the files have.
    has_merged = base.tip in (base.start, repository.commit("MERGE_HEAD"))
    merged = []
    for stem in stems(names):
        path = f"{folder}/{stem}.sql"
        if path in start or (path in tip and (has_merged or _is_same(settings, repository, stem, tip[path]))):
            merged.append(stem)
    paths = {*tip, *git.files_in(repository, base.tip, sql)}
    paths = {path.removeprefix(repository.prefix) for path in paths}
    return _Base(base.name, ids, frozenset(paths), frozenset(merged))


def _is_same(settings: Settings, repository: git.Repository, stem: str, blob: str) -> bool:
    data = git.contents(repository, [blob])[blob]
    return _normal(data) == _normal(regular.read_bytes(settings.migrations / f"{stem}.sql"))


def _sides(there: list[str], base: _Base | None) -> Sides:
    if base is None:
        return Sides(tuple(there))
    return Sides(tuple(there), tuple(n for n in there if n not in base.merged), base.ids, base.name)


def _normal(data: bytes) -> bytes:
    return lf(data.removeprefix(_BOM))


def _migration(settings: Settings, stem: str, id_: str, data: Mapping[Path, bytes]) -> Migration:
    shown = settings.show(settings.migrations)

    def file(name: str) -> SqlFile | None:
        content = data.get(settings.migrations / name)
        return None if content is None else SqlFile(f"{shown}/{name}", name, _normal(content))

    up = file(f"{stem}.sql")
    assert up is not None
    if _CONFLICT.search(up.data):
        raise FileError(
            f"{up.path} has the marks of a conflict of git, so nobody knows what it is to do",
            where=Location(up.path),
            state="nothing was changed",
            hint="put the file of the base there (git checkout --theirs or --ours), yours beside it under another name",
        )
    return Migration(version_of(stem) or 0, stem.partition("_")[2], id_, up, file(f"{stem}.rollback.sql"))


def _refuse_unfit(
    settings: Settings, mapping: Mapping[str, str], old: Mapping[str, Migration], there: Collection[str]
) -> None:
    """Raise Refused for what cannot get another number."""
    for name in mapping:
        if old[name].stands_for:
            raise Refused(
                f"{name} stands for migrations that were folded into it, and databases find it by its number",
                where=Location(old[name].up.path),
                state="nothing was changed",
                hint="move the other one",
            )
    kept = {old[name].version for name in there if name not in mapping}
    versions = {old[name].version for name in mapping} - kept
    for era, file in era_files(settings):
        if versions.intersection(era.counts_as):
            raise Refused(
                f"the era {era.name} counts as {sorted(versions.intersection(era.counts_as))[0]}",
                where=Location(file.path),
                state="nothing was changed",
                hint="write the new number there first, or move the other one",
            )


def _refuse_doubles(ids: Iterable[str]) -> None:
    twins = doubles(list(ids))
    if twins:
        raise UsageError(
            f"{' and '.join(twins)} would still have one version",
            state="nothing was changed",
            hint="say which one is to move: "
            + " or ".join(hints.command(f"migrate.renumber {name}") for name in twins),
        )


def _exchanged(
    settings: Settings,
    mapping: Mapping[str, str],
    old: Mapping[str, Migration],
    *,
    raw: Mapping[Path, bytes],
    base: _Base | None,
) -> tuple[dict[Path, bytes | None], dict[Path, bytes | None]]:
    """The files that change, before and after it."""
    moved: list[tuple[Path, Path, bytes, bytes]] = []
    for stem, migration in old.items():
        if stem not in mapping and not set(mapping).intersection(migration.depends):
            continue
        for file in filter(None, (migration.up, migration.down)):
            path = settings.migrations / file.name
            target = path.with_name(file.name.replace(stem, mapping.get(stem, stem), 1))
            moved.append((path, target, raw[path], _followed(raw[path], mapping)))
    for path in _sql_files(settings):
        data = raw_bytes(path, settings.show(path))
        target = _check_target(settings, path, mapping, old=old, base=base)
        text = _with_needs(settings, path, _followed(data, mapping), mapping, old=old, base=base)
        if target != path and is_new_check(path.stem, _normal(data)):
            text = new_check(target.stem).encode()
        if target != path or text != data:
            moved.append((path, target, data, text))
    before: dict[Path, bytes | None] = {target: None for _, target, _, _ in moved}
    before.update({path: data for path, _, data, _ in moved})
    # A file may take the name that another one leaves.
    after: dict[Path, bytes | None] = dict.fromkeys((path for path, _, _, _ in moved))
    for _, target, _, text in moved:
        if after.get(target) is not None or (before[target] is None and target.exists()):
            raise FileError(f"{settings.show(target)} is there already", state="nothing was changed")
        after[target] = text
    return before, {path: after[path] for path in before}


def _followed(data: bytes, mapping: Mapping[str, str]) -> bytes:
    text = data.decode("utf-8", "surrogateescape")
    return renamed_in_comments(text, mapping).encode("utf-8", "surrogateescape")


def _sql_files(settings: Settings) -> list[Path]:
    """The files below sql in which a migration may be named; not what memsql writes, and not what was folded."""
    if not settings.sql.is_dir():
        return []
    files = [path for path in sorted(settings.sql.rglob("*.sql")) if path.is_file() and not path.is_symlink()]
    aside = settings.sql / ASIDE
    return [path for path in files if path != settings.sql / "schema.sql" and not path.is_relative_to(aside)]


def _owner(
    settings: Settings, path: Path, version: int, *, old: Mapping[str, Migration], base: _Base | None
) -> str | None:
    """The migration with ``version`` to which the file ``path`` belongs. None where there is none, or where nothing
    tells which of several."""
    owners = [name for name, migration in old.items() if migration.version == version]
    if len(owners) == 1:
        return owners[0]
    if path.stem in owners:
        return path.stem
    if base is None:
        return None
    is_old = settings.show(path) in base.paths
    sides = [name for name in owners if (name in base.merged) == is_old]
    return sides[0] if len(sides) == 1 else None


def _check_target(
    settings: Settings, path: Path, mapping: Mapping[str, str], *, old: Mapping[str, Migration], base: _Base | None
) -> Path:
    """The path that a file below sql gets: another one where it is the check of what moves."""
    parsed = parse_file_name(path.name) if path.parent == settings.sql / "checks" else None
    if parsed is None or parsed.version not in {version_of(name) for name in mapping}:
        return path
    owner = _owner(settings, path, parsed.version, old=old, base=base)
    if owner is None:
        raise UsageError(
            f"nothing tells whose check {settings.show(path)} is: two migrations have its number",
            where=Location(settings.show(path)),
            state="nothing was changed",
            hint="name the base with --base, or call the check as its migration is called",
        )
    return path if owner not in mapping else path.with_name(renamed(path.name, version_of(mapping[owner]) or 0))


def _with_needs(
    settings: Settings,
    path: Path,
    data: bytes,
    mapping: Mapping[str, str],
    *,
    old: Mapping[str, Migration],
    base: _Base | None,
) -> bytes:
    """``data``, the text of the step ``path`` of the smoke test, with the new number behind ``needs``."""
    if path.parent != settings.sql / "smoke":
        return data

    def follow(match: re.Match[str]) -> str:
        owner = _owner(settings, path, int(match[2]), old=old, base=base)
        return match[0] if owner is None or owner not in mapping else match[1] + mapping[owner].partition("_")[0]

    return _NEEDS.sub(follow, data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _renames(settings: Settings, mapping: Mapping[str, str], before: Contents, after: Contents) -> dict[Path, Path]:
    """The files that get other names, in the order of the migrations."""
    names: dict[Path, Path] = {}
    for former, id_ in mapping.items():
        for ending in (".sql", ".rollback.sql"):
            path, target = settings.migrations / f"{former}{ending}", settings.migrations / f"{id_}{ending}"
            if before.get(path) is not None and after.get(target) is not None:
                names[path] = target
    versions = {version_of(former): version_of(id_) or 0 for former, id_ in mapping.items()}
    for path in before:
        version = version_of(path.name)
        if path.parent == settings.sql / "checks" and version in versions and before[path] is not None:
            target = path.with_name(renamed(path.name, versions[version]))
            if after.get(target) is not None and target != path:
                names[path] = target
    return names


def _ledger(project: Project) -> tuple[State | None, str]:
    """What the database says about the new names; None, and why, where it could not be asked."""
    target = project.settings.target
    if target.is_missing:
        return None, ""
    try:
        with connection(target, "ro", project.settings.busy_timeout) as conn:
            return read_state(project, conn), ""
    except (ConnectError, LockedError) as e:
        return None, e.message


def _outlook(state: State, mapping: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of the former ids are applied, and which migrations are late afterwards. Raises Refused where the ledger
    could not follow."""
    applied = [name for name in mapping if name in (state.ledger.yoyo or {})]
    follows = {status.former for status in state.statuses}
    stuck = [name for name in applied if name not in follows]
    problems = [s for s in state.statuses if s.state == plan.MISSING and s.id in stuck]
    if stuck:
        raise Refused(
            f"{', '.join(stuck)} is applied to {state.project.settings.target}, whose ledger could not follow",
            details=tuple(f"{s.id}: {s.note}" for s in problems),
            state="nothing was changed",
            hint="bring the text back that was applied, or roll it back there with the files from before the merge "
            f"(git switch, then {hints.command('migrate.down')}), and run this again",
        )
    late = tuple(s.id for s in state.statuses if s.state == plan.OUT_OF_ORDER)
    return tuple(applied), late
