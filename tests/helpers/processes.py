"""How far a process is, whatever else keeps the machine busy."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

# To start a command takes a third of that.
_STARTED_SECONDS = 0.8


def wait_until_it_computes(process: subprocess.Popen[str]) -> None:
    """Wait until ``process``, with the processes that it started, has used the processor for longer than its start
    takes: it runs what does not end. Returns too where it ended."""
    while process.poll() is None and _processor_seconds(process.pid) < _STARTED_SECONDS:
        time.sleep(0.02)


def _processor_seconds(pid: int) -> float:
    """The processor time of a process and those that it started and that still run; 0 for one that is gone."""
    try:
        # Its name, which stands in parentheses, may hold anything; utime and stime are the fields 14 and 15.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [c for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()]
    except OSError:
        return 0.0
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(_processor_seconds(int(child)) for child in children)
