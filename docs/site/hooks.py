"""What mkdocs calls while it builds the site: it adds the pages that are made of code and of files outside docs/, and
leads links out of docs/ to where a reader of the site finds what they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generated import pages
from outward import SHOWN_AS, rewritten

ROOT = Path(__file__).resolve().parents[2]


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
    """Rewrite the links of a page of docs/."""
    if page.file.generated_by is not None:
        return markdown
    return rewritten(markdown, f"docs/{page.file.src_uri}", page.file.src_uri)
