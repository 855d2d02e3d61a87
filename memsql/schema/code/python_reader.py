"""Reads the dataclasses and other models that a Python file declares. The file is neither imported nor run: a review
reads the code of strangers."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import warnings
from collections.abc import Iterable, Iterator

from memsql.errors import FileError, Location
from memsql.schema.code.directives import Directives, read_directives
from memsql.schema.code.python_types import annotated_type, base_name, enum_values, is_null
from memsql.schema.code.types import (
    Declaration,
    Field,
    Intersection,
    Known,
    Named,
    Source,
    Struct,
    TypeExpr,
    Union,
)

_DECORATORS = frozenset({"dataclass", "define", "frozen", "mutable", "attrs"})
_BASES = frozenset({"NamedTuple", "TypedDict", "BaseModel", "SQLModel", "Struct"})
_ENUMS = frozenset({"Enum", "StrEnum", "IntEnum", "Flag", "IntFlag"})
# Bases that add no field.
_PLAIN = _BASES | frozenset({"object", "Generic", "Protocol", "ABC"})
_VERSION = f"Python {sys.version_info.major}.{sys.version_info.minor}"
_ABSENT = frozenset({"ClassVar", "InitVar"})


def read_python(text: str, path: str) -> Source:
    """What ``text``, the file ``path``, declares: dataclasses (attrs and pydantic too), NamedTuple, TypedDict, enums
    and aliases of types. Raises FileError, with the line, where it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, path)
        comments = _comments(text)
        return _Reader(path, comments).source(tree)
    except SyntaxError as e:
        line = e.lineno or 1
        raise FileError(f"{path} is no Python that {_VERSION} reads: {e.msg}", where=Location(path, line)) from None
    except tokenize.TokenError as e:
        line = e.args[1][0]
        raise FileError(f"{path} is no Python that {_VERSION} reads: {e.args[0]}", where=Location(path, line)) from None
    except ValueError as e:
        raise FileError(f"{path}: {e}", where=Location(path)) from None
    except (RecursionError, MemoryError):
        raise FileError(f"{path}: its expressions stand too deep in each other", where=Location(path)) from None


def _comments(text: str) -> dict[int, tuple[str, bool]]:
    """Every comment by its line, and whether it is alone there."""
    lines = text.splitlines()
    return {
        token.start[0]: (token.string[1:], not lines[token.start[0] - 1][: token.start[1]].strip())
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }


class _Reader:
    def __init__(self, path: str, comments: dict[int, tuple[str, bool]]) -> None:
        self.path = path
        self.comments = comments
        self.models: set[str] = set()

    def source(self, tree: ast.Module) -> Source:
        """What the module declares."""
        declarations: dict[str, Declaration] = {}
        imports: list[str] = []
        for node in _statements(tree.body):
            if isinstance(node, ast.ImportFrom):
                imports.append("." * node.level + (node.module or ""))
                for alias in node.names:
                    if alias.asname and alias.asname != alias.name:
                        declarations[alias.asname] = Declaration(alias.asname, Named(alias.name), node.lineno)
            declaration = self._declaration(node)
            if declaration is not None:
                declarations[declaration.name] = declaration
        every = read_directives(text for text, _ in self.comments.values())
        is_package = self.path.replace("\\", "/").rpartition("/")[2] == "__init__.py"
        return Source(
            self.path,
            "python",
            tuple(declarations.values()),
            imports=tuple(dict.fromkeys(imports)),
            # What a package imports from its own modules is what it offers.
            exports=tuple(dict.fromkeys(i for i in imports if i.startswith("."))) if is_package else (),
            without_model=every.without_model,
        )

    def _declaration(self, node: ast.stmt) -> Declaration | None:
        if isinstance(node, ast.ClassDef):
            return self._class(node)
        name, value = None, None
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            name, value = node.target.id, node.value
        elif type(node).__name__ == "TypeAlias":  # ``type Name = ...``, which Python has from 3.12 on.
            name, value = getattr(getattr(node, "name", None), "id", None), getattr(node, "value", None)
        if name is None or value is None:
            return None
        if isinstance(value, ast.Call):
            called = base_name(value.func)
            if called == "NewType" and len(value.args) == 2:
                return Declaration(name, annotated_type(value.args[1]), node.lineno)
            return Declaration(name, Known("any"), node.lineno) if called == "TypeVar" else None
        if isinstance(value, ast.Subscript | ast.BinOp | ast.Name | ast.Attribute):
            return Declaration(name, annotated_type(value), node.lineno)
        return None

    def _class(self, node: ast.ClassDef) -> Declaration | None:
        bases = [base_name(base) for base in node.bases]
        if any(base in _ENUMS for base in bases):
            return Declaration(node.name, Union(tuple(enum_values(node, bases))), node.lineno)
        decorators = {base_name(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list}
        is_model = bool(decorators & _DECORATORS) or any(base in _BASES or base in self.models for base in bases)
        if not is_model:
            return None
        self.models.add(node.name)
        total = not any(
            keyword.arg == "total" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            for keyword in node.keywords
        )
        own = Struct(tuple(self._fields(node, total=total)))
        parents: list[TypeExpr] = [Named(base) for base in bases if base and base not in _PLAIN]
        parameters = tuple(str(getattr(p, "name", "")) for p in getattr(node, "type_params", ()))
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        # The fields of the first base win in Python; those of the last part win in an Intersection.
        read = Intersection((*reversed(parents), own)) if parents else own
        return Declaration(node.name, read, node.lineno, True, parameters, self._directives(first, node.lineno))

    def _fields(self, node: ast.ClassDef, *, total: bool) -> Iterator[Field]:
        for statement in node.body:
            if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
                continue
            annotation, outer = statement.annotation, ""
            if isinstance(annotation, ast.Subscript):
                outer = base_name(annotation.value)
            if outer in _ABSENT or base_name(annotation) in (*_ABSENT, "KW_ONLY"):
                continue
            read = annotated_type(annotation)
            if is_null(statement.value):
                read = Union((read, Known("null")))
            yield Field(
                statement.target.id,
                read,
                statement.lineno,
                ast.unparse(annotation),
                outer == "NotRequired" or (not total and outer != "Required"),
                self._directives(statement.lineno, statement.end_lineno or statement.lineno),
            )

    def _directives(self, first: int, last: int) -> Directives:
        """What the comments say on the lines ``first`` to ``last``, and in the lines of comments right above."""
        texts = [text for line, (text, _) in self.comments.items() if first <= line <= last]
        above = first - 1
        while above in self.comments and self.comments[above][1]:
            texts.insert(0, self.comments[above][0])
            above -= 1
        return read_directives(texts)


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those of ``if`` and ``try`` too."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements(node.body)
            yield from _statements(node.orelse)
