"""docs/architecture.md is true: paths and names exist, no module is left out, the layers are those of setup.cfg."""

from __future__ import annotations

import ast
import re
from configparser import ConfigParser
from fnmatch import fnmatch

from places import ROOT

PACKAGE = ROOT / "memsql"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TABLE = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("|")][2:]


def modules() -> list[str]:
    """The modules below memsql/, such as ``engine/run.py``; packages are named by their folders."""
    paths = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return [path for path in paths if not path.endswith("__init__.py") and path != "__main__.py"]


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
    """Whether ``word``, such as ``report/*.py``, ``../tests/`` or ``actions/up.py:up``, names something."""
    path, _, name = word.partition(":")
    if name:
        return name in defined(ast.parse((PACKAGE / path).read_text(encoding="utf-8")))
    return any(PACKAGE.glob(path)) if "*" in path else (PACKAGE / path).exists()


def test_the_layers_are_those_that_import_linter_holds() -> None:
    assert layers_of_page() == layers_of_setup()


def test_every_room_has_a_layer() -> None:
    rooms = {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    rooms |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set().union(*layers_of_page())


def test_every_path_and_name_exists() -> None:
    words = re.findall(r"`([^`\n]+)`", PAGE)
    paths = [word for word in words if re.fullmatch(r"[\w./*]+(\.py|/)(:[\w.]+)?", word)]
    assert len(paths) > 100
    assert [word for word in paths if not exists(word)] == []


def test_every_module_has_a_row() -> None:
    patterns = [word for row in TABLE for word in re.findall(r"`([^`]+)`", row[1])]
    # A star stands for the modules of one folder, not for those of folders in it.
    lonely = [m for m in modules() if not any(fnmatch(m, p) and m.count("/") == p.count("/") for p in patterns)]
    assert lonely == []


def test_the_rows_stand_in_the_order_of_the_layers() -> None:
    order = [row[0].strip() for row in TABLE if row[0].strip()]
    position = {name: number for number, names in enumerate(layers_of_page()) for name in names}
    assert [position[name] for name in order] == sorted(position[name] for name in order)
    assert set(order) == set(position)
    layer = ""
    for row in TABLE:
        layer = row[0].strip() or layer
        for word in re.findall(r"`([^`]+)`", row[1]):
            assert re.split(r"[/.]", word)[0] == layer, word
