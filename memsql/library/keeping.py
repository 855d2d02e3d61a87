"""A backup before a change: one for all processes that begin at the same time."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from memsql.backups.create import create
from memsql.config import Settings
from memsql.engine.signals import Stop
from memsql.engine.state import status
from memsql.errors import ConnectError, LockedError
from memsql.library import calls
from memsql.library.calls import Listener
from memsql.project.plan import WAITING
from memsql.storage.locks import has_locks, try_lock
from memsql.storage.new_files import make_folder

_PAUSE = 0.05
_NOTHING = "nothing was changed"


class Keeper:
    """Makes the backup before a change, and keeps the others from making another one until the change is done.

    ``path`` is the file of the backup; None where none was made.
    """

    def __init__(self, settings: Settings, folder: Path | None, stop: Stop) -> None:
        """``folder``: where the backup is to be, None for that of the settings."""
        self.path: Path | None = None
        self._settings = settings if folder is None else replace(settings, backups=folder)
        self._stop = stop
        self._handle: int | None = None

    def keep(self, ends: float) -> None:
        """Make a proven backup, unless another process has changed the database meanwhile, so that nothing waits.

        Waits until ``ends``, a time of time.monotonic(), while another process makes its backup and its change. Raises
        LockedError, what backups.create raises, and KeyboardInterrupt.
        """
        if self._handle is None:
            self._handle = self._open()
        while has_locks(self._handle) and not try_lock(self._handle):
            if time.monotonic() >= ends:
                raise LockedError(f"another process makes a backup of {self._settings.target}", state=_NOTHING)
            calls.refuse_stopped(self._stop)
            time.sleep(_PAUSE)
        state = status(self._settings)
        waits = state.waiting_scripts or any(s.state in WAITING for s in state.statuses)
        if self.path is None and (state.must_be_adopted or waits):
            self.path = create(self._settings, progress=Listener(None, self._stop)).path

    def close(self) -> None:
        """Let the others go on."""
        if self._handle is not None:
            with suppress(OSError):
                os.close(self._handle)

    def _open(self) -> int:
        settings = self._settings
        name = hashlib.sha256(settings.target.identity.encode()).hexdigest()[:12]
        try:
            make_folder(settings.backups)
            return os.open(settings.backups / f".memsql-{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as e:
            shown = settings.show(settings.backups)
            raise ConnectError(f"no backup can be written into {shown}: {e.strerror}", state=_NOTHING) from None
