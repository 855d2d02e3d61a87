"""Compression with zstd, by ``compression.zstd`` of Python 3.14 or by the package backports.zstd."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from memsql.backups.workplace import CHUNK
from memsql.errors import CheckFailed, UsageError
from memsql.progress import Progress
from memsql.storage import regular, space
from memsql.storage.new_files import open_new

ENDING = ".zst"
_LEVEL = 3
_SPARE = 64 << 20


def require() -> None:
    """Raise UsageError where there is no zstd on this machine."""
    _module()


def compress(plain: Path, into: Path, progress: Progress) -> None:
    """Write the bytes of ``plain``, compressed, to the new file ``into``."""
    zstd = _module()
    options = {zstd.CompressionParameter.compression_level: _LEVEL, zstd.CompressionParameter.checksum_flag: 1}
    size, done = plain.stat().st_size, 0
    watch = space.SpaceWatch(0, into.parent, "the compressed copy", "make room there", spare=_SPARE)
    with (
        regular.open_binary(plain) as source,
        os.fdopen(open_new(into), "wb") as file,
        zstd.open(file, "wb", options=options) as out,
    ):
        while chunk := source.read(CHUNK):
            out.write(chunk)
            done += len(chunk)
            watch.tick(file.tell())
            progress.tick(done / size)


def decompress(source: IO[bytes], name: str) -> Iterator[bytes]:
    """The decompressed bytes of ``source``, which errors call ``name``. Raises CheckFailed where they are damaged or
    cut off."""
    zstd = _module()
    try:
        with zstd.open(source, "rb") as plain:
            while chunk := plain.read(CHUNK):
                yield chunk
    except (EOFError, zstd.ZstdError) as e:
        raise CheckFailed(f"{name} cannot be decompressed: {e}", hint="use another backup") from None


def plain_sha256(path: Path, progress: Progress) -> str:
    """The SHA-256 of the decompressed bytes of the file ``path``."""
    sha = hashlib.sha256()
    with regular.open_binary(path) as source:
        for chunk in decompress(source, path.name):
            sha.update(chunk)
            progress.tick()
    return sha.hexdigest()


def _module() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UsageError(
        "there is no zstd on this machine",
        state="nothing was changed",
        hint="install it: python3 -m pip install 'memsql-migrate[compress]'",
    )
