"""The import of Invoke without what no task of memsql uses.

``import invoke`` (3.0.3) also imports three modules for features that no task here uses. They take more than half of
the time until a command begins:

- ``unittest.mock``, with asyncio and ssl, for ``invoke.MockContext``, which is for tests of tasks;
- ``importlib.metadata``, with the parser of e-mails, for ``invoke.__version__``;
- ``invoke.vendor.yaml``, for configuration files in YAML.

The first two are used by ``from … import …`` or at once, which ``importlib.util.LazyLoader`` cannot put off. So a
stand-in takes their place while Invoke is imported, and is removed afterwards; what Invoke keeps of it imports the real
module when it is used.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_YAML = "invoke.vendor.yaml"


def import_invoke() -> None:
    """Import Invoke, where that was not done yet, and put off the three modules that are named above."""
    if "invoke" in sys.modules:
        return
    stand_ins = {name: module for name, module in _stand_ins().items() if name not in sys.modules}
    sys.modules.update(stand_ins)
    sys.meta_path.insert(0, _LazyYaml)
    try:
        import invoke
    finally:
        sys.meta_path.remove(_LazyYaml)
        for name in stand_ins:
            del sys.modules[name]
    if vars(invoke).get("__version__") is _UNREAD:
        # Python asks a module's __getattr__ for a name that the module does not have
        # (https://peps.python.org/pep-0562/).
        del invoke.__version__
        vars(invoke)["__getattr__"] = _attribute_of_invoke


class _Unread(str):
    """The version of Invoke before somebody asks for it."""


_UNREAD = _Unread()


def _stand_ins() -> dict[str, ModuleType]:
    mock, metadata = ModuleType("unittest.mock"), ModuleType("importlib.metadata")
    vars(mock)["Mock"] = _mock
    vars(metadata)["version"] = lambda _: _UNREAD
    return {module.__name__: module for module in (mock, metadata)}


def _mock(*args: Any, **kwargs: Any) -> Any:
    """A ``unittest.mock.Mock``, which is what ``invoke.MockContext`` makes with this name."""
    from unittest.mock import Mock

    return Mock(*args, **kwargs)


def _attribute_of_invoke(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module 'invoke' has no attribute {name!r}")
    from importlib.metadata import version

    return version("invoke")


class _LazyYaml:
    """A finder for ``sys.meta_path`` that loads Invoke's YAML when its first attribute is read."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of ``name``, None where it is another module than the one to be put off."""
        spec = PathFinder.find_spec(name, path, target) if name == _YAML else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec
