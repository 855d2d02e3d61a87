"""The folder in which mutmut works: a copy of what git knows, so that no change of the tree disturbs it."""

from __future__ import annotations

import configparser
import io
import os
import shutil
import subprocess
from pathlib import Path

# Where mutmut lays the code that it changed, and all else, in the folder.
CHANGED = "mutants"


def modules(path: Path) -> list[str]:
    """The modules of memsql at ``path``, a file or a folder, as paths with slashes from here."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.is_file() else []
    return [file.as_posix() for file in files if file.parts[0] == "memsql" and file.name != "__init__.py"]


def prepare(folder: Path, changed: list[str]) -> Path:
    """Bring ``folder`` up to date, and have mutmut change the modules ``changed`` in it. Return ``folder``."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True
    )
    settings = configparser.ConfigParser(interpolation=None)
    settings.read("setup.cfg", encoding="utf-8")
    settings["mutmut"]["only_mutate"] = "\n" + "\n".join(changed)
    text = io.StringIO()
    settings.write(text)
    written = folder / "setup.cfg"
    if not written.exists() or written.read_text(encoding="utf-8") != text.getvalue():
        # mutmut keeps the results of a function whose text is as it was, even where its mutants are others now.
        shutil.rmtree(folder / CHANGED, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        written.write_text(text.getvalue(), encoding="utf-8")
    for name in filter(None, listing.stdout.decode().split("\0")):
        if name != "setup.cfg":
            _copy(Path(name), folder / name)
        # mutmut copies what it does not change only once; the folders of PYTHONPATH must be there when Python starts.
        if (name.startswith("memsql/") and not name.endswith(".py")) or name.startswith("tests/"):
            _copy(Path(name), folder / CHANGED / name)
    return folder


def _copy(source: Path, target: Path) -> None:
    """mutmut looks at the time of a file: it changes what is newer than its changed copy."""
    if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def environment(folder: Path) -> dict[str, str]:
    """The variables for mutmut, which all processes of the tests inherit."""
    place = folder.resolve()
    paths = [place / CHANGED, place / CHANGED / "tests" / "mutation", place / CHANGED / "tests" / "helpers"]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "TESTS_MUTATION_HITS": str(place / "hits"),
    }
