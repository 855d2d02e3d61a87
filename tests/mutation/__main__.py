"""``python -m tests.mutation PATH``: what ``invoke mutants`` starts."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.mutation import report, work


def main() -> int:
    """Exit code 0: every mutant was killed or is explained; 1: some survived; 2: there is nothing at the path."""
    parser = argparse.ArgumentParser(prog="invoke mutants")
    parser.add_argument("path", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    modules = work.modules(options.path)
    if not modules:
        print(f"error: no module of memsql at {options.path}", file=sys.stderr)
        return 2
    folder = work.prepare(Path("build/mutation", ".".join(options.path.parts)), modules)
    report.forget_survivors(folder, modules)
    ended = subprocess.run(
        ["mutmut", "run", "--max-children", str(options.workers)], cwd=folder, env=work.environment(folder), check=False
    )
    if ended.returncode:
        return ended.returncode
    results = [report.read(folder, module) for module in modules]
    print(report.table(results))
    survivors = [survivor for result in results for survivor in result.survivors]
    for survivor in survivors:
        print(f"\n{survivor.name}: {survivor.status}\n{survivor.change}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
