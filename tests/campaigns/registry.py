"""The campaigns that there are."""

from __future__ import annotations

from importlib import import_module

from tests.campaigns.points import Campaign

# The name on the command line, and the module with the class Campaign.
_MODULES = {name: f"tests.campaigns.{name}.campaign" for name in ("files", "kills", "races", "server")}


def names() -> list[str]:
    """The names of all campaigns."""
    return sorted(_MODULES)


def load(name: str) -> Campaign:
    """The campaign ``name``. Raises KeyError for a name that there is not."""
    campaign: Campaign = import_module(_MODULES[name]).Campaign()
    return campaign
