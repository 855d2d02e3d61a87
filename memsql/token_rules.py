"""Where the token of a database may go: encrypted, or to this machine, and to the host of its URL alone.

What the settings ``insecure`` and ``trust_base_url`` and the option ``--insecure`` permit beyond that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from memsql import hints, setting_values
from memsql.errors import ConfigError, ConnectError, UsageError

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@dataclass(frozen=True, slots=True)
class TokenRules:
    """``insecure``: the token may go unencrypted to another machine. ``trusted``: patterns of hosts, with a port or
    without, to which a server may send a stream and its token on."""

    insecure: bool = False
    trusted: tuple[str, ...] = ()


STRICT = TokenRules()
"""Without exceptions."""


def from_settings(insecure: str, trust_base_url: str, *, typed: bool) -> TokenRules:
    """The rules of the texts of two settings. ``typed``: the option ``--insecure`` was given. Raises ConfigError."""
    patterns = tuple(word.lower() for word in re.split(r"[,\s]+", trust_base_url) if word)
    for pattern in patterns:
        if "/" in pattern or "@" in pattern:
            raise ConfigError(
                f"trust_base_url = {pattern!r} is no host",
                hint="name hosts, with a port or without, with commas between them: db.example.com, *.example.com:8080",
            )
    return TokenRules(typed or setting_values.boolean("insecure", insecure), patterns)


def is_here(host: str) -> bool:
    """Whether ``host``, a name or an address, is this machine."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    import ipaddress

    try:
        address = ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def refuse_readable(url: str, rules: TokenRules, *, proxy: str | None = None) -> None:
    """Raise UsageError where a token on its way to ``url``, or to the ``proxy`` before it, could be read by others."""
    parts = urlsplit(url)
    if rules.insecure or parts.scheme in ("https", "wss"):
        return
    host = (urlsplit(proxy).hostname if proxy else parts.hostname) or ""
    if is_here(host):
        return
    raise UsageError(
        f"{url}: the token would go to {host} without encryption, and everybody on the way could read it",
        state="nothing was sent",
        hint="use https:// or libsql:// (wss:// in place of ws://); where the network is yours alone, add --insecure, "
        f"or `insecure = yes` in the section of this environment in {hints.settings_file()}",
    )


def refuse_stranger(base: str, first: str, rules: TokenRules) -> None:
    """Raise ConnectError where a server at the URL ``first`` sends the stream, and the token with it, to ``base``, the
    URL of another host that the settings do not name."""
    host, port = _address(base)
    if (host, port) == _address(first):
        return
    if any(fnmatchcase(name, pattern) for pattern in rules.trusted for name in (host, f"{host}:{port}")):
        return
    raise ConnectError(
        f"{first} sends the stream to {host}:{port}, and the token would go with it",
        hint=f"if that server is to get the token, add `trust_base_url = {host}:{port}` to the settings in "
        f"{hints.settings_file()}; if not, tell whoever runs the server",
    )


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 443)
