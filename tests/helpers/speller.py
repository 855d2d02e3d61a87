"""Writes a model of a schema as SQL, in one of the many spellings that SQLite reads alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from spelled_model import (
    COLUMN_NAMES,
    Check,
    Column,
    Expression,
    FullText,
    Index,
    Key,
    Model,
    Reference,
    Table,
    Trigger,
    View,
)

_BARE = set("abcdefghijklmnopqrstuvwxyz_0123456789") | set("größe")
_RESERVED = {"select", "order"}
_NAMES = {name.lower() for name in COLUMN_NAMES} | {"", "id", "code", "made"}
_LEVELS = {"OR": 1, "AND": 2, "=": 4, "<>": 4, "<": 5, ">=": 5, "&": 7, "+": 8, "-": 8, "*": 9, "||": 10, "->>": 10}
_NOT, _EQUAL, _COMPARE, _COLLATE, _SIGN, _SINGLE = 3, 4, 5, 11, 12, 13

Words = list[str]


class Speller:
    """Spells one model. Every list of words is joined with random white space and comments."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.quoted_strings = True
        self.qualifiers: tuple[str, ...] = ()

    def sql(self, model: Model) -> str:
        """The statements that make ``model``."""
        statements = [self._table(t) for t in model.tables]
        statements += [self._index(i) for i in model.indexes]
        statements += [self._view(v) for v in model.views]
        statements += [self._trigger(t) for t in model.triggers]
        statements += [self._full_text(f) for f in model.full_text]
        return "\n".join(self._joined(s) + ";" for s in statements)

    # Words, names and the space between them.

    def maybe(self, *words: str) -> Words:
        return list(words) if self.random.random() < 0.5 else []

    def shuffled(self, parts: Sequence[Words]) -> Words:
        """All parts in any order."""
        order = self.random.sample(list(parts), len(parts))
        return [word for part in order for word in part]

    def _joined(self, words: Words) -> str:
        text = ""
        for word in words:
            word = self._cased(word)
            tight = not text or text[-1] in "(,;" or word[0] in "),;" or word[0] == "("
            tight = tight and not (text and text[-1] == "(" and word[0] == "(" and self.random.random() < 0.1)
            gaps = [" ", " ", " ", "\n", "\t  ", " /* c, */ ", " -- it's\n", "/**/"] + [""] * 8 * tight
            text += self.random.choice(gaps) + word
        return text

    def _cased(self, word: str) -> str:
        """A keyword, which starts with a mark, in any case."""
        if not word.startswith("\0"):
            return word
        return self.random.choice((word.upper(), word.lower(), word.title()))[1:]

    def named(self, name: str, quotes: str = "\"[`'") -> str:
        """The name of something where it is defined: its letters count, its quotes do not."""
        chosen = self.random.choice(quotes + "    ")
        bare = set(name.lower()) <= _BARE and name.lower() not in _RESERVED
        if chosen == " " and bare:
            return name
        if chosen in " [":
            return f"[{name}]"
        return chosen + name.replace(chosen, chosen * 2) + chosen

    def ref(self, name: str, quotes: str = '"[`') -> str:
        """A name where it is used: its ASCII letters may have any case."""
        table, dot, column = name.partition(".")
        if dot:
            return f"{table}.{self.ref(column, quotes)}"
        return self.named("".join(self._letter(c) for c in name), quotes)

    def _letter(self, letter: str) -> str:
        return self.random.choice((letter.upper(), letter.lower(), letter)) if letter.isascii() else letter

    def listed(self, items: Sequence[Words]) -> Words:
        words: Words = []
        for place, item in enumerate(items):
            words += [*([","] if place else []), *item]
        return words

    # Expressions.

    def expression(self, e: Expression, least: int = 0) -> Words:
        """An expression, with parentheses where it needs them and here and there where it does not."""
        words, level = self._expression(e)
        if level < least or self.random.random() < 0.15:
            words = ["(", *words, ")"]
            if self.random.random() < 0.1:
                words = ["(", *words, ")"]
        return words

    def _expression(self, e: Expression) -> tuple[Words, int]:
        match e:
            case ("column", str(name)):
                qualifier = self.random.choice((*self.qualifiers, "", ""))
                return [f"{self.ref(qualifier)}.{self.ref(name)}" if qualifier else self.ref(name)], _SINGLE
            case ("word", str(word)):
                return [f"\0{word}"], _SINGLE
            case ("number", str(text)):
                return [self._number(text)], _SINGLE
            case ("string", str(value)):
                # A name in double quotes that is no column is a string; in a view a label is a column too.
                is_name = value.lower() in _NAMES or not self.quoted_strings
                quote = "'" if is_name else self.random.choice("''\"")
                return [quote + value.replace(quote, quote * 2) + quote], _SINGLE
            case ("binary", str(operator), tuple(left), tuple(right)):
                level = _LEVELS[operator]
                spelled = {"=": ("=", "=="), "<>": ("<>", "!=")}.get(operator, (f"\0{operator}",))
                words = [*self.expression(left, level), self.random.choice(spelled)]
                return [*words, *self.expression(right, level + 1)], level
            case ("not", tuple(x)):
                return ["\0not", *self.expression(x, _NOT)], _NOT
            case ("minus", tuple(x)):
                return ["-", *self.expression(x, _SINGLE)], _SIGN
            case ("null", tuple(x), negated):
                tests = (["\0is", "\0not", "\0null"], ["\0notnull"], ["\0not", "\0null"])
                test = self.random.choice(tests if negated else (["\0is", "\0null"], ["\0isnull"]))
                return [*self.expression(x, _EQUAL), *test], _EQUAL
            case ("call", str(name), list(arguments)):
                return [f"\0{name}", "(", *self.listed([self.expression(a) for a in arguments]), ")"], _SINGLE
            case ("cast", tuple(x), str(declared)):
                return ["\0cast", "(", *self.expression(x), "\0as", *self.type(declared), ")"], _SINGLE
            case ("case", tuple(condition), tuple(then), tuple(otherwise)):
                tail = ["\0else", *self.expression(otherwise), "\0end"]
                return [
                    "\0case",
                    "\0when",
                    *self.expression(condition),
                    "\0then",
                    *self.expression(then),
                    *tail,
                ], _SINGLE
            case (str(kind), tuple(x), *rest, negated):
                words = [*self.expression(x, _EQUAL), *["\0not"] * bool(negated), f"\0{kind}"]
                return [*words, *self._rest(kind, rest)], _EQUAL
        raise AssertionError(e)

    def _rest(self, kind: str, rest: list[object]) -> Words:
        match kind, rest:
            case "between", [tuple(low), tuple(high)]:
                return [*self.expression(low, _COMPARE), "\0and", *self.expression(high, _COMPARE)]
            case "in", [list(items)]:
                return ["(", *self.listed([self.expression(i) for i in items]), ")"]
            case "like", [tuple(pattern)]:
                return self.expression(pattern, _COMPARE)
        raise AssertionError((kind, rest))

    def _number(self, text: str) -> str:
        spellings = {
            "21": ("21", "0x15", "0X15"),
            "1.5": ("1.5", "15e-1", "1.50"),
            "100": ("100", "0x64"),
            "0": ("0", "00"),
        }
        return self.random.choice(spellings.get(text, (text,)))

    def type(self, declared: str) -> Words:
        return {"": [], "VARCHAR(10)": ["\0varchar", "(", "10", ")"]}.get(declared, [f"\0{declared}"])

    # Tables.

    def _table(self, table: Table) -> Words:
        below: list[Words] = []
        behind: dict[str, list[Words]] = {c.name: [] for c in table.columns}

        def place(columns: list[str], own: Words, whole: Words) -> None:
            """Write a constraint behind its only column, or below all of them."""
            if len(columns) == 1 and self.random.random() < 0.5:
                behind[columns[0]].append(own)
            else:
                below.append(whole)

        if table.primary:
            self._primary(table, table.primary, place)
        for key in table.unique:
            own = not key.terms[0][1] and len(key.terms) == 1
            conflict = self._conflict(key.conflict)
            whole = [*self._name(), "\0unique", "(", *self._terms(key), ")", *conflict]
            if own and self.random.random() < 0.5:
                behind[key.terms[0][0]].append([*self._name(), "\0unique", *conflict])
            else:
                below.append(whole)
        for check in table.checks:
            self.qualifiers = (table.name,)
            words = self._check(check)
            self.qualifiers = ()
            place([self.random.choice(table.columns).name], words, words)
        for reference in table.references:
            words = self._references(reference)
            columns = self.listed([[self.ref(c)] for c in reference.columns])
            whole = [*self._name(), "\0foreign", "\0key", "(", *columns, ")", *words]
            place(reference.columns, [*self._name(), *words], whole)
        clauses = [self._column(c, behind[c.name]) for c in self.random.sample(table.columns, len(table.columns))]
        self.random.shuffle(below)
        rest: Words = []
        for number, constraint in enumerate(below):
            # The comma between two constraints may be missing, and then a name holds for both.
            comma = number == 0 or constraint[0] == "\0check" or self.random.random() < 0.7
            rest += [*[","] * comma, *constraint]
        options = [["\0without", "\0rowid"]] * table.without_rowid + [["\0strict"]] * table.strict
        self.random.shuffle(options)
        head = ["\0create", "\0table", *self.maybe("\0if", "\0not", "\0exists"), self.named(table.name), "("]
        return [*head, *self.listed(clauses), *rest, ")", *self.listed(options)]

    def _primary(self, table: Table, key: Key, place: Callable[[list[str], Words, Words], None]) -> None:
        conflict = self._conflict(key.conflict)
        count = ["\0autoincrement"] * table.autoincrement
        own = [*self._name(), "\0primary", "\0key", *self.maybe("\0asc"), *conflict, *count]
        below = [*self._name(), "\0primary", "\0key", "(", *self._terms(key), *count, ")", *conflict]
        place([n for n, _ in key.terms], own, below)

    def _terms(self, key: Key) -> Words:
        return self.listed(
            [[self.ref(n, "\"[`'"), *(["\0desc"] if desc else self.maybe("\0asc"))] for n, desc in key.terms]
        )

    def _column(self, column: Column, constraints: list[Words]) -> Words:
        parts = list(constraints)
        head = [self.named(column.name), *self.type(column.type)]
        if column.generated is not None:
            kind = ["\0stored"] if column.stored else self.maybe("\0virtual")
            expression = ["\0as", "(", *self.expression(column.generated), ")", *kind]
            if self.random.random() < 0.5:
                # With a comment between them SQLite takes these words for a part of the type.
                head = [head[0], f"\0{column.type} generated  always".replace("\0 ", "\0"), *expression]
            else:
                parts.append(expression)
        if column.not_null is not None:
            parts.append([*self._name(), "\0not", "\0null", *self._conflict(column.not_null)])
        elif column.generated is None and self.random.random() < 0.2:
            parts.append(["\0null"])
        if column.default is not None:
            self.quoted_strings = False
            parts.append([*self._name(), "\0default", *self._default(column.default)])
            self.quoted_strings = True
        elif column.generated is None and self.random.random() < 0.1:
            parts.append(["\0default", "\0null"])
        if column.collation or self.random.random() < 0.1:
            parts.append(["\0collate", self.random.choice((f"\0{column.collation or 'binary'}",))])
        # The name of a constraint holds for every CHECK behind it.
        unnamed = [part for part in parts if part[0] == "\0check"]
        others = [part for part in parts if part[0] != "\0check"]
        return [*head, *self.shuffled(unnamed), *self.shuffled(others)]

    def _default(self, default: Expression) -> Words:
        match default:
            case ("string", str(value)) if self.random.random() < 0.3:
                return [f'"{value}"']
            case ("number", _) if self.random.random() < 0.2:
                return ["+", *self._expression(default)[0]]
            case ("number" | "string" | "word", _) if self.random.random() < 0.6:
                return self._expression(default)[0]
            case ("minus", tuple(x)) if self.random.random() < 0.6:
                return ["-", *self._expression(x)[0]]
        return ["(", *self.expression(default), ")"]

    def _check(self, check: Check) -> Words:
        name = ["\0constraint", self.ref(check.name)] if check.name else []
        return [*name, "\0check", "(", *self.expression(check.expression), ")"]

    def _references(self, reference: Reference) -> Words:
        columns = ["(", *self.listed([[self.ref(c)] for c in reference.parent_columns]), ")"]
        if reference.parent_columns == ["id"] and self.random.random() < 0.5:
            columns = []
        rules = [
            ["\0on", f"\0{event}", *(f"\0{w}" for w in action.split())]
            for event, action in (("delete", reference.on_delete), ("update", reference.on_update))
            if action != "NO ACTION" or self.random.random() < 0.5
        ]
        rules += [["\0match", "\0full"]] if self.random.random() < 0.1 else []
        late = ["\0deferrable", "\0initially"]
        immediate: tuple[Words, ...] = (["\0not", "\0deferrable"], [*late, "\0immediate"], ["\0deferrable"], [], [], [])
        timing = [*late, "\0deferred"] if reference.deferred else self.random.choice(immediate)
        return ["\0references", self.ref(reference.parent), *columns, *self.shuffled(rules), *timing]

    def _conflict(self, action: str) -> Words:
        if not action:
            return self.random.choice(([], [], [], ["\0on", "\0conflict", "\0abort"]))
        return ["\0on", "\0conflict", f"\0{action}"]

    def _name(self) -> Words:
        """The name of a constraint whose name says nothing."""
        return self.random.choice(([], [], ["\0constraint", self.named(self.random.choice(("c1", "Own name")))]))

    # Everything else.

    def _index(self, index: Index) -> Words:
        head = ["\0create", *["\0unique"] * index.unique, "\0index", self.named(index.name), "\0on"]
        terms = []
        for expression, collation, desc in index.terms:
            match expression:
                case ("column", str(name)):
                    words = [self.ref(name, "\"[`'")]
                case _:
                    words = self.expression(expression)
            words += ["\0collate", f"\0{collation}"] if collation else []
            terms.append([*words, *(["\0desc"] if desc else self.maybe("\0asc"))])
        where = ["\0where", *self.expression(index.where)] if index.where else []
        return [*head, self.ref(index.table, "\"[`'"), "(", *self.listed(terms), ")", *where]

    def _view(self, view: View) -> Words:
        # Where a view reads one table, what qualifies a column says nothing.
        alias = self.random.choice(("", "m")) if not view.left_join else ""
        self.qualifiers = () if view.left_join else (alias or view.table,)
        try:
            return self._view_of(view, alias)
        finally:
            self.qualifiers = ()

    def _view_of(self, view: View, alias: str) -> Words:
        results = [[*self.expression(e), *self.maybe("\0as"), self.named(label)] for e, label in view.results]
        words = ["\0create", "\0view", self.named(view.name), "\0as", "\0select"]
        words += ["\0distinct"] if view.distinct else self.random.choice(([], [], ["\0all"]))
        words += [*self.listed(results), "\0from", self.ref(view.table)]
        words += [*self.maybe("\0as"), self.ref(alias)] if alias else []
        if view.left_join:
            kind = {"left": (["\0left", "\0join"], ["\0left", "\0outer", "\0join"])}.get(
                view.left_join, (["\0join"], [","], ["\0inner", "\0join"])
            )
            words += [*self.random.choice(kind), self.ref("team"), *self.maybe("\0as"), self.ref("other")]
        words += ["\0where", *self.expression(view.where)] if view.where else []
        words += ["\0order", "\0by", *self.expression(view.order), *self.maybe("\0asc")] if view.order else []
        if view.limit:
            limit, _, offset = view.limit.partition(" ")
            forms = ([limit, "\0offset", offset], [offset, ",", limit]) if offset else ([limit],)
            words += ["\0limit", *self.random.choice(forms)]
        return words

    def _trigger(self, trigger: Trigger) -> Words:
        moment = [f"\0{trigger.moment}"] if trigger.moment == "AFTER" else self.maybe("\0before")
        of = self.random.sample(trigger.of, len(trigger.of))
        words = ["\0create", "\0trigger", self.named(trigger.name), *moment, f"\0{trigger.event}"]
        words += ["\0of", *self.listed([[self.ref(c)] for c in of])] if of else []
        words += ["\0on", self.ref(trigger.table), *self.maybe("\0for", "\0each", "\0row")]
        words += ["\0when", *self.expression(trigger.when)] if trigger.when else []
        words += ["\0begin", "\0update", self.ref(trigger.target), "\0set", self.ref(trigger.assigned), "="]
        words += self.expression(trigger.value)
        words += ["\0where", *self.expression(trigger.where)] if trigger.where else []
        return [*words, ";", "\0end"]

    def _full_text(self, table: FullText) -> Words:
        # FTS5 reads its arguments by itself: only spaces are white space to it.
        columns = [self.named(c) for c in table.columns]
        columns += [f"{self.named(table.unindexed)}  {self._cased(chr(0) + 'unindexed')}"] if table.unindexed else []
        options = []
        if table.tokenize:
            value = "  ".join(self.random.choice((w.upper(), w)) if len(w) > 1 else f"'{w}'" for w in table.tokenize)
            quote = self.random.choice("'\"")
            options.append(("tokenize", quote + value.replace(quote, quote * 2) + quote))
        if table.prefix:
            options.append(("prefix", f"'{table.prefix}'"))
        if self.random.random() < 0.3:
            options.append(("detail", "full"))
        self.random.shuffle(options)
        gap = self.random.choice(("", " "))
        arguments = [*columns, *(f"{self._cased(chr(0) + name)}{gap}={gap}{value}" for name, value in options)]
        return [
            *["\0create", "\0virtual", "\0table", self.named(table.name), "\0using", "\0fts5", "("],
            *self.listed([[argument] for argument in arguments]),
            ")",
        ]
