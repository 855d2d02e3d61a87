"""Promises about the imports of memsql, beside the layers in setup.cfg that import-linter checks."""

from __future__ import annotations

import grimp


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside of functions count too: a circle of those works, but nobody can read one of its modules alone."""
    graph = grimp.build_graph("memsql", cache_dir=None)
    # The package names the functions of the library for type checkers, and imports none of them.
    for name in graph.find_modules_directly_imported_by("memsql"):
        graph.remove_import(importer="memsql", imported=name)
    circles = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if chain := graph.find_shortest_chain(importer=imported, imported=module):
                first = chain.index(min(chain))
                circles.add(" -> ".join([*chain[first:], *chain[:first], chain[first]]))
    assert circles == set()
