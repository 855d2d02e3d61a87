"""A backup before a change: one for all processes that begin at the same time."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from memsql.backups.catalogue import newest_proven
from memsql.backups.create import create
from memsql.config import Settings
from memsql.engine.signals import Stop
from memsql.errors import ConnectError
from memsql.library import calls
from memsql.storage.locks import has_locks, try_lock
from memsql.storage.new_files import make_folder

_LOCK = ".memsql-backup.lock"
_PAUSE = 0.05


def backup_once(settings: Settings, folder: Path | None, since: datetime, stop: Stop) -> Path:
    """The file of a proven backup of the database that was begun after ``since``, when the caller began: of another
    process that begins too, or a new one. ``folder``: where it is to be, None for that of the settings.

    Raises what backups.create raises; KeyboardInterrupt where ``stop`` is set while another process makes one.
    """
    settings = settings if folder is None else replace(settings, backups=folder)
    try:
        make_folder(settings.backups)
        handle = os.open(settings.backups / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as e:
        raise ConnectError(
            f"no backup can be written into {settings.show(settings.backups)}: {e.strerror}",
            state="nothing was changed",
        ) from None
    try:
        while has_locks(handle) and not try_lock(handle):
            calls.refuse_stopped(stop)
            time.sleep(_PAUSE)
        newest = newest_proven(settings)
        if newest is not None and newest.created >= since.replace(microsecond=since.microsecond // 1000 * 1000):
            return newest.path
        return create(settings).path
    finally:
        with suppress(OSError):
            os.close(handle)
