"""Reading a trigger: when it fires, and what it writes to a full-text index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from memsql import sqltext
from memsql.schema.definition import split_at_commas
from memsql.sqltext import fold, quote, split
from memsql.sqltext.names import unquote
from memsql.sqltext.tokens import Token, tokenize, without_comments

# The first words of a statement in the body of a trigger. A table or a column may be called begin too.
_VERBS = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "WITH"})
# The words behind the result columns of a SELECT.
_CLAUSES = frozenset({"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", ";"})
_COMMANDS = {"delete": "delete_command", "rebuild": "rebuild"}


@dataclass(frozen=True, slots=True)
class Head:
    """When a trigger fires: ``event`` is insert, delete or update (empty where the text is not a CREATE TRIGGER),
    ``time`` before, after or instead, ``columns`` the text of the list behind UPDATE OF, None where there is none,
    ``guard`` the expression behind WHEN, empty where there is none."""

    event: str
    time: str
    columns: str | None
    guard: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """One statement of a trigger that writes to an index.

    ``action`` is insert, delete, update, delete_command or rebuild: the last two are FTS5's special INSERTs
    (https://sqlite.org/fts5.html, section 6). ``values`` pairs each column that an INSERT names, in lower case, with
    its expression; the expression is empty where it cannot be read from the text, as for ``SELECT *``. ``text`` is the
    statement.
    """

    action: str
    values: tuple[tuple[str, str], ...] = ()
    text: str = field(default="", compare=False)

    @property
    def choice(self) -> str:
        """The text by which the statement itself decides whether there is a row to write: ``WHERE …`` or ``FROM …`` of
        an INSERT … SELECT; empty where it always writes."""
        depth = 0
        for token in tokenize(self.text):
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0 and token.word in ("FROM", "WHERE", "LIMIT"):
                return self.text[token.start :].strip()
        return ""

    def into(self, table: str) -> str:
        """The INSERT of this write into ``table`` in the place of the index."""
        words = _Words(tokenize(self.text))
        words.skip_insert()
        start = words.start
        words.skip_name()
        return f"{self.text[:start]}{quote(table)}{self.text[words.last_end :]}"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as the schema stores it: its name, the table it is on, its text."""

    name: str
    table: str
    sql: str

    def parts(self) -> tuple[str, str]:
        """The text before BEGIN and the text between BEGIN and END, without comments."""
        return _parts(self.sql)

    def head(self) -> Head:
        """When the trigger fires."""
        return _head(self.sql)

    def statements(self) -> list[str]:
        """The statements of the body."""
        return [statement.text for statement in split(self.parts()[1])]

    def writes_to(self, index: str) -> list[Write]:
        """What the trigger writes to the full-text index ``index``, in order."""
        return list(_writes(self, index))


# A thousand migrations ask the same of the same few triggers.
@lru_cache(256)
def _parts(sql: str) -> tuple[str, str]:
    text = without_comments(sql)
    tokens = tokenize(text)
    for begin, verb in pairwise(tokens):
        if begin.word == "BEGIN" and verb.word in _VERBS:
            last = next(token for token in reversed(tokens) if token.text != ";")
            return text[: begin.start], text[begin.end : last.start if last.word == "END" else None]
    return text, ""


@lru_cache(256)
def _head(sql: str) -> Head:
    text = _parts(sql)[0]
    words = _Words(tokenize(text))
    words.take("CREATE")
    words.take("TEMP", "TEMPORARY")
    words.take("TRIGGER")
    if words.next_word == "NOT":
        words.take("IF")
        words.take("NOT")
        words.take("EXISTS")
    words.skip_name()
    time = words.take("BEFORE", "AFTER", "INSTEAD") or "BEFORE"
    words.take("OF")
    event = words.take("INSERT", "DELETE", "UPDATE")
    columns = None
    if words.word == "OF":
        listed = words.until("ON")
        columns = text[listed[0].end : listed[-1].end].strip()
    words.until("WHEN")
    guard = text[words.last_end :].strip() if words.take("WHEN") else ""
    return Head(event.lower(), time.lower(), columns, guard)


@lru_cache(256)
def _writes(trigger: Trigger, index: str) -> tuple[Write, ...]:
    return tuple(write for text in trigger.statements() if (write := write_to(text, index)) is not None)


def write_to(text: str, index: str) -> Write | None:
    """What one statement writes to the full-text index ``index``; None where it writes nothing to it."""
    kind = effect_on(text, index)
    if kind in ("delete", "update"):
        return Write(kind, text=text)
    if kind not in ("insert", "replace"):
        return None
    pairs = dict(_inserted(text))
    command = pairs.pop(fold(index), None)
    if command is None:
        return Write("insert", tuple(pairs.items()), text)
    action = _COMMANDS.get(fold(unquote(command)))
    return Write(action, tuple(pairs.items()), text) if action else None


def command_of(text: str, index: str) -> str:
    """The command that the statement ``text`` gives to the full-text index ``index``, such as ``delete-all``; empty
    where it gives none, or one that cannot be read from the text."""
    tokens = tokenize(dict(_inserted(text)).get(fold(index), ""))
    return tokens[0].name if len(tokens) == 1 and tokens[0].kind in ("string", "quoted") else ""


def takes_old_row(text: str, index: str) -> bool:
    """Whether the statement ``text`` takes from the full-text index ``index`` only the row whose rowid is a column of
    the row that fires the trigger."""
    write, words = write_to(text, index), [token.word for token in tokenize(text) if token.word != ";"]
    if write is not None and write.action == "delete":
        return words[-6:-1] == ["WHERE", "ROWID", "=", "OLD", "."]
    several_rows = (")", ",", "(") in zip(words, words[1:], words[2:], strict=False)
    if write is None or write.action != "delete_command" or several_rows:
        return False
    rowid = tokenize(dict(write.values).get("rowid", ""))
    return len(rowid) == 3 and rowid[0].name == "old" and rowid[1].text == "."


def effect_on(text: str, index: str) -> str:
    """insert, replace, update or delete where the statement ``text`` does that to the table ``index``; empty
    otherwise."""
    effect = sqltext.effect(text)
    if fold(effect.name or "") != fold(index) or effect.kind not in ("delete", "update", "insert", "replace"):
        return ""
    return effect.kind


def split_list(text: str) -> tuple[list[str], int]:
    """The items of a list, split at commas and without comments, and where the list ends: behind the parenthesis that
    closes it, or at the end of ``text``. For example ``"a, f(b, c)) x"`` gives ``["a", "f(b, c)"]`` and 11."""
    tokens = tokenize(text)
    items, closing = split_at_commas(tokens, -1)
    end = tokens[closing].end if closing < len(tokens) else len(text)
    return [without_comments(text[item[0].start : item[-1].end]) for item in items], end


def with_row(text: str, row: str, other: str) -> str:
    """``text`` with ``other.`` in the place of each ``row.``, where both are new or old."""
    parts, end = [], 0
    for token, dot in pairwise(tokenize(text)):
        if token.name == row and dot.text == ".":
            parts += [text[end : token.start], other]
            end = token.end
    return "".join([*parts, text[end:]])


class _Words:
    """Tokens that are read from the left."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def word(self) -> str:
        return self._word_at(self._place)

    @property
    def next_word(self) -> str:
        return self._word_at(self._place + 1)

    @property
    def end(self) -> int:
        """The offset behind the current token; -1 behind the last one."""
        return self._tokens[self._place].end if self._place < len(self._tokens) else -1

    def take(self, *words: str) -> str:
        """Skip the current token and return it where it is one of ``words``; empty otherwise."""
        word = self.word
        if word not in words:
            return ""
        self._place += 1
        return word

    @property
    def start(self) -> int:
        """The offset of the current token; -1 behind the last one."""
        return self._tokens[self._place].start if self._place < len(self._tokens) else -1

    @property
    def last_end(self) -> int:
        """The offset behind the token before the current one."""
        return self._tokens[self._place - 1].end

    def skip_insert(self) -> bool:
        """Skip ``INSERT [OR …] INTO`` or ``REPLACE INTO``; False where the current token is neither."""
        if not self.take("INSERT", "REPLACE"):
            return False
        if self.take("OR"):
            self.take("ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK")
        self.take("INTO")
        return True

    def skip_name(self) -> None:
        """Skip ``name`` or ``schema.name``."""
        self._place += 1
        if self.word == ".":
            self._place += 2

    def until(self, word: str) -> Sequence[Token]:
        """The tokens from here to ``word``, or to the end."""
        start = self._place
        while self._place < len(self._tokens) and self.word != word:
            self._place += 1
        return self._tokens[start : self._place]

    def _word_at(self, place: int) -> str:
        return self._tokens[place].word if place < len(self._tokens) else ""


def _inserted(text: str) -> list[tuple[str, str]]:
    """The columns that an INSERT names, in lower case, each with its expression; nothing where it names none."""
    words = _Words(tokenize(text))
    if not words.skip_insert():
        return []
    words.skip_name()
    if words.word != "(":
        return []
    rest = text[words.end :]
    names, end = split_list(rest)
    return list(zip((fold(unquote(n)) for n in names), _expressions(rest[end:], len(names)), strict=False))


def _expressions(text: str, count: int) -> list[str]:
    """The expressions of ``VALUES (…)`` or the result columns of ``SELECT …``; ``count`` empty ones where they cannot
    be read, or where one is a star."""
    unknown = [""] * count
    tokens = tokenize(text)
    if len(tokens) > 1 and tokens[0].word == "VALUES" and tokens[1].text == "(":
        items = split_list(text[tokens[1].end :])[0]
    elif tokens and tokens[0].word == "SELECT":
        start = 2 if len(tokens) > 1 and tokens[1].word in ("DISTINCT", "ALL") else 1
        items = split_list(text[tokens[start - 1].end : _end_of_result(tokens, len(text))])[0]
    else:
        return unknown
    return unknown if any(item.endswith("*") for item in items) else items


def _end_of_result(tokens: Sequence[Token], end: int) -> int:
    """Where the result columns of the SELECT end that ``tokens`` begin with."""
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.word in _CLAUSES:
            return token.start
    return end
