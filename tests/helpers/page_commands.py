"""The commands that stand in the pages of the documentation, with what the pages say that they print.

A command stands in a fenced block of ``sh`` or ``console``, or in an indented block that has a call of memsql or
invoke: behind ``$``, or alone on its line where no line of the block has that sign. Behind a command may stand
``# exit code 6``, and any other remark. Below one with ``$`` stands what it prints, up to the next ``$``: ``…`` alone
on a line is any number of lines, and at the end of a line the rest of it.

A fenced block with a title, ``sql title="migrations/0001_team.sql"``, is a file that the reader writes.

A comment before a block says why it is not run, ``<!-- not run: it needs an account -->``, or that what it prints here
is not compared, ``<!-- printed for another database -->``. A line with ``[--option]`` is a usage, and no command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"(?P<sign>```+)(?P<language>\w*)(?P<rest>.*)")
_TITLE = re.compile(r'title="(?P<path>[^"]+)"')
_MARK = re.compile(r"<!-- (?:not run: (?P<why>.+)|(?P<other>printed for .+)) -->")
_REMARK = re.compile(r"\s{2,}#\s+(?P<text>.*)$")
_EXIT_CODE = re.compile(r"exit code (\d+)")
_CALL = re.compile(r"(?:[A-Z_]+=\S+ )*(?:memsql|invoke) ")


@dataclass(frozen=True)
class Command:
    """A command of the page ``page``. ``output`` is None where the page does not say what it prints."""

    page: str
    heading: str
    line: int
    words: str
    code: int | None = None
    output: tuple[str, ...] | None = None
    not_run: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.words}"


@dataclass(frozen=True)
class Written:
    """A file that the page has its reader write."""

    page: str
    heading: str
    line: int
    path: str
    text: str


Step = Command | Written


@dataclass(frozen=True)
class _Block:
    heading: str
    line: int
    lines: list[str]
    fence: re.Match[str] | None
    mark: re.Match[str] | None


def steps(page: str, text: str) -> Iterator[Step]:
    """What the reader of ``text`` types and writes, in order."""
    for block in _blocks(text):
        title = _TITLE.search(block.fence["rest"]) if block.fence else None
        if title:
            content = "\n".join([*block.lines, ""])
            yield Written(page, block.heading, block.line, title["path"], content)
        elif _holds_commands(block):
            yield from _commands(page, block)


def _holds_commands(block: _Block) -> bool:
    if block.fence:
        return block.fence["language"] in ("sh", "console")
    return any(line.startswith("$ ") or _CALL.match(line) for line in block.lines)


def _blocks(text: str) -> Iterator[_Block]:
    heading, mark, number = "", None, 0
    lines = text.splitlines()
    while number < len(lines):
        line = lines[number]
        fence = _FENCE.fullmatch(line)
        start = number + 1
        if fence:
            end = next(n for n in range(start, len(lines)) if lines[n] == fence["sign"])
            yield _Block(heading, start + 1, lines[start:end], fence, mark)
            number, mark = end, None
        elif line.startswith("    ") and not lines[number - 1].strip():
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            yield _Block(heading, start, [one[4:] for one in lines[number:end]], None, mark)
            number, mark = end - 1, None
        elif line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.strip():
            mark = _MARK.fullmatch(line.strip())
        number += 1


def _commands(page: str, block: _Block) -> Iterator[Command]:
    typed = any(line.startswith("$ ") for line in block.lines)
    not_run = (block.mark["why"] or "") if block.mark else ""
    compared = typed and not (block.mark and block.mark["other"])
    number = 0
    while number < len(block.lines):
        start, line = number, block.lines[number]
        number += 1
        if not line.strip() or line.startswith("#") or "[--" in line or (typed and not line.startswith("$ ")):
            continue
        remark = _REMARK.search(line)
        words = (line[: remark.start()] if remark else line).removeprefix("$ ").strip()
        while words.endswith("\\"):
            words = words[:-1] + block.lines[number].strip()
            number += 1
        printed: list[str] = []
        while typed and number < len(block.lines) and not block.lines[number].startswith("$ "):
            printed.append(block.lines[number])
            number += 1
        code = _EXIT_CODE.search(remark["text"]) if remark else None
        output = tuple(printed) if compared and any(map(str.strip, printed)) else None
        yield Command(page, block.heading, block.line + start, words, int(code[1]) if code else None, output, not_run)


_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?"), "<time>"),
    (re.compile(r"\d{8}T\d{6}(?:\.\d+)?Z?"), "<time>"),
    (re.compile(r"\b[\d.,]+ (?:ms|s|seconds?|min|h|B|[KMG]iB|bytes)\b"), "<amount>"),
    (re.compile(r"\b[\w.-]+@[\w.-]+\b"), "<person>"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "<hash>"),
    (re.compile(r"(?<![\w./])/(?:[\w.-]+/)*(?=[\w.-]+)"), "<folder>/"),
    (re.compile(r"-{3,}"), "---"),
    (re.compile(r"  +"), "  "),
)


def comparable(line: str) -> str:
    """``line`` without what differs from run to run: times, amounts, persons, and the width of a column."""
    for pattern, word in _VARYING:
        line = pattern.sub(word, line)
    return line.strip()


def _fits(line: str, wanted: str) -> bool:
    """Whether ``line`` is what the page says; its end may be left out there."""
    return line.startswith(wanted[:-1].rstrip()) if wanted.endswith("…") else line == wanted


def differences(expected: tuple[str, ...], printed: str) -> list[str]:
    """Where ``printed`` first departs from ``expected``, as two lines; nothing where it does not."""
    wanted = [comparable(line) for line in expected if line.strip()]
    lines = [comparable(line) for line in printed.splitlines() if line.strip()]
    at = 0
    for number, line in enumerate(wanted):
        if line == "…":
            continue
        last = len(lines) if number > 0 and wanted[number - 1] == "…" else at + 1
        found = next((n for n in range(at, min(last, len(lines))) if _fits(lines[n], line)), None)
        if found is None:
            return [f"the page: {line}", f"printed:  {lines[at] if at < len(lines) else 'nothing more'}"]
        at = found + 1
    if at < len(lines) and not (wanted and wanted[-1] == "…"):
        return ["the page: nothing more", f"printed:  {lines[at]}"]
    return []
