"""Which table a model is for and which column a field, by their names: memoryType and memory_type, User and users."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_IRREGULAR = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "indices": "index",
}
# What people put around the name of a table to say what a model of it is for.
_FORM_WORDS = {
    **dict.fromkeys(("row", "record", "model", "schema", "table", "entity", "dto", "db", "base", "data"), "row"),
    **dict.fromkeys(("select", "selectable", "interface", "type", "request", "payload", "params"), "row"),
    **dict.fromkeys(("insert", "insertable", "new", "create", "input"), "insert"),
    **dict.fromkeys(("update", "updateable", "patch"), "update"),
}


def words_of(name: str) -> list[str]:
    """The words of ``name`` in lower case: ``apiKeyHash``, ``APIKeyHash`` and ``api_key_hash`` have the same."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word.lower() for word in re.split(r"[\W_]+", parts) if word]


def singular(word: str) -> str:
    """The singular of an English word; a word that is one is often left as it is."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if re.search(r"(?:ss|x|z|ch|sh|us)es$", word):
        return word[:-2]
    return word[:-1] if re.search(r"[^siu]s$", word) or word.endswith("ees") else word


def column_of(field: str, columns: Iterable[str]) -> str | None:
    """The one of ``columns`` that a field of this name is; None where there is none, or several fit alike."""
    names = list(columns)
    if field in names:
        return field
    wanted = "_".join(words_of(field))
    for form in (lambda name: name.lower() == wanted, lambda name: _joined(name) == _joined(field)):
        fitting = [name for name in names if form(name)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    return None


def table_of(model: str, tables: Iterable[str]) -> tuple[str | None, str]:
    """The one of ``tables`` that a model of this name is for, None where there is none or several fit alike, and the
    form that its name says: "row", "insert" or "update"."""
    named = [(name, words_of(name)) for name in tables]
    words = words_of(model)
    form = "row"
    while words:
        exact = [name for name, of in named if of == words]
        fitting = exact or [name for name, of in named if _singulars(of) & _singulars(words)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None, form
        if len(words) > 1 and words[-1] in _FORM_WORDS:
            said = _FORM_WORDS[words.pop()]
        elif len(words) > 1 and words[0] in _FORM_WORDS:
            said = _FORM_WORDS[words.pop(0)]
        else:
            break
        form = said if form == "row" else form
    return None, form


def camel(name: str) -> str:
    """``name`` as TypeScript writes fields: ``apiKeyHash`` for ``api_key_hash``."""
    first, *rest = words_of(name) or [name]
    return first + "".join(word.capitalize() for word in rest)


def pascal(name: str) -> str:
    """``name`` as both languages write types, in the singular: ``Memory`` for ``memories``."""
    words = words_of(name)
    words[-1:] = [singular(word) for word in words[-1:]]
    return "".join(word.capitalize() for word in words)


def unique(names: Mapping[str, str], taken: Iterable[str] = ()) -> dict[str, str]:
    """``names`` with numbers behind those values that come twice, or that are ``taken``."""
    used = set(taken)
    result = {}
    for key, name in names.items():
        free, number = name, 2
        while free in used:
            free, number = f"{name}{number}", number + 1
        used.add(free)
        result[key] = free
    return result


def _singulars(words: list[str]) -> set[str]:
    """``words`` as one, with every singular that the last one may have: ``houses`` is of ``house`` or of ``hous``."""
    *before, last = words or [""]
    forms = {last, singular(last)}
    forms |= {last[: -len(end)] for end in ("s", "es") if last.endswith(end) and len(last) > len(end) + 1}
    return {"".join((*before, form)) for form in forms}


def _joined(name: str) -> str:
    return name.lower().replace("_", "")
