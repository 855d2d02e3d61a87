"""Text for people in which no character acts: what a name or a value of somebody else could do to a terminal, a log of
a build or a reader's eyes is shown as an escape instead.

Everything that leaves for a person goes through here: page() makes lines of a report, text() is the last step before
printing, and json_text() writes JSON whose values stay exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Controls (Cc), formats (Cf: directions, zero widths, tags), line separators (Zl, Zp), lone surrogates (Cs), and the
# letters and marks that are drawn as nothing.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Texts, which re compiles at their first use: most reports are plain and start quicker without them.
# U+FE0F makes an emoji of the character before it. The only one of ours that needs it is U+26A0.
_SELECTOR = "(?<!\u26a0)\ufe0f"
_UNSEEN_CHARACTER = f"[{_UNSEEN}]|{_SELECTOR}"
_UNSEEN_OR_BREAK = f"[\t\n{_UNSEEN}]|{_SELECTOR}"
# GitHub Actions runs "::command::" behind the blanks of a line, and "##[command]" anywhere; Azure and TeamCity have
# "##vso[command]" and "##teamcity[command]".
_COMMAND = r"(?m)^(?P<blanks>[^\S\n]*)(?=::)|(?<=#)(?=#\w*\[)"
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def line(value: str) -> str:
    """``value`` on one line: a line break, a tab and every character that is not drawn become escapes, as in ``\\n``
    and ``\\x1b``."""
    return value if _is_plain(value) else re.sub(_UNSEEN_OR_BREAK, _escape, value)


def page(lines: Iterable[str]) -> str:
    """The text of a report: each of ``lines`` is one line of it, whatever the names in it hold."""
    return "\n".join(map(line, lines))


def text(value: str) -> str:
    """``value`` with its line breaks and tabs; other characters that are not drawn become escapes, and no line is a
    command to the log of a build."""
    shown = value if _is_plain(value.replace("\n", "")) else re.sub(_UNSEEN_CHARACTER, _escape, value)
    # The pattern tries every place of the text, and few have what begins a command.
    return re.sub(_COMMAND, r"\g<blanks>" + "\\\\", shown) if "::" in shown or "##" in shown else shown


def json_text(data: object) -> str:
    """``data`` as JSON of several lines. The values are exact; what could act is written as an escape of JSON."""
    # Imported here: a status in text starts quicker without it.
    import json

    written = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    return re.sub(r"(?<=#)#(?=\w*\[)", r"\\u0023", re.sub(_UNSEEN_CHARACTER, _json_escape, written))


def _is_plain(value: str) -> bool:
    """Whether ``value`` is of drawn ASCII characters alone, as most are: quicker to tell than by a pattern."""
    return value.isascii() and value.isprintable()


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
