"""What mkdocs calls while it builds the site: it adds the pages that are made of code and of files outside docs/, and
leads links out of docs/ to where a reader of the site finds what they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generated import pages
from outward import SHOWN_AS, rewritten

ROOT = Path(__file__).resolve().parents[2]
_FOR_DEVELOPERS = frozenset({"architecture.md", "changelog.md", "decisions.md", "founding-duties.md"})


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages. They are in no folder: each build makes them of what is there."""
    from mkdocs.structure.files import File

    texts = pages()
    for file, page in SHOWN_AS.items():
        if file.endswith(".md") and file != "README.md":
            texts[page] = rewritten((ROOT / file).read_text(encoding="utf-8"), file, page)
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite the links of a page of docs/. The first page has no other beside it to show; pages for those who work on
    memsql come last in a search."""
    path = page.file.src_uri
    if path == "index.md":
        page.meta["hide"] = ["navigation"]
    if path in _FOR_DEVELOPERS:
        page.meta["search"] = {"boost": 0.2}
    return markdown if page.file.generated_by is not None else rewritten(markdown, f"docs/{path}", path)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Docstrings announce an example with two colons; a reader of the API needs one."""
    return html.replace("::</p>", ":</p>") if page.file.src_uri == "reference/api.md" else html
