"""Links of the pages to files of the repository: on GitHub they are right as they are, on the site they need another
target."""

from __future__ import annotations

import posixpath
import re

REPOSITORY = "https://github.com/OWNER/memsql"
SHOWN_AS = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "docs/json": "reference/json.md",
}
"""Files and folders outside docs/, or that are no page, and the page of the site that shows the same."""

_CODE = re.compile(r"^```.*?^```$|^(?: {4}|\t)[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")


def rewritten(markdown: str, file: str, page: str) -> str:
    """``markdown`` with links that hold on the site. Code stays as it is.

    ``file``: the path of the text in the repository, from which its links lead. ``page``: the path of the page on the
    site, as in "guides/a.md".
    """
    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_with_links(markdown[end : code.start()], file, page), code[0]]
        end = code.end()
    return "".join([*parts, _with_links(markdown[end:], file, page)])


def _with_links(text: str, file: str, page: str) -> str:
    def target(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), link["path"]))
        shown = SHOWN_AS.get(path) or path.removeprefix("docs/")
        if shown == path:
            return f"{REPOSITORY}/blob/main/{path}{link['anchor'] or ''}"
        return posixpath.relpath(shown, posixpath.dirname(page) or ".") + (link["anchor"] or "")

    return _LINK.sub(target, text)
