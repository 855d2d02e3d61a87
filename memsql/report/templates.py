"""Pages and drawings from the templates beside this file, with every value escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from memsql import visible

_FOLDER = Path(__file__).parent / "templates"
_LONGEST = 5_000
"""So many characters of a statement are shown in a list of them."""


def render(template: str, **values: object) -> str:
    """The text of ``template``. A value in it is one line, in which no character acts and none is markup; the filter
    ``block`` keeps the lines of a text."""
    return _environment().get_template(template).render(values)


def page(template: str, **values: object) -> str:
    """An HTML page that needs nothing else and may load nothing: its policy allows its own style sheet alone."""
    style = "".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "erd.css", "charts.css"))
    # A browser takes what it hashes as UTF-8, between the tags, to the byte.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return render(template, style=Markup(style), policy=policy, **values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["block"] = _block
    environment.filters["cut"] = _cut
    environment.filters["name"] = name
    return environment


def _shown(value: object) -> object:
    """What becomes of every value before it is escaped as HTML."""
    return value if isinstance(value, Markup) else visible.text(visible.line(str(value)))


def _block(text: str) -> Markup:
    return escape(visible.text(text))


def _cut(text: str) -> Markup:
    """``text`` as a block. Of a long one the beginning, because a statement may have megabytes."""
    left = len(text) - _LONGEST
    return _block(text if left <= 0 else f"{text[:_LONGEST]}… and {left:,} more characters")


def name(text: str) -> str:
    """The name ``text`` as people can see it: in quotes where it is empty, or has blanks at an end."""
    return text if text and text == text.strip() else f'"{text}"'


def markup(text: str) -> Markup:
    """``text`` as a part of a page that is not escaped again: for what ``render`` returned, and nothing else."""
    return Markup(text)
