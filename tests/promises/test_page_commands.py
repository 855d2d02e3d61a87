"""The commands in the pages: each names tasks and options that there are, and each is run, in the order of its page,
with the exit code and the output that stand there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import page_commands
import page_scenes
import pytest
import shell
from cli import Done
from page_commands import Command, Written
from places import ROOT

from memsql.tasks import ns
from memsql.tasks.command_line import MemsqlTask, all_names

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
)
INLINE = re.compile(r"`((?:memsql|invoke) [^`\n]+)`")
CALL = re.compile(r"(?:^|[|&;(]\s*|\s)(?:python -m )?(memsql|invoke)\s+([^|&;>)]*)")
# Of the programs themselves, and of Invoke.
PROGRAM_OPTIONS = {"--help", "--list", "--version", "--quiet", "--verbose", "--project", "--json", "--complete"}
PROGRAM_OPTIONS |= {"--list-format", "--list-depth", "--print-completion-script"}
INSTALLS = re.compile(r"(?:(?:python3? -m )?pip|uvx|uv|npm|npx|pre-commit) |(?:invoke|memsql) server\.install")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def steps(page: str) -> tuple[page_commands.Step, ...]:
    return tuple(page_commands.steps(page, read(page)))


def calls(page: str) -> Iterator[str]:
    """Each call of memsql or invoke in ``page``, as the words behind the name of the program."""
    texts = [step.words for step in steps(page) if isinstance(step, Command)]
    texts += [" ".join(match[1].split()) for match in INLINE.finditer(read(page).replace("\n", " "))]
    for text in texts:
        for match in CALL.finditer(text):
            yield match[2].strip()


def unknown(words: str) -> list[str]:
    """The tasks and options in ``words`` that there are not."""
    names, task, bad = all_names(ns), None, []
    lexer = shlex.shlex(words.replace("[", " ").replace("]", " "), posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.quotes = True, "", '"'
    rest = iter(lexer)
    for word in rest:
        if word.startswith("--") and len(word) > 2:
            option = word.partition("=")[0].rstrip(",.:")
            known = PROGRAM_OPTIONS | (task.options() if task else set())
            if not {option, option.replace("--no-", "--")} & known:
                bad.append(option)
            valued = task.valued_options() if task else {"--print-completion-script"}
            if option in valued and "=" not in word:
                next(rest, None)
        elif word in names:
            task = ns[word]
            assert isinstance(task, MemsqlTask)
        elif task is None and not word.startswith("-") and not re.fullmatch(r"[A-Z…]+|help|\.+", word):
            bad.append(word)
    return bad


@pytest.mark.parametrize("page", PAGES)
def test_commands_name_tasks_and_options_that_there_are(page: str) -> None:
    assert [f"{words}: {bad}" for words in calls(page) if (bad := unknown(words))] == []


def test_a_word_that_is_none_would_be_found() -> None:
    assert unknown("migrate.up --dry-run --env production verify --deep") == []
    assert unknown("migrate.upp") == ["migrate.upp"]
    assert unknown("verify --dry-run") == ["--dry-run"]
    assert unknown("migrate.up [--to N] --no-disk-check") == []


def test_what_a_page_prints_is_compared() -> None:
    page = ("applied 0001_a  (3 ms, proven)", "…", "now: 1 migration applied, 0 pend…")
    applied, now = "applied 0001_a  (12 ms, proven)\n", "now: 1 migration applied, 0 pending\n"
    assert page_commands.differences(page, f"{applied}x\ny\n{now}") == []
    assert page_commands.differences(page, f"applied 0002_a  (12 ms, proven)\n{now}") != []
    assert page_commands.differences(page[:1], f"{applied}more\n") != []
    assert page_commands.differences(page, applied) != []


@dataclass
class Reader:
    """A person who types what a page says, in the folder ``folder``."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def type(self, words: str) -> Done:
        """Run a line as a shell does; ``cd`` and ``export`` last."""
        if words.startswith("export "):
            name, _, value = words.removeprefix("export ").partition("=")
            self.environment[name] = value
            return Done((words,), 0, "", "")
        if re.match(r"(?:[A-Z_]+=\S+ )*(?:memsql|invoke) ", words):
            return shell.run(words, cwd=self.folder, environment=self.environment)
        done = shell.run(f"{{ {words}; }} && pwd >&2", cwd=self.folder, environment=self.environment)
        errors, _, folder = done.err.rstrip("\n").rpartition("\n")
        if done.code == 0:
            self.folder = Path(folder)
            done = Done(done.words, 0, done.out, errors)
        return done

    def write(self, file: Written) -> None:
        path = self.folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")


RUN = [page for page in PAGES if page not in page_scenes.ELSEWHERE and any(isinstance(s, Command) for s in steps(page))]


def test_what_another_test_runs_is_run_there() -> None:
    for page, test in page_scenes.ELSEWHERE.items():
        assert Path(page).name in read(test)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_every_command_does_what_the_page_says(page: str, tmp_path: Path) -> None:
    reader = Reader(page_scenes.furnish(page, tmp_path), page_scenes.environment(tmp_path))
    wrong = []
    for step in steps(page):
        if isinstance(step, Written):
            reader.write(step)
            continue
        if step.not_run or INSTALLS.match(step.words):
            continue
        reader.folder = page_scenes.before(page, step, reader.folder)
        done = reader.type(step.words)
        printed = done.out + done.err
        if done.code != (step.code or 0):
            wrong.append(f"{step}: exit code {done.code}\n{printed}")
        elif step.output is not None and (parts := page_commands.differences(step.output, printed)):
            wrong.append(f"{step}\n" + "\n".join(parts))
        assert "Traceback" not in printed, str(step)
    assert wrong == [], "\n".join(wrong)
