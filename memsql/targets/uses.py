"""Which features of the table a statement uses, from its text alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from memsql.sqltext import Effect, effect, fold
from memsql.sqltext.selects import list_items
from memsql.sqltext.tokens import Token, outside, tokenize
from memsql.sqltext.writes import trigger_statements
from memsql.targets.table import Feature, TargetEngine, features, refusal

# A file of data holds statements of megabytes, and nothing of interest behind their beginning.
_LONGEST = 200_000
# Words before a name and a parenthesis that is no call: INSERT INTO log (…), REFERENCES log (…).
_NO_CALL = frozenset({"INTO", "TABLE", "REFERENCES", "ON", "EXISTS", "UPDATE", "WITH", "VIEW", "INDEX", "."})
_TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_MOST_COLUMNS = 100
_NO_AGGREGATE = frozenset({"OVER", "AS", "IN", "EXISTS", "FILTER", "VALUES", "FROM", "JOIN", "SELECT", "WHERE", "NOT"})


@dataclass(frozen=True, slots=True)
class Use:
    """A place at which a statement uses a feature: the offset ``at`` in its text. ``detail``: which PRAGMA it is."""

    feature: Feature
    at: int
    detail: str = ""

    def refused_by(self, targets: Iterable[TargetEngine]) -> Iterator[tuple[TargetEngine, str]]:
        """Those of ``targets`` that do not accept it, each with the reason as words."""
        for target in targets:
            reason = refusal(target, self.feature, self.detail)
            if reason:
                yield target, reason


def uses(text: str) -> Iterator[Use]:
    """The features that the statement ``text`` uses, each once, those of a trigger's body too."""
    if len(text) > _LONGEST:
        return
    tokens = tokenize(text)
    if not tokens:
        return
    what = effect(text)
    parts = [_Part(what, tokens)]
    if what.kind == "create" and what.object_type == "trigger":
        parts += [
            _Part(effect(text[body[0].start : body[-1].end]), list(body)) for body in trigger_statements(tokens) if body
        ]
    for feature in features():
        place = next((place for part in parts if (place := part.find(feature)) is not None), None)
        if place is not None:
            yield Use(feature, place, fold(what.name or "") if feature.special == "pragma" else "")


@dataclass(frozen=True)
class _Part:
    """A statement, also one in the body of a trigger, with what it does."""

    effect: Effect
    tokens: Sequence[Token]

    @cached_property
    def _words(self) -> list[str]:
        """The tokens in upper case where they are bare words or operators; a mark for every other one."""
        return [token.word or "\0" for token in self.tokens]

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        """All words of patterns that may match here."""
        return frozenset(self._words) | {"*"}

    @cached_property
    def _calls(self) -> list[tuple[str, int]]:
        """The functions that it calls, in lower case, with their offsets."""
        words = self._words
        return [
            (token.name, token.start)
            for place, token in enumerate(self.tokens[:-1])
            if token.kind in ("word", "quoted") and words[place + 1] == "("
            if place == 0 or words[place - 1] not in _NO_CALL
        ]

    @cached_property
    def _behind(self) -> int:
        """The index of the last closing parenthesis, or how many tokens there are."""
        return max((place for place, word in enumerate(self._words) if word == ")"), default=len(self._words))

    def find(self, feature: Feature) -> int | None:
        """The offset at which it uses ``feature``; None where it does not."""
        if feature.effects and self.effect.kind not in feature.effects:
            return None
        if feature.special:
            return _SPECIAL[feature.special](self.effect, self.tokens)
        if feature.words or feature.functions or feature.options:
            return next(self._places(feature), None)
        return self.tokens[0].start

    def _places(self, feature: Feature) -> Iterator[int]:
        for pattern in feature.words:
            yield from self._follow(pattern)
        yield from (start for name, start in self._calls if name in feature.functions)
        for pattern in feature.options if self.effect.object_type == "table" else ():
            yield from self._follow(pattern, self._behind)

    def _follow(self, pattern: tuple[str, ...], start: int = 0) -> Iterator[int]:
        """The offsets from token ``start`` on where the words of ``pattern`` follow each other."""
        if not self._vocabulary.issuperset(pattern):
            return
        words, length = self._words, len(pattern)
        for place in range(start, len(words) - length + 1):
            if all(one in (other, "*") for one, other in zip(pattern, words[place : place + length], strict=True)):
                yield self.tokens[place].start


def _update_from(_: Effect, tokens: Sequence[Token]) -> int | None:
    depth, seen = 0, False
    for place, token in enumerate(tokens):
        depth += (token.word == "(") - (token.word == ")")
        seen |= depth == 0 and token.word == "SET"
        if seen and depth == 0 and token.word == "FROM" and tokens[place - 1].word != "DISTINCT":
            return token.start
    return None


def _temporary(what: Effect, tokens: Sequence[Token]) -> int | None:
    return tokens[0].start if what.kind == "create" and fold(what.schema or "") == "temp" else None


def _pragma(what: Effect, tokens: Sequence[Token]) -> int | None:
    return tokens[0].start if what.kind == "pragma" else None


def _generated(what: Effect, tokens: Sequence[Token]) -> int | None:
    """A column that is computed: ``AS (`` between the columns."""
    if what.object_type != "table":
        return None
    depth, inside = 0, 1 if what.kind == "create" else 0
    for place, token in enumerate(tokens[:-1]):
        depth += (token.word == "(") - (token.word == ")")
        if depth == inside and token.word == "AS" and tokens[place + 1].word == "(":
            return token.start
    return None


def _many_columns(what: Effect, tokens: Sequence[Token]) -> int | None:
    """More than 100 columns in a CREATE TABLE, the most that Cloudflare D1 takes."""
    if what.kind != "create" or what.object_type != "table":
        return None
    depth, columns = 0, 0
    for token, following in pairwise(tokens):
        depth += (token.word == "(") - (token.word == ")")
        starts = depth == 1 and token.word in ("(", ",")
        columns += starts and following.word not in _TABLE_CONSTRAINTS
    return tokens[0].start if columns > _MOST_COLUMNS else None


def _ordered_aggregate(_: Effect, tokens: Sequence[Token]) -> int | None:
    """ORDER BY among the arguments of a function."""
    calls: list[bool] = []
    for place, token in enumerate(tokens[:-1]):
        if token.word == "(":
            before = tokens[place - 1] if place else None
            name = before is not None and before.kind in ("word", "quoted") and before.word not in _NO_AGGREGATE
            calls.append(name and tokens[place + 1].word not in ("SELECT", "WITH", "VALUES"))
        elif token.word == ")" and calls:
            calls.pop()
        elif calls and calls[-1] and token.word == "ORDER" and tokens[place + 1].word == "BY":
            return token.start
    return None


def _separator(_: Effect, tokens: Sequence[Token]) -> int | None:
    return next((token.start for token in tokens if token.kind == "number" and "_" in token.text), None)


def _fts5(matches: Callable[[Sequence[Token]], bool]) -> Callable[[Effect, Sequence[Token]], int | None]:
    """Looks for an option of a full-text table."""

    def find(what: Effect, tokens: Sequence[Token]) -> int | None:
        is_fts5 = what.object_type == "virtual" and any(token.name == "fts5" for token in tokens)
        arguments = (
            list_items(tokens, next((n for n, t in enumerate(tokens) if t.word == "("), 0))[0] if is_fts5 else []
        )
        return next((item[0].start for item in arguments if item and matches(item)), None)

    return find


def _option(name: str) -> Callable[[Sequence[Token]], bool]:
    return lambda item: len(item) > 1 and item[0].name == name and item[1].word == "="


def _removes_diacritics(item: Sequence[Token]) -> bool:
    return item[0].name == "tokenize" and all(w in item[-1].text.lower() for w in ("trigram", "remove_diacritics"))


def _raise(_: Effect, tokens: Sequence[Token]) -> int | None:
    """RAISE with something else behind its first word than one text."""
    for place, token in enumerate(tokens[:-5]):
        words = [other.word for other in tokens[place : place + 6]]
        if words[:2] == ["RAISE", "("] and words[3] == "," and words[5] != ")":
            return token.start
    return None


def _iif(_: Effect, tokens: Sequence[Token]) -> int | None:
    """iif() with another number of arguments than three."""
    for place, token in enumerate(tokens[:-1]):
        is_call = token.name == "iif" and token.kind != "string" and tokens[place + 1].word == "("
        if is_call and len(list_items(tokens, place + 1)[0]) != 3:
            return token.start
    return None


def _limited_write(what: Effect, tokens: Sequence[Token]) -> int | None:
    if what.kind not in ("update", "delete"):
        return None
    return next((token.start for _, token in outside(tokens) if token.word in ("ORDER", "LIMIT")), None)


_SPECIAL: Mapping[str, Callable[[Effect, Sequence[Token]], int | None]] = {
    "update_from": _update_from,
    "temporary": _temporary,
    "pragma": _pragma,
    "generated": _generated,
    "many_columns": _many_columns,
    "ordered_aggregate": _ordered_aggregate,
    "separator": _separator,
    "fts5_locale": _fts5(_option("locale")),
    "fts5_unindexed": _fts5(_option("contentless_unindexed")),
    "fts5_trigram": _fts5(_removes_diacritics),
    "raise": _raise,
    "iif": _iif,
    "limited_write": _limited_write,
}
