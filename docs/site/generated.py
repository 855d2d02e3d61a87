"""The pages of the reference, made of the code that they are about: tasks, exit codes, JSON, rules, the Python API."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import memsql
from memsql import errors
from memsql.errors import MemsqlError
from memsql.lint import RULES
from memsql.report.outcome import JSON_VERSION
from memsql.tasks import ns
from memsql.tasks.command_line import MemsqlTask
from memsql.tasks.task import DATABASE_OPTIONS, OUTPUT_OPTIONS

SCHEMAS = Path(__file__).resolve().parents[1] / "json"
CHAPTERS = {
    "Getting in": ("init", "import"),
    "Migrations": ("migrate", "seed"),
    "Proof": ("verify", "smoke"),
    "Pull requests": ("lint", "check", "review"),
    "Backups": ("backup",),
    "Full-text search": ("fts",),
    "Schema": ("schema",),
    "Operation": ("monitor", "maintain"),
    "Performance": ("analyze", "bench"),
    "Legacy databases": ("legacy",),
}
"""The chapters of the page of tasks, each with the first words of the names of its tasks. The others are in "More"."""

_SHARED = (*DATABASE_OPTIONS, *OUTPUT_OPTIONS)
_OF_EVERY_OBJECT = frozenset({"memsql_json", "ok", "command", "error"})
_TYPES: Mapping[str, str] = {"string": "text", "integer": "int", "boolean": "bool"}


def pages() -> dict[str, str]:
    """Every page, by its path below docs/."""
    return {
        "reference/index.md": INDEX,
        "reference/tasks.md": "\n".join(_tasks()),
        "reference/exit-codes.md": "\n".join(_exit_codes()),
        "reference/json.md": "\n".join(_json()),
        "reference/rules.md": "\n".join(_rules()),
        "reference/api.md": "\n".join(_api()),
    }


INDEX = """# Reference

| page | |
|---|---|
| [Tasks](tasks.md) | every task of `memsql` and `invoke` with its options |
| [Command line](../cli.md) | what holds for all tasks: words, options, environments, chains |
| [Exit codes](exit-codes.md) | what a script can tell from them, and the exceptions behind them |
| [JSON](json.md) | the fields of `--json` of each task, and their schemas |
| [Settings](../settings.md) | every key of setup.cfg and pyproject.toml |
| [File formats](../formats.md) | migrations, directives, checks, queries, checksums, byte for byte |
| [Rules](rules.md) | what `lint` and `review` find |
| [Python API](api.md) | `import memsql` |

Tasks, exit codes, JSON, rules and the API are made of the code whenever the site is built.
"""


def documented() -> dict[str, MemsqlTask]:
    """The tasks that are of use outside the repository of memsql, by name."""
    tasks = {name: ns[name] for name in ns.task_names}
    return {
        name: task for name, task in tasks.items() if isinstance(task, MemsqlTask) and task.audience != "developers"
    }


def _tasks() -> Iterator[str]:
    tasks = documented()
    yield "# Tasks\n"
    yield "`memsql TASK` anywhere, `invoke TASK` in a project with a `tasks.py`. [Command line](../cli.md) has what"
    yield "holds for all of them, [JSON](json.md) the fields of `--json`.\n"
    yield "## Common options\n"
    yield "Each task names those of them that it takes.\n"
    common = {argument.name: argument for argument in tasks["verify"].get_arguments()}
    yield from _options([common[name] for name in _SHARED])
    for chapter, names in _by_chapter(tasks).items():
        yield f"\n## {chapter}"
        for name in names:
            yield f"\n### {name}\n"
            yield from _task(name, tasks[name])


def _by_chapter(tasks: Mapping[str, MemsqlTask]) -> dict[str, list[str]]:
    chapters = {
        chapter: [name for name in tasks if name.partition(".")[0] in words] for chapter, words in CHAPTERS.items()
    }
    named = {name for names in chapters.values() for name in names}
    rest = [name for name in tasks if name not in named]
    return chapters | ({"More": rest} if rest else {})


def _task(name: str, task: MemsqlTask) -> Iterator[str]:
    arguments = task.get_arguments()
    own = [argument for argument in arguments if argument.name not in _SHARED]
    common = [name for name in _SHARED if name in {argument.name for argument in arguments}]
    if ns.task_names[name]:
        yield f"Also {', '.join(f'`{alias}`' for alias in ns.task_names[name])}.\n"
    yield from _docstring(inspect.getdoc(task.body) or "")
    if own:
        bare = task.bare_word or task.bare_number or task.bare_paths
        yield from ["", *_options(own, bare=bare)]
    if common:
        schema = f" [Fields of `--json`](json.md#{_anchor(name)})." if "json" in common else ""
        yield f"\nCommon options: {', '.join(f'`--{option}`' for option in common)}.{schema}"


def _options(arguments: list[Any], *, bare: str | None = None) -> Iterator[str]:
    yield "| option | |"
    yield "|---|---|"
    for argument in arguments:
        name = argument.names[0]
        option, text = f"--{name}", argument.help or ""
        if argument.kind is bool and argument.default:
            option = f"--no-{name}"
            text = text.removeprefix(f"{option}: ")
        elif argument.takes_value:
            option += " VALUE"
        if argument.positional or bare == f"--{name}":
            text += "; its name may be left out"
        if argument.kind is list:
            text += "; may be given more than once"
        yield f"| `{option}` | {_plain(text)} |"


def _docstring(text: str) -> Iterator[str]:
    """The docstring of a task as Markdown: prose, and its examples as code."""
    for block in re.split(r"\n\s*\n", text.strip()):
        prose, example, codes = _parts(block.splitlines())
        if prose:
            yield from [*map(_plain, prose), ""]
        if example:
            yield from ["```sh", *example, "```", ""]
        if codes:
            yield from [*map(_plain, codes), ""]


def _parts(lines: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The lines before the examples of a paragraph, the examples, one a line, and the lines from "Exit codes" on."""
    start = next((n for n, line in enumerate(lines) if re.match(r"Examples?: ", line)), len(lines))
    end = next((n for n, line in enumerate(lines) if line.startswith("Exit codes")), len(lines))
    examples = [re.sub(r"^Examples?:", "", line).strip() for line in lines[start : max(start, end)]]
    commands = [command for line in examples for command in re.split(r" {3,}(?!#)", line) if command]
    return lines[: min(start, end)], commands, lines[end:]


def _plain(text: str) -> str:
    """``text``, in which no sign outside of code means anything in Markdown or in a table."""
    return re.sub(r"(`[^`]+`)|([\\`*_<>\[\]|])", lambda match: match[1] or f"\\{match[2]}", text)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _exit_codes() -> Iterator[str]:
    yield "# Exit codes\n"
    yield "[Command line](../cli.md#exit-codes) says what each code means. These are the exceptions behind them, all of"
    yield "`memsql.errors`. The message says what state the database is in.\n"
    yield "| exit code | exception | a kind of | |"
    yield "|---|---|---|---|"
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MemsqlError)]
    for kind in sorted(kinds, key=lambda kind: kind.exit_code):
        base = kind.__mro__[1].__name__
        first = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("``", "`").replace("\n", " ")
        yield f"| {kind.exit_code} | `{kind.__name__}` | `{base}` | {first} |"


def _json() -> Iterator[str]:
    yield "# JSON\n"
    yield f"Every object has `memsql_json` ({JSON_VERSION}), `ok` and `command`, and `error` where the command failed."
    yield "Fields may be added; none is taken away or gets another type. Below is what each command adds. `text`,"
    yield "`int`, `number` and `bool` are values, `[x]` is a list, `{name: x}` an object, `x | null` may be null; a"
    yield "name with `?` is not always there."
    for file in sorted(SCHEMAS.glob("*.schema.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        needed = {name for case in schema.get("anyOf", []) for name in case["required"]}
        yield f"\n## {file.name.removesuffix('.schema.json')}\n"
        yield f"[{file.name}](../json/{file.name})\n"
        yield "| field | type |"
        yield "|---|---|"
        for name, value in schema["properties"].items():
            if name not in _OF_EVERY_OBJECT:
                yield f"| `{name}{'' if name in needed else '?'}` | {_type_cell(value)} |"


def _type_cell(schema: Mapping[str, Any]) -> str:
    """The type as code; a bar in it would begin the next cell of the table."""
    return f"<code>{_type(schema).replace('|', '&#124;')}</code>"


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "any")
    if "anyOf" in schema:
        return " | ".join(map(_type, schema["anyOf"]))
    if isinstance(kind, list):
        return " | ".join(str(_TYPES.get(one, one)) for one in kind)
    if kind == "array":
        return f"[{_type(schema.get('items', {}))}]"
    if kind == "object" and "properties" in schema:
        needed = schema.get("required", [])
        fields = schema["properties"].items()
        return "{" + ", ".join(f"{name}{'' if name in needed else '?'}: {_type(value)}" for name, value in fields) + "}"
    if kind == "object":
        return "{*: " + _type(schema.get("additionalProperties", {})) + "}"
    return _TYPES.get(kind, kind)


def _rules() -> Iterator[str]:
    yield "# Rules\n"
    yield "What `memsql lint` and `memsql review` find in files. [SQL review](../review.md) says of each rule what is"
    yield "wrong, what is right, and what it was tried on; and it has the findings MR01 and up, of running a change.\n"
    yield "| rule | name | severity | |"
    yield "|---|---|---|---|"
    for rule in RULES:
        link = f"../review.md#{_anchor(f'{rule.code} {rule.name}')}"
        yield f"| [{rule.code}]({link}) | `{rule.name}` | {rule.severity} | {rule.title.replace('|', '&#124;')} |"


def _api() -> Iterator[str]:
    yield "# Python API\n"
    yield "What `import memsql` offers; [Library](../library.md) has examples. `memsql.aio` has the functions as"
    yield "coroutines.\n"
    names = [name for name in memsql.__all__ if not name.startswith("__") and not hasattr(errors, name)]
    functions = [name for name in names if name.islower()]
    yield "## Functions\n"
    for name in functions:
        yield f"::: memsql.{name}\n"
    yield "## What they take and return\n"
    for name in names:
        if name not in functions:
            yield f"::: memsql.{name}\n"
    yield "## Errors\n"
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, MemsqlError):
            yield f"::: memsql.errors.{kind.__name__}\n"
    yield "::: memsql.errors.Location\n"
