"""How help and the list of tasks look, which task help is wanted of, and which tasks a project has no use for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from invoke import Collection

from memsql.errors import MemsqlError
from memsql.tasks.command_line import MemsqlTask, all_names

FLAGS = ("--help", "-h")
_WORD = "help"
_WIDEST = 120
_GAP = 3


def topic(words: Sequence[str], tasks: Collection) -> str | bool | None:
    """Return what help is wanted of by ``words``, those behind the program's own options: a name, True where it is the
    program, None where none is wanted, or where the task is somebody else's and Invoke sees to it.

    ``help TASK`` and ``TASK … --help`` ask for it; ``--help`` is never a value, so that it never makes a file.
    """
    names = all_names(tasks)
    if words and words[0] == _WORD and _WORD not in names:
        named = [word for word in words[1:] if word not in FLAGS]
        return named[0] if named else True
    task, needs_value = None, False
    for word in words:
        if word in FLAGS:
            return task if task is not None and isinstance(tasks[task], MemsqlTask) else None
        if needs_value and not word.startswith("-"):
            needs_value = False
        elif word in names:
            task, named_task = word, tasks[word]
            needs_value = isinstance(named_task, MemsqlTask) and named_task.required_option() is not None
    return None


def useful(tasks: Collection, folder: Path) -> Collection:
    """Return ``tasks`` without those of memsql that mean nothing in ``folder``: those for work on memsql itself, and
    those for databases of former releases where the project describes none."""
    audiences = {None, *_audiences(folder)}
    kept = Collection(tasks.name) if tasks.name else Collection()
    for name, task in tasks.tasks.items():
        if getattr(task, "audience", None) in audiences:
            kept.add_task(task, name, aliases=tuple(task.aliases), default=name == tasks.default)
    for name, group in tasks.collections.items():
        part = useful(group, folder)
        if part:
            kept.add_collection(part, name, default=name == tasks.default)
    return kept


def _audiences(folder: Path) -> set[str]:
    from memsql import config

    try:
        settings = config.load(project=str(folder))
    except MemsqlError:
        return set()
    is_ours = all((settings.root / part).exists() for part in ("memsql/tasks", "benchmarks", "tests", "setup.cfg"))
    has_legacy = any((settings.sql / "legacy").glob("*.sql"))
    return {name for name, applies in (("developers", is_ours), ("legacy", has_legacy)) if applies}


def columns(pairs: Sequence[tuple[str, str | None]], indent: int) -> list[str]:
    """Return the lines of names and explanations side by side, as wide as the terminal; below one another where that is
    too narrow for both."""
    import textwrap

    width = _width()
    left = max(len(name) for name, _ in pairs) + indent + _GAP
    beside = width - left >= 30
    lines: list[str] = []
    for name, explanation in pairs:
        room = max(20, width - (left if beside else indent * 3) - 1)
        parts = textwrap.wrap(explanation or "", room)
        if beside:
            first = (" " * indent + name).ljust(left) + (parts.pop(0) if parts else "")
            lines += [first.rstrip(), *(" " * left + part for part in parts)]
        else:
            lines += [" " * indent + name, *(" " * indent * 3 + part for part in parts)]
    return lines


def paragraphs(text: str, indent: int) -> list[str]:
    """Return the lines of ``text`` indented and broken where the terminal ends; examples stay line by line."""
    import textwrap

    room = max(20, _width() - indent)
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        rows = paragraph.split("\n")
        runs_on = not any(row.startswith((" ", "Example")) for row in rows)
        for row in [" ".join(rows)] if runs_on else rows:
            hanging = " " * (len(row) - len(row.lstrip()))
            lines += textwrap.wrap(row, room, subsequent_indent=hanging, replace_whitespace=False) or [""]
        lines.append("")
    return [f"{' ' * indent}{line}".rstrip() for line in lines[:-1]]


def _width() -> int:
    import shutil

    return max(40, min(shutil.get_terminal_size().columns, _WIDEST))
