"""Types, fields and models as source code declares them, whatever its language."""

from __future__ import annotations

from dataclasses import dataclass, field

from memsql.schema.code.directives import NO_DIRECTIVES, Directives


@dataclass(frozen=True, slots=True)
class Known:
    """A type that the language has.

    ``kind`` is "integer", "number" (an integer or not), "real", "decimal", "boolean", "text", "date", "bytes", "json"
    (an object or a list), "function", "any", "null" or "undefined" (a value that is left out).
    """

    kind: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A type of one value."""

    value: str | float


@dataclass(frozen=True, slots=True)
class Named:
    """A type by its name, with its arguments: one that is declared somewhere, or one of the language's library."""

    name: str
    arguments: tuple[TypeExpr, ...] = ()


@dataclass(frozen=True, slots=True)
class Union:
    """A value of one of several types."""

    parts: tuple[TypeExpr, ...]


@dataclass(frozen=True, slots=True)
class Intersection:
    """A value that is of all these types; an interface or class with its bases before it."""

    parts: tuple[TypeExpr, ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    """The type of one member of another type: ``Memory['title']``; with ``key`` "number", of the items of a list."""

    of: TypeExpr
    key: TypeExpr


@dataclass(frozen=True, slots=True)
class Items:
    """A list of constants that is declared as a value; Indexed by a number it is the type of its items."""

    values: tuple[TypeExpr, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model.

    ``text`` is its type as its author wrote it; ``optional``: it may be left out; ``line`` counts from 1.
    """

    name: str
    type: TypeExpr
    line: int
    text: str
    optional: bool = False
    directives: Directives = NO_DIRECTIVES


@dataclass(frozen=True, slots=True)
class Struct:
    """An object with these fields."""

    fields: tuple[Field, ...]


TypeExpr = Known | Literal | Named | Union | Intersection | Indexed | Items | Struct


@dataclass(frozen=True, slots=True)
class Declaration:
    """A type with a name. ``is_model``: it is of a form in which models are declared, so that it may be one."""

    name: str
    type: TypeExpr
    line: int
    is_model: bool = False
    parameters: tuple[str, ...] = ()
    directives: Directives = NO_DIRECTIVES


@dataclass(frozen=True, slots=True)
class Source:
    """What a file declares. ``path`` is its name for people; ``language`` is "python" or "typescript".

    ``imports`` are the modules that it imports from, as it writes them, ``exports`` those whose types it passes on as
    its own; ``without_model`` are the tables for which it says
    that no model is wanted. ``beside``: the file was read for the types that others import, not for its models.
    """

    path: str
    language: str
    declarations: tuple[Declaration, ...]
    imports: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    without_model: tuple[str, ...] = ()
    beside: bool = field(default=False)
