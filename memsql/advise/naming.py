"""How a project calls its indexes, so that a new one is called alike. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from memsql.advise.candidates import Candidate
from memsql.advise.index_list import Index
from memsql.sqltext import fold
from memsql.sqltext.names import unquote

_ENDINGS = ("_id", "_at")
_LONGEST = 60


def name_for(candidate: Candidate, existing: Sequence[Index], taken: Collection[str]) -> str:
    """A name for ``candidate`` that none of ``taken`` (folded) has: ``idx_TABLE_COLUMNS``, or with another beginning
    where the indexes of the project have one. ``user_id`` is called ``user`` where the project does so."""
    own = [index for index in existing if not index.constraint]
    words = [_word(term.text, own) for term, _ in candidate.terms]
    name = re.sub(r"_+", "_", "_".join([_beginning(candidate.table, own), *filter(None, words)]))[:_LONGEST].strip("_")
    if candidate.where and fold(name) in taken:
        name += "_partial"
    number = 2
    base = name
    while fold(name) in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _beginning(table: str, existing: Sequence[Index]) -> str:
    """``idx_TABLE``, or how all indexes of the table begin."""
    names = [fold(index.name).split("_") for index in existing if index.table == table]
    plain = re.sub(r"\W+", "_", fold(table))
    if any("_".join(words).startswith(f"idx_{plain}_") for words in names) or not names:
        first = {fold(index.name).partition("_")[0] for index in existing if "_" in index.name}
        return f"{first.pop() if len(first) == 1 and not names else 'idx'}_{plain}"
    # The project calls the table by a word of its name.
    heads = {tuple(words[:2]) for words in names if len(words) > 2}
    if len(heads) == 1 and names[0][1] in plain.split("_"):
        return "_".join(heads.pop())
    return f"idx_{plain}"


def _word(text: str, existing: Sequence[Index]) -> str:
    """What a term contributes to the name: its column, in short where the project does so."""
    if "(" in text:
        text = "_".join(dict.fromkeys(re.findall(r"\w+", re.sub(r"'[^']*'", "", text))))
    word = re.sub(r"\W+", "_", fold(unquote(text))).strip("_")
    for ending in _ENDINGS:
        short = word.removesuffix(ending)
        if short and short != word and _is_short(word, ending, existing):
            return short
    return word


def _is_short(word: str, ending: str, existing: Sequence[Index]) -> bool:
    """Whether the project leaves out ``ending``: by the indexes on the same column, or else on all that end so."""
    same = [(index, word) for index in existing if any(term.text == word for term in index.terms)]
    alike = [(i, term.text) for i in existing for term in i.terms if term.text.endswith(("_id", "_at"))]
    votes = [column in fold(index.name) for index, column in same or alike]
    return bool(votes) and not any(votes)
