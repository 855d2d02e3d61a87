"""The JSON Schemas of what ``--json`` prints, made from docs/json/fields.txt. ``python tests/helpers/json_schemas.py``
writes them anew.

A line of fields.txt is a command and its fields::

    migrate.sum: {changed: [text], problems: [text]}

``text``, ``int``, ``number``, ``bool``, ``null`` and ``any`` are values, ``[x]`` is a list, ``{name: x}`` an object,
``{*: x}`` one with any names, ``x | null`` one of several. ``name?`` is a field that is not always there. A line that
begins with blanks goes on with the one before; one that begins with # is a comment.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from places import ROOT

from memsql.report.outcome import JSON_VERSION

FOLDER = ROOT / "docs" / "json"
FIELDS = FOLDER / "fields.txt"
_TYPES = {"text": "string", "int": "integer", "number": "number", "bool": "boolean", "null": "null"}
_TOKEN = re.compile(r"\s*([{}\[\]:,|?*]|[\w.-]+)")
# Null in a rehearsal that found nothing.
_ERROR = (
    "{kind: text, message: text, file: text | null, line: int | null, statement: text | null, details: [text], "
    "state: text | null, hint: text | null, exit_code: int} | null"
)


class _Parser:
    """Reads one notation as a schema."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s", "", text):
            raise ValueError(f"not a notation: {text}")

    def value(self) -> dict[str, Any]:
        """The next value."""
        alternatives = [self._one()]
        while self._tokens[:1] == ["|"]:
            self._tokens.pop(0)
            alternatives.append(self._one())
        if len(alternatives) == 1:
            return alternatives[0]
        if all(set(one) == {"type"} for one in alternatives):
            return {"type": [one["type"] for one in alternatives]}
        return {"anyOf": alternatives}

    def _one(self) -> dict[str, Any]:
        token = self._tokens.pop(0)
        if token == "[":
            items = self.value()
            self._expect("]")
            return {"type": "array", "items": items} if items else {"type": "array"}
        if token == "{":
            return self._object()
        return {} if token == "any" else {"type": _TYPES[token]}

    def _object(self) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        schema: dict[str, Any] = {"type": "object"}
        while self._tokens[0] != "}":
            name = self._tokens.pop(0)
            optional = self._tokens[0] == "?"
            if optional:
                self._tokens.pop(0)
            self._expect(":")
            value = self.value()
            if name == "*":
                schema["additionalProperties"] = value
            else:
                properties[name] = value
                required += [] if optional else [name]
            if self._tokens[0] == ",":
                self._tokens.pop(0)
        self._expect("}")
        if properties:
            schema |= {"required": required, "properties": properties}
        return schema

    def _expect(self, token: str) -> None:
        if self._tokens.pop(0) != token:
            raise ValueError(f"expected {token}")


def notations() -> dict[str, str]:
    """The fields of each command, in the notation of fields.txt."""
    lines = [line for line in FIELDS.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    joined: list[str] = []
    for line in lines:
        if line.startswith(" "):
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line)
    return {name: fields for name, _, fields in (line.partition(": ") for line in joined)}


def schema_of(command: str, notation: str) -> dict[str, Any]:
    """The schema of what ``command`` prints: its fields, or an error."""
    fields = _Parser(notation).value()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"memsql {command} --json",
        "description": "Version 1 of the outputs. Fields may be added to it; none is taken away or gets another type.",
        "type": "object",
        "required": ["memsql_json", "ok", "command"],
        "properties": {
            "memsql_json": {"const": JSON_VERSION},
            "ok": {"type": "boolean"},
            "command": {"const": command},
            **fields.get("properties", {}),
            "error": _Parser(_ERROR).value(),
        },
        "anyOf": [
            {"required": ["error"]},
            {"required": fields.get("required", [])},
            # With --all: the fields of each database are in its entry.
            *([{"required": ["databases"]}] if "databases" in fields.get("properties", {}) else []),
        ],
    }


@cache
def validators() -> dict[str, Draft202012Validator]:
    """What looks at an output, by command."""
    return {name: Draft202012Validator(schema_of(name, notation)) for name, notation in notations().items()}


def problems(output: dict[str, Any]) -> list[str]:
    """What of ``output``, an object that a command printed, is not as its schema says. An error of the command line
    itself belongs to no command."""
    command = output.get("command")
    if command is None:
        return (
            [] if isinstance(output.get("error"), dict) and output.get("memsql_json") == JSON_VERSION else ["no error"]
        )
    validator = validators().get(command)
    if validator is None:
        return [f"there is no schema of {command}"]
    return [f"{command}: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(output)]


def files() -> dict[Path, str]:
    """Every schema file and its text."""
    return {
        FOLDER / f"{name}.schema.json": json.dumps(schema_of(name, notation), indent=2) + "\n"
        for name, notation in notations().items()
    }


def main() -> None:
    """Write every schema, and remove those of commands that are gone."""
    texts = files()
    for path in FOLDER.glob("*.schema.json"):
        if path not in texts:
            path.unlink()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
