"""What a migration file does, apart from how it is written: its directives and its tokens.

Two texts that differ only by comments, white space and the layout of their header have the same meaning here.
"""

from __future__ import annotations

import re

from memsql.sqltext.header import ORIGINS, directive_lines
from memsql.sqltext.names import NAME
from memsql.sqltext.split import skip_to_code
from memsql.sqltext.tokens import BLOB, BLOCK_COMMENT, LINE_COMMENT, NUMBER, QUOTED_NAME, STRING, VARIABLE

# White space and comments leave an empty string. What is most frequent comes first, as far as that changes nothing.
_tokens = re.compile(
    rf"[ \t\n\f\r][\t-\r ]*+|{LINE_COMMENT}|{BLOCK_COMMENT}|\ufeff"
    rf"|({BLOB}|{NAME}|[(),;]|{QUOTED_NAME}|{STRING}|{NUMBER}|{VARIABLE}|\|\||->>|->|<<|>>|<=|>=|<>|==|!=|(?s:.))"
).findall


def meaning(text: str) -> str:
    """The directives in the header of ``text`` and its tokens, as one text to hash; what says where the file comes from
    does nothing, and is left out."""
    tokens = "\0".join(filter(None, _tokens(text)))
    directives = [(name, value) for name, value in directive_lines(text) if name not in ORIGINS]
    return "\0".join([*(f"{name}: {' '.join(value.split())}" for name, value in directives), "", tokens])


def has_statement(text: str) -> bool:
    """Whether ``text`` holds more than comments, white space and semicolons."""
    return skip_to_code(text, 0) < len(text)
