"""docs/architecture.md is true: each module has a row; paths, names, codes and layers are those of the code."""

from __future__ import annotations

import ast
import re
from configparser import ConfigParser

from places import ROOT

PACKAGE = ROOT / "memsql"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
_ROW = re.compile(r"\| `([^`]+\.py)` \| (.+) \|")
_CODE = re.compile(r"\bM[RS]\d\d\b")


def modules() -> list[str]:
    """The modules below memsql/, such as ``engine/run.py``; packages are named by their folders."""
    paths = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return [path for path in paths if not path.endswith("__init__.py") and path != "__main__.py"]


def sections() -> list[tuple[list[str], list[tuple[str, str]]]]:
    """The sections about files: the layers in the heading, and the rows as (path, what the file does)."""
    _, _, rest = PAGE.partition("\n## Which file does what\n")
    files, _, _ = rest.partition("\n## ")
    parts = re.split(r"^### (.+)$", files, flags=re.MULTILINE)[1:]
    headings, bodies = parts[::2], parts[1::2]
    return [
        (heading.split(", "), [(row[1], row[2]) for line in body.splitlines() if (row := _ROW.fullmatch(line))])
        for heading, body in zip(headings, bodies, strict=True)
    ]


def rows() -> dict[str, str]:
    """What each file does, by its path."""
    return dict(row for _, section_rows in sections() for row in section_rows)


def codes_in(text: str) -> set[str]:
    """The codes of rules in ``text``; ``MS10 to MS13`` stands for all four."""
    codes = set(_CODE.findall(text))
    for first, last in re.findall(r"\b(M[RS]\d\d) to (M[RS]\d\d)\b", text):
        codes |= {f"{first[:2]}{number:02d}" for number in range(int(first[2:]), int(last[2:]) + 1)}
    return codes


def layers_of_page() -> list[set[str]]:
    """The layers, highest first; the names on one line are one layer."""
    (block,) = re.findall(r"^```layers\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [set(re.split(r"\s\|\s", re.split(r"\s{2,}", line)[0])) for line in block.splitlines()]


def layers_of_setup() -> list[set[str]]:
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["importlinter:contract:layers"]["layers"].split("\n")
    return [{name.strip().removeprefix("memsql.") for name in line.split("|")} for line in lines if line.strip()]


def defined(module: ast.Module) -> set[str]:
    """Names of functions and classes of ``module``, and of the methods of classes, such as ``Runner.run``."""
    names = set()
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{method.name}" for method in node.body if isinstance(method, ast.FunctionDef)}
    return names


def exists(word: str) -> bool:
    """Whether ``word``, such as ``../tests/`` or ``actions/up.py:up``, names something."""
    path, _, name = word.partition(":")
    if name:
        return name in defined(ast.parse((PACKAGE / path).read_text(encoding="utf-8")))
    return (PACKAGE / path).exists()


def test_the_layers_are_those_that_import_linter_holds() -> None:
    assert layers_of_page() == layers_of_setup()


def test_every_package_has_a_layer() -> None:
    packages = {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    packages |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages == set().union(*layers_of_page())


def test_every_path_and_name_exists() -> None:
    words = re.findall(r"`([^`\n]+)`", PAGE)
    paths = [word for word in words if re.fullmatch(r"[\w./]+(\.py|/)(:[\w.]+)?", word)]
    assert len(paths) > 200
    assert [word for word in paths if not exists(word)] == []


def test_every_module_has_one_row() -> None:
    paths = [path for _, section_rows in sections() for path, _ in section_rows]
    assert sorted(paths) == modules()
    # No line of a table about files is left out because of its form.
    _, _, files = PAGE.partition("\n## Which file does what\n")
    assert len(re.findall(r"^\| `", files, re.MULTILINE)) == len(paths)


def test_every_row_says_with_a_verb_what_the_file_does() -> None:
    assert [path for path, phrase in rows().items() if not re.match(r"[a-z]+s ", phrase)] == []
    assert len(set(rows().values())) == len(rows())


def test_the_rows_stand_under_their_layer_in_the_order_of_the_layers() -> None:
    position = {name: number for number, names in enumerate(layers_of_page()) for name in names}
    order = [position[name] for names, _ in sections() for name in names]
    assert order == sorted(order)
    assert len(order) == len(position)
    for names, section_rows in sections():
        assert {re.split(r"[/.]", path)[0] for path, _ in section_rows} == set(names)


def test_the_codes_of_rules_are_those_that_the_files_find() -> None:
    for path, phrase in rows().items():
        if path.startswith(("review/", "lint/rules/")):
            source = (PACKAGE / path).read_text(encoding="utf-8")
            assert codes_in(phrase) == set(re.findall(r'"(M[RS]\d\d)"', source)), path
