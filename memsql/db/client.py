"""Whether the libraries for servers are installed: the extra ``[libsql]``, which databases in files do not need."""

from __future__ import annotations

from importlib.util import find_spec

from memsql.errors import UsageError

INSTALL = "python3 -m pip install 'memsql-migrate[libsql]'"
"""The command that installs them."""

_MODULES = ("libsql_client", "aiohttp")


def is_installed() -> bool:
    """Whether a connection to a server can be opened."""
    return all(find_spec(module) is not None for module in _MODULES)


def refuse_missing(server: str) -> None:
    """Raise UsageError where a connection to ``server``, a URL without secrets, cannot be opened."""
    if not is_installed():
        raise UsageError(
            f"{server} is a server, and the libraries for servers are not installed: libsql-client and aiohttp",
            state="nothing was sent to it, and nothing was changed",
            hint=INSTALL,
        )
