"""What a killed campaign has started ends with it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

_WORKER = """
import subprocess, sys
from tests.campaigns.tether import tie
tie(sys.stdin.fileno())
server = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], pass_fds=[int(sys.argv[1])])
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.kill
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_worker_has_started_is_ended(end: signal.Signals) -> None:
    reading, writing = os.pipe()
    # Whoever lives of them keeps the write end open.
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(writing)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[writing],
    )
    os.close(writing)
    assert worker.stdout is not None
    server = int(worker.stdout.readline())
    os.kill(server, 0)
    worker.send_signal(end)
    worker.wait()
    assert select.select([reading], [], [], 60)[0], "the server lives on"
    assert os.read(reading, 1) == b""
    os.close(reading)
    worker.communicate()
