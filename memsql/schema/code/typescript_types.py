"""Reads the types of TypeScript: what may stand behind ``field:`` and ``type Name =``.

What no database column can hold as it is (functions, computed types) becomes a Known type of kind "function" or "any".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NoReturn

from memsql.errors import FileError, Location
from memsql.schema.code.directives import Directives, read_directives
from memsql.schema.code.types import Field, Indexed, Intersection, Known, Literal, Named, Struct, TypeExpr, Union
from memsql.schema.code.typescript_lexer import Lexed, Token, comment_text, string_value

CLOSING = {"{": "}", "(": ")", "[": "]"}
_MODIFIERS = frozenset({"readonly", "public", "declare", "get", "set"})
# How deep types may stand in each other: less than Python's own limit of calls.
_DEEPEST = 60


class TypeReader:
    """Reads tokens one after the other. Every method raises FileError, with the line, where they are no TypeScript."""

    def __init__(self, lexed: Lexed, path: str, text: str) -> None:
        self.tokens: Sequence[Token] = lexed.tokens
        self.comments = lexed.comments
        self._comment_starts = [comment.start for comment in lexed.comments]
        self.path = path
        self.text = text
        self.at = 0
        self._end = Token("end", "", text.count("\n") + 1, len(text))
        self._depth = 0

    # The tokens.

    def peek(self, ahead: int = 0) -> Token:
        """The next token, or the one ``ahead`` of it; an empty one behind the end."""
        place = self.at + ahead
        return self.tokens[place] if 0 <= place < len(self.tokens) else self._end

    def is_next(self, *texts: str) -> bool:
        """Whether these words and signs come next."""
        return all(
            self.peek(ahead).text == text and self.peek(ahead).kind in ("word", "op")
            for ahead, text in enumerate(texts)
        )

    def accept(self, *texts: str) -> bool:
        """Pass these words and signs if they come next."""
        if not self.is_next(*texts):
            return False
        self.at += len(texts)
        return True

    def expect(self, text: str) -> None:
        """Pass this word or sign."""
        if not self.accept(text):
            self.fail(f"{text} is missing before")

    def take(self) -> Token:
        """Pass the next token."""
        token = self.peek()
        if token is self._end:
            self.fail("the file ends too early:")
        self.at += 1
        return token

    def fail(self, problem: str) -> NoReturn:
        """Raise FileError for the next token."""
        token = self.peek()
        shown = token.text.partition("\n")[0][:40] or "the end of the file"
        raise FileError(f"{self.path}: {problem} {shown}", where=Location(self.path, token.line))

    def skip_group(self) -> None:
        """Pass a bracket, which comes next, up to the one that closes it."""
        opening = self.take()
        expected = [CLOSING[opening.text]]
        while expected:
            token = self.peek()
            if token is self._end:
                raise FileError(
                    f"{self.path}: this {opening.text} is never closed",
                    where=Location(self.path, opening.line),
                )
            self.at += 1
            if token.kind == "op" and token.text in CLOSING:
                expected.append(CLOSING[token.text])
            elif token.kind == "op" and token.text in CLOSING.values() and expected.pop() != token.text:
                self.at -= 1
                self.fail(f"the {opening.text} of line {opening.line} does not fit to")

    def skip_angles(self) -> tuple[str, ...]:
        """Pass ``<...>`` if it comes next, and return the names of the parameters that it declares."""
        names: list[str] = []
        if not self.is_next("<"):
            return ()
        depth = 0
        while True:
            if any(self.is_next(opening) for opening in CLOSING):
                self.skip_group()
                continue
            token = self.take()
            if token.text == "<" and token.kind == "op":
                depth += 1
            elif token.text == ">" and token.kind == "op":
                depth -= 1
                if depth == 0:
                    return tuple(names)
            if depth == 1 and token.text in ("<", ",") and self.peek().kind == "word":
                names.append(self.peek(1).text if self.is_next("const") else self.peek().text)

    # Types.

    def type(self) -> TypeExpr:
        """A type."""
        self._depth += 1
        if self._depth > _DEEPEST:
            self.fail("types stand too deep in each other before")
        try:
            read = self._union()
            if self.is_next("extends"):
                self._conditional()
                return Known("any")
            return read
        finally:
            self._depth -= 1

    def _conditional(self) -> None:
        self.expect("extends")
        self._union()
        self.expect("?")
        self.type()
        self.expect(":")
        self.type()

    def _union(self) -> TypeExpr:
        self.accept("|")
        parts = [self._intersection()]
        while self.accept("|"):
            parts.append(self._intersection())
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def _intersection(self) -> TypeExpr:
        self.accept("&")
        parts = [self._operand()]
        while self.accept("&"):
            parts.append(self._operand())
        return parts[0] if len(parts) == 1 else Intersection(tuple(parts))

    def _operand(self) -> TypeExpr:
        word = self.peek()
        follows_type = self.peek(1).kind in ("word", "string") or self.peek(1).text in CLOSING
        if word.kind == "word" and word.text in ("keyof", "unique", "infer") and follows_type:
            self.take()
            self._operand()
            return Known("text" if word.text == "keyof" else "any")
        if self.is_next("readonly") and follows_type:
            self.take()
        if self.accept("asserts"):
            self._operand()
            return Known("any")
        read = self._primary()
        while self.is_next("[") and self.peek().line == self.peek(-1).last_line:
            self.take()
            if self.accept("]"):
                read = Named("Array", (read,))
                continue
            read = Indexed(read, self.type())
            self.expect("]")
        if self.accept("is"):
            self.type()
            return Known("boolean")
        return read

    def _primary(self) -> TypeExpr:
        token = self.peek()
        if token.kind == "string":
            self.take()
            return Literal(string_value(token.text))
        if token.kind == "template":
            self.take()
            return Known("text") if "${" in token.text else Literal(string_value(token.text))
        if token.kind == "number" or (token.text == "-" and self.peek(1).kind == "number"):
            return self._number()
        if token.text == "{" and token.kind == "op":
            return self._object()
        if token.text == "[" and token.kind == "op":
            self.skip_group()
            return Known("json")
        if token.text in ("(", "<") or self.is_next("new") or self.is_next("abstract"):
            return self._parenthesized()
        if token.kind != "word":
            self.fail("a type is missing before")
        return self._name()

    def _number(self) -> TypeExpr:
        sign = "-" if self.accept("-") else ""
        text = self.take().text.replace("_", "")
        if text.endswith("n"):
            text = text[:-1]
        try:
            return Literal(int(sign + text, 0) if not set(text.lower()) & set(".e") or "x" in text else float(text))
        except ValueError:
            return Known("number")

    def _parenthesized(self) -> TypeExpr:
        self.accept("abstract")
        is_function = self.accept("new") or self.is_next("<")
        self.skip_angles()
        opening = self.at
        if not self.is_next("("):
            self.fail("( is missing before")
        self.skip_group()
        if self.accept("=>"):
            self.type()
            return Known("function")
        if is_function:
            self.fail("=> is missing before")
        self.at = opening + 1
        read = self.type()
        self.expect(")")
        return read

    def _name(self) -> TypeExpr:
        name = self.take().text
        if name == "typeof":
            name = f"typeof {self._path(self.take().text)}"
            self._arguments()
            return Named(name)
        if name == "import" and self.is_next("("):
            self.skip_group()
        if name in ("true", "false"):
            return Literal(name == "true")
        return Named(self._path(name), self._arguments())

    def _path(self, name: str) -> str:
        """``name`` with what dots put behind it."""
        while self.is_next(".") and self.peek(1).kind == "word":
            self.take()
            name += f".{self.take().text}"
        return name

    def _arguments(self) -> tuple[TypeExpr, ...]:
        if not self.is_next("<") or self.peek().line != self.peek(-1).last_line:
            return ()
        self.take()
        arguments = [self.type()]
        while self.accept(","):
            if self.is_next(">"):
                break
            arguments.append(self.type())
        self.expect(">")
        return tuple(arguments)

    # Objects.

    def _object(self) -> TypeExpr:
        signs = [token for token in (self.peek(n).text for n in (1, 2, 3, 4)) if token not in ("readonly", "+", "-")]
        start = self.at
        if signs[:1] == ["["]:
            self.at = next(n for n in range(start, len(self.tokens)) if self.tokens[n].text == "[")
            if self.peek(1).kind == "word" and self.peek(2).text == "in":
                self.at = start
                self.skip_group()
                return Known("json")
            self.at = start
        return self.struct()

    def struct(self) -> Struct:
        """The members between braces; methods and index signatures are left out."""
        self.expect("{")
        fields: list[Field] = []
        while not self.accept("}"):
            if self.accept(";") or self.accept(","):
                continue
            if read := self._member():
                fields.append(read)
        return Struct(tuple(fields))

    def _member(self) -> Field | None:
        first = self.at
        while self.peek().text in _MODIFIERS and self.peek(1).text not in (":", "?", "(", ";", ",", "}"):
            self.take()
        if self.is_next("(") or self.is_next("<"):
            self._method()
            return None
        if self.is_next("["):
            self.skip_group()
            name = ""
        else:
            token = self.take()
            if token.kind not in ("word", "string", "number"):
                self.at -= 1
                self.fail("a field is missing before")
            if token.text == "new" and (self.is_next("(") or self.is_next("<")):
                self._method()
                return None
            name = string_value(token.text) if token.kind == "string" else token.text
        optional = self.accept("?")
        self.accept("!")
        if self.is_next("(") or self.is_next("<"):
            self._method()
            return None
        start = self.at + 1
        read = self.type() if self.accept(":") else Known("any")
        self._end_member()
        if not name:
            return None
        text = self.text[self.tokens[start].start : self.peek(-1).end] if start < self.at else "any"
        line = self.tokens[first].line
        return Field(name, read, line, " ".join(text.split()), optional, self.directives(first, self.at - 1))

    def _end_member(self) -> None:
        """See that the member has ended: by a sign, or by the end of its line."""
        ended = any(self.is_next(sign) for sign in (";", ",", "}"))
        if not ended and self.peek().line == self.peek(-1).last_line:
            self.fail("; is missing before")

    def _method(self) -> None:
        self.skip_angles()
        if not self.is_next("("):
            self.fail("( is missing before")
        self.skip_group()
        if self.accept(":"):
            self.type()
        self._end_member()

    # Comments.

    def directives(self, first: int, last: int) -> Directives:
        """What the comments say that stand above the token at ``first``, or behind that at ``last`` on its line."""
        before = self.tokens[first - 1] if first else Token("op", "", 0, -1)
        end = self.tokens[last]
        follower = next((t for t in self.tokens[last + 1 : last + 3] if t.text not in (";", ",")), self._end)
        chosen = []
        start, stop = (bisect_left(self._comment_starts, place) for place in (before.end, follower.start))
        for comment in self.comments[start:stop]:
            above = comment.start < self.tokens[first].start and comment.line > before.last_line
            behind = end.end <= comment.start and comment.line == end.last_line
            if above or behind:
                chosen.append(comment_text(comment))
        return read_directives(chosen)
