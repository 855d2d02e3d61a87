"""Diesel (https://diesel.rs): a folder for each migration."""

from memsql.exchange.model import FileHabits, Tool

_FOLDER = r"(?P<version>\d[\d-]*)_(?P<name>[^/]*)"

TOOL = Tool(
    "diesel",
    "Diesel",
    FileHabits(
        _FOLDER + r"/up\.sql",
        _FOLDER + r"/down\.sql",
        respelled=("-", ""),
        settings=(_FOLDER + r"/metadata\.toml", r"run_in_transaction\s*=\s*false"),
        signs=(r"[^/]*/(?:up|down)\.sql",),
    ),
)
