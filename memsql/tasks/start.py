"""The import of Invoke without three modules that no task of memsql uses.

``import invoke`` imports them for features of its own. How much longer a process that only imports Invoke takes with
the real module (processor time, median of 50 paired runs; Invoke 3.0.3, Python 3.11):

    unittest.mock       x 1.6   with asyncio and ssl, for ``invoke.MockContext``, which is for tests of tasks
    importlib.metadata  x 1.4   with the parser of e-mails, for ``invoke.__version__``
    invoke.vendor.yaml  x 1.3   for configuration files in YAML
    all three           x 2.3   189 ms in place of 79 ms, where all of ``memsql migrate.status`` takes 102 ms

``importlib.util.LazyLoader`` puts the third off. It cannot put the first two off: Invoke uses a name of each while it
is imported. So a stand-in takes their place in ``sys.modules`` for that time only. What Invoke keeps of it imports the
real module at its first use.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_YAML = "invoke.vendor.yaml"
_UNREAD = "not read yet"


def import_invoke() -> None:
    """Import Invoke, and put the three modules off. Does nothing where Invoke is imported already."""
    if "invoke" in sys.modules:
        return
    stand_ins = [
        _StandIn(name, **names)
        for name, names in (("unittest.mock", {"Mock": _mock}), ("importlib.metadata", {"version": lambda _: _UNREAD}))
        if name not in sys.modules
    ]
    sys.modules.update({module.__name__: module for module in stand_ins})
    sys.meta_path.insert(0, _LazyYaml)
    try:
        import invoke
    finally:
        sys.meta_path.remove(_LazyYaml)
        for module in stand_ins:
            module.remove()
    if vars(invoke).get("__version__") is _UNREAD:
        # Python asks a module's __getattr__ for a name that the module does not have
        # (https://peps.python.org/pep-0562/).
        del invoke.__version__
        vars(invoke)["__getattr__"] = _attribute_of_invoke


class _StandIn(ModuleType):
    """A module in the place of another one, with those names that Invoke uses while it is imported."""

    def __init__(self, module: str, **names: Any) -> None:
        super().__init__(module)
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        """Give way to the real module, for a version of Invoke that uses more of it."""
        if name.startswith("__"):
            # Python's import asks every module for __path__.
            raise AttributeError(name)
        self.remove()
        return getattr(import_module(self.__name__), name)

    def remove(self) -> None:
        """Leave the place to the real module."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def _mock(*args: Any, **kwargs: Any) -> Any:
    """Return a ``unittest.mock.Mock``. ``invoke.MockContext`` only calls the class."""
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
