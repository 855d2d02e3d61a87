"""How much a reader works, counted and not timed: the same number in every run, on every machine.

Counted are the instructions of Python in the modules that are looked at, and the steps of the regular expressions that
they use (see ``regex_steps``). What a method of str does in one call is not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType, ModuleType
from typing import Any

from tests.fuzz.regex_steps import Program, program_of

LOOKED_AT = ("memsql", "dotenv", "configparser", "tomllib", "shlex")
"""The packages and modules whose work counts."""
_METHODS = ("match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split")


@dataclass(slots=True)
class Work:
    """What was counted."""

    instructions: int = 0
    steps: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.instructions + self.steps


@cache
def _program(pattern: re.Pattern[Any]) -> Program:
    return program_of(pattern)


class _Counted:
    """In the place of a compiled pattern: does what that does, and counts the steps."""

    def __init__(self, pattern: re.Pattern[Any], work: Work) -> None:
        self._pattern = pattern
        self._work = work

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pattern, name)

    def _run(self, text: Any, place: int, whole: bool = False) -> None:
        program = _program(self._pattern)
        before = program.steps
        program.end(text.decode("latin-1") if isinstance(text, bytes) else text, place, whole)
        self._work.steps += program.steps - before

    def match(self, text: Any, pos: int = 0, endpos: int = sys.maxsize) -> re.Match[Any] | None:
        self._run(text[:endpos], pos)
        return self._pattern.match(text, pos, endpos)

    def fullmatch(self, text: Any, pos: int = 0, endpos: int = sys.maxsize) -> re.Match[Any] | None:
        self._run(text[:endpos], pos, whole=True)
        return self._pattern.fullmatch(text, pos, endpos)

    def search(self, text: Any, pos: int = 0, endpos: int = sys.maxsize) -> re.Match[Any] | None:
        match = self._pattern.search(text, pos, endpos)
        # One place after the other is tried, up to that of the match.
        for place in range(pos, (match.start() if match is not None else min(len(text), endpos)) + 1):
            self._run(text[:endpos], place)
        return match

    def _every(self, text: Any, pos: int = 0) -> None:
        place = pos
        for match in self._pattern.finditer(text, pos):
            for tried in range(place, match.start() + 1):
                self._run(text, tried)
            place = match.end() + (match.end() == match.start())
        for tried in range(place, len(text)):
            self._run(text, tried)

    def findall(self, text: Any, pos: int = 0) -> list[Any]:
        self._every(text, pos)
        return self._pattern.findall(text, pos)

    def finditer(self, text: Any, pos: int = 0) -> Iterator[re.Match[Any]]:
        place = pos
        for match in self._pattern.finditer(text, pos):
            for tried in range(place, match.start() + 1):
                self._run(text, tried)
            place = match.end() + (match.end() == match.start())
            yield match
        for tried in range(place, len(text)):
            self._run(text, tried)

    def sub(self, repl: Any, text: Any, count: int = 0) -> Any:
        self._every(text)
        return self._pattern.sub(repl, text, count)

    def subn(self, repl: Any, text: Any, count: int = 0) -> Any:
        self._every(text)
        return self._pattern.subn(repl, text, count)

    def split(self, text: Any, maxsplit: int = 0) -> list[Any]:
        self._every(text)
        return self._pattern.split(text, maxsplit)


def counted(read: Callable[[str], object], text: str) -> int:
    """How much ``read`` works for ``text``."""
    work = Work()
    with _counted_patterns(work), _counted_instructions(work):
        read(text)
    return work.total


@contextmanager
def _counted_instructions(work: Work) -> Iterator[None]:
    def local(frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            work.instructions += 1
        return local

    def enter(frame: FrameType, event: str, _: object) -> Any:
        name = frame.f_globals.get("__name__", "")
        if name.partition(".")[0] not in LOOKED_AT:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return local

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def _counted_patterns(work: Work) -> Iterator[None]:
    """While open, all patterns of the modules are counted: those of their globals and classes, and those that they
    compile."""
    replaced: list[tuple[Any, str, object]] = []
    compile_ = re._compile  # type: ignore[attr-defined]

    def compile_counted(pattern: Any, flags: Any) -> Any:
        if isinstance(pattern, _Counted):
            return pattern
        compiled = compile_(pattern, flags)
        caller = sys._getframe(2).f_globals.get("__name__", "")
        return _replaced(compiled, work) if caller.partition(".")[0] in LOOKED_AT else compiled

    for owner in _owners():
        for name, value in list(vars(owner).items()):
            other = _replaced(value, work)
            if other is not value:
                replaced.append((owner, name, value))
                setattr(owner, name, other)
    re._compile = compile_counted  # type: ignore[attr-defined]
    try:
        yield
    finally:
        re._compile = compile_  # type: ignore[attr-defined]
        for owner, name, value in replaced:
            setattr(owner, name, value)
        # What was compiled in a module that was imported meanwhile.
        for owner in _owners():
            for name, value in list(vars(owner).items()):
                if isinstance(value, _Counted):
                    setattr(owner, name, value._pattern)


def _owners() -> Iterator[ModuleType | type]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in LOOKED_AT and module is not None:
            yield module
            yield from {v for v in vars(module).values() if isinstance(v, type) and v.__module__ == name}


def _replaced(value: Any, work: Work) -> Any:
    """``value`` with patterns that count in the place of patterns and their methods; itself where it has none."""
    if isinstance(value, re.Pattern):
        return _Counted(value, work)
    owner = getattr(value, "__self__", None)
    if isinstance(owner, re.Pattern) and value.__name__ in _METHODS:
        return getattr(_Counted(owner, work), value.__name__)
    if type(value) in (list, tuple) and len(value) < 100:
        items = [_replaced(item, work) for item in value]
        return type(value)(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value
