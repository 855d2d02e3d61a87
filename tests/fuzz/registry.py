"""All targets by their names."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tests.fuzz.target import Target

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "corpus"
"""Inputs that broke a promise once, and inputs that went far: a folder for each target."""


def targets() -> dict[str, Target]:
    """All targets, in alphabetical order of their names."""
    modules = sorted(path.stem for path in (FOLDER / "targets").glob("*.py") if path.stem != "__init__")
    every = [target for name in modules for target in import_module(f"tests.fuzz.targets.{name}").TARGETS]
    return {target.name: target for target in sorted(every, key=lambda t: t.name)}


def corpus(target: Target) -> list[Path]:
    """The kept inputs for ``target``."""
    return sorted(path for path in (CORPUS / target.name).glob("*") if path.is_file())
