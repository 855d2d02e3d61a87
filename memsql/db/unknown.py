"""What a database uses and the SQLite of this machine does not know: it cannot be proven here, nor need it be wrong."""

from __future__ import annotations

import re

_missing = re.compile(
    r"no such (module|function|collation sequence|tokenizer): ([^\n;,]+)|unknown (function): ([^\n;,(]+)\(\)"
).search


def unknown_part(message: str) -> str | None:
    """``the module vec0``, where ``message`` is what SQLite says of a module, function, collation or tokenizer that an
    application or a server registers and this SQLite has not; else None."""
    match = _missing(message)
    if match is None:
        return None
    kind, name = match[1] or match[3], match[2] or match[4]
    return f"the {kind.removesuffix(' sequence')} {name.strip()}"
