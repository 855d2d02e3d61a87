"""All kinds of faults, by name."""

from __future__ import annotations

from tests.campaigns.server import http_lies, shapes, socket_lies
from tests.campaigns.server.exchange import Kind


def by_name() -> dict[str, Kind]:
    """Every kind, under its name."""
    return {kind.name: kind for kind in [*http_lies.kinds(), *shapes.kinds(), *socket_lies.kinds()]}


def names(transport: str) -> list[str]:
    """The names of the kinds that there are over ``transport``, "http" or "ws"."""
    return sorted(name for name, kind in by_name().items() if (kind.http if transport == "http" else kind.socket))
