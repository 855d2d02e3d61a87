"""What a page of HTML holds, as a browser would read it."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

_VOID = frozenset({"meta", "input", "br", "hr", "img", "link"})


class Page(HTMLParser):
    """``tags`` are all start tags with their attributes, ``text`` what is between them; ``problems`` are tags that do
    not end where they should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.style = ""
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.problems += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.style += data
        else:
            self.text += data

    @property
    def kinds(self) -> set[str]:
        return {tag for tag, _ in self.tags}

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] or "" for _, attributes in self.tags if attribute in attributes]


def is_closed_in_itself(page: Page) -> bool:
    """Whether the page loads nothing and runs nothing, and its policy lets it do neither."""
    (policy,) = [a["content"] or "" for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    acting = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "image", "use"}
    return (
        policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        and not page.kinds & acting
        and all(link.startswith("#") for link in page.values("href"))
        and not any(name.startswith("on") or name in ("style", "src") for _, a in page.tags for name in a)
        and not re.search(r"url\(|@import", page.style)
    )
