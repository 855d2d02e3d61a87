"""Forks, for each socket that it is sent, a process that starts the commands of one mutant's tests: see started.py."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys

import measured
import started

# Of a processor, for all commands of a mutant: one that never ends must not stay.
_SECONDS = 120


def _serve(requests: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        _, fds, _, _ = socket.recv_fds(requests, 1, 1)
        if not fds:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
            requests.close()
            started._serve(socket.socket(fileno=fds[0]), measured.Forks(None))
            os._exit(0)
        os.close(fds[0])


if __name__ == "__main__":
    started.import_everything()
    _serve(socket.socket(fileno=int(sys.argv[1])))
