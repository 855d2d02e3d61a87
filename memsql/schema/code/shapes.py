"""Resolves types to what a value of them can be: names to their declarations, aliases, unions, utility types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from memsql.schema.code.types import (
    Declaration,
    Field,
    Indexed,
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

# What the types of the languages' libraries are. A declaration of the same name wins.
_LIBRARY = {
    "typescript": {
        "number": ("number", "Number"),
        "integer": ("bigint", "BigInt"),
        "boolean": ("boolean", "Boolean"),
        "text": ("string", "String", "Uppercase", "Lowercase", "Capitalize", "Uncapitalize"),
        "date": ("Date",),
        "bytes": (
            *("Uint8Array", "Buffer", "ArrayBuffer", "ArrayBufferLike", "ArrayBufferView", "Blob", "DataView"),
            *("Float32Array", "Float64Array", "Int8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array"),
            *("Int32Array", "Uint32Array", "BigInt64Array", "BigUint64Array"),
        ),
        "json": ("Array", "ReadonlyArray", "Record", "Map", "ReadonlyMap", "Set", "ReadonlySet", "object", "Object"),
        "any": ("any", "unknown", "this"),
        "null": ("null",),
        "undefined": ("undefined", "void"),
        "nothing": ("never",),
        "function": ("Function",),
    },
    "python": {
        "integer": ("int",),
        "real": ("float",),
        "decimal": ("Decimal", "Fraction"),
        "boolean": ("bool",),
        "text": ("str", "UUID", "LiteralString", "EmailStr"),
        "date": ("datetime", "date", "time"),
        "bytes": ("bytes", "bytearray", "memoryview"),
        "json": (
            *("list", "List", "dict", "Dict", "set", "Set", "frozenset", "FrozenSet", "tuple", "Tuple"),
            *("Mapping", "MutableMapping", "Sequence", "MutableSequence", "Iterable", "Collection"),
            *("defaultdict", "DefaultDict", "OrderedDict", "AbstractSet", "deque"),
        ),
        "any": ("Any", "object"),
        "null": ("NoneType",),
        "function": ("Callable",),
    },
}
_KINDS = {language: {n: kind for kind, names in of.items() for n in names} for language, of in _LIBRARY.items()}
# Types of libraries that hold another type as it is, by its place among their arguments.
_TRANSPARENT = frozenset({"Generated", "GeneratedAlways", "ColumnType", "Readonly", "Opaque", "Tagged", "Branded"})
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value can be. ``kinds`` are those of types.Known without null. ``literals``: it is one of these values;
    None where it may be others. ``optional``: it may be left out. ``unknown`` are names that nothing declares."""

    kinds: frozenset[str] = frozenset()
    literals: frozenset[str | float] | None = frozenset()
    nullable: bool = False
    optional: bool = False
    unknown: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether nothing is known of it."""
        return bool(self.unknown) or "any" in self.kinds


@dataclass(frozen=True, slots=True)
class Members:
    """The fields of a model. ``unknown`` are bases that nothing declares, so that fields may be missing."""

    fields: tuple[Field, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """The declarations that a file sees: its own first, then those of the other files of its language."""

    source: Source
    own: dict[str, Declaration] = field(repr=False)
    others: dict[str, tuple[Scope, Declaration]] = field(repr=False)

    def declared(self, name: str) -> tuple[Scope, Declaration] | None:
        """The declaration that ``name`` means, with the scope in which it stands; None where there is none."""
        if name in self.own:
            return self, self.own[name]
        short = name.rpartition(".")[2]
        return (
            self.others.get(name) or self.others.get(short) or ((self, self.own[short]) if short in self.own else None)
        )


def scopes_of(sources: Iterable[Source]) -> list[Scope]:
    """A scope for each of ``sources``."""
    others: dict[str, dict[str, tuple[Scope, Declaration]]] = {}
    scopes = []
    for source in sources:
        shared = others.setdefault(source.language, {})
        scope = Scope(source, {declaration.name: declaration for declaration in source.declarations}, shared)
        for declaration in source.declarations:
            shared.setdefault(declaration.name, (scope, declaration))
        scopes.append(scope)
    return scopes


def shape_of(read: TypeExpr, scope: Scope, depth: int = 0) -> Shape:
    """What a value of the type ``read``, which stands in ``scope``, can be."""
    if depth > _DEEPEST:
        return Shape(frozenset({"any"}), None, nullable=True)
    if isinstance(read, Known):
        return _of_kind(read.kind)
    if isinstance(read, Literal):
        return Shape(frozenset({_kind_of(read.value)}), frozenset({read.value}))
    if isinstance(read, Union):
        return _joined([shape_of(part, scope, depth + 1) for part in read.parts])
    if isinstance(read, Items):
        return Shape(frozenset({"json"}), None)
    if isinstance(read, Struct):
        return Shape(frozenset({"json"}), None)
    if isinstance(read, Intersection):
        return _meeting([shape_of(part, scope, depth + 1) for part in read.parts])
    if isinstance(read, Indexed):
        return _indexed(read, scope, depth)
    return _named(read, scope, depth)


def members_of(read: TypeExpr, scope: Scope, depth: int = 0) -> Members | None:
    """The fields of the type ``read``; None where it is no object with fields."""
    if depth > _DEEPEST:
        return None
    if isinstance(read, Struct):
        return Members(read.fields)
    if isinstance(read, Intersection):
        return _all_members([(part, members_of(part, scope, depth + 1)) for part in read.parts])
    if isinstance(read, Named):
        declared = scope.declared(read.name)
        if declared is not None:
            return members_of(declared[1].type, declared[0], depth + 1)
        return _utility(read, scope, depth)
    return None


def _all_members(parts: Sequence[tuple[TypeExpr, Members | None]]) -> Members | None:
    fields: dict[str, Field] = {}
    unknown: list[str] = []
    for read, members in parts:
        if members is None:
            unknown += [read.name] if isinstance(read, Named) else []
            continue
        fields |= {each.name: each for each in members.fields}
        unknown += members.unknown
    return Members(tuple(fields.values()), tuple(unknown)) if fields or not unknown else None


def _utility(read: Named, scope: Scope, depth: int) -> Members | None:
    """The fields of ``Partial<Memory>`` and the like."""
    if not read.arguments:
        return None
    base = members_of(read.arguments[0], scope, depth + 1)
    if base is None or read.name not in ("Partial", "Required", "Readonly", "Pick", "Omit"):
        return None
    if read.name in ("Partial", "Required"):
        return replace(base, fields=tuple(replace(each, optional=read.name == "Partial") for each in base.fields))
    if read.name == "Readonly" or len(read.arguments) < 2:
        return base
    keys = shape_of(read.arguments[1], scope, depth + 1).literals or frozenset()
    picks = read.name == "Pick"
    return replace(base, fields=tuple(each for each in base.fields if (each.name in keys) == picks))


def _named(read: Named, scope: Scope, depth: int) -> Shape:
    declared = scope.declared(read.name)
    if declared is not None:
        inner, declaration = declared
        shape = shape_of(declaration.type, inner, depth + 1)
        # What a parameter stands for is not followed.
        return replace(shape, unknown=()) if set(shape.unknown) & set(declaration.parameters) else shape
    if read.name in _TRANSPARENT and read.arguments:
        return shape_of(read.arguments[0], scope, depth + 1)
    if read.name in ("NonNullable", "Exclude", "Extract") and read.arguments:
        return _narrowed(read, scope, depth)
    if read.name in ("Partial", "Required", "Pick", "Omit"):
        return Shape(frozenset({"json"}), None)
    kind = _KINDS[scope.source.language].get(read.name)
    return _of_kind(kind) if kind else Shape(frozenset({"any"}), None, nullable=True, unknown=(read.name,))


def _narrowed(read: Named, scope: Scope, depth: int) -> Shape:
    first, *rest = (shape_of(argument, scope, depth + 1) for argument in read.arguments)
    if read.name == "NonNullable" or not rest:
        return replace(first, nullable=False, optional=False)
    named = rest[0].literals or frozenset()
    nullable = first.nullable and rest[0].nullable == (read.name == "Extract")
    if first.literals is None:
        return replace(first, nullable=nullable)
    kept = first.literals - named if read.name == "Exclude" else first.literals & named
    return replace(first, nullable=nullable, literals=kept)


def _indexed(read: Indexed, scope: Scope, depth: int) -> Shape:
    """What ``Memory['title']`` or ``(typeof KINDS)[number]`` can be."""
    of = read.of
    declared = scope.declared(of.name) if isinstance(of, Named) else None
    if declared is not None and isinstance(declared[1].type, Items):
        return _joined([shape_of(value, declared[0], depth + 1) for value in declared[1].type.values])
    members = members_of(of, scope, depth + 1)
    key = read.key.value if isinstance(read.key, Literal) else None
    member = next((each for each in members.fields if each.name == key), None) if members else None
    if member is None:
        return Shape(frozenset({"any"}), None, nullable=True)
    shape = shape_of(member.type, declared[0] if declared else scope, depth + 1)
    return replace(shape, optional=shape.optional or member.optional)


def _of_kind(kind: str) -> Shape:
    if kind == "null":
        return Shape(nullable=True)
    if kind == "undefined":
        return Shape(optional=True)
    if kind == "nothing":
        return Shape()
    if kind == "any":
        return Shape(frozenset({"any"}), None, nullable=True)
    return Shape(frozenset({kind}), None)


def _kind_of(value: str | float) -> str:
    if isinstance(value, str):
        return "text"
    return "boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "real"


def _joined(shapes: Sequence[Shape]) -> Shape:
    """A value of one of ``shapes``."""
    with_values = [shape for shape in shapes if shape.kinds]
    literals: frozenset[str | float] | None = frozenset()
    for shape in with_values:
        literals = None if literals is None or shape.literals is None else literals | shape.literals
    return Shape(
        frozenset().union(*(shape.kinds for shape in shapes)),
        literals,
        any(shape.nullable for shape in shapes),
        any(shape.optional for shape in shapes),
        tuple(name for shape in shapes for name in shape.unknown),
    )


def _meeting(shapes: Sequence[Shape]) -> Shape:
    """A value of all ``shapes``: a text with a brand is a text."""
    scalar = next((shape for shape in shapes if shape.kinds and not shape.kinds & {"json", "any"}), None)
    return scalar or Shape(frozenset({"json"}), None)
