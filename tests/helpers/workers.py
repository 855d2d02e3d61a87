"""Eight workers of an application, which start at the same moment: ``python workers.py fastapi DATABASE``.

The working directory has the files of docs/frameworks.md. The framework is imported once, and then each worker is
forked, as servers with preloading do. Prints for each worker what its migrate() reported, as JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys

WORKERS = 8


async def start_fastapi() -> object:
    """Start and end the application as an ASGI server does."""
    app = importlib.import_module("fastapi_app").app
    async with app.router.lifespan_context(app):
        return app.state.migrated


async def start_aiohttp() -> object:
    """Start and end the application as aiohttp does."""
    from aiohttp.web import AppRunner

    module = importlib.import_module("aiohttp_app")
    runner = AppRunner(module.create_app())
    await runner.setup()
    app = runner.app
    report = app[module.MIGRATED]
    await runner.cleanup()
    return report


def _preload() -> None:
    """Import once what each worker needs."""
    import memsql
    from memsql.db import libsql  # noqa: F401
    from memsql.engine import on_server  # noqa: F401

    conn = memsql.migrate(":memory:", project="my_app.migrations").connection
    assert conn is not None
    conn.close()


def main(framework: str, database: str) -> None:
    """Run the workers, and print what they report."""
    os.environ["DATABASE"] = database
    sys.path.insert(0, os.getcwd())
    start = {"fastapi": start_fastapi, "aiohttp": start_aiohttp}[framework]
    importlib.import_module(f"{framework}_app")
    _preload()
    gate_read, gate_write = os.pipe()
    children = []
    for _ in range(WORKERS):
        answer_read, answer_write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(gate_write)
            os.read(gate_read, 1)
            try:
                report = asyncio.run(start())
                text = json.dumps([report.outcome, [m.id for m in report.applied], report.pending])  # type: ignore[attr-defined]
            except BaseException as e:
                text = json.dumps([type(e).__name__, str(e), None])
            os.write(answer_write, text.encode())
            os._exit(0)
        os.close(answer_write)
        children.append((child, answer_read))
    # All of them wait for the end of this pipe.
    os.close(gate_write)
    answers = []
    for child, answer_read in children:
        with os.fdopen(answer_read) as answer:
            answers.append(json.load(answer))
        os.waitpid(child, 0)
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
