"""What is wrong with a command line that Invoke cannot read, and what may have been meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Sequence
from itertools import dropwhile

from invoke import ParseError

from memsql import hints
from memsql.errors import UsageError
from memsql.tasks.command_line import MemsqlTask, all_names
from memsql.tasks.loading import namespace


def problem(error: ParseError, program: str, words: Sequence[str], names: set[str]) -> UsageError:
    """Return what is wrong with the command line ``words`` of ``program``, and what may have been meant.

    ``names``: the names of the tasks that were loaded for it.
    """
    import shlex

    from memsql.config import redact
    from memsql.tasks import spelling

    see = f"see: {program} {_help_for(error, words, names)}"
    match = re.fullmatch(r"No idea what '(.*)' is!", str(error), re.DOTALL)
    unknown = match[1] if match else ""
    if unknown.startswith("-"):
        meant = spelling.meant_option(unknown, _options_at(error, words, names))
    else:
        before, after = _beside(words, unknown)
        meant = spelling.meant(unknown, names | all_names(namespace()), before=before, after=after) if unknown else ()
    if meant and not unknown.startswith("-") and unknown in dropwhile(lambda word: word != "--", words):
        line = [word for word in spelling.corrected(words, unknown, meant[0]) if word != "--"]
        return UsageError(
            f"{error} Behind -- stand the options of the task before it, and {meant[0]} is another task",
            hint=f"{see}, or type: {program} {redact(shlex.join(line))}",
        )
    if not meant:
        return UsageError(str(error), hint=see)
    if len(meant) == 1:
        see += f", or type: {program} {redact(shlex.join(spelling.corrected(words, unknown, meant[0])))}"
    return UsageError(f"{error} Did you mean {' or '.join(meant)}?", hint=see)


def _beside(words: Sequence[str], unknown: str) -> tuple[str, str]:
    """Return the words before and behind ``unknown``; each is empty where there is none, or an option."""
    if unknown not in words:
        return "", ""
    place = words.index(unknown)
    beside = (words[place - 1] if place else "", words[place + 1] if place + 1 < len(words) else "")
    before, after = ("" if word.startswith("-") else word for word in beside)
    return before, after


def _options_at(error: ParseError, words: Sequence[str], names: Container[str]) -> Sequence[str]:
    """Return the options that may stand where ``error`` happened: those of the last task, if it is one of ours."""
    if error.context is not None:
        return list(error.context.flags)
    task = next((word for word in reversed(words) if word in names), None)
    if task is None:
        return ()
    named = namespace([task])[task]
    return sorted(named.options()) if isinstance(named, MemsqlTask) else ()


def _help_for(error: ParseError, words: Sequence[str], names: set[str]) -> str:
    """Return the options that explain ``error``: ``--help TASK``, or ``--list``. ``names``: all names of tasks."""
    task = error.context.name if error.context is not None and error.context.name else None
    group = re.fullmatch(r"No idea what '(.*)' is!", str(error), re.DOTALL)
    if task is None and group and any(name.startswith(f"{group[1]}.") for name in names | all_names(namespace())):
        return f"--list {group[1]}"
    if task is None:
        # The parser does not say behind which task it met an unknown word.
        unknown = next((n for n, word in enumerate(words) if f"'{word.partition('=')[0]}'" in str(error)), 0)
        task = next((word for word in reversed(words[:unknown]) if word in names), None)
    return f"--help {task}" if task else "--list"


_LIST_FORMATS = ("flat", "nested", "json")


def list_problem(group: object, form: str, groups: Collection[str]) -> UsageError | None:
    """Return what is wrong with ``--list``: an unknown format, or a ``group`` that is none of ``groups``; None where
    nothing is. ``group`` is True where all tasks are asked for."""
    if form not in _LIST_FORMATS:
        return UsageError(f"--list-format {form}: not one of {', '.join(_LIST_FORMATS)}")
    if isinstance(group, str) and group not in groups:
        from difflib import get_close_matches

        near = get_close_matches(group, sorted(groups), 2)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        return UsageError(f"there is no group of tasks {group}.{meant}", hint=f"see: {hints.command('--list')}")
    return None
