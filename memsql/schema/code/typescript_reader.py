"""Reads the interfaces, types and enums that a TypeScript file declares. Its code is neither compiled nor run."""

from __future__ import annotations

from memsql.errors import FileError
from memsql.schema.code.directives import Directives, read_directives
from memsql.schema.code.types import (
    Declaration,
    Intersection,
    Items,
    Known,
    Literal,
    Named,
    Source,
    Struct,
    TypeExpr,
    Union,
)
from memsql.schema.code.typescript_lexer import Lexed, comment_text, has_jsx, lex, string_value
from memsql.schema.code.typescript_types import CLOSING, TypeReader

_STARTS = frozenset({"export", "declare", "interface", "type", "enum", "const", "namespace", "function", "class"})
_UTILITIES = frozenset({"Partial", "Required", "Readonly", "Pick", "Omit"})


def read_typescript(text: str, path: str) -> Source:
    """What ``text``, the file ``path``, declares. Raises FileError, with the line, where that is no TypeScript.

    Read are interfaces, type aliases, enums and lists of constants (``as const``), at the top of the file and in its
    namespaces; classes and code are passed over.
    """
    lexed = lex(text, path)
    reader = _DeclarationReader(lexed, path, text)
    declarations = _merged(reader.declarations())
    every = read_directives(comment_text(comment) for comment in lexed.comments)
    imports, exports = (
        tuple(dict.fromkeys(module for word, module in reader.modules if word == which))
        for which in ("import", "export")
    )
    return Source(path, "typescript", tuple(declarations), imports, exports, every.without_model)


class _DeclarationReader(TypeReader):
    def __init__(self, lexed: Lexed, path: str, text: str) -> None:
        super().__init__(lexed, path, text)
        self.modules: list[tuple[str, str]] = []
        """The modules that the file names, each with "import" or "export"."""

    def declarations(self) -> list[Declaration]:
        """Every declaration, in order."""
        read: list[Declaration] = []
        first = 0
        while self.at < len(self.tokens):
            before = self.at
            if self._names_module():
                read += self._module()
                first = self.at
                continue
            if self.peek().text in ("export", "declare", "default", "const") and self.peek(1).kind == "word":
                is_list = self.is_next("const") and not self.is_next("const", "enum")
                self.at += 1
                if not is_list:
                    continue
                declaration = self._constants(first)
            else:
                declaration = self._declaration(first)
            if declaration is not None:
                read.append(declaration)
            elif self.at == before:
                self._pass_over()
            first = self.at
        return read

    def _names_module(self) -> bool:
        """Whether an import comes next, or an export of what another file declares."""
        if self.is_next("import"):
            return self.peek(1).text not in ("(", ".")
        names = 2 if self.is_next("export", "type") else 1
        return self.is_next("export") and self.peek(names).text in ("{", "*")

    def _module(self) -> list[Declaration]:
        """``import { A as B } from './c'`` and the like. Returns the other names that it gives to types."""
        word = self.take().text
        renamed = []
        while self.peek().kind == "word" or any(self.is_next(sign) for sign in ("{", "}", "*", ",")):
            name, line = self.peek().text, self.peek().line
            self.take()
            if name == "from" and self.peek().kind == "string":
                self.modules.append((word, string_value(self.take().text)))
                break
            if self.is_next("as") and self.peek(1).kind == "word" and self.peek(1).text != name and name != "*":
                renamed.append(Declaration(self.peek(1).text, Named(name), line))
        return renamed

    def _declaration(self, first: int) -> Declaration | None:
        if self.peek().kind == "word" and self.peek().text in ("namespace", "module", "global"):
            self._enter()
            return None
        if self.peek(1).kind != "word":
            return None
        behind = self.peek(2).text
        if self.is_next("interface") and behind in ("{", "<", "extends"):
            return self._interface(first)
        if self.is_next("type") and behind in ("=", "<"):
            return self._alias(first)
        if self.is_next("enum") and behind == "{":
            return self._enum()
        return None

    def _enter(self) -> None:
        """Pass the opening of a namespace: what stands in it is read like the top of the file, and its closing brace is
        passed over. Where these words name something else, nothing but the word is passed."""
        self.take()
        start = self.at
        while self.peek().kind in ("word", "string") or self.is_next("."):
            self.take()
        if not self.accept("{"):
            self.at = start

    def _pass_over(self) -> None:
        if not (self.peek().kind == "op" and self.peek().text in CLOSING):
            self.take()
            return
        start = self.at
        try:
            self.skip_group()
        except FileError:
            if not has_jsx(self.path):
                raise
            # What the text of JSX opens and closes cannot be told: go on at what looks like the next statement.
            self.at = start + 1
            while self.at < len(self.tokens) and not self._starts_statement():
                self.at += 1

    def _starts_statement(self) -> bool:
        token = self.peek()
        return token.text in _STARTS and (token.start == 0 or self.text[token.start - 1] == "\n")

    def _interface(self, first: int) -> Declaration:
        self.take()
        name = self.take()
        parameters = self.skip_angles()
        bases: list[TypeExpr] = []
        if self.accept("extends"):
            bases.append(self.type())
            while self.accept(","):
                bases.append(self.type())
        opening = self.at
        own = self.struct()
        read = Intersection((*bases, own)) if bases else own
        return Declaration(name.text, read, name.line, True, parameters, self.directives(first, opening))

    def _alias(self, first: int) -> Declaration:
        self.take()
        name = self.take()
        parameters = self.skip_angles()
        self.expect("=")
        opening = self.at
        read = self.type()
        is_model = isinstance(read, Struct | Intersection) or (isinstance(read, Named) and read.name in _UTILITIES)
        last = opening if self.tokens[opening].text == "{" else self.at - 1
        return Declaration(name.text, read, name.line, is_model, parameters, self.directives(first, last))

    def _enum(self) -> Declaration:
        self.take()
        name = self.take()
        self.expect("{")
        values: list[TypeExpr] = []
        following: int | None = 0
        while not self.accept("}"):
            self.take()
            value: TypeExpr = Known("number") if following is None else Literal(following)
            if self.accept("="):
                value = self._constant()
            following = value.value + 1 if isinstance(value, Literal) and isinstance(value.value, int) else None
            values.append(value)
            if not self.accept(",") and not self.is_next("}"):
                self.fail(", is missing before")
        return Declaration(name.text, Union(tuple(values)), name.line)

    def _constants(self, first: int) -> Declaration | None:
        """A list of constants: ``const KINDS = ['a', 'b'] as const``. Anything else is left to be passed over."""
        name = self.peek()
        if not (self.peek(1).text == "=" and self.peek(2).text == "["):
            return None
        start = self.at
        self.at += 3
        values: list[TypeExpr] = []
        while self.peek().kind in ("string", "number"):
            values.append(self._constant())
            if not self.accept(","):
                break
        if values and self.accept("]", "as", "const"):
            return Declaration(f"typeof {name.text}", Items(tuple(values)), name.line)
        self.at = start
        return None

    def _constant(self) -> TypeExpr:
        """A literal; what else stands before the next comma is passed over, and is of any kind."""
        token, behind = self.peek(), self.peek(1).text
        is_text = token.kind == "string" or (token.kind == "template" and "${" not in token.text)
        if is_text and behind in (",", "}", "]"):
            return Literal(string_value(self.take().text))
        if (token.kind == "number" and behind in (",", "}", "]")) or token.text == "-":
            return self._number()
        while not self.is_next(",") and not self.is_next("}") and not self.is_next("]"):
            if self.peek().kind == "op" and self.peek().text in CLOSING:
                self.skip_group()
            else:
                self.take()
        return Known("any")


def _merged(declarations: list[Declaration]) -> list[Declaration]:
    """The declarations with the parts of each interface together: TypeScript lets an interface be declared in parts."""
    by_name: dict[str, Declaration] = {}
    for declaration in declarations:
        first = by_name.get(declaration.name)
        if first is not None and first.is_model and declaration.is_model:
            both = Intersection((first.type, declaration.type))
            said = first.directives if first.directives != Directives() else declaration.directives
            declaration = Declaration(first.name, both, first.line, True, first.parameters, said)
        by_name[declaration.name] = declaration
    return list(by_name.values())
