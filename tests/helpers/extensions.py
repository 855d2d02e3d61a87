"""An extension of SQLite, compiled from extension.c: the function half, the collation LENGTH, the module counting."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

SOURCE = Path(__file__).with_name("extension.c")
ENTRY_POINT = "shop_begin"


@cache
def library() -> Path:
    """The compiled extension, made once for each process. Skips the test where nothing can compile it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    folder = Path(mkdtemp(prefix="memsql-extension-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    into = folder / "shop.so"
    words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(into), str(SOURCE)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode and "sqlite3ext.h" in done.stderr:
        pytest.skip("needs the headers of SQLite (Debian: libsqlite3-dev)")
    assert done.returncode == 0, done.stderr
    return into
