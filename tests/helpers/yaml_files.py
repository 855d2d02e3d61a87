"""Reads the YAML files that hold cases of tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

# Each process that runs tests reads them all. In C that takes a tenth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Any:
    """What the file at ``path`` holds."""
    return yaml.load(path.read_text(encoding="utf-8"), _LOADER)
