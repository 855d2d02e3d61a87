"""The documentation site: it builds without a warning and without the network, a reader's browser loads nothing from
elsewhere, and its pages are the same on GitHub."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from configparser import ConfigParser
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import generated
import pytest
import yaml
from generated import documented, pages
from outward import rewritten
from places import ROOT

from memsql.config import DEFAULTS
from memsql.exchange.tools import WORDS

SOURCES = sorted(path for path in ROOT.glob("docs/**/*.md"))
EXTERNAL = re.compile(r"\]\((https?:[^)\s]*)\)|<(https?:[^>\s]*)>")
# Whatever the build would fetch, it fails.
BUILD = """import socket, sys
def refuse(*_): raise OSError("the build asked for the network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from mkdocs.__main__ import cli
cli(["build", "--strict", "--site-dir", sys.argv[1]])"""
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data", "embed": "src"}
LOADED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload", "prefetch"}


class Tags(HTMLParser):
    """The start tags of a page with their attributes, and the text without what the site alone shows: the links to
    headings, and the names of the files that stand in blocks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._left_out = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("class", "headerlink") in attrs or ("class", "filename") in attrs:
            self._left_out = tag
        if not self._left_out:
            self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._left_out:
            self._left_out = ""

    def handle_data(self, data: str) -> None:
        if not self._left_out:
            self.text += data

    def loaded(self) -> list[str]:
        """The addresses that a browser asks for by itself."""
        found = [attributes.get(LOADS[tag]) for tag, attributes in self.tags if tag in LOADS]
        links = [attributes for tag, attributes in self.tags if tag == "link"]
        found += [link.get("href") for link in links if LOADED_LINKS & set((link.get("rel") or "").split())]
        return [address for address in found if address]


def settings() -> dict[str, object]:
    """mkdocs.yml without what only mkdocs can read in it."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Reads tags of Python and of mkdocs as nothing."""

    Loader.add_multi_constructor("", lambda loader, suffix, node: None)
    content = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    assert isinstance(content, dict)
    return content


def test_the_page_of_tasks_has_every_option() -> None:
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", pages()["reference/tasks.md"], re.MULTILINE | re.DOTALL))
    assert sections.keys() == documented().keys()
    for name, task in documented().items():
        named = set(re.findall(r"`(--[\w-]+)", sections[name]))
        assert [it for it in task.options() if not {it, it.replace("--", "--no-", 1)} & named] == [], name


def test_docstrings_become_markdown() -> None:
    assert "`sql/seeds/NAME`" in "".join(generated._docstring("Insert `sql/seeds/NAME`, not *these* | those."))
    assert "not \\*these\\* \\| those" in "".join(generated._docstring("Insert `sql/seeds/NAME`, not *these* | those."))
    lines = list(generated._docstring("Do it.\n\nExamples:  memsql a     memsql b --c\nExit codes: 0 done"))
    assert lines == ["Do it.", "", "```sh", "memsql a", "memsql b --c", "```", "", "Exit codes: 0 done", ""]


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    built = {path.relative_to(tmp_path).as_posix(): Tags(path.read_text("utf-8")) for path in tmp_path.rglob("*.html")}
    assert len(built) > len(SOURCES)
    assert [(name, it) for name, page in built.items() for it in page.loaded() if urlsplit(it).netloc] == []
    styles = [path.read_text("utf-8") for path in tmp_path.rglob("*.css")]
    assert re.findall(r"@import[^;]*|url\([\"']?(?:https?:)?//[^)]*\)", "".join(styles)) == []
    assert not any(attributes.get("class") == "mermaid" for page in built.values() for _, attributes in page.tags)
    # For this element the theme asks GitHub how many stars there are.
    components = {attributes.get("data-md-component") for page in built.values() for _, attributes in page.tags}
    assert "search" in components
    assert "source" not in components
    assert not list(tmp_path.rglob("*.py"))
    headings = {attributes.get("id") for _, attributes in built["reference/tasks/index.html"].tags}
    assert {name.replace(".", "") for name in documented()} <= headings
    # The text of the pages is what the search looks through, on the site itself.
    assert "data-loss" in (tmp_path / "search" / "search_index.json").read_text("utf-8")


def test_what_is_checked_is_a_warning() -> None:
    assert settings()["site_dir"] == "build/site"
    validation = settings()["validation"]
    assert isinstance(validation, dict)
    assert {name: set(part.values()) for name, part in validation.items()} == {"nav": {"warn"}, "links": {"warn"}}
    assert set(validation["links"]) == {"not_found", "anchors", "absolute_links", "unrecognized_links"}


@cache
def extensions() -> tuple[list[str], dict[str, dict[str, object]]]:
    """Those of mkdocs.yml with their settings, without the one that GitHub has too: it makes links of addresses."""
    from mkdocs.config import load_config

    config = load_config(str(ROOT / "mkdocs.yml"))
    return [name for name in config.markdown_extensions if name != "pymdownx.magiclink"], config.mdx_configs


@pytest.mark.parametrize("page", SOURCES, ids=lambda path: path.relative_to(ROOT / "docs").as_posix())
def test_a_page_is_the_same_on_github(page: Path) -> None:
    """Markdown of Python and CommonMark part where lists, tables and code meet."""
    import markdown
    from markdown_it import MarkdownIt

    text = page.read_text(encoding="utf-8")
    names, configs = extensions()
    site = Tags(markdown.markdown(text, extensions=names, extension_configs=configs))
    github = Tags(MarkdownIt("commonmark").enable("table").render(text))
    kinds = ("h1", "h2", "h3", "h4", "ol", "ul", "li", "pre", "table", "tr", "th", "td", "strong", "em", "a")

    def outline(tags: Tags) -> tuple[dict[str, int], str]:
        counted = Counter(tag for tag, _ in tags.tags)
        return {kind: counted[kind] for kind in kinds}, "".join(tags.text.split())

    assert outline(site) == outline(github)


@pytest.mark.parametrize("page", SOURCES, ids=lambda path: path.relative_to(ROOT / "docs").as_posix())
def test_links_to_other_sites_have_their_form(page: Path) -> None:
    for match in EXTERNAL.finditer(page.read_text(encoding="utf-8")):
        address = urlsplit(match[1] or match[2])
        assert "." in address.netloc or address.hostname in ("localhost", "127.0.0.1"), match[0]
        assert not match[0].endswith((".)", ",)", "]")), match[0]


@pytest.mark.parametrize(
    ("link", "file", "page", "expected"),
    [
        ("[a](b.md#c)", "docs/a.md", "a.md", "[a](b.md#c)"),
        ("[a](../README.md)", "docs/a.md", "a.md", "[a](index.md)"),
        ("[a](json/)", "docs/cli.md", "cli.md", "[a](reference/json.md)"),
        (
            "[a](../../memsql/x.py#L3)",
            "docs/b/a.md",
            "b/a.md",
            "[a](https://github.com/OWNER/memsql/blob/main/memsql/x.py#L3)",
        ),
        ("[a](docs/proof.md)", "CHANGELOG.md", "changelog.md", "[a](proof.md)"),
        ("[a](https://a.b/c) [d](#e)", "docs/a.md", "a.md", "[a](https://a.b/c) [d](#e)"),
        ("`[a](../x)`", "docs/a.md", "a.md", "`[a](../x)`"),
        ("    [a](../x)", "docs/a.md", "a.md", "    [a](../x)"),
        ("```\n[a](../x)\n```", "docs/a.md", "a.md", "```\n[a](../x)\n```"),
    ],
)
def test_links_out_of_the_folder(link: str, file: str, page: str, expected: str) -> None:
    assert rewritten(link, file, page) == expected


def test_the_settings_that_are_documented_are_those_that_there_are() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|(.*?)\|", page, re.MULTILINE)
    assert sorted(key for key, _ in rows) == sorted(DEFAULTS)
    for key, cell in rows:
        if DEFAULTS[key]:
            assert f"`{DEFAULTS[key]}`" in cell, key


def test_each_tool_that_is_imported_has_a_page() -> None:
    assert {path.stem for path in (ROOT / "docs" / "coming-from").glob("*.md")} == set(WORDS)


def test_the_theme_stays_below_the_version_that_there_will_not_be() -> None:
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    docs = setup["options.extras_require"]["docs"].split("\n")
    assert "mkdocs-material >=9.7,<10" in docs
    assert "mkdocs >=1.6.1,<2" in docs
