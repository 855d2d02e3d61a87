"""The lexer of TypeScript: tokens and comments, as much as declarations of types need.

Where code outside declarations cannot be told apart by characters alone (a division or a regular expression, text in
JSX), it guesses as editors do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from memsql.errors import FileError, Location

_STRING = re.compile(r""""(?:[^"\\\n]|\\(?s:.))*"|'(?:[^'\\\n]|\\(?s:.))*'""")
_SCAN = re.compile(
    r"""(?P<space>\s+)
    |(?P<comment>//[^\n\u2028\u2029]*|/\*(?s:.*?)\*/)
    |(?P<string>"(?:[^"\\\n]|\\(?s:.))*"|'(?:[^'\\\n]|\\(?s:.))*')
    |(?P<number>(?:0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)n?)
    |(?P<word>[\w$\#]+)
    |(?P<op>=>|\.\.\.|(?s:.))""",
    re.VERBOSE,
)
_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
# Words behind which a value begins, so that a slash begins a regular expression.
_BEFORE_VALUE = frozenset({"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do"})
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|(?s:.)))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": "", "\r\n": ""}


class Token(NamedTuple):
    """A token: ``kind`` is word, string, template, number, regex or op; ``line`` is where it starts, from 1."""

    kind: str
    text: str
    line: int
    start: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.start + len(self.text)

    @property
    def last_line(self) -> int:
        """The line on which it ends."""
        return self.line + self.text.count("\n")


@dataclass(frozen=True, slots=True)
class Lexed:
    """The tokens of a text, and its comments: each of kind "comment" with its signs."""

    tokens: tuple[Token, ...]
    comments: tuple[Token, ...]


def lex(text: str, path: str) -> Lexed:
    """Cut ``text``, the file ``path``, into tokens. Raises FileError for a comment or template without an end."""
    tokens: list[Token] = []
    comments: list[Token] = []
    place, line = 0, 1
    while place < len(text):
        kind, end = _next(text, place, tokens[-1] if tokens else None)
        piece = text[place:end]
        # In the text of JSX these two characters are no comment.
        is_comment = kind == "op" and text.startswith("/*", place) and not has_jsx(path)
        if not end or is_comment:
            what = "template" if not end else "comment"
            raise FileError(f"{path}: this {what} has no end", where=Location(path, line))
        if kind == "comment":
            comments.append(Token(kind, piece, line, place))
        elif kind != "space":
            tokens.append(Token(kind, piece, line, place))
        line += piece.count("\n")
        place = end
    return Lexed(tuple(tokens), tuple(comments))


def has_jsx(path: str) -> bool:
    """Whether the file ``path`` may hold JSX, whose text has quotes and brackets that are none of TypeScript."""
    return path.endswith("x")


def string_value(text: str) -> str:
    """The value of a string or template without holes, from its text with quotes."""
    value = _ESCAPE.sub(_unescaped, text[1:-1])
    # Two escapes may stand for one character.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\u" in text else value


def comment_text(comment: Token) -> str:
    """The text of a comment without its signs."""
    text = comment.text
    return text[2:] if text.startswith("//") else text[2:-2]


def _next(text: str, place: int, before: Token | None) -> tuple[str, int]:
    """The kind of the token at ``place`` and the offset behind it, 0 where it has no end."""
    if text[place] == "`":
        return "template", _template_end(text, place)
    if text[place] == "/" and text[place + 1 : place + 2] not in ("/", "*") and _may_begin_value(before):
        match = _REGEX.match(text, place)
        if match:
            return "regex", match.end()
    if place == 0 and text.startswith("#!"):
        return "space", len(text.partition("\n")[0])
    match = _SCAN.match(text, place)
    assert match is not None  # The last alternative matches every character.
    assert match.lastgroup is not None
    return match.lastgroup, match.end()


def _may_begin_value(before: Token | None) -> bool:
    if before is None or (before.kind == "word" and before.text in _BEFORE_VALUE):
        return True
    # Behind "<" it closes an element of JSX.
    return before.kind == "op" and before.text not in (")", "]", "}", "<")


def _template_end(text: str, place: int) -> int:
    """The offset behind the template that starts at ``place``; 0 where it has no end. Templates in holes nest."""
    # Braces that are open in each hole around the place, one number a hole.
    holes: list[int] = []
    place += 1
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 1
        elif not holes or holes[-1] < 0:
            if character == "`":
                if not holes:
                    return place + 1
                holes.pop()
            elif text.startswith("${", place):
                holes.append(0)
                place += 1
        elif character == "`":
            holes.append(-1)
        elif character in "'\"" and (string := _STRING.match(text, place)):
            place = string.end() - 1
        elif character == "{":
            holes[-1] += 1
        elif character == "}":
            holes[-1] -= 1
            if holes[-1] < 0:
                holes.pop()
        place += 1
    return 0


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        value = int(code, 16)
        return chr(value) if value <= 0x10FFFF else match[0]
    return _ESCAPED.get(match[4], match[4])
