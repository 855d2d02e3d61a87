"""A command line with somebody at the keyboard."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from cli import TIMEOUT, Done, clean_environment

QUESTION = "Type yes: "


def answer(root: Path, text: str | None, *words: str) -> Done:
    """Run ``memsql words`` in ``root`` at a terminal, and type ``text`` when it asks (None: end of input, Ctrl-D).

    ``err`` of what comes back is what stood on the terminal; it holds no question where none was asked.
    """
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "memsql", *words], cwd=root, env={**clean_environment(), "TERM": "dumb"}, stdin=slave,
        stderr=slave, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True)
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
                os.write(master, b"\x04" if text is None else f"{text}\n".encode())
        out, _ = process.communicate(timeout=TIMEOUT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
    return Done(words, process.returncode, out, seen)
