"""``python -m tests.campaigns NAME``: what ``invoke campaign`` starts."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.campaigns import registry, runner


def main() -> int:
    """Exit code 0: nothing was found; 1: something was; 2: there is no such campaign, or nothing in it is selected."""
    parser = argparse.ArgumentParser(prog="invoke campaign")
    parser.add_argument("name", choices=registry.names())
    parser.add_argument("--points", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", default="")
    parser.add_argument("--only", default="", dest="kind")
    parser.add_argument("--mode", default="")
    parser.add_argument("--point", default="")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    selection = runner.Selection(
        options.name, options.points, options.seed, options.command, options.kind, options.mode, options.point
    )
    record = options.record or Path("build") / f"campaign-{options.name}.jsonl"
    record.parent.mkdir(parents=True, exist_ok=True)
    try:
        tally = runner.run(selection, workers=options.workers, record=record, progress=sys.stderr.isatty())
    except ValueError as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    print(runner.table(tally))
    print(f"points: {tally.tried.total()}, not reached: {tally.missed.total()}, failed: {tally.failed.total()}")
    print(f"record: {record}")
    if tally.failures:
        print(runner.failures(options.name, tally, 20))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
