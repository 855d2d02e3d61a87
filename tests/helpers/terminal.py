"""A command line with somebody at the keyboard."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

from cli import TIMEOUT, Done, clean_environment

QUESTION = "Type yes: "


CTRL_C, CTRL_D = b"\x03", b"\x04"


def answer(root: Path, keys: str | bytes, *words: str) -> Done:
    """Run ``memsql words`` in ``root`` at a terminal; when it asks press ``keys``, after text also Return.

    ``err`` of what comes back is what stood on the terminal; it holds no question where none was asked.
    """
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "memsql", *words],
        cwd=root,
        env={**clean_environment(), "TERM": "dumb"},
        stdin=slave,
        stderr=slave,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    seen, typed, ends = "", False, time.monotonic() + TIMEOUT
    try:
        while time.monotonic() < ends:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    some = os.read(master, 4096)
                except OSError:  # Linux says so when the last process has closed the terminal
                    break
                if not some:
                    break
                seen += some.decode("utf-8", "replace")
            if QUESTION in seen and not typed:
                typed = True
                os.write(master, keys if isinstance(keys, bytes) else f"{keys}\n".encode())
        out, _ = process.communicate(timeout=TIMEOUT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
    return Done(words, process.returncode, out, seen)
